//! A row as evidence points at it, whoever wrote it.

use super::evidence::{Family, Mechanism, Polarity};
use super::signal::{Bind, OwnSignal, Signal};
use std::borrow::Cow;
use std::sync::Arc;

/// A row of the program or of the administrator. Copies share it.
#[derive(Debug, Clone)]
pub enum Row {
    /// The program's.
    Built(&'static Signal),
    /// The administrator's: gone with the last configuration, evidence and event that have it.
    Own(Arc<OwnSignal>),
}

impl From<&'static Signal> for Row {
    fn from(signal: &'static Signal) -> Self {
        Self::Built(signal)
    }
}

impl From<&Row> for Row {
    fn from(row: &Row) -> Self {
        row.clone()
    }
}

impl Row {
    /// Its id.
    pub fn id(&self) -> &str {
        match self {
            Self::Built(signal) => signal.id,
            Self::Own(signal) => &signal.id,
        }
    }

    /// Its id, for what outlives it.
    pub fn name(&self) -> Cow<'static, str> {
        match self {
            Self::Built(signal) => Cow::Borrowed(signal.id),
            Self::Own(signal) => Cow::Owned(signal.id.clone()),
        }
    }

    /// The software that leaves it, where that is known, for what outlives the row.
    pub fn platform(&self) -> Option<Cow<'static, str>> {
        let platform = match self {
            Self::Built(signal) => Cow::Borrowed(signal.platform),
            Self::Own(signal) => Cow::Owned(signal.platform.clone()),
        };
        (!platform.is_empty()).then_some(platform)
    }

    /// What it proves, where it tells.
    pub fn mechanism(&self) -> Option<Mechanism> {
        match self {
            Self::Built(signal) => signal.mechanism,
            Self::Own(signal) => signal.mechanism,
        }
    }

    /// The cause it stems from.
    pub fn family(&self) -> Family {
        match self {
            Self::Built(signal) => signal.family,
            Self::Own(signal) => signal.family,
        }
    }

    /// Its bits, before an administrator's weight and the circumstances.
    pub fn weight(&self) -> f64 {
        match self {
            Self::Built(signal) => signal.weight,
            Self::Own(signal) => signal.weight,
        }
    }

    /// For or against.
    pub fn polarity(&self) -> Polarity {
        match self {
            Self::Built(signal) => signal.polarity,
            Self::Own(signal) => signal.polarity,
        }
    }

    /// Whether it says nothing on automatic replies of our own mailboxes.
    pub(super) fn on_replies_too(&self) -> bool {
        match self {
            Self::Built(signal) => signal.on_replies_too,
            Self::Own(signal) => signal.on_replies_too,
        }
    }

    /// Whether what it reads is like that.
    pub(super) fn matches(&self, text: &str) -> bool {
        match self {
            Self::Built(signal) => signal.reads.matches(text),
            Self::Own(signal) => signal.reads.matches(text),
        }
    }

    /// Whom what it reads names.
    pub(super) fn bind(&self) -> Bind {
        match self {
            Self::Built(signal) => signal.reads.bind(),
            Self::Own(signal) => signal.reads.bind(),
        }
    }
}
