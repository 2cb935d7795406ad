//! Postfix: every table and setting that sends mail on, of each instance and each service.

mod lines;
mod settings;
mod table;

use super::Audit;
use super::entries::rules;
use super::finding::{Rule, Source};
use super::target::target;
use super::tree::{As, Facts};
use super::users::User;
use settings::{Setting, Settings};
use std::collections::HashSet;
use std::path::{Path, PathBuf};
use table::Table;

/// Settings that are lists of tables.
const TABLES: &[(&str, Source)] = &[
    ("alias_maps", Source::Alias),
    ("virtual_alias_maps", Source::VirtualAlias),
    ("recipient_bcc_maps", Source::RecipientBcc),
    ("sender_bcc_maps", Source::SenderBcc),
    ("canonical_maps", Source::Canonical),
    ("recipient_canonical_maps", Source::Canonical),
    ("sender_canonical_maps", Source::SenderCanonical),
    ("header_checks", Source::Access),
    ("mime_header_checks", Source::Access),
    ("nested_header_checks", Source::Access),
    ("body_checks", Source::Access),
    ("milter_header_checks", Source::Access),
];

/// Settings that are one target.
const TARGETS: &[(&str, Source)] = &[("always_bcc", Source::AlwaysBcc), ("luser_relay", Source::LuserRelay)];

/// Lists of restrictions, which may name tables with REDIRECT and BCC. Classes of restrictions come in addition.
const RESTRICTIONS: &[&str] = &[
    "smtpd_client_restrictions",
    "smtpd_helo_restrictions",
    "smtpd_sender_restrictions",
    "smtpd_relay_restrictions",
    "smtpd_recipient_restrictions",
    "smtpd_data_restrictions",
    "smtpd_end_of_data_restrictions",
    "smtpd_etrn_restrictions",
];

/// What was looked at, so that nobody else need.
#[derive(Debug, Default)]
pub(super) struct Seen {
    /// Text files of tables.
    pub files: HashSet<PathBuf>,
    /// Tables, as they are named.
    tables: HashSet<(Source, String)>,
    /// Where `.forward` files are, beside the usual place.
    forward: Vec<String>,
}

impl Seen {
    /// The `.forward` files of a user that are not in the usual place, without those of tags.
    pub(super) fn forward_files(&self, user: &User) -> Vec<PathBuf> {
        let home = user.home.display().to_string();
        let local = user.name.split('@').next().unwrap_or_default();
        let names = [
            ("{home}", &*home),
            ("{user}", local),
            ("{local}", local),
            ("home", &home),
            ("user", local),
            ("local", local),
        ];
        let filled = |path: &String| {
            names.iter().fold(path.clone(), |path, (name, value)| path.replace(&format!("${name}"), value))
        };
        let known = self.forward.iter().map(filled).filter(|path| path.starts_with('/') && !path.contains('$'));
        let mut paths: Vec<PathBuf> = known.map(PathBuf::from).collect();
        paths
            .retain(|path| path.parent() != Some(&user.home) || path.file_name().is_none_or(|name| name != ".forward"));
        paths.sort();
        paths.dedup();
        paths
    }
}

pub(super) fn look(audit: &mut Audit) -> Seen {
    let mut seen = Seen::default();
    let named = audit.scope.postfix.clone();
    let explicit = named.is_some();
    let mut folders = named.unwrap_or_else(|| vec![PathBuf::from("/etc/postfix")]);
    let mut at = 0;
    while let Some(folder) = folders.get(at).cloned() {
        at += 1;
        let Some(settings) = settings::read(audit, &folder) else {
            if explicit {
                audit.problem(folder.join("main.cf").display(), "there is no configuration of Postfix");
            }
            continue;
        };
        for other in
            settings.value("multi_instance_directories").split([' ', ',', '\t']).filter(|name| !name.is_empty())
        {
            let other = PathBuf::from(other);
            if !folders.contains(&other) {
                folders.push(other);
            }
        }
        instance(audit, &settings, &mut seen);
    }
    seen
}

/// Looks at what an instance names.
fn instance(audit: &mut Audit, settings: &Settings, seen: &mut Seen) {
    for (name, source) in TARGETS {
        for setting in settings.all(name) {
            let text = setting.value.trim();
            if let Some(target) = target(text).filter(|_| !text.is_empty()) {
                let rule = Rule::new(0, target, Some(*source == Source::AlwaysBcc)).note(place(name, setting));
                let facts = audit.tree.facts(&settings.file);
                add(audit, *source, &settings.file, facts, "*", vec![rule]);
            }
        }
    }
    for setting in settings.all("forward_path") {
        seen.forward.extend(table::words(&setting.value));
    }
    for (name, source) in TABLES {
        for setting in settings.all(name) {
            for table in table::named(&setting.value) {
                look_at(audit, *source, &table, &place(name, setting), settings, seen);
            }
        }
    }
    let classes = settings.value("smtpd_restriction_classes").replace(',', " ");
    for name in RESTRICTIONS.iter().copied().chain(classes.split_whitespace()) {
        for setting in settings.all(name) {
            let words = table::words(&setting.value);
            for pair in words.windows(2) {
                let [check, table] = pair else { continue };
                if check.starts_with("check_") && check.ends_with("_access") {
                    for table in table::named(table) {
                        look_at(audit, Source::Access, &table, &place(name, setting), settings, seen);
                    }
                }
            }
        }
    }
}

/// Where a setting stands, for people.
fn place(name: &str, setting: &Setting) -> String {
    match &setting.service {
        Some(service) => format!("by {name} of service {service}"),
        None => format!("by {name}"),
    }
}

/// Looks at a table.
fn look_at(audit: &mut Audit, source: Source, table: &Table, by: &str, settings: &Settings, seen: &mut Seen) {
    if !seen.tables.insert((source, table.name.clone())) {
        return;
    }
    if let Some(path) = table.text() {
        seen.files.insert(path);
    }
    let entries = match table::entries(audit, source, table, settings) {
        Ok(entries) => entries,
        Err(reason) => return audit.problem(format!("{} ({by})", table.name), reason),
    };
    // Where a table has no text, the database is what there is.
    let places = [table.text(), table.database()].into_iter().flatten().chain([settings.file.clone()]);
    let known = places.filter_map(|path| Some((audit.tree.facts(&path)?, path))).next();
    let (facts, file) = known.map_or((None, settings.file.clone()), |(facts, path)| (Some(facts), path));
    for entry in entries {
        let mut includes = Vec::new();
        let (rules, keeps) = rules(source, &entry, &mut includes);
        let rules: Vec<Rule> = rules
            .into_iter()
            .map(|rule| match &entry.note {
                Some(note) => rule.note(note.as_str()).note(by),
                None => rule.note(by),
            })
            .collect();
        add(audit, source, &file, facts, &entry.key, rules);
        super::aliases::include(audit, &includes, As::System, &entry.key, keeps);
    }
}

/// Takes over rules of a file; line 0 is none.
fn add(audit: &mut Audit, source: Source, file: &Path, facts: Option<Facts>, mailbox: &str, rules: Vec<Rule>) {
    let before = audit.findings.len();
    audit.found(source, file, facts.unwrap_or_default(), mailbox, rules);
    for finding in audit.findings.iter_mut().skip(before) {
        finding.facts = facts;
        finding.line = finding.line.filter(|line| *line > 0);
    }
}
