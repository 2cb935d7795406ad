//! Settings of an instance of Postfix: as Postfix itself tells them, or, of a copy of a disk, from the files.
//!
//! The programs are not run on the configuration of a copy: it can name libraries for them to load.

use super::lines::logical;
use crate::audit::Audit;
use crate::audit::command::postfix as run;
use crate::audit::tree::As;
use std::collections::HashMap;
use std::path::{Path, PathBuf};

/// A setting.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Setting {
    /// The service of master.cf that has it, where it is not the instance's.
    pub service: Option<String>,
    /// What it is set to.
    pub value: String,
}

/// The settings of an instance.
#[derive(Debug)]
pub(super) struct Settings {
    /// main.cf, below the root.
    pub file: PathBuf,
    /// The folder of the configuration.
    pub folder: PathBuf,
    of: HashMap<String, Vec<Setting>>,
}

impl Settings {
    /// A setting of the instance and those of its services.
    pub(super) fn all(&self, name: &str) -> &[Setting] {
        self.of.get(name).map(Vec::as_slice).unwrap_or_default()
    }

    /// The instance's own.
    pub(super) fn value(&self, name: &str) -> &str {
        let own = self.all(name).iter().find(|setting| setting.service.is_none());
        own.map(|setting| setting.value.as_str()).unwrap_or_default()
    }

    fn add(&mut self, name: &str, service: Option<String>, value: &str) {
        let setting = Setting { service, value: value.trim().to_owned() };
        self.of.entry(name.trim().to_owned()).or_default().push(setting);
    }
}

/// Reads the settings. `None` where there is no main.cf, or none that can be read.
pub(super) fn read(audit: &mut Audit, folder: &Path) -> Option<Settings> {
    let file = folder.join("main.cf");
    let main = audit.read(&file, As::System)?.text();
    let mut settings = Settings { file, folder: folder.to_owned(), of: HashMap::new() };
    if audit.is_live() {
        match (run("postconf", folder, &["-x"], None), run("postconf", folder, &["-Px"], None)) {
            (Ok(own), Ok(services)) => {
                for (name, value) in own.lines().filter_map(|line| line.split_once('=')) {
                    settings.add(name, None, value);
                }
                for (name, value) in services.lines().filter_map(|line| line.split_once('=')) {
                    // `smtp/inet/always_bcc`.
                    if let Some((service, name)) = name.trim().rsplit_once('/') {
                        settings.add(name, Some(service.to_owned()), value);
                    }
                }
                return Some(settings);
            }
            (Err(reason), _) | (_, Err(reason)) => {
                audit.problem(
                    folder.display(),
                    format!("{reason}; its files were read instead, defaults are not known"),
                );
            }
        }
    }
    let own = of_main(&main);
    for (name, value) in &own {
        settings.add(name, None, &expanded(value, &own, folder));
    }
    if let Some(master) = audit.read(&folder.join("master.cf"), As::System) {
        for (service, name, value) in of_master(&master.text()) {
            settings.add(&name, Some(service), &expanded(&value, &own, folder));
        }
    }
    Some(settings)
}

/// The settings of main.cf; the last one of a name counts.
fn of_main(text: &str) -> HashMap<String, String> {
    let lines = logical(text);
    let pairs = lines.iter().filter_map(|(_, line)| line.split_once('='));
    pairs.map(|(name, value)| (name.trim().to_owned(), value.trim().to_owned())).collect()
}

/// The settings of services: `-o name=value`, `-o { name = value }`.
fn of_master(text: &str) -> Vec<(String, String, String)> {
    let mut found = Vec::new();
    for (_, line) in logical(text) {
        let words = super::table::words(&line);
        let [name, kind, ..] = words.as_slice() else { continue };
        let service = format!("{name}/{kind}");
        for pair in words.windows(2) {
            let [option, setting] = pair else { continue };
            let setting = setting.trim_start_matches('{').trim_end_matches('}');
            if option == "-o"
                && let Some((name, value)) = setting.split_once('=')
            {
                found.push((service.clone(), name.trim().to_owned(), value.trim().to_owned()));
            }
        }
    }
    found
}

/// How many names may stand for others.
const MAX_STEPS: usize = 200;

/// Puts values in the places of `$name`, `${name}` and `$(name)`. What is not known stays as it is.
fn expanded(value: &str, own: &HashMap<String, String>, folder: &Path) -> String {
    let mut out = String::new();
    let mut rest = value.to_owned();
    for _ in 0..MAX_STEPS {
        let Some((before, after)) = rest.split_once('$') else { break };
        out += before;
        let (name, behind) = match after.chars().next() {
            Some('{') => after[1..].split_once('}').unwrap_or((after, "")),
            Some('(') => after[1..].split_once(')').unwrap_or((after, "")),
            _ => after.split_at(after.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(after.len())),
        };
        let known = match name {
            "config_directory" => Some(folder.display().to_string()),
            "default_database_type" if !own.contains_key(name) => Some("hash".to_owned()),
            _ => own.get(name).cloned(),
        };
        match known {
            // It may name others in its turn.
            Some(known) if known.len() + behind.len() < 100_000 => rest = known + behind,
            _ => {
                out.push('$');
                rest = after.to_owned();
            }
        }
    }
    out + &rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_of_files() {
        let own = of_main("a = 1\n# c\nb = x,\n  $a ${a}\n\nc=$config_directory/$(b)$none\nloop = $loop\n");
        let value = |name: &str| expanded(&own[name], &own, Path::new("/etc/postfix"));
        assert_eq!(value("b"), "x, 1 1");
        assert_eq!(value("c"), "/etc/postfix/x, 1 1$none");
        assert!(value("loop").contains("$loop"));
    }

    #[test]
    fn settings_of_services() {
        let found =
            of_master("smtp inet n - y - - smtpd\n  -o always_bcc=x@ext.example\n  -o { header_checks = pcre:/x }\n");
        let of = |name: &str, value: &str| ("smtp/inet".to_owned(), name.to_owned(), value.to_owned());
        assert_eq!(found, [of("always_bcc", "x@ext.example"), of("header_checks", "pcre:/x")]);
    }
}
