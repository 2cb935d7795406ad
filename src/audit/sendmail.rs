//! Sendmail: its aliases and its virtusertable, text and database.

use super::command::{Copies, postfix, run};
use super::entries::{Entry, compared, listed, rules};
use super::finding::Source;
use super::tree::As;
use super::{Audit, aliases};
use std::collections::HashSet;
use std::path::{Path, PathBuf};

const CONFIGURATION: &str = "/etc/mail/sendmail.cf";
const TABLE: &str = "/etc/mail/virtusertable";

/// Looks at what sendmail.cf names, and returns the alias files that it looked at.
pub(super) fn look(audit: &mut Audit) -> HashSet<PathBuf> {
    let configuration = audit.read(Path::new(CONFIGURATION), As::System).map(|file| file.text()).unwrap_or_default();
    let values = configuration.lines().filter_map(|line| line.strip_prefix("O AliasFile="));
    // `hash -o /etc/mail/aliases`, `/etc/mail/aliases`.
    let names = values.flat_map(|value| value.split(','));
    let paths = names.filter_map(|name| name.split([' ', ':']).rfind(|word| word.starts_with('/')));
    let files: HashSet<PathBuf> = paths.map(PathBuf::from).collect();
    for path in &files {
        table(audit, Source::Alias, "hash", path);
    }
    let lines = configuration.lines().filter_map(|line| line.strip_prefix('K')).map(str::trim_start);
    let setting = lines.filter_map(|line| line.strip_prefix("virtuser ")).next();
    // `hash -o -T<TMPF> /etc/mail/virtusertable`.
    let words: Vec<&str> = setting.unwrap_or_default().split_whitespace().collect();
    let kind = words.first().copied().unwrap_or("hash");
    let path = words.iter().rfind(|word| word.starts_with('/')).map_or(TABLE, |path| path);
    table(audit, Source::Virtusertable, kind, Path::new(path.trim_end_matches(".db")));
    files
}

/// Looks at a table: its database, which is what counts, beside its text.
fn table(audit: &mut Audit, source: Source, kind: &str, path: &Path) {
    let text = audit.read(path, As::System);
    let written = text.as_ref().map(|file| match source {
        Source::Alias => aliases::entries(&file.text()).iter().map(of_alias).collect(),
        _ => of_text(&file.text()),
    });
    let database = PathBuf::from(format!("{}.db", path.display()));
    let (file, facts) = match (&text, audit.tree.facts(&database)) {
        (Some(text), _) => (path, text.facts),
        (None, Some(facts)) => (&*database, facts),
        (None, None) => return,
    };
    let entries = match listing(audit, kind, &database) {
        Ok(listing) => compared(source, listing.map(|listing| listed(&listing)), written.as_deref()),
        Err(reason) => {
            let instead = if written.is_some() { "; its text was read instead" } else { "" };
            audit.problem(database.display(), format!("{reason}{instead}"));
            written.unwrap_or_default()
        }
    };
    for entry in entries {
        let mut includes = Vec::new();
        let (mut rules, keeps) = rules(source, &entry, &mut includes);
        rules.iter_mut().for_each(|rule| rule.notes.extend(entry.note.clone()));
        let before = audit.findings.len();
        audit.found(source, file, facts, &entry.key, rules);
        for finding in audit.findings.iter_mut().skip(before) {
            finding.line = finding.line.filter(|line| *line > 0);
        }
        aliases::include(audit, &includes, As::System, &entry.key, keeps);
    }
}

/// All pairs of a database. `None` where there is none.
fn listing(audit: &mut Audit, kind: &str, database: &Path) -> Result<Option<String>, String> {
    let Some(file) = audit.tree.read(database, As::System)? else { return Ok(None) };
    audit.files += 1;
    let copied = Copies::new().and_then(|copies| copies.add("table.db", &file.bytes).map(|()| copies));
    let copies = copied.map_err(|error| format!("cannot be copied to be read: {error}"))?;
    let name = |file: &str| copies.folder().join(file).display().to_string();
    let made = run("makemap", &["-C", &name("main.cf"), "-u", kind, &name("table")], None);
    // Postfix reads the same databases, where Sendmail is not installed.
    made.or_else(|reason| {
        let table = format!("{kind}:{}", name("table"));
        postfix("postmap", copies.folder(), &["-s", &table], None).map_err(|_| reason)
    })
    .map(Some)
}

fn of_alias(entry: &aliases::Entry) -> Entry {
    Entry { line: entry.line, ..Entry::new(&entry.name, &entry.value) }
}

/// Key, white space, value.
fn of_text(text: &str) -> Vec<Entry> {
    let lines = text.lines().map(str::trim).enumerate().filter(|(_, line)| !line.starts_with('#'));
    let split = |(at, line): (usize, &str)| {
        let (key, value) = line.split_once(|c: char| c.is_whitespace())?;
        Some(Entry { line: at + 1, ..Entry::new(key, value.trim()) })
    };
    lines.filter_map(split).collect()
}
