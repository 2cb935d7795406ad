//! Entries of tables, and what the database of a table says otherwise than its text.

use super::finding::{Rule, Source, Target};
use super::forward::of_items;
use super::target::{address, items, target};
use std::collections::HashMap;

/// An entry of a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Entry {
    /// The line in the text of the table; 0 where it has none.
    pub line: usize,
    /// What is looked up.
    pub key: String,
    /// What is found.
    pub value: String,
    /// What is to be known of it.
    pub note: Option<String>,
}

impl Entry {
    /// One without a line: of a database.
    pub(super) fn new(key: &str, value: &str) -> Self {
        Self { line: 0, key: key.to_owned(), value: value.to_owned(), note: None }
    }
}

/// The entries that a program lists: key, tabulator, value.
pub(super) fn listed(listing: &str) -> Vec<Entry> {
    let pairs = listing.lines().filter_map(|line| line.split_once('\t'));
    // What is put in beside aliases when they are made.
    let pairs = pairs.filter(|(key, _)| *key != "@" && !key.starts_with("YP_"));
    pairs.map(|(key, value)| Entry::new(key, value)).collect()
}

/// What the entry of a table sends where, and whether the mailbox keeps a copy.
pub(super) fn rules(source: Source, entry: &Entry, includes: &mut Vec<String>) -> (Vec<Rule>, bool) {
    let one = |value: &str, keeps| {
        (target(value).map(|target| Rule::new(entry.line, target, Some(keeps))).into_iter().collect(), keeps)
    };
    match source {
        Source::Alias | Source::VirtualAlias => {
            let list = of_items(&items(&entry.value, entry.line), &entry.key);
            includes.extend(list.includes);
            (list.rules, list.keeps)
        }
        Source::Access => {
            let value = entry.value.trim();
            match value.split_once(|c: char| c.is_whitespace()) {
                Some((action, to)) if action.eq_ignore_ascii_case("redirect") => one(to.trim(), false),
                Some((action, to)) if action.eq_ignore_ascii_case("bcc") => one(to.trim(), true),
                _ => (Vec::new(), false),
            }
        }
        Source::Virtusertable if entry.value.trim_start().starts_with("error:") => (Vec::new(), false),
        // `%1@ext.example` takes over the mailbox: the domain is known.
        Source::Virtusertable => match address(&entry.value) {
            Some(address) => (vec![Rule::new(entry.line, Target::Address(address), Some(false))], false),
            None => one(entry.value.trim(), false),
        },
        Source::RecipientBcc | Source::SenderBcc => one(entry.value.trim(), true),
        _ => one(entry.value.trim(), false),
    }
}

/// Whether two entries say the same: Postfix writes what it stores its own way.
fn same(source: Source, one: &Entry, other: &Entry) -> bool {
    let targets = |entry: &Entry| -> Vec<Target> {
        let mut includes = Vec::new();
        rules(source, entry, &mut includes).0.into_iter().map(|rule| rule.target).collect()
    };
    one.key.eq_ignore_ascii_case(&other.key) && targets(one) == targets(other)
}

const NOT_MADE: &str = "only in the text: there is no database, so it has no effect";
const NOT_HELD: &str = "only in the text, not in the database: it has no effect";
const NOT_WRITTEN: &str = "only in the database, not in the text: nobody who reads the file sees it";
const NO_TEXT: &str = "only in the database: there is no text";

fn noted(mut entries: Vec<Entry>, note: &str) -> Vec<Entry> {
    entries.iter_mut().for_each(|entry| entry.note = Some(note.to_owned()));
    entries
}

/// What a database holds, beside its text: entries have their lines where both say the same, and notes where they do not.
/// `held` is `None` where there is no database, `written` where there is no text.
pub(super) fn compared(source: Source, held: Option<Vec<Entry>>, written: Option<&[Entry]>) -> Vec<Entry> {
    let (held, written) = match (held, written) {
        (None, written) => return noted(written.unwrap_or_default().to_vec(), NOT_MADE),
        (Some(held), None) => return noted(held, NO_TEXT),
        (Some(held), Some(written)) => (held, written),
    };
    let mut lines: HashMap<String, Vec<usize>> = HashMap::new();
    for (at, entry) in written.iter().enumerate() {
        lines.entry(entry.key.to_lowercase()).or_default().push(at);
    }
    let mut used = vec![false; written.len()];
    let mut entries = Vec::new();
    for held in held {
        let places = lines.get(&held.key.to_lowercase()).map(Vec::as_slice).unwrap_or_default();
        let place = places.iter().find(|at| written.get(**at).is_some_and(|entry| same(source, &held, entry)));
        match place.and_then(|at| written.get(*at).map(|entry| (*at, entry))) {
            Some((at, entry)) => {
                used[at] = true;
                entries.push(entry.clone());
            }
            None => entries.extend(noted(vec![held], NOT_WRITTEN)),
        }
    }
    let unused = written.iter().zip(&used).filter(|(_, used)| !**used).map(|(entry, _)| entry.clone()).collect();
    entries.extend(noted(unused, NOT_HELD));
    entries
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_text_and_database_say() {
        let entry = |line, key: &str, value: &str| Entry { line, ..Entry::new(key, value) };
        let held = vec![entry(0, "a@b", "x@y"), entry(0, "hidden@b", "z@y")];
        let written = [entry(3, "A@b", "x@y"), entry(4, "new@b", "x@y")];
        let all = compared(Source::VirtualAlias, Some(held), Some(&written));
        let shown: Vec<(usize, Option<&str>)> = all.iter().map(|entry| (entry.line, entry.note.as_deref())).collect();
        assert_eq!(shown, [(3, None), (0, Some(NOT_WRITTEN)), (4, Some(NOT_HELD))]);
    }
}
