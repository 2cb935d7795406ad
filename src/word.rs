//! Words of a fixed vocabulary that are read back: the same `&'static str` as those the program writes.
//!
//! What is not among the words met so far is kept for good, so a file full of invented ones is refused at some point
//! instead of filling the memory.

use serde::{Deserialize, Deserializer, de::Error};
use std::collections::HashSet;
use std::sync::{LazyLock, Mutex, PoisonError};

/// A word of ours. By this name a field of a struct can be read back; by its own it would only be read from what lives
/// for good.
pub type Word = &'static str;

/// How many words there may be. The program has a few dozen.
const MOST: usize = 1_000;
/// How long one may be, in octets.
const LONGEST: usize = 64;

static KNOWN: LazyLock<Mutex<HashSet<Word>>> = LazyLock::new(Mutex::default);

fn known(text: &str) -> Option<Word> {
    let mut known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(word) = known.get(text) {
        return Some(word);
    }
    if known.len() >= MOST || text.len() > LONGEST {
        return None;
    }
    let word: Word = Box::leak(text.to_owned().into_boxed_str());
    known.insert(word);
    Some(word)
}

fn found<E: Error>(text: &str) -> Result<Word, E> {
    known(text).ok_or_else(|| E::custom("no word of this program"))
}

/// For `deserialize_with`: one word.
///
/// # Errors
/// There is no text, or it is no word.
pub fn one<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Word, D::Error> {
    found(&String::deserialize(deserializer)?)
}

/// For `deserialize_with`: a word, or none.
///
/// # Errors
/// There is a text, and it is no word.
pub fn maybe<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Word>, D::Error> {
    Option::<String>::deserialize(deserializer)?.map(|text| found(&text)).transpose()
}

/// For `deserialize_with`: some words.
///
/// # Errors
/// One of them is no word.
pub fn list<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Word>, D::Error> {
    Vec::<String>::deserialize(deserializer)?.iter().map(|text| found(text)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_is_kept_once() {
        let (a, b) = (known("auto_forward").unwrap(), known("auto_forward").unwrap());
        assert!(std::ptr::eq(a, b));
        assert!(known(&"x".repeat(LONGEST + 1)).is_none());
    }
}
