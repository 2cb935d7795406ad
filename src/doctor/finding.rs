//! What is said of a wiring: what is wrong, where, what it means, and the line to change.

use serde::Serialize;
use std::path::{Path, PathBuf};

/// How bad it is; the worst first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Forwards are not seen, or mail is lost, bounced or stopped.
    Error,
    /// Some forwards may not be seen, or evidence is lost.
    Warning,
    /// Fine today.
    Note,
}

impl Severity {
    /// The name that is printed.
    pub fn name(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
            Self::Note => "note",
        }
    }
}

/// One finding: the contract of `--format json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// The rule that found it.
    pub id: &'static str,
    /// How bad it is.
    pub severity: Severity,
    /// The file it is in.
    pub file: PathBuf,
    /// What in that file: a parameter, a service with its parameter, an entry of a table.
    pub at: String,
    /// What is so.
    pub found: String,
    /// What that means.
    pub text: String,
    /// Lines as they ought to be, in `file` unless they say otherwise; none where it is for people to decide.
    pub change: Vec<String>,
}

impl Finding {
    /// A finding at `at` in `file`; the rest by the functions below.
    pub fn new(id: &'static str, severity: Severity, file: &Path, at: impl Into<String>) -> Self {
        Self {
            id,
            severity,
            file: file.to_owned(),
            at: at.into(),
            found: String::new(),
            text: String::new(),
            change: Vec::new(),
        }
    }

    /// What is so.
    pub fn found(mut self, found: impl Into<String>) -> Self {
        self.found = found.into();
        self
    }

    /// What it means.
    pub fn means(mut self, text: impl Into<String>) -> Self {
        self.text = text.into();
        self
    }

    /// A line as it ought to be.
    pub fn change(mut self, line: impl Into<String>) -> Self {
        self.change.push(line.into());
        self
    }
}
