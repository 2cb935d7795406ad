//! aliases(5), as Sendmail, Postfix, Exim and Courier read it, and the files that it includes.

use super::Audit;
use super::finding::Source;
use super::forward::{of_items, parse};
use super::target::items;
use super::tree::{As, Text};
use std::collections::HashSet;
use std::path::{Path, PathBuf};

/// Where alias files are, whether or not a mail server's configuration names them.
const FILES: &[&str] = &["/etc/aliases", "/etc/mail/aliases"];

/// How deep files may include each other.
const MAX_DEPTH: usize = 20;

/// How many files a list may include.
const MAX_INCLUDES: usize = 100;

/// Looks at those that were not looked at as tables of a mail server.
pub(super) fn look(audit: &mut Audit, mut seen: HashSet<PathBuf>) {
    let real: Vec<PathBuf> = seen.iter().filter_map(|path| audit.tree.real(path)).collect();
    seen.extend(real);
    let files = FILES.iter().map(PathBuf::from).filter(|path| !seen.contains(path));
    for path in files.collect::<Vec<_>>() {
        // One is often a link to the other.
        if let Some(file) = audit.read(&path, As::System)
            && seen.insert(file.real.clone())
        {
            take(audit, Source::Alias, &path, &file);
        }
    }
}

/// Looks at a file in the format of aliases(5).
pub(super) fn file(audit: &mut Audit, source: Source, path: &Path) {
    if let Some(file) = audit.read(path, As::System) {
        take(audit, source, path, &file);
    }
}

fn take(audit: &mut Audit, source: Source, path: &Path, file: &Text) {
    for entry in entries(&file.text()) {
        let list = of_items(&items(&entry.value, entry.line), &entry.name);
        audit.found(source, path, file.facts, &entry.name, list.rules);
        include(audit, &list.includes, As::System, &entry.name, list.keeps);
    }
}

/// An alias.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Entry {
    /// The line of its name.
    pub line: usize,
    /// The name, without quotes.
    pub name: String,
    /// What stands behind the colon, lines that continue it included.
    pub value: String,
}

/// The aliases of a file.
pub(super) fn entries(text: &str) -> Vec<Entry> {
    let mut entries: Vec<Entry> = Vec::new();
    for (at, line) in text.lines().enumerate() {
        let trimmed = line.trim();
        if line.starts_with([' ', '\t']) {
            if let Some(last) = entries.last_mut() {
                // A line of its own, so that entries keep their numbers.
                last.value += if trimmed.starts_with('#') { "" } else { line };
                last.value.push('\n');
            }
            continue;
        }
        let blank = trimmed.is_empty() || trimmed.starts_with('#');
        match split(trimmed).filter(|_| !blank) {
            Some((name, value)) => entries.push(Entry { line: at + 1, name, value: format!("{value}\n") }),
            // Comments may stand between a line and those that continue it.
            None => entries.iter_mut().next_back().into_iter().for_each(|last| last.value.push('\n')),
        }
    }
    entries
}

/// The name and what stands behind its colon.
fn split(line: &str) -> Option<(String, &str)> {
    let (name, value) = match line.strip_prefix('"') {
        Some(rest) => {
            let (name, rest) = rest.split_once('"')?;
            (name, rest.trim_start().strip_prefix(':')?)
        }
        None => line.split_once(':')?,
    };
    Some((name.trim().to_owned(), value)).filter(|(name, _)| !name.is_empty())
}

/// Looks at the files that an alias or a `.forward` includes, and at those that they include.
pub(super) fn include(audit: &mut Audit, paths: &[String], reader: As<'_>, mailbox: &str, keeps: bool) {
    let mut seen: HashSet<PathBuf> = HashSet::new();
    // Each with those that led to it, the first of them last.
    let ahead = paths.iter().rev().map(|path| (PathBuf::from(path), Vec::new()));
    let mut ahead: Vec<(PathBuf, Vec<PathBuf>)> = ahead.collect();
    while let Some((path, above)) = ahead.pop() {
        if above.contains(&path) || above.len() >= MAX_DEPTH {
            audit.problem(path.display(), "files include each other in a circle, or too deep");
            continue;
        }
        if !seen.insert(path.clone()) {
            continue;
        }
        if seen.len() > MAX_INCLUDES {
            return audit
                .problem(path.display(), format!("{mailbox} includes more than {MAX_INCLUDES} files: not read"));
        }
        if !path.is_absolute() {
            audit.problem(path.display(), format!("an include of {mailbox} that is no absolute path"));
            continue;
        }
        let Some(file) = audit.read(&path, reader) else { continue };
        let mut list = parse(&file.text(), mailbox);
        for rule in &mut list.rules {
            rule.keeps_copy = Some(keeps || list.keeps);
            if file.facts.mode & 0o022 != 0 {
                rule.notes.push("others may write the file".to_owned());
            }
        }
        audit.found(Source::Include, &path, file.facts, mailbox, list.rules);
        let above: Vec<PathBuf> = above.into_iter().chain([path]).collect();
        ahead.extend(list.includes.into_iter().rev().map(|path| (PathBuf::from(path), above.clone())));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_values_and_their_lines() {
        let text = "# comment\nroot: alice\nfrank: \\frank,\n\tx@ext.example\n\n\"two words\": y@ext.example\n  # c\n  ,z@ext.example\nbroken\n";
        let entries = entries(text);
        let names: Vec<(&str, usize)> = entries.iter().map(|entry| (entry.name.as_str(), entry.line)).collect();
        assert_eq!(names, [("root", 2), ("frank", 3), ("two words", 6)]);
        let lines = |at: usize| -> Vec<usize> {
            let entry: &Entry = &entries[at];
            items(&entry.value, entry.line).iter().map(|item| item.line).collect()
        };
        assert_eq!(lines(1), [3, 4]);
        assert_eq!(lines(2), [6, 8]);
    }
}
