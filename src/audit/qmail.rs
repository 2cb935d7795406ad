//! dot-qmail(5): `~/.qmail`, `~/.qmail-tag`, and the aliases that are files of that form.

use super::Audit;
use super::finding::{Rule, Source, Target};
use super::target::{program, target};
use super::tree::As;
use super::users::User;
use std::path::Path;

/// Where qmail keeps its aliases.
const ALIASES: &str = "/var/qmail/alias";

pub(super) fn look(audit: &mut Audit) {
    for path in audit.names(Path::new(ALIASES), As::System) {
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let Some(mailbox) = name.strip_prefix(".qmail-") else { continue };
        let Some(file) = audit.read(&path, As::System) else { continue };
        let rules = rules(&file.text());
        audit.found(Source::Qmail, &path, file.facts, &mailbox.replace(':', "."), rules);
    }
}

pub(super) fn home(audit: &mut Audit, user: &User, path: &Path) {
    let Some(file) = audit.read(path, As::User(user)) else { return };
    audit.found_at_home(Source::Qmail, path, file.facts, user, rules(&file.text()));
}

/// A line an instruction.
fn rules(text: &str) -> Vec<Rule> {
    let mut keeps = false;
    let mut rules = Vec::new();
    for (at, line) in text.lines().enumerate() {
        let line = line.trim_end();
        let found = match line.chars().next() {
            None | Some('#' | '+') => continue,
            Some('/' | '.') => None,
            Some('|') => Some(program(line.trim_start_matches('|'))),
            Some('&') => target(&line[1..]),
            Some(_) => target(line),
        };
        keeps |= matches!(found, None | Some(Target::Delivery(_)));
        rules.extend(found.map(|target| Rule::new(at + 1, target, None)));
    }
    rules.iter_mut().for_each(|rule| rule.keeps_copy = Some(keeps));
    rules
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instructions() {
        let rules = rules("# c\n&x@ext.example\n./Maildir/\n|/home/a/p\ny@ext.example\n");
        assert_eq!(rules.iter().map(|rule| rule.line).collect::<Vec<_>>(), [2, 4, 5]);
        assert!(rules.iter().all(|rule| rule.keeps_copy == Some(true)));
    }
}
