//! Sendmail: virtusertable, and where its aliases are.

use super::Audit;
use super::command::{Copies, postfix, run};
use super::finding::{Rule, Source, Target};
use super::target::{address, target};
use super::tree::As;
use std::path::{Path, PathBuf};

const CONFIGURATION: &str = "/etc/mail/sendmail.cf";
const TABLE: &str = "/etc/mail/virtusertable";

/// The alias files that sendmail.cf names.
pub(super) fn alias_files(audit: &Audit) -> Vec<PathBuf> {
    let Ok(Some(file)) = audit.tree.read(Path::new(CONFIGURATION), As::System) else { return Vec::new() };
    let text = file.text();
    let values = text.lines().filter_map(|line| line.strip_prefix("O AliasFile="));
    let names = values.flat_map(|value| value.split(','));
    // `hash -o /etc/mail/aliases`, `/etc/mail/aliases`.
    let paths = names.filter_map(|name| name.split([' ', ':']).rfind(|word| word.starts_with('/')));
    paths.map(PathBuf::from).collect()
}

pub(super) fn look(audit: &mut Audit) {
    let configuration = audit.read(Path::new(CONFIGURATION), As::System).map(|file| file.text()).unwrap_or_default();
    let lines = configuration.lines().filter_map(|line| line.strip_prefix('K')).map(str::trim_start);
    let table = lines.filter_map(|line| line.strip_prefix("virtuser ")).next();
    // `hash -o -T<TMPF> /etc/mail/virtusertable`.
    let words: Vec<&str> = table.unwrap_or_default().split_whitespace().collect();
    let kind = words.first().copied().unwrap_or("hash");
    let path = words.iter().rfind(|word| word.starts_with('/')).map_or(TABLE, |path| path);
    let path = PathBuf::from(path.trim_end_matches(".db"));
    let (text, file) = match audit.read(&path, As::System) {
        Some(file) => (file.text(), file),
        None => match made(audit, kind, &path) {
            Some(found) => found,
            None => return,
        },
    };
    let has_text = !text.is_empty() && file.real == path;
    for (line, mailbox, rule) in rules(&text) {
        let rule = if has_text { rule } else { rule.note("only in the database: there is no text") };
        let before = audit.findings.len();
        audit.found(Source::Virtusertable, &file.real, file.facts, &mailbox, vec![rule]);
        audit.findings.iter_mut().skip(before).for_each(|finding| finding.line = Some(line).filter(|_| has_text));
    }
}

/// What the database says where there is no text.
fn made(audit: &mut Audit, kind: &str, path: &Path) -> Option<(String, super::Text)> {
    let database = PathBuf::from(format!("{}.db", path.display()));
    let file = audit.read(&database, As::System)?;
    let copied = Copies::new().and_then(|copies| copies.add("table.db", &file.bytes).map(|()| copies));
    let listed = copied.map_err(|error| format!("cannot be copied to be read: {error}")).and_then(|copies| {
        let (name, none) = (copies.folder().join("table"), copies.folder().join("main.cf"));
        let (name, none) = (name.display().to_string(), none.display().to_string());
        // Postfix reads the same databases, where Sendmail is not installed.
        run("makemap", &["-C", &none, "-u", kind, &name], None).or_else(|reason| {
            postfix("postmap", copies.folder(), &["-s", &format!("{kind}:{name}")], None).map_err(|_| reason)
        })
    });
    match listed {
        Ok(text) => Some((text, file)),
        Err(reason) => {
            audit.problem(database.display(), reason);
            None
        }
    }
}

/// Key, white space, value.
fn rules(text: &str) -> Vec<(usize, String, Rule)> {
    let mut rules = Vec::new();
    for (at, line) in text.lines().enumerate() {
        let line = line.trim();
        let Some((key, value)) = line.split_once(|c: char| c.is_whitespace()).filter(|_| !line.starts_with('#')) else {
            continue;
        };
        let value = value.trim();
        if value.starts_with("error:") {
            continue;
        }
        // `%1@ext.example` takes over the mailbox: the domain is known.
        let target = match address(value) {
            Some(address) => Some(Target::Address(address)),
            None => target(value),
        };
        rules.extend(target.map(|target| (at + 1, key.to_owned(), Rule::new(at + 1, target, Some(false)))));
    }
    rules
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_of_the_table() {
        let found = rules(
            "# c\ninfo@corp.example\tx@ext.example\n@old.example %1@ext.example\nno@corp.example error:nouser gone\n",
        );
        let shown: Vec<String> =
            found.iter().map(|(line, key, rule)| format!("{line} {key} {:?}", rule.target)).collect();
        assert_eq!(shown.len(), 2, "{shown:?}");
        assert!(shown.iter().all(|line| line.contains("Address")), "{shown:?}");
    }
}
