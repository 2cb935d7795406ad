//! The declarative vocabulary of the catalogue: a row a signal.

use super::evidence::{Family, Mechanism, Polarity};
use serde::Serialize;

/// One row of the catalogue. The program's own are tables in the binary, an administrator's own what they hold: `T` is a
/// text of the one or the other, `L` a list of them.
#[derive(Debug, PartialEq)]
pub struct Signal<T = &'static str, L = &'static [&'static str]> {
    /// Stable id, `platform.what`. Never reused.
    pub id: T,
    /// The software that leaves it; empty where it is anybody's.
    pub platform: T,
    /// What it proves, where it tells.
    pub mechanism: Option<Mechanism>,
    /// The cause it stems from.
    pub family: Family,
    /// Bits for a forward (or against one).
    pub weight: f64,
    /// For or against.
    pub polarity: Polarity,
    /// How it is recognised.
    pub reads: Reads<T, L>,
    /// Whether automatic replies of our own mailboxes carry it too, and it therefore says nothing on them.
    pub on_replies_too: bool,
    /// What it is, in a sentence.
    pub about: T,
    /// What else looks like it.
    pub false_positives: &'static str,
    /// Where that is written.
    pub source: &'static str,
}

/// A row that an administrator wrote. It lives as long as the configuration and the evidence that point at it.
pub type OwnSignal = Signal<String, Vec<String>>;

/// How a row is recognised.
#[derive(Debug, PartialEq)]
pub enum Reads<T = &'static str, L = &'static [&'static str]> {
    /// A header field of this name whose body is like that, bound to whom it names.
    Header(T, Body<L>, Bind),
    /// MAIL FROM is like that.
    Sender(Body<L>, Bind),
    /// RCPT TO, its parameters behind it, is like that: evidence about this recipient.
    Recipient(Body<L>, Bind),
    /// Code in the module of the same name as the id's first part.
    Code,
}

impl<T, L: Texts> Reads<T, L> {
    /// Whether what it reads is like that.
    pub fn matches(&self, text: &str) -> bool {
        match self {
            Self::Header(_, body, _) | Self::Sender(body, _) | Self::Recipient(body, _) => body.matches(text),
            Self::Code => false,
        }
    }

    /// Whom what it reads names.
    pub fn bind(&self) -> Bind {
        match self {
            Self::Header(_, _, bind) | Self::Sender(_, bind) | Self::Recipient(_, bind) => *bind,
            Self::Code => Bind::Nobody,
        }
    }
}

/// What the unfolded body of a header field is like. Letters compare without regard to case.
#[derive(Debug, PartialEq)]
pub enum Body<L = &'static [&'static str]> {
    /// Anything.
    Any,
    /// One of these, exactly, leading and trailing space aside.
    Is(L),
    /// It begins with one of these.
    Begins(L),
    /// It contains one of these.
    Contains(L),
    /// It is one of these, in which the first `*` stands for whatever is there.
    Like(L),
}

impl<L: Texts> Body<L> {
    /// Whether `text` is like that.
    pub fn matches(&self, text: &str) -> bool {
        let text = text.trim();
        match self {
            Self::Any => true,
            Self::Is(wanted) => wanted.texts().any(|one| text.eq_ignore_ascii_case(one)),
            Self::Begins(wanted) => wanted.texts().any(|one| begins(text, one)),
            Self::Contains(wanted) => {
                let lower = text.to_ascii_lowercase();
                wanted.texts().any(|one| lower.contains(&one.to_ascii_lowercase()))
            }
            Self::Like(wanted) => wanted.texts().any(|one| is_like(text, one)),
        }
    }
}

fn begins(text: &str, start: &str) -> bool {
    text.get(..start.len()).is_some_and(|there| there.eq_ignore_ascii_case(start))
}

/// Whether `text` is `pattern`, in which the first `*` stands for anything.
fn is_like(text: &str, pattern: &str) -> bool {
    let Some((start, end)) = pattern.split_once('*') else { return text.eq_ignore_ascii_case(pattern) };
    // Both ends stand in the text one behind the other: `a*a` is not in `a`.
    let rest = text.len().checked_sub(end.len()).filter(|at| *at >= start.len());
    begins(text, start) && rest.and_then(|at| text.get(at..)).is_some_and(|there| there.eq_ignore_ascii_case(end))
}

/// A list of texts, in the binary or of a configuration.
pub trait Texts {
    /// They.
    fn texts(&self) -> impl Iterator<Item = &str>;
}

impl Texts for &'static [&'static str] {
    fn texts(&self) -> impl Iterator<Item = &str> {
        self.iter().copied()
    }
}

impl Texts for Vec<String> {
    fn texts(&self) -> impl Iterator<Item = &str> {
        self.iter().map(String::as_str)
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
}

impl<T, L> Signal<T, L> {
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

#[cfg(test)]
mod tests {
    use super::Body;

    #[test]
    fn a_star_stands_for_anything_once() {
        let like = |pattern: &str, text: &str| Body::Like(vec![pattern.to_owned()]).matches(text);
        for (pattern, text) in [
            ("bounce+*@crm.example", "Bounce+17=x@CRM.example"),
            ("bounce+*@crm.example", "bounce+@crm.example"),
            ("*@crm.example", "a@crm.example"),
            ("exact@crm.example", " exact@crm.example "),
            ("a*a", "aa"),
            ("a**", "ab*"),
        ] {
            assert!(like(pattern, text), "{pattern} {text}");
        }
        for (pattern, text) in [
            ("bounce+*@crm.example", "bounce@crm.example"),
            ("*@crm.example", "a@crm.example.net"),
            ("exact@crm.example", "exact@crm.example.net"),
            ("a*a", "a"),
            ("a**", "ab"),
            ("ä*ä", "ä"),
            ("*x", "\u{e4}"),
        ] {
            assert!(!like(pattern, text), "{pattern} {text}");
        }
    }
}
