//! Where the entries of lists come from: the list itself, a file of one entry a line, a file of comma-separated values, a query
//! of a SQLite file.

use super::problem::quoted;
use super::reader::{Place, Report, list_file};
use rusqlite::types::ValueRef;
use rusqlite::{Connection, OpenFlags};
use std::path::Path;

/// How many rows of a file of values or of a query are read: more is a mistake, and would fill the memory.
const MAX_ROWS: usize = 2_000_000;

/// One entry: its columns, of which a list has one and a list of pairs two, and where it stands.
pub(super) type Row = (Vec<String>, Place);

/// The rows that one string of a list stands for. What cannot be read is reported.
pub(super) fn rows(text: &str, place: &Place, columns: usize, report: &Report) -> Vec<Row> {
    if let Some(path) = text.strip_prefix("file:").map(Path::new) {
        report.reads(path);
        let lines = list_file(path, place, report);
        return lines.into_iter().map(|(line, place)| (split(&line, columns), place)).collect();
    }
    let (rows, what) = if let Some(path) = text.strip_prefix("csv:") {
        report.reads(Path::new(path));
        (values(Path::new(path), columns, place), path)
    } else if let Some(rest) = text.strip_prefix("sqlite:") {
        let Some((path, query)) = rest.split_once(' ') else {
            let text =
                format!("{} has no query: write \"sqlite:/path/file.db SELECT column FROM table\"", quoted(text));
            report.error(place, text);
            return Vec::new();
        };
        report.reads(Path::new(path));
        (query_rows(Path::new(path), query.trim(), columns, place), path)
    } else {
        return vec![(split(text, columns), place.clone())];
    };
    rows.unwrap_or_else(|error| {
        report.error(place, format!("the list {} cannot be read: {error}", quoted(what)));
        Vec::new()
    })
}

/// The columns of an entry of one line: a pair is written with an arrow.
fn split(text: &str, columns: usize) -> Vec<String> {
    match text.split_once("->").filter(|_| columns == 2) {
        Some((forwarder, destination)) => vec![forwarder.trim().to_owned(), destination.trim().to_owned()],
        None => vec![text.to_owned()],
    }
}

fn absolute(path: &Path) -> Result<(), String> {
    if path.is_absolute() { Ok(()) } else { Err("it is no absolute path".into()) }
}

/// What the first column is called in a line that names the columns: such a line is no entry.
const TITLES: [&str; 11] =
    ["address", "domain", "email", "forwarder", "from", "mailbox", "name", "network", "recipient", "sender", "user"];

/// A file of comma-separated values (RFC 4180). A first line that names the columns is left out.
fn values(path: &Path, columns: usize, place: &Place) -> Result<Vec<Row>, String> {
    absolute(path)?;
    let reader = csv::ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .comment(Some(b'#'))
        .trim(csv::Trim::All)
        .from_path(path)
        .map_err(|error| error.to_string())?;
    let mut rows = Vec::new();
    for record in reader.into_records() {
        let record = record.map_err(|error| error.to_string())?;
        let line = record.position().map_or(0, |position| usize::try_from(position.line()).unwrap_or(0));
        let is_title = |field: &str| TITLES.iter().any(|title| field.eq_ignore_ascii_case(title));
        if rows.is_empty() && record.get(0).is_some_and(is_title) {
            continue;
        }
        let place = Place { file: path.to_owned(), line, key: place.key.clone() };
        rows.push((record.iter().take(columns).map(str::to_owned).collect(), place));
        if rows.len() > MAX_ROWS {
            return Err(format!("it has more than {MAX_ROWS} lines"));
        }
    }
    Ok(rows)
}

/// The rows of a query, which may only read.
fn query_rows(path: &Path, query: &str, columns: usize, place: &Place) -> Result<Vec<Row>, String> {
    absolute(path)?;
    // SQLite's own word for a file that is not there is of no help.
    std::fs::metadata(path).map_err(|error| error.to_string())?;
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let read = || -> rusqlite::Result<Result<Vec<Row>, String>> {
        let connection = Connection::open_with_flags(path, flags)?;
        connection.busy_timeout(std::time::Duration::from_secs(1))?;
        let mut statement = connection.prepare(query)?;
        if !statement.readonly() {
            return Ok(Err("the query changes data: write SELECT".into()));
        }
        if statement.column_count() < columns {
            return Ok(Err(format!("the query gives {} columns, {columns} are needed", statement.column_count())));
        }
        let place = Place { file: path.to_owned(), line: 0, key: place.key.clone() };
        let mut found = Vec::new();
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let text = |index: usize| match row.get_ref(index) {
                Ok(ValueRef::Text(text)) => String::from_utf8_lossy(text).trim().to_owned(),
                _ => String::new(),
            };
            found.push(((0..columns).map(text).collect(), place.clone()));
            if found.len() > MAX_ROWS {
                return Ok(Err(format!("the query gives more than {MAX_ROWS} rows")));
            }
        }
        Ok(Ok(found))
    };
    read().map_err(|error| error.to_string())?
}
