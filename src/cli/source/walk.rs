//! Finds the messages under a path, in order of time.

use super::case::Envelope;
use super::{Circumstances, build, check, read};
use crate::message::{Limits, Message};
use std::path::{Path, PathBuf};

/// How deep folders are followed.
const MAX_DEPTH: usize = 32;

/// A message found.
#[derive(Debug, Clone)]
pub(crate) struct Item {
    /// The name it goes by in the output: a case's folder, or a file.
    pub name: String,
    /// The file.
    pub path: PathBuf,
    /// Where in the file, for an mbox.
    pub range: Option<std::ops::Range<usize>>,
    /// The case's envelope.
    pub envelope: Option<Envelope>,
    /// Orders the messages: seconds since 1970.
    pub time: i64,
}

impl Item {
    /// The message under these circumstances.
    ///
    /// # Errors
    /// The file cannot be read any more.
    pub(crate) fn message(
        &self,
        circumstances: &Circumstances,
        limits: Limits,
        read_body: bool,
    ) -> Result<Message, Problem> {
        let bytes = read(&self.path)?;
        let bytes = self.range.clone().map_or(bytes.as_slice(), |range| bytes.get(range).unwrap_or_default());
        Ok(build(bytes, circumstances, limits, read_body))
    }
}

/// What could not be read, and why: the rest goes on.
pub(super) type Problem = String;

/// Collects the messages under each path, in order of time (of equal time, in order of name).
pub(crate) fn collect(paths: &[PathBuf]) -> (Vec<Item>, Vec<Problem>) {
    let (mut items, mut problems) = (Vec::new(), Vec::new());
    for path in paths {
        let before = (items.len(), problems.len());
        walk(path, 0, true, &mut items, &mut problems);
        if before == (items.len(), problems.len()) {
            problems.push(format!(
                "{}: no message found: give a case folder, a Maildir, an mbox or .eml files",
                path.display()
            ));
        }
    }
    items.sort_by(|a, b| a.time.cmp(&b.time).then_with(|| a.name.cmp(&b.name)));
    (items, problems)
}

fn walk(path: &Path, depth: usize, named: bool, items: &mut Vec<Item>, problems: &mut Vec<Problem>) {
    let metadata = match std::fs::metadata(path) {
        Ok(metadata) => metadata,
        Err(error) => return problems.push(format!("{}: {error}", path.display())),
    };
    if !metadata.is_dir() {
        return file(path, named, items, problems);
    }
    if depth > MAX_DEPTH {
        return problems.push(format!("{}: folders are nested more than {MAX_DEPTH} deep", path.display()));
    }
    let envelope = path.join("envelope.json");
    if envelope.exists() || path.join("message.eml").exists() {
        match case(path, &envelope) {
            Ok(item) => items.push(item),
            Err(problem) => problems.push(problem),
        }
        return;
    }
    let mut entries: Vec<PathBuf> = match std::fs::read_dir(path) {
        Ok(entries) => entries.filter_map(Result::ok).map(|entry| entry.path()).collect(),
        Err(error) => return problems.push(format!("{}: {error}", path.display())),
    };
    entries.sort();
    for entry in entries {
        walk(&entry, depth + 1, false, items, problems);
    }
}

fn case(folder: &Path, envelope: &Path) -> Result<Item, Problem> {
    let message = folder.join("message.eml");
    let envelope = Envelope::read(envelope)?;
    let bytes = read(&message)?;
    check(&bytes).map_err(|reason| format!("{}: {reason}", message.display()))?;
    let name = folder.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let time = envelope.time.map(jiff::Timestamp::as_second).unwrap_or_default();
    Ok(Item { name, path: message, range: None, envelope: Some(envelope), time })
}

/// A file that was named is a message or a problem; one found in a folder is taken if it looks like mail: `.eml`, or in
/// `cur` or `new` of a Maildir.
fn file(path: &Path, named: bool, items: &mut Vec<Item>, problems: &mut Vec<Problem>) {
    let in_maildir = path.parent().and_then(Path::file_name).is_some_and(|folder| folder == "cur" || folder == "new");
    let is_eml = path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("eml"));
    let is_mbox = path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("mbox"));
    if !(named || in_maildir || is_eml || is_mbox) {
        return;
    }
    let bytes = match read(path).and_then(|bytes| {
        check(&bytes).map_err(|reason| format!("{}: {reason}", path.display()))?;
        Ok(bytes)
    }) {
        Ok(bytes) => bytes,
        Err(problem) => return problems.push(problem),
    };
    let name = path.display().to_string();
    if bytes.starts_with(b"From ") {
        for (index, range) in mbox(&bytes).into_iter().enumerate() {
            let time = date(&bytes[range.clone()]);
            items.push(Item {
                name: format!("{name}#{}", index + 1),
                path: path.to_owned(),
                range: Some(range),
                envelope: None,
                time,
            });
        }
        return;
    }
    items.push(Item { time: date(&bytes), name, path: path.to_owned(), range: None, envelope: None });
}

/// The messages of an mbox: each begins with a `From ` line at the start or behind an empty line.
fn mbox(bytes: &[u8]) -> Vec<std::ops::Range<usize>> {
    let mut starts = vec![0];
    for at in memchr(bytes) {
        let behind_empty = bytes[..at].ends_with(b"\n") || bytes[..at].ends_with(b"\r");
        if behind_empty && bytes[at + 1..].starts_with(b"From ") {
            starts.push(at + 1);
        }
    }
    let ends = starts.iter().skip(1).copied().chain([bytes.len()]).collect::<Vec<_>>();
    starts.into_iter().zip(ends).map(|(start, end)| start..end).collect()
}

/// Positions of line feeds behind which another line begins.
fn memchr(bytes: &[u8]) -> impl Iterator<Item = usize> {
    bytes.iter().enumerate().filter(|&(at, &b)| b == b'\n' && at + 1 < bytes.len()).map(|(at, _)| at)
}

fn date(message: &[u8]) -> i64 {
    let parts = crate::message::eml::split(message);
    let field = parts.fields.iter().find(|(name, _)| name.trim_ascii().eq_ignore_ascii_case(b"date"));
    field
        .and_then(|(_, body)| mail_parser::DateTime::parse_rfc822(String::from_utf8_lossy(body).trim()))
        .map(|date| date.to_timestamp())
        .unwrap_or_default()
}
