//! A table of Postfix, read by Postfix itself: listed where it can be listed, asked where it cannot.

use super::Settings;
use super::lines::{entry, logical};
use crate::audit::command::{Copies, postfix as run};
use crate::audit::entries::{Entry, compared, listed};
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

    /// The database that is made from it, where one is.
    pub(super) fn database(&self) -> Option<PathBuf> {
        let ending = MADE.iter().find(|(kind, _)| *kind == self.kind)?.1;
        Some(PathBuf::from(format!("{}{ending}", self.rest)))
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
        return Ok(vec![Entry::new("*", inside(&table.rest))]);
    }
    if kind == "inline" {
        let pairs = words(inside(&table.rest)).into_iter().filter_map(|pair| {
            let (key, value) = inside(&pair).split_once('=')?;
            Some(Entry::new(key.trim(), value.trim()))
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
    match listing(audit, table, ending, settings) {
        Ok(None) if written.is_none() => Err("is not there".to_owned()),
        Ok(listing) => Ok(compared(source, listing.map(|listing| listed(&listing)), written.as_deref())),
        Err(reason) => {
            let Some(written) = written else { return Err(reason) };
            audit.problem(&table.name, format!("{reason}; its text was read instead"));
            Ok(written)
        }
    }
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
    Ok(listed(&answers))
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
}
