//! Lookup tables, read by Postfix's own `postmap` where that lists them, and what their entries say.

use super::instance::{Instance, run, text};
use super::words::{unbraced, words};
use std::io;
use std::path::Path;

/// Tables that `postmap -s` lists.
const LISTED: [&str; 8] = ["hash", "btree", "lmdb", "cdb", "dbm", "sdbm", "texthash", "inline"];

/// Tables of patterns: text files in the order in which they are tried.
const PATTERNS: [&str; 3] = ["pcre", "regexp", "cidr"];

/// The largest text file that is read.
const MAX_BYTES: u64 = 64 << 20;

/// An entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Entry {
    /// What is looked up; a pattern, where the table is one of patterns.
    pub key: String,
    /// What is found.
    pub value: String,
    /// Whether the key is a pattern.
    pub pattern: bool,
}

/// Whether an element of a list names a table (`type:name`), and no host, address or action.
pub(super) fn is_table(word: &str) -> bool {
    word.split_once(':').is_some_and(|(kind, name)| {
        !kind.is_empty() && !name.is_empty() && kind.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
    })
}

/// The file of entries behind a table, for people to change.
pub(super) fn source(table: &str) -> String {
    let table = table.strip_prefix("proxy:").unwrap_or(table);
    table.split_once(':').map_or(table, |(_, name)| name).to_owned()
}

/// The entries of a table.
///
/// # Errors
/// Why it cannot be listed.
pub(super) fn entries(instance: &Instance, table: &str) -> io::Result<Vec<Entry>> {
    let table = table.strip_prefix("proxy:").unwrap_or(table);
    let (kind, name) = table.split_once(':').ok_or_else(|| io::Error::other("is no table"))?;
    match kind {
        _ if LISTED.contains(&kind) => {
            let listing = text(&run("postmap", &instance.dir, &["-s", table])?);
            Ok(listing.lines().filter_map(|line| line.split_once('\t')).map(|(key, value)| exact(key, value)).collect())
        }
        _ if PATTERNS.contains(&kind) && name.starts_with('{') => {
            Ok(words(unbraced(name)).iter().filter_map(|line| pattern(unbraced(line), kind)).collect())
        }
        _ if PATTERNS.contains(&kind) => {
            Ok(logical_lines(&read(Path::new(name))?).iter().filter_map(|line| pattern(line, kind)).collect())
        }
        "static" => Ok(vec![exact("*", unbraced(name))]),
        "randmap" => Ok(words(unbraced(name)).iter().map(|value| exact("*", value)).collect()),
        "unionmap" => {
            let mut all = Vec::new();
            for table in words(unbraced(name)) {
                all.extend(entries(instance, &table)?);
            }
            Ok(all)
        }
        "fail" => Ok(Vec::new()),
        _ => Err(io::Error::other(format!("{kind} tables cannot be listed"))),
    }
}

/// The elements of a list, those of its tables and files among them. What could not be listed is told.
pub(super) fn elements(instance: &Instance, value: &str) -> (Vec<String>, Vec<(String, io::Error)>) {
    let (mut all, mut unread) = (Vec::new(), Vec::new());
    for word in words(value) {
        if is_table(&word) {
            match entries(instance, &word) {
                Ok(entries) => all.extend(entries.into_iter().map(|entry| entry.key)),
                Err(error) => unread.push((word, error)),
            }
        } else if word.starts_with('/') {
            match read(Path::new(&word)) {
                Ok(text) => all.extend(text.lines().filter(|line| !line.starts_with('#')).flat_map(words)),
                Err(error) => unread.push((word, error)),
            }
        } else {
            all.push(word);
        }
    }
    (all, unread)
}

fn exact(key: &str, value: &str) -> Entry {
    Entry { key: key.trim().to_owned(), value: value.trim().to_owned(), pattern: false }
}

fn read(path: &Path) -> io::Result<String> {
    let metadata = std::fs::metadata(path)?;
    if !metadata.is_file() || metadata.len() > MAX_BYTES {
        return Err(io::Error::other("is no regular file of a size that is read"));
    }
    Ok(String::from_utf8_lossy(&std::fs::read(path)?).into_owned())
}

/// Lines of which those that begin with white space go on with the one before.
fn logical_lines(text: &str) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for line in text.lines().filter(|line| !line.trim().is_empty() && !line.trim_start().starts_with('#')) {
        match lines.last_mut().filter(|_| line.starts_with(char::is_whitespace)) {
            Some(last) => *last += &format!(" {}", line.trim()),
            None => lines.push(line.trim_end().to_owned()),
        }
    }
    lines
}

/// `/pattern/flags result`, `!/pattern/ result`, `network result`; `if` and `endif` look nothing up.
fn pattern(line: &str, kind: &str) -> Option<Entry> {
    let line = line.trim();
    let rest = line.strip_prefix('!').unwrap_or(line);
    let end = if kind == "cidr" {
        line.find(char::is_whitespace)?
    } else {
        let delimiter = rest.chars().next().filter(|c| !c.is_alphanumeric())?;
        let begin = line.len() - rest.len() + delimiter.len_utf8();
        let mut escaped = false;
        let close = line.get(begin..)?.char_indices().find(|(_, c)| {
            let closes = *c == delimiter && !escaped;
            escaped = *c == '\\' && !escaped;
            closes
        })?;
        let after = begin + close.0 + delimiter.len_utf8();
        after + line.get(after..)?.find(char::is_whitespace)?
    };
    let (key, value) = line.split_at_checked(end)?;
    let no_lookup = ["if", "endif"].iter().any(|word| key.eq_ignore_ascii_case(word));
    (!no_lookup).then(|| Entry { key: key.to_owned(), value: value.trim().to_owned(), pattern: true })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns() {
        let found = |line: &str| pattern(line, "pcre").map(|entry| (entry.key, entry.value));
        let entry = |key: &str, value: &str| Some((key.to_owned(), value.to_owned()));
        assert_eq!(found("/^X: a b/i  FILTER smtp:[x]"), entry("/^X: a b/i", "FILTER smtp:[x]"));
        assert_eq!(found("!/a\\/b/ OK"), entry("!/a\\/b/", "OK"));
        assert_eq!(found("if /x/"), None);
        assert_eq!(found("/unfinished"), None);
        assert_eq!(pattern("192.0.2.0/24 FILTER smtp:", "cidr").map(|entry| entry.value), Some("FILTER smtp:".into()));
    }

    #[test]
    fn lines_go_on() {
        assert_eq!(logical_lines("# no\n/a/\n  OK\n\n/b/ NO\n"), ["/a/ OK", "/b/ NO"]);
    }

    #[test]
    fn what_is_a_table() {
        assert!(is_table("hash:/etc/postfix/x") && is_table("proxy:mysql:/x") && is_table("inline:{a=b}"));
        assert!(!is_table("corp.example") && !is_table("[::1]") && !is_table("/etc/x"));
        assert_eq!(source("proxy:hash:/etc/x"), "/etc/x");
    }
}
