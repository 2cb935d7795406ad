//! `~/.forward`, forward(5): also where Exim or Sieve took the name for filters of their own.

use super::finding::{Rule, Source, Target};
use super::target::{items, target};
use super::tree::As;
use super::users::User;
use super::{Audit, aliases, exim, sieve};
use std::path::Path;

/// Whether a file of that name is asked for by mail delivery: `.forward`, `.forward+tag`, `.forward-tag`.
pub(super) fn is_one(name: &str) -> bool {
    name.strip_prefix(".forward").is_some_and(|rest| rest.is_empty() || rest.starts_with(['+', '-']))
}

pub(super) fn home(audit: &mut Audit, user: &User, path: &Path) {
    let Some(file) = audit.read(path, As::User(user)) else { return };
    let text = file.text();
    let first = text.lines().next().unwrap_or_default().trim_start();
    // Exim compares without regard to case.
    let begins = |word: &str| first.get(..word.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(word));
    if begins("# exim filter") {
        audit.found_at_home(Source::Exim, path, file.facts, user, exim::rules(&text));
        return;
    }
    if begins("# sieve filter") {
        return sieve::alone(audit, user, path, &file);
    }
    let list = parse(&text, &user.name);
    audit.found_at_home(Source::Forward, path, file.facts, user, list.rules);
    aliases::include(audit, &list.includes, As::User(user), &user.name, list.keeps);
}

/// A list of targets.
pub(super) struct List {
    /// What it sends where.
    pub rules: Vec<Rule>,
    /// The files that it includes.
    pub includes: Vec<String>,
    /// Whether the mailbox is among the targets.
    pub keeps: bool,
}

/// Reads a list of targets of this mailbox.
pub(super) fn parse(text: &str, mailbox: &str) -> List {
    of_items(&items(text, 1), mailbox)
}

/// The same of entries that were taken apart.
pub(super) fn of_items(items: &[super::target::Item], mailbox: &str) -> List {
    let own = mailbox.split('@').next().unwrap_or(mailbox);
    let is_own = |name: &str| name.eq_ignore_ascii_case(own) || name.eq_ignore_ascii_case(mailbox);
    let mut list = List { rules: Vec::new(), includes: Vec::new(), keeps: false };
    for item in items {
        if let Some(path) = item.text.strip_prefix(":include:") {
            list.includes.push(path.trim().to_owned());
            continue;
        }
        match target(&item.text) {
            None => list.keeps = true,
            Some(Target::Local(name)) if is_own(&name) => list.keeps = true,
            Some(Target::Address(address)) if is_own(&address.to_string()) => list.keeps = true,
            Some(target) => {
                list.keeps |= matches!(target, Target::Delivery(_));
                list.rules.push(Rule::new(item.line, target, None));
            }
        }
    }
    list.rules.iter_mut().for_each(|rule| rule.keeps_copy = Some(list.keeps));
    list
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_is_kept_by_name_by_file_and_by_procmail() {
        for (text, keeps) in [
            ("\\alice, x@ext.example", true),
            ("x@ext.example\n/var/mail/alice\n", true),
            ("x@ext.example, \"|/usr/bin/procmail\"", true),
            ("alice@corp.example, x@ext.example", false),
            ("x@ext.example", false),
        ] {
            let list = parse(text, "alice");
            assert!(list.rules.iter().any(|rule| rule.keeps_copy == Some(keeps)), "{text}");
            assert_eq!(list.keeps, keeps, "{text}");
        }
        assert_eq!(parse(":include:/x, y", "alice").includes, ["/x"]);
    }

    #[test]
    fn names_that_delivery_asks_for() {
        assert!(is_one(".forward") && is_one(".forward+tag") && !is_one(".forward~") && !is_one(".forwarded"));
    }
}
