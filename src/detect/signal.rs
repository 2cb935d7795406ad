//! The declarative vocabulary of the catalogue: a row a signal.

use super::evidence::{Family, Mechanism, Polarity};
use serde::Serialize;

/// One row of the catalogue.
#[derive(Debug, PartialEq)]
pub struct Signal {
    /// Stable id, `platform.what`. Never reused.
    pub id: &'static str,
    /// The software that leaves it; empty where it is anybody's.
    pub platform: &'static str,
    /// What it proves, where it tells.
    pub mechanism: Option<Mechanism>,
    /// The cause it stems from.
    pub family: Family,
    /// Bits for a forward (or against one).
    pub weight: f64,
    /// For or against.
    pub polarity: Polarity,
    /// How it is recognised.
    pub reads: Reads,
    /// Whether automatic replies of our own mailboxes carry it too, and it therefore says nothing on them.
    pub on_replies_too: bool,
    /// What it is, in a sentence.
    pub about: &'static str,
    /// What else looks like it.
    pub false_positives: &'static str,
    /// Where that is written.
    pub source: &'static str,
}

/// How a row is recognised.
#[derive(Debug, PartialEq)]
pub enum Reads {
    /// A header field of this name whose body is like that, bound to whom it names.
    Header(&'static str, Body, Bind),
    /// MAIL FROM is like that.
    Sender(Body, Bind),
    /// RCPT TO, its parameters behind it, is like that: evidence about this recipient.
    Recipient(Body, Bind),
    /// Code in the module of the same name as the id's first part.
    Code,
}

/// What the unfolded body of a header field is like. Letters compare without regard to case.
#[derive(Debug, PartialEq)]
pub enum Body {
    /// Anything.
    Any,
    /// One of these, exactly, leading and trailing space aside.
    Is(&'static [&'static str]),
    /// It begins with one of these.
    Begins(&'static [&'static str]),
    /// It contains one of these.
    Contains(&'static [&'static str]),
}

impl Body {
    /// Whether `text` is like that.
    pub fn matches(&self, text: &str) -> bool {
        let text = text.trim();
        match self {
            Self::Any => true,
            Self::Is(wanted) => wanted.iter().any(|one| text.eq_ignore_ascii_case(one)),
            Self::Begins(wanted) => {
                wanted.iter().any(|one| text.get(..one.len()).is_some_and(|start| start.eq_ignore_ascii_case(one)))
            }
            Self::Contains(wanted) => {
                let lower = text.to_ascii_lowercase();
                wanted.iter().any(|one| lower.contains(&one.to_ascii_lowercase()))
            }
        }
    }
}

/// Whom the body names, and whose it must be for the field to be evidence about us. A field that names a stranger's
/// mailbox tells of a forward somewhere else, earlier on the way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bind {
    /// It names nobody: evidence wherever it was written on our side.
    Nobody,
    /// The first address is the forwarding mailbox; must be ours.
    Forwarder,
    /// The first address is where it goes; must be the recipient.
    Destination,
    /// The first is the mailbox and must be ours; those that follow are where it goes.
    ForwarderThenDestinations,
    /// It names the author of what was forwarded.
    OriginalSender,
    /// It is a domain of ours, on what somebody else wrote.
    OwnDomain,
}

/// How strong a weight is, in words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Strength {
    /// Enough alone, whatever else is missing.
    Conclusive,
    /// Enough alone.
    Strong,
    /// Not enough alone.
    Supporting,
    /// A hint.
    Weak,
}

impl Signal {
    /// What most header rows have in common: `Signal { id: …, ..Signal::MARK }`.
    pub(super) const MARK: Self = Self {
        id: "",
        platform: "",
        mechanism: None,
        family: Family::Platform,
        weight: 9.0,
        polarity: Polarity::For,
        reads: Reads::Code,
        on_replies_too: false,
        about: "",
        false_positives: "none known",
        source: "",
    };

    /// The weight in words.
    pub fn strength(&self) -> Strength {
        match self.weight {
            w if w >= 9.0 => Strength::Conclusive,
            w if w >= 5.0 => Strength::Strong,
            w if w >= 2.0 => Strength::Supporting,
            _ => Strength::Weak,
        }
    }
}
