//! What is wrong with a configuration, where, and what to do about it.

use std::fmt;
use std::path::{Path, PathBuf};

/// Whether a configuration with this problem is used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Severity {
    /// It is not.
    Error,
    /// It is, but probably does not do what was meant.
    Warning,
}

/// One problem.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Problem {
    /// How bad it is.
    pub severity: Severity,
    /// The file.
    pub file: PathBuf,
    /// The line, from 1; 0 where the file as a whole is meant.
    pub line: usize,
    /// The key, `listener[1].socket`; empty where none is meant.
    pub key: String,
    /// The reason, and what to write instead.
    pub text: String,
}

impl Problem {
    /// An error about a file as a whole.
    pub(super) fn file(file: &Path, text: impl Into<String>) -> Self {
        Self { severity: Severity::Error, file: file.to_owned(), line: 0, key: String::new(), text: text.into() }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:", self.file.display())?;
        if self.line > 0 {
            write!(f, "{}:", self.line)?;
        }
        f.write_str(match self.severity {
            Severity::Error => " error: ",
            Severity::Warning => " warning: ",
        })?;
        if !self.key.is_empty() {
            write!(f, "{}: ", self.key)?;
        }
        f.write_str(&self.text)
    }
}

/// All problems of a configuration that cannot be used, in the order of files and lines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problems(pub(super) Vec<Problem>);

impl Problems {
    /// Each.
    pub fn iter(&self) -> impl Iterator<Item = &Problem> {
        self.0.iter()
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.0.iter().enumerate() {
            if index > 0 {
                f.write_str("\n")?;
            }
            write!(f, "{problem}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Problems {}

/// A value as a message may show it: quoted, one line, cut.
pub(super) fn quoted(value: &str) -> String {
    let shown: String = value.chars().take(60).flat_map(char::escape_debug).collect();
    let more = if value.chars().nth(60).is_some() { "…" } else { "" };
    format!("\"{shown}{more}\"")
}
