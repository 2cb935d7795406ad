//! A report: one table, from which every format is made.

use crate::cli::source::{json, printable};
use serde_json::{Map, Value};

/// A column.
#[derive(Debug, Clone, Copy)]
pub(super) struct Column {
    /// Its name, as a key of JSON.
    pub name: &'static str,
    /// Its title, for people.
    pub title: &'static str,
    /// Its width in text; 0 where text has no room for it.
    pub width: usize,
    /// Whether the page has room for it.
    pub on_page: bool,
}

impl Column {
    /// One that people read.
    pub(super) const fn shown(name: &'static str, title: &'static str, width: usize) -> Self {
        Self { name, title, width, on_page: true }
    }

    /// One that only machines read.
    pub(super) const fn detail(name: &'static str, title: &'static str) -> Self {
        Self { name, title, width: 0, on_page: false }
    }
}

/// A report.
#[derive(Debug)]
pub(super) struct Table {
    /// What it is about.
    pub title: &'static str,
    /// A sentence on how to read it.
    pub note: &'static str,
    /// The time it is about, in words.
    pub period: String,
    /// Its columns.
    pub columns: Vec<Column>,
    /// Its rows; cells are strings, numbers or null.
    pub rows: Vec<Vec<Value>>,
    /// For each row, forwards of each day, the oldest first.
    pub daily: Vec<Vec<u64>>,
}

impl Table {
    /// At most 100 columns.
    pub(super) fn text(&self) -> String {
        let shown: Vec<(usize, &Column)> =
            self.columns.iter().enumerate().filter(|(_, column)| column.width > 0).collect();
        let line = |cell: &dyn Fn(usize, &Column) -> (String, bool)| {
            let cells = shown.iter().map(|(at, column)| {
                let (text, right) = cell(*at, column);
                let text = printable(&text, column.width);
                if right {
                    format!("{text:>width$}", width = column.width)
                } else {
                    format!("{text:<width$}", width = column.width)
                }
            });
            format!("{}\n", cells.collect::<Vec<_>>().join(" ").trim_end())
        };
        let mut out = format!("{}, {}\n\n", self.title, self.period);
        let is_number = |at: usize| self.rows.first().and_then(|row| row.get(at)).is_some_and(Value::is_number);
        out += &line(&|at, column| (column.title.to_uppercase(), is_number(at)));
        for row in &self.rows {
            out += &line(&|at, _| {
                let cell = row.get(at).unwrap_or(&Value::Null);
                (words(cell), cell.is_number())
            });
        }
        if self.rows.is_empty() {
            out += "nothing\n";
        }
        out + "\n" + &wrapped(self.note)
    }

    /// One object a row and line.
    pub(super) fn json(&self) -> String {
        let rows = self.rows.iter().zip(&self.daily).map(|(row, daily)| {
            let mut object: Map<String, Value> =
                self.columns.iter().zip(row).map(|(column, cell)| (column.name.to_owned(), cell.clone())).collect();
            object.insert("daily".to_owned(), daily.clone().into());
            format!("{}\n", json(&object))
        });
        rows.collect()
    }

    /// For a spreadsheet, which takes a cell that begins like a formula for one.
    pub(super) fn csv(&self) -> String {
        let mut writer = csv::WriterBuilder::new().terminator(csv::Terminator::CRLF).from_writer(Vec::new());
        let written = (|| {
            writer.write_record(self.columns.iter().map(|column| column.name))?;
            for row in &self.rows {
                writer.write_record(
                    row.iter().map(|cell| if cell.is_string() { harmless(&words(cell)) } else { words(cell) }),
                )?;
            }
            writer.flush()
        })();
        // Memory takes what is written to it.
        written
            .ok()
            .and_then(|()| writer.into_inner().ok())
            .and_then(|bytes| String::from_utf8(bytes).ok())
            .unwrap_or_default()
    }
}

/// How wide a terminal is taken to be.
const COLUMNS: usize = 100;

/// A sentence on lines that fit.
pub(in crate::cli) fn wrapped(text: &str) -> String {
    let mut lines = vec![String::new()];
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if line.is_empty() => line.push_str(word),
            Some(line) if line.chars().count() + 1 + word.chars().count() <= COLUMNS => *line += &format!(" {word}"),
            _ => lines.push(word.to_owned()),
        }
    }
    lines.join("\n") + "\n"
}

/// A cell as people read it.
pub(super) fn words(cell: &Value) -> String {
    match cell {
        Value::Null => "-".to_owned(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// A text that no spreadsheet takes for a formula.
pub(in crate::cli) fn harmless(text: &str) -> String {
    let begins_formula = text.starts_with(['=', '+', '-', '@', '\t', '\r', '\n', '|', '%']) && text != "-";
    if begins_formula { format!("'{text}") } else { text.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formulas_are_texts() {
        for text in ["=1+1", "+1", "-1", "@sum", "\t=1", "|cmd"] {
            assert!(harmless(text).starts_with('\''), "{text}");
        }
        assert_eq!(harmless("alice@corp.example"), "alice@corp.example");
        assert_eq!(harmless("-"), "-");
    }

    #[test]
    fn what_turns_the_writing_round_is_escaped() {
        let table = Table {
            title: "",
            note: "",
            period: String::new(),
            columns: vec![Column::shown("forwarder", "", 20)],
            rows: vec![vec!["a\u{202e}b".into()]],
            daily: vec![vec![1]],
        };
        assert_eq!(table.json(), "{\"forwarder\":\"a\\u202eb\",\"daily\":[1]}\n");
        assert!(!table.text().contains('\u{202e}'));
    }
}
