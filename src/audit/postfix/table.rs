//! A table of Postfix, read by Postfix itself: listed where it can be listed, asked where it cannot.

use super::Settings;
use super::lines::{entry, logical};
use crate::audit::command::{Copies, postfix as run};
use crate::audit::finding::Source;
use crate::audit::tree::As;
use crate::audit::{Audit, aliases};
use std::path::{Path, PathBuf};

/// A table, as a setting names it: `hash:/etc/aliases`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Table {
    /// The name as a whole.
    pub name: String,
    kind: String,
    rest: String,
}

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

/// Kinds that are made from a text beside them, with what the made file's name ends in.
const MADE: &[(&str, &str)] = &[
    ("hash", ".db"),
    ("btree", ".db"),
    ("lmdb", ".lmdb"),
    ("cdb", ".cdb"),
    ("sdbm", ".pag"),
    ("dbm", ".pag"),
    ("texthash", ""),
];

/// Kinds whose text is looked up as it is, line by line.
const PATTERNS: &[&str] = &["regexp", "pcre", "cidr"];

impl Table {
    /// The text of the table, where it has one.
    pub(super) fn text(&self) -> Option<PathBuf> {
        let has = MADE.iter().any(|(kind, _)| *kind == self.kind) || PATTERNS.contains(&self.kind.as_str());
        let path = PathBuf::from(&self.rest);
        Some(path).filter(|path| has && path.is_absolute())
    }
}

/// The words of a setting: separated by white space and commas, but not inside braces.
pub(super) fn words(text: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut depth = 0_u32;
    for c in text.chars() {
        match c {
            '{' => depth += 1,
            '}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        match words.last_mut() {
            Some(last) if depth > 0 || !(c.is_whitespace() || c == ',') => last.push(c),
            _ => words.push(String::new()),
        }
    }
    words.retain(|word| !word.is_empty());
    words
}

/// The tables that a setting names. One that goes through the proxy is the same table; a union is each of its tables.
pub(super) fn named(value: &str) -> Vec<Table> {
    let mut found = Vec::new();
    let mut ahead = words(value);
    ahead.reverse();
    while let Some(word) = ahead.pop() {
        let word = word.trim_start_matches("proxy:").to_owned();
        let Some((kind, rest)) = word.split_once(':') else { continue };
        match kind {
            "unionmap" => ahead.extend(words(inside(rest)).into_iter().rev()),
            _ => found.push(Table { kind: kind.to_owned(), rest: rest.to_owned(), name: word.clone() }),
        }
    }
    found
}

/// What stands between the braces.
fn inside(text: &str) -> &str {
    text.trim().strip_prefix('{').and_then(|text| text.strip_suffix('}')).unwrap_or(text).trim()
}

/// The entries of a table.
///
/// # Errors
/// Why they are not known.
pub(super) fn entries(
    audit: &mut Audit,
    source: Source,
    table: &Table,
    settings: &Settings,
) -> Result<Vec<Entry>, String> {
    let kind = table.kind.as_str();
    if table.name.contains('$') {
        return Err("the name of the table is not understood".to_owned());
    }
    if kind == "static" {
        let value = inside(&table.rest).to_owned();
        return Ok(vec![Entry { line: 0, key: "*".to_owned(), value, note: None }]);
    }
    if kind == "inline" {
        let pairs = words(inside(&table.rest)).into_iter().filter_map(|pair| {
            let (key, value) = inside(&pair).split_once('=')?;
            Some(Entry { line: 0, key: key.trim().to_owned(), value: value.trim().to_owned(), note: None })
        });
        return Ok(pairs.collect());
    }
    if PATTERNS.contains(&kind) {
        let path = PathBuf::from(&table.rest);
        let text = audit.tree.read(&path, As::System)?.ok_or("is not there")?.text();
        audit.files += 1;
        return Ok(of_text(&text, source, kind != "cidr"));
    }
    if let Some((_, ending)) = MADE.iter().find(|(made, _)| *made == kind) {
        return made(audit, source, table, ending, settings);
    }
    asked(audit, table, settings)
}

/// The entries of a table's text.
fn of_text(text: &str, source: Source, patterns: bool) -> Vec<Entry> {
    if source == Source::Alias && !patterns {
        let entries = aliases::entries(text).into_iter();
        return entries
            .map(|entry| Entry { line: entry.line, key: entry.name, value: entry.value, note: None })
            .collect();
    }
    let lines = logical(text).into_iter();
    lines
        .filter_map(|(line, text)| {
            let (key, value) = entry(&text, patterns)?;
            Some(Entry { line, key, value, note: None })
        })
        .collect()
}

/// Of a table that is made from a text: what it holds, and what the text says otherwise.
fn made(
    audit: &mut Audit,
    source: Source,
    table: &Table,
    ending: &str,
    settings: &Settings,
) -> Result<Vec<Entry>, String> {
    let path = Path::new(&table.rest);
    if !path.is_absolute() {
        return Err("is no absolute path".to_owned());
    }
    let text = audit.tree.read(path, As::System)?.map(|file| file.text());
    let written = text.as_deref().map(|text| of_text(text, source, false));
    audit.files += usize::from(text.is_some());
    let held = match listing(audit, table, ending, settings) {
        Ok(Some(listing)) => {
            let pairs = listing.lines().filter_map(|line| line.split_once('\t'));
            // What postalias and NIS put in beside aliases.
            let pairs = pairs.filter(|(key, _)| *key != "@" && !key.starts_with("YP_"));
            let entry =
                |(key, value): (&str, &str)| Entry { line: 0, key: key.into(), value: value.into(), note: None };
            pairs.map(entry).collect::<Vec<Entry>>()
        }
        Ok(None) => return written.ok_or_else(|| "is not there".to_owned()).map(|all| noted(all, NOT_MADE)),
        Err(reason) => {
            let Some(written) = written else { return Err(reason) };
            audit.problem(&table.name, format!("{reason}; its text was read instead"));
            return Ok(written);
        }
    };
    let written = written.unwrap_or_default();
    let same = |one: &Entry, other: &Entry| super::same(source, one, other);
    let (held, more) = compared(held, &written, text.is_some(), &same);
    Ok(held.into_iter().chain(more).collect())
}

const NOT_MADE: &str = "only in the text: there is no database, so it has no effect";
const NOT_HELD: &str = "only in the text, not in the database: it has no effect";
const NOT_WRITTEN: &str = "only in the database, not in the text: nobody who reads the file sees it";
const NO_TEXT: &str = "only in the database: there is no text";

fn noted(mut entries: Vec<Entry>, note: &str) -> Vec<Entry> {
    entries.iter_mut().for_each(|entry| entry.note = Some(note.to_owned()));
    entries
}

/// Entries of the database with their lines in the text, and those that only the text has.
fn compared(
    held: Vec<Entry>,
    written: &[Entry],
    has_text: bool,
    same: &dyn Fn(&Entry, &Entry) -> bool,
) -> (Vec<Entry>, Vec<Entry>) {
    let mut lines: std::collections::HashMap<String, Vec<usize>> = std::collections::HashMap::new();
    for (at, entry) in written.iter().enumerate() {
        lines.entry(entry.key.to_lowercase()).or_default().push(at);
    }
    let mut used = vec![false; written.len()];
    let mut entries = Vec::new();
    for held in held {
        let places = lines.get(&held.key.to_lowercase()).map(Vec::as_slice).unwrap_or_default();
        let place = places.iter().find(|at| written.get(**at).is_some_and(|entry| same(&held, entry)));
        match place.and_then(|at| written.get(*at).map(|entry| (*at, entry))) {
            Some((at, entry)) => {
                used[at] = true;
                entries.push(entry.clone());
            }
            None => entries.extend(noted(vec![held], if has_text { NOT_WRITTEN } else { NO_TEXT })),
        }
    }
    let unused = written.iter().zip(&used).filter(|(_, used)| !**used).map(|(entry, _)| entry.clone()).collect();
    (entries, noted(unused, NOT_HELD))
}

/// All pairs of a table, by `postmap -s`. `None` where the file is not there.
fn listing(audit: &Audit, table: &Table, ending: &str, settings: &Settings) -> Result<Option<String>, String> {
    let path = format!("{}{ending}", table.rest);
    if audit.is_live() {
        if audit.tree.read(Path::new(&path), As::System)?.is_none() {
            return Ok(None);
        }
        return run("postmap", &settings.folder, &["-s", &format!("{}:{}", table.kind, table.rest)], None).map(Some);
    }
    let Some(held) = audit.tree.read(Path::new(&path), As::System)? else { return Ok(None) };
    let copied = |error: std::io::Error| format!("cannot be copied to be read: {error}");
    let copies = Copies::new().map_err(copied)?;
    copies.add(&format!("table{ending}"), &held.bytes).map_err(copied)?;
    if ending == ".pag"
        && let Some(index) = audit.tree.read(Path::new(&format!("{}.dir", table.rest)), As::System)?
    {
        copies.add("table.dir", &index.bytes).map_err(copied)?;
    }
    let name = format!("{}:{}/table", table.kind, copies.folder().display());
    run("postmap", copies.folder(), &["-s", &name], None).map(Some)
}

/// Of a table that cannot be listed: what it says to each mailbox that is known, by `postmap -q`.
fn asked(audit: &mut Audit, table: &Table, settings: &Settings) -> Result<Vec<Entry>, String> {
    if !audit.is_live() {
        return Err(format!("a table of kind {} can only be asked on the host itself", table.kind));
    }
    let keys = audit.keys();
    let answers = match run("postmap", &settings.folder, &["-q", "-", &table.name], Some(keys.join("\n") + "\n")) {
        Ok(answers) => answers,
        // Postfix has this kind among its defaults, also where there is no NIS.
        Err(reason) if table.kind == "nis" && reason.contains("NIS domain name not set") => return Ok(Vec::new()),
        Err(reason) => return Err(reason),
    };
    audit.asked.push((table.name.clone(), keys.len()));
    let pairs = answers.lines().filter_map(|line| line.split_once('\t'));
    Ok(pairs.map(|(key, value)| Entry { line: 0, key: key.into(), value: value.into(), note: None }).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_of_a_setting() {
        let names = |text: &str| -> Vec<String> { named(text).into_iter().map(|table| table.name).collect() };
        assert_eq!(names("hash:/etc/aliases, proxy:lmdb:/x"), ["hash:/etc/aliases", "lmdb:/x"]);
        assert_eq!(
            names("unionmap:{hash:/a, inline:{b=c, d=e}} static:f"),
            ["hash:/a", "inline:{b=c, d=e}", "static:f"]
        );
    }

    #[test]
    fn what_text_and_database_say() {
        let entry = |line, key: &str, value: &str| Entry { line, key: key.into(), value: value.into(), note: None };
        let held = vec![entry(0, "a@b", "x@y"), entry(0, "hidden@b", "z@y")];
        let written = [entry(3, "A@b", "x@y"), entry(4, "new@b", "x@y")];
        let (held, more) = compared(held, &written, true, &|one, other| one.value == other.value);
        let shown: Vec<(usize, Option<&str>)> =
            held.iter().chain(&more).map(|entry| (entry.line, entry.note.as_deref())).collect();
        assert_eq!(shown, [(3, None), (0, Some(NOT_WRITTEN)), (4, Some(NOT_HELD))]);
    }
}
