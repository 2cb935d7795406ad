//! JSON objects, written as they are filled: what is absent or empty leaves no key, what is long is cut, and every
//! hostile character is escaped, so that one object is one line to every reader.

use super::text::{cut, hostile};
use crate::event::EvidenceItem;
use std::fmt::Display;
use std::io::Write;

/// How much of lists and texts an object takes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Cap {
    /// Entries of a list.
    pub(super) items: usize,
    /// Characters of a text.
    pub(super) chars: usize,
}

impl Cap {
    /// What a store indexes: Elasticsearch ignores keywords past 1024 characters.
    pub(super) const WIDE: Self = Self { items: 100, chars: 1000 };
}

/// A piece of evidence, in dialects that have no object of their own for one.
pub(super) fn seen(object: &mut Object<'_>, item: &EvidenceItem) {
    object.text("id", &*item.id);
    object.plain("weight", item.weight);
    object.text("value", item.value.as_str());
}

/// An object that is being filled.
pub(super) struct Object<'a> {
    out: &'a mut Vec<u8>,
    cap: Cap,
    empty: bool,
}

impl Object<'_> {
    /// Writes one object.
    pub(super) fn write(out: &mut Vec<u8>, cap: Cap, fill: impl FnOnce(&mut Object<'_>)) {
        out.push(b'{');
        let mut object = Object { out, cap, empty: true };
        fill(&mut object);
        out.push(b'}');
    }

    /// A text; absent or empty, there is no key.
    pub(super) fn text<'t>(&mut self, key: &str, value: impl Into<Option<&'t str>>) {
        if let Some(value) = value.into().filter(|value| !value.is_empty()) {
            self.key(key);
            string(self.out, cut(value, self.cap.chars));
        }
    }

    /// A number or a truth value.
    pub(super) fn plain(&mut self, key: &str, value: impl Display) {
        self.key(key);
        self.append(&value);
    }

    /// The same, where it is known.
    pub(super) fn maybe(&mut self, key: &str, value: Option<impl Display>) {
        if let Some(value) = value {
            self.plain(key, value);
        }
    }

    /// A number or the like, as a text: an id, a time.
    pub(super) fn shown(&mut self, key: &str, value: &impl Display) {
        self.key(key);
        self.out.push(b'"');
        self.append(value);
        self.out.push(b'"');
    }

    /// A list of texts; without an entry, there is no key.
    pub(super) fn list<'t>(&mut self, key: &str, values: impl IntoIterator<Item = &'t str>) {
        let chars = self.cap.chars;
        let values = values.into_iter().filter(|value| !value.is_empty());
        self.array(key, values, |out, value| string(out, cut(value, chars)));
    }

    /// An object within; if nothing is put into it, there is no key.
    pub(super) fn object(&mut self, key: &str, fill: impl FnOnce(&mut Object<'_>)) {
        let (before, was_empty) = (self.out.len(), self.empty);
        self.key(key);
        let start = self.out.len();
        Object::write(self.out, self.cap, fill);
        if self.out.len() == start + 2 {
            self.out.truncate(before);
            self.empty = was_empty;
        }
    }

    /// A list of objects; without an entry, there is no key.
    pub(super) fn objects<T>(
        &mut self,
        key: &str,
        values: impl IntoIterator<Item = T>,
        fill: impl Fn(&mut Object<'_>, T),
    ) {
        let cap = self.cap;
        self.array(key, values.into_iter(), |out, value| Object::write(out, cap, |object| fill(object, value)));
    }

    /// A list, as far as there is room; without an entry, there is no key.
    fn array<T>(&mut self, key: &str, values: impl Iterator<Item = T>, write: impl Fn(&mut Vec<u8>, T)) {
        let mut values = values.take(self.cap.items).peekable();
        if values.peek().is_none() {
            return;
        }
        self.key(key);
        self.out.push(b'[');
        for (index, value) in values.enumerate() {
            if index > 0 {
                self.out.push(b',');
            }
            write(self.out, value);
        }
        self.out.push(b']');
    }

    fn key(&mut self, key: &str) {
        if !std::mem::take(&mut self.empty) {
            self.out.push(b',');
        }
        string(self.out, key);
        self.out.push(b':');
    }

    fn append(&mut self, value: &impl Display) {
        // A vector takes everything.
        let _ = write!(self.out, "{value}");
    }
}

fn string(out: &mut Vec<u8>, text: &str) {
    out.push(b'"');
    // Most texts, and all keys, have nothing to escape.
    let plain = |byte: u8| matches!(byte, b' '..=b'~') && byte != b'"' && byte != b'\\';
    if text.bytes().all(plain) {
        out.extend_from_slice(text.as_bytes());
    } else {
        escaped(out, text);
    }
    out.push(b'"');
}

fn escaped(out: &mut Vec<u8>, text: &str) {
    let mut written = 0;
    for (at, c) in text.char_indices() {
        if c == '"' || c == '\\' || hostile(c) {
            out.extend_from_slice(text.get(written..at).unwrap_or_default().as_bytes());
            // A vector takes everything. Every hostile character is of the basic plane, so one escape holds it.
            let _ = match c {
                // A receiver that is written in C ends a text at NUL, and would not see what follows.
                '\0' => write!(out, "\\ufffd"),
                c if hostile(c) => write!(out, "\\u{:04x}", u32::from(c)),
                c => write!(out, "\\{c}"),
            };
            written = at + c.len_utf8();
        }
    }
    out.extend_from_slice(text.get(written..).unwrap_or_default().as_bytes());
}
