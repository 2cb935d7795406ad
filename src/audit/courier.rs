//! dot-courier(5): `~/.courier`, `~/.courier-tag`, and Courier's own aliases.

use super::finding::{Rule, Source, Target};
use super::target::{items, program, target};
use super::tree::As;
use super::users::User;
use super::{Audit, aliases};
use std::path::Path;

/// The folders of aliases(5), and of files like `~/.courier`.
const ALIASES: &str = "/etc/courier/aliases";
const FOLDER: &str = "/etc/courier/aliasdir";

pub(super) fn look(audit: &mut Audit) {
    for path in audit.names(Path::new(ALIASES), As::System) {
        aliases::file(audit, Source::Courier, &path);
    }
    for path in audit.names(Path::new(FOLDER), As::System) {
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let Some(mailbox) = name.strip_prefix(".courier-") else { continue };
        let Some(file) = audit.read(&path, As::System) else { continue };
        audit.found(Source::Courier, &path, file.facts, &mailbox.replace(':', "."), rules(&file.text()));
    }
}

pub(super) fn home(audit: &mut Audit, user: &User, path: &Path) {
    let Some(file) = audit.read(path, As::User(user)) else { return };
    audit.found_at_home(Source::Courier, path, file.facts, user, rules(&file.text()));
}

/// A line an instruction; addresses may be several on a line.
fn rules(text: &str) -> Vec<Rule> {
    let mut keeps = false;
    let mut rules = Vec::new();
    for (at, line) in text.lines().enumerate() {
        let line = line.trim();
        let found: Vec<Option<Target>> = match line.chars().next() {
            None | Some('#') => continue,
            Some('/' | '.') => vec![None],
            Some('|') => vec![Some(program(line.trim_start_matches('|')))],
            Some(_) => {
                items(line.trim_start_matches(['&', '!']), at + 1).iter().map(|item| target(&item.text)).collect()
            }
        };
        for target in found {
            keeps |= matches!(target, None | Some(Target::Delivery(_)));
            rules.extend(target.map(|target| Rule::new(at + 1, target, None)));
        }
    }
    rules.iter_mut().for_each(|rule| rule.keeps_copy = Some(keeps));
    rules
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instructions() {
        let found = rules("# c\n&x@ext.example, y@ext.example\n| /home/a/p\n!z@ext.example\n");
        assert_eq!(found.iter().map(|rule| rule.line).collect::<Vec<_>>(), [2, 2, 3, 4]);
        assert!(found.iter().all(|rule| rule.keeps_copy == Some(false)));
        assert!(rules("./Maildir\nx@ext.example").iter().all(|rule| rule.keeps_copy == Some(true)));
    }
}
