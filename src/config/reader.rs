//! Typed access to TOML that never stops at the first mistake: what is wrong is collected, with its line, and keys that
//! nobody asked for are reported with the nearest one that somebody would have.

use super::problem::{Problem, Severity, quoted};
use crate::detect::OwnSignal;
use crate::policy::Pattern;
use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// A file's name and text.
#[derive(Debug, Clone)]
pub(super) struct Source {
    pub(super) path: PathBuf,
    text: String,
    /// Where each line begins.
    lines: Vec<usize>,
}

impl Source {
    pub(super) fn new(path: PathBuf, text: String) -> Self {
        let ends = text.bytes().enumerate().filter(|(_, b)| *b == b'\n');
        let lines = std::iter::once(0).chain(ends.map(|(at, _)| at + 1)).collect();
        Self { path, text, lines }
    }

    fn line(&self, span: &Range<usize>) -> usize {
        self.lines.partition_point(|start| *start <= span.start)
    }

    /// A line as a message may show it.
    fn shown(&self, line: usize) -> String {
        let text = self.text.lines().nth(line.saturating_sub(1)).unwrap_or_default();
        quoted(text.trim())
    }
}

/// Where a value stands.
#[derive(Debug, Clone)]
pub(super) struct Place {
    pub(super) file: PathBuf,
    pub(super) line: usize,
    pub(super) key: String,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.file.display(), self.line)
    }
}

/// Collects problems.
#[derive(Debug, Default)]
pub(super) struct Report {
    problems: RefCell<Vec<Problem>>,
    /// The configuration's own detectors, which rules and weights may name.
    detectors: RefCell<Vec<Arc<OwnSignal>>>,
    /// The groups of addresses, which lists may name.
    groups: RefCell<BTreeMap<String, Vec<Pattern>>>,
    /// The files that lists are read from.
    files: RefCell<BTreeSet<PathBuf>>,
    /// Whether there is a store, which rules may name.
    store: Cell<bool>,
    /// Whether there is a server for notices.
    notify: Cell<bool>,
    /// Every key that was asked for, for the tests that compare them with the documentation.
    #[cfg(test)]
    pub(super) known: RefCell<BTreeSet<String>>,
}

impl Report {
    pub(super) fn error(&self, place: &Place, text: impl Into<String>) {
        self.add(Severity::Error, place, text.into());
    }

    pub(super) fn warning(&self, place: &Place, text: impl Into<String>) {
        self.add(Severity::Warning, place, text.into());
    }

    pub(super) fn push(&self, problem: Problem) {
        self.problems.borrow_mut().push(problem);
    }

    /// The problems so far; none are left.
    pub(super) fn take(&self) -> Vec<Problem> {
        self.problems.take()
    }

    pub(super) fn know_detectors(&self, rows: &[Arc<OwnSignal>]) {
        self.detectors.borrow_mut().extend(rows.iter().cloned());
    }

    pub(super) fn know_group(&self, name: &str, members: Vec<Pattern>) {
        self.groups.borrow_mut().insert(name.to_owned(), members);
    }

    /// The members of a group.
    ///
    /// # Errors
    /// There is none of that name: the end of a sentence that begins with it.
    pub(super) fn group(&self, name: &str) -> Result<Vec<Pattern>, String> {
        let groups = self.groups.borrow();
        groups.get(name).cloned().ok_or_else(|| match nearest(name, groups.keys().map(String::as_str)) {
            Some(near) => format!("is no group of [groups]; did you mean \"group:{near}\"?"),
            None => "is no group of [groups]".to_owned(),
        })
    }

    /// Notes that a list is read from this file.
    pub(super) fn reads(&self, path: &Path) {
        self.files.borrow_mut().insert(path.to_owned());
    }

    /// The files that lists were read from.
    pub(super) fn files(&self) -> Vec<PathBuf> {
        self.files.borrow().iter().cloned().collect()
    }

    pub(super) fn know_notify(&self) {
        self.notify.set(true);
    }

    pub(super) fn has_notify(&self) -> bool {
        self.notify.get()
    }

    pub(super) fn know_store(&self) {
        self.store.set(true);
    }

    pub(super) fn has_store(&self) -> bool {
        self.store.get()
    }

    pub(super) fn detectors(&self) -> Vec<Arc<OwnSignal>> {
        self.detectors.borrow().clone()
    }

    /// Whether there is an error about `key`: then it need not be said that nothing came of it.
    pub(super) fn has_error_at(&self, key: &str) -> bool {
        self.problems.borrow().iter().any(|problem| problem.severity == Severity::Error && problem.key == key)
    }

    fn add(&self, severity: Severity, place: &Place, text: String) {
        let Place { file, line, key } = place.clone();
        self.push(Problem { severity, file, line, key, text });
    }
}

/// Parses a file. `None` if its syntax is wrong: what could still be read would be a guess, and complaints about a guess
/// hide the cause. Of mistakes in one line the first is reported, for the same reason.
pub(super) fn parse<'a>(source: &'a Source, report: &Report) -> Option<DeTable<'a>> {
    let (table, errors) = DeTable::parse_recoverable(&source.text);
    let mut lines = BTreeSet::new();
    for error in &errors {
        let line = error.span().map_or(0, |span| source.line(&span));
        if lines.insert(line) {
            let place = Place { file: source.path.clone(), line, key: String::new() };
            report.error(&place, format!("{} is no TOML: {}", source.shown(line), reason(error.message())));
        }
    }
    errors.is_empty().then(|| table.into_inner())
}

/// The parser takes a word that begins as `inf` does for a number: most often `inet:` without quotes.
fn reason(message: &str) -> String {
    let hint = if message.starts_with("invalid float") { " (a string stands in quotes)" } else { "" };
    format!("{message}{hint}")
}

/// One table, which may be spread over several files: every key may be set in one of them only.
pub(super) struct Section<'a> {
    parts: Vec<(&'a DeTable<'a>, &'a Source)>,
    name: String,
    place: Place,
    asked: RefCell<BTreeSet<&'static str>>,
    report: &'a Report,
}

/// A value and where it stands.
pub(super) struct Found<'a> {
    pub(super) value: &'a DeValue<'a>,
    pub(super) place: Place,
    source: &'a Source,
}

impl Found<'_> {
    /// The value as a message may show it.
    pub(super) fn shown(&self) -> String {
        shown(self.value)
    }
}

impl<'a> Section<'a> {
    /// The whole configuration.
    pub(super) fn root(parts: Vec<(&'a DeTable<'a>, &'a Source)>, report: &'a Report) -> Self {
        let file = parts.first().map(|(_, source)| source.path.clone()).unwrap_or_default();
        let place = Place { file, line: 0, key: String::new() };
        Self { parts, name: String::new(), place, asked: RefCell::default(), report }
    }

    /// Where the section begins.
    pub(super) fn place(&self) -> &Place {
        &self.place
    }

    /// Where problems go.
    pub(super) fn report(&self) -> &'a Report {
        self.report
    }

    /// The value of `key`, if it is set.
    pub(super) fn get(&self, key: &'static str) -> Option<Found<'a>> {
        self.ask(key);
        self.find(key)
    }

    fn find(&self, key: &str) -> Option<Found<'a>> {
        let mut found = self.parts.iter().filter_map(|&(table, source)| {
            let (name, value) = table.iter().find(|(name, _)| name.get_ref().as_ref() == key)?;
            let place = Place { file: source.path.clone(), line: source.line(&name.span()), key: self.path(key) };
            Some(Found { value: value.get_ref(), place, source })
        });
        let first = found.next()?;
        for again in found {
            self.report.error(&again.place, format!("is set a second time; first in {}", first.place));
        }
        Some(first)
    }

    fn ask(&self, key: &'static str) {
        self.asked.borrow_mut().insert(key);
        #[cfg(test)]
        self.report.known.borrow_mut().insert(self.path(key));
    }

    /// Whether `key` is set.
    pub(super) fn has(&self, key: &'static str) -> bool {
        self.get(key).is_some()
    }

    pub(super) fn string(&self, key: &'static str) -> Option<(String, Place)> {
        let found = self.get(key)?;
        match found.value.as_str() {
            Some(text) => Some((text.to_owned(), found.place)),
            None => self.wrong(&found, "a string in quotes"),
        }
    }

    pub(super) fn boolean(&self, key: &'static str) -> Option<bool> {
        let found = self.get(key)?;
        found.value.as_bool().or_else(|| self.wrong(&found, "true or false"))
    }

    pub(super) fn integer(&self, key: &'static str, allowed: std::ops::RangeInclusive<u64>) -> Option<u64> {
        let found = self.get(key)?;
        let number = found.value.as_integer().and_then(|number| {
            let digits = number.as_str().replace('_', "");
            u64::from_str_radix(digits.trim_start_matches('+'), number.radix()).ok()
        });
        match number.filter(|number| allowed.contains(number)) {
            Some(number) => Some(number),
            None => self.wrong(&found, &format!("a whole number from {} to {}", allowed.start(), allowed.end())),
        }
    }

    pub(super) fn float(&self, key: &'static str, allowed: std::ops::RangeInclusive<f64>) -> Option<f64> {
        let found = self.get(key)?;
        match number(found.value).filter(|number| allowed.contains(number)) {
            Some(number) => Some(number),
            None => self.wrong(&found, &format!("a number from {} to {}", allowed.start(), allowed.end())),
        }
    }

    /// One string or a list of them, each with its place.
    pub(super) fn strings(&self, key: &'static str) -> Option<Vec<(String, Place)>> {
        self.ask(key);
        self.strings_of(key)
    }

    /// As [`strings`](Self::strings), of a key that is data.
    pub(super) fn strings_of(&self, key: &str) -> Option<Vec<(String, Place)>> {
        let found = self.find(key)?;
        if let Some(text) = found.value.as_str() {
            return Some(vec![(text.to_owned(), found.place)]);
        }
        let Some(items) = found.value.as_array() else {
            return self.wrong(&found, "a string or a list of strings");
        };
        let mut strings = Vec::new();
        for item in items.iter() {
            let place = Place { line: found.source.line(&item.span()), ..found.place.clone() };
            match item.get_ref().as_str() {
                Some(text) => strings.push((text.to_owned(), place)),
                None => self
                    .report
                    .error(&place, format!("{} stands among strings: write it in quotes", shown(item.get_ref()))),
            }
        }
        Some(strings)
    }

    /// A table.
    pub(super) fn table(&self, key: &'static str) -> Option<Section<'a>> {
        self.ask(key);
        let mut parts = Vec::new();
        let mut place: Option<Place> = None;
        for &(table, source) in &self.parts {
            let Some((name, value)) = table.iter().find(|(name, _)| name.get_ref().as_ref() == key) else {
                continue;
            };
            let here = Place { file: source.path.clone(), line: source.line(&name.span()), key: self.path(key) };
            match value.get_ref().as_table() {
                Some(inner) => parts.push((inner, source)),
                None => self.wrong_kind(&here, value.get_ref(), &self.as_table(key)),
            }
            place.get_or_insert(here);
        }
        let place = place.filter(|_| !parts.is_empty())?;
        Some(Section { parts, name: self.path(key), place, asked: RefCell::default(), report: self.report })
    }

    /// The tables of an array of tables, of all files in their order.
    pub(super) fn tables(&self, key: &'static str) -> Vec<Section<'a>> {
        self.ask(key);
        let mut sections = Vec::new();
        for &(table, source) in &self.parts {
            let Some((name, value)) = table.iter().find(|(name, _)| name.get_ref().as_ref() == key) else {
                continue;
            };
            let here = Place { file: source.path.clone(), line: source.line(&name.span()), key: self.path(key) };
            let Some(items) = value.get_ref().as_array() else {
                self.wrong_kind(&here, value.get_ref(), &self.as_tables(key));
                continue;
            };
            for item in items.iter() {
                let name = format!("{}[{}]", self.path(key), sections.len() + 1);
                match self.nested(item, source, name) {
                    Ok(section) => sections.push(section),
                    Err(place) => self.report.error(&place, format!("{} stands among tables", shown(item.get_ref()))),
                }
            }
        }
        sections
    }

    /// A value that is a table, as a section of its own.
    pub(super) fn nested(
        &self,
        value: &'a Spanned<DeValue<'a>>,
        source: &'a Source,
        name: String,
    ) -> Result<Section<'a>, Place> {
        let place = Place { file: source.path.clone(), line: source.line(&value.span()), key: name.clone() };
        match value.get_ref().as_table() {
            Some(table) => Ok(Section {
                parts: vec![(table, source)],
                name,
                place,
                asked: RefCell::default(),
                report: self.report,
            }),
            None => Err(place),
        }
    }

    /// The items of a list, or the one value that stands in its place.
    pub(super) fn items(&self, key: &'static str) -> Option<(Vec<Item<'a>>, Place)> {
        let found = self.get(key)?;
        let items = match found.value.as_array() {
            Some(items) => items
                .iter()
                .map(|value| Item { value: value.get_ref(), span: value.span(), source: found.source })
                .collect(),
            None => vec![Item { value: found.value, span: 0..0, source: found.source }],
        };
        Some((items, found.place))
    }

    /// A list item that is a table.
    pub(super) fn of_item(&self, item: &Item<'a>, place: Place) -> Option<Section<'a>> {
        let parts = vec![(item.value.as_table()?, item.source)];
        Some(Section { parts, name: place.key.clone(), place, asked: RefCell::default(), report: self.report })
    }

    /// Whether there is an error in this section so far: then what it lacks is best not spoken of.
    pub(super) fn has_error(&self) -> bool {
        let here =
            |key: &str| key.strip_prefix(&self.name).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'));
        self.report.problems.borrow().iter().any(|problem| problem.severity == Severity::Error && here(&problem.key))
    }

    /// The keys of this section, for sections whose keys are data.
    pub(super) fn entries(&self) -> Vec<(String, &'a DeValue<'a>, Place)> {
        let mut entries = Vec::new();
        for &(table, source) in &self.parts {
            for (name, value) in table {
                let key = name.get_ref().to_string();
                let place = Place { file: source.path.clone(), line: source.line(&name.span()), key: self.path(&key) };
                entries.push((key, value.get_ref(), place));
            }
        }
        entries
    }

    /// As [`finish`](Self::finish), where `key` was read elsewhere.
    pub(super) fn finish_except(&self, key: &'static str) {
        self.ask(key);
        self.finish();
    }

    /// Reports the keys that nobody asked for.
    pub(super) fn finish(&self) {
        let asked = self.asked.borrow();
        for (key, _, place) in self.entries() {
            if asked.contains(key.as_str()) {
                continue;
            }
            let near = nearest(&key, asked.iter().copied());
            let hint = near.map_or_else(
                || format!("known here: {}", asked.iter().copied().collect::<Vec<_>>().join(", ")),
                |near| format!("did you mean \"{near}\"?"),
            );
            self.report.error(&place, format!("unknown key; {hint}"));
        }
    }

    /// The full name of a key of this section.
    pub(super) fn path(&self, key: &str) -> String {
        let bare =
            !key.is_empty() && key.len() <= 60 && key.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b));
        let key = if bare { key.to_owned() } else { quoted(key) };
        if self.name.is_empty() { key } else { format!("{}.{key}", self.name) }
    }

    /// How a table of that name is written here: in an entry of a list, as a value.
    fn as_table(&self, key: &str) -> String {
        if self.name.contains('[') { format!("{key} = {{ … }}") } else { format!("[{}]", self.path(key)) }
    }

    fn as_tables(&self, key: &str) -> String {
        if self.name.contains('[') {
            format!("{key} = [{{ … }}, {{ … }}]")
        } else {
            format!("[[{}]]", self.path(key))
        }
    }

    fn wrong_kind(&self, place: &Place, value: &DeValue<'_>, wanted: &str) {
        self.report.error(place, format!("{} is not allowed here: write {wanted}", shown(value)));
    }

    fn wrong<T>(&self, found: &Found<'_>, wanted: &str) -> Option<T> {
        self.wrong_kind(&found.place, found.value, wanted);
        None
    }
}

/// One item of a list.
pub(super) struct Item<'a> {
    pub(super) value: &'a DeValue<'a>,
    span: Range<usize>,
    source: &'a Source,
}

impl Item<'_> {
    /// Where it stands, given where its list does.
    pub(super) fn place(&self, list: &Place) -> Place {
        let line = if self.span.is_empty() { list.line } else { self.source.line(&self.span) };
        Place { line, ..list.clone() }
    }
}

/// A number, whole or not.
pub(super) fn number(value: &DeValue<'_>) -> Option<f64> {
    let text = value
        .as_float()
        .map(toml::de::DeFloat::as_str)
        .or_else(|| value.as_integer().map(toml::de::DeInteger::as_str))?;
    text.replace('_', "").parse().ok()
}

/// The known name nearest to a wrong one, if one is near.
pub(super) fn nearest<'a>(wrong: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    known
        .map(|name| (strsim::damerau_levenshtein(wrong, name), name))
        .filter(|(distance, name)| *distance <= 1 + name.len() / 4)
        .min()
        .map(|(_, name)| name)
}

fn shown(value: &DeValue<'_>) -> String {
    match value {
        DeValue::String(text) => quoted(text),
        DeValue::Integer(number) => number.as_str().to_owned(),
        DeValue::Float(number) => number.as_str().to_owned(),
        DeValue::Boolean(flag) => flag.to_string(),
        DeValue::Datetime(datetime) => datetime.to_string(),
        DeValue::Array(_) | DeValue::Table(_) => kind(value).to_owned(),
    }
}

fn kind(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "a string",
        DeValue::Integer(_) | DeValue::Float(_) => "a number",
        DeValue::Boolean(_) => "true or false",
        DeValue::Datetime(_) => "a date",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    }
}

/// Reads the lines of a list file: one entry a line. `#` at the beginning of a line or after a space begins a comment. The
/// place of each entry is its own line.
pub(super) fn list_file(path: &Path, at: &Place, report: &Report) -> Vec<(String, Place)> {
    let shown = quoted(&path.to_string_lossy());
    if !path.is_absolute() {
        report.error(at, format!("{shown} is no absolute path: write \"file:/etc/forwarden/list\""));
        return Vec::new();
    }
    let text = match std::fs::read(path).map(String::from_utf8) {
        Ok(Ok(text)) => text,
        Ok(Err(_)) => {
            report.error(at, format!("the list {shown} is no text in UTF-8"));
            return Vec::new();
        }
        Err(error) => {
            report.error(at, format!("the list {shown} cannot be read: {error}"));
            return Vec::new();
        }
    };
    let entry = |(index, line): (usize, &str)| {
        let begins_comment = |at: &usize| line[..*at].chars().next_back().is_none_or(char::is_whitespace);
        let comment = line.match_indices('#').map(|(at, _)| at).find(begins_comment);
        let text = line[..comment.unwrap_or(line.len())].trim();
        let place = Place { file: path.to_owned(), line: index + 1, key: at.key.clone() };
        (!text.is_empty()).then(|| (text.to_owned(), place))
    };
    text.lines().enumerate().filter_map(entry).collect()
}
