//! Rows that an administrator writes.

use super::evidence::{Family, Mechanism, Polarity};
use super::signal::{Bind, Body, Reads, Signal};
use std::sync::{Mutex, PoisonError};

/// What such a row says, as it was configured.
#[derive(Debug, Clone, PartialEq)]
pub struct OwnRow {
    /// `local.` and a name.
    pub id: String,
    /// The software, where it is known.
    pub platform: String,
    /// What it proves, where it tells.
    pub mechanism: Option<Mechanism>,
    /// Bits.
    pub weight: f64,
    /// For a forward or against one.
    pub polarity: Polarity,
    /// Where it looks.
    pub subject: Subject,
    /// What it looks for.
    pub pattern: Pattern,
    /// Whom it names.
    pub names: Bind,
    /// What it is, in a sentence.
    pub about: String,
}

/// What a row of an administrator looks at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Subject {
    /// The header fields of this name.
    Header(String),
    /// MAIL FROM.
    Sender,
    /// RCPT TO with its parameters.
    Recipient,
}

/// What a row of an administrator looks for, as [`Body`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Pattern {
    /// Anything.
    Any,
    /// One of these, exactly.
    Is(Vec<String>),
    /// It begins with one of these.
    Begins(Vec<String>),
    /// It contains one of these.
    Contains(Vec<String>),
}

impl OwnRow {
    /// The row for the catalogue. Rows live as long as the program: evidence in flight points at them. The same row is
    /// made once, so a reload that changes nothing costs nothing.
    pub fn signal(&self) -> &'static Signal {
        static MADE: Mutex<Vec<&'static Signal>> = Mutex::new(Vec::new());
        let mut made = MADE.lock().unwrap_or_else(PoisonError::into_inner);
        let fresh = self.make();
        if let Some(known) = made.iter().find(|known| ***known == fresh) {
            return known;
        }
        let signal = Box::leak(Box::new(fresh));
        made.push(signal);
        signal
    }

    fn make(&self) -> Signal {
        let body = match &self.pattern {
            Pattern::Any => Body::Any,
            Pattern::Is(texts) => Body::Is(kept(texts)),
            Pattern::Begins(texts) => Body::Begins(kept(texts)),
            Pattern::Contains(texts) => Body::Contains(kept(texts)),
        };
        let reads = match &self.subject {
            Subject::Header(name) => Reads::Header(interned(name), body, self.names),
            Subject::Sender => Reads::Sender(body, self.names),
            Subject::Recipient => Reads::Recipient(body, self.names),
        };
        Signal {
            id: interned(&self.id),
            platform: interned(&self.platform),
            mechanism: self.mechanism,
            family: Family::Platform,
            weight: self.weight,
            polarity: self.polarity,
            reads,
            on_replies_too: false,
            about: interned(&self.about),
            false_positives: "yours to say",
            source: "configuration, [[detector]]",
        }
    }
}

/// Texts of rows, each kept once.
fn interned(text: &str) -> &'static str {
    static TEXTS: Mutex<Vec<&'static str>> = Mutex::new(Vec::new());
    let mut texts = TEXTS.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(known) = texts.iter().find(|known| **known == text) {
        return known;
    }
    let text: &'static str = Box::leak(text.to_owned().into_boxed_str());
    texts.push(text);
    text
}

/// Lists of texts of rows, each kept once.
fn kept(texts: &[String]) -> &'static [&'static str] {
    static LISTS: Mutex<Vec<&'static [&'static str]>> = Mutex::new(Vec::new());
    let texts: Vec<&'static str> = texts.iter().map(|text| interned(text)).collect();
    let mut lists = LISTS.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(known) = lists.iter().find(|known| ***known == texts[..]) {
        return known;
    }
    let list: &'static [&'static str] = Box::leak(texts.into_boxed_slice());
    lists.push(list);
    list
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_row_is_made_once() {
        let row = |about: &str| OwnRow {
            id: "local.test".into(),
            platform: String::new(),
            mechanism: None,
            weight: 3.0,
            polarity: Polarity::For,
            subject: Subject::Header("X-Test".into()),
            pattern: Pattern::Begins(vec!["a".into(), "b".into()]),
            names: Bind::Nobody,
            about: about.into(),
        };
        assert!(std::ptr::eq(row("one").signal(), row("one").signal()));
        assert!(!std::ptr::eq(row("one").signal(), row("two").signal()));
    }
}
