//! Header fields as they came (RFC 5322 §2.2), and the one way to read them.

use super::address::{self, Address};
use mail_parser::HeaderValue;
use mail_parser::parsers::MessageStream;
use std::borrow::Cow;
use std::collections::HashMap;

/// One header field: its name and its raw body, folding and all.
#[derive(Debug, Clone)]
pub struct Header {
    name: String,
    raw: Vec<u8>,
}

impl Header {
    /// Keeps a field. White space around the name is no part of it (obsolete syntax, RFC 5322 §4.5.8: `Name : body`).
    pub(super) fn new(name: &[u8], raw: Vec<u8>) -> Self {
        Self { name: String::from_utf8_lossy(name).trim().to_owned(), raw }
    }

    /// The field's name in the case in which it came.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whether this is a field of that name, in whatever case.
    pub fn is(&self, name: &str) -> bool {
        self.name.eq_ignore_ascii_case(name)
    }

    /// The field's body, byte for byte.
    pub fn raw(&self) -> &[u8] {
        &self.raw
    }

    /// The body unfolded (RFC 5322 §2.2.3), trimmed, control characters turned into spaces, bytes that are no UTF-8
    /// replaced.
    pub fn text(&self) -> Cow<'_, str> {
        let text = match String::from_utf8_lossy(&self.raw) {
            Cow::Borrowed(text) if !text.contains(char::is_control) => return Cow::Borrowed(text.trim()),
            text => text,
        };
        // Line ends are taken out, other control characters become a space; what stands between them is copied whole.
        let mut unfolded = String::with_capacity(text.len());
        let mut rest = text.as_ref();
        while let Some(at) = rest.find(char::is_control) {
            unfolded.push_str(&rest[..at]);
            let control = rest[at..].chars().next().map_or(1, char::len_utf8);
            let line_end = rest[at..].starts_with('\n') || rest[at..].starts_with("\r\n");
            if !line_end {
                unfolded.push(' ');
            }
            rest = &rest[at + control..];
        }
        unfolded.push_str(rest);
        Cow::Owned(unfolded.trim().to_owned())
    }

    /// The body as a person reads it: unfolded, encoded words decoded (RFC 2047).
    pub fn decoded(&self) -> Cow<'_, str> {
        let text = self.text();
        if !text.contains("=?") {
            return text;
        }
        let mut bytes = text.as_bytes().to_vec();
        bytes.push(b'\n');
        let decoded = match MessageStream::new(&bytes).parse_unstructured() {
            HeaderValue::Text(decoded) => Some(decoded.into_owned()),
            _ => None,
        };
        decoded.map_or(text, Cow::Owned)
    }

    /// The addresses in the body, as an address list.
    pub fn addresses(&self) -> Vec<Address> {
        address::parse_list(&self.raw)
    }

    /// The one address that the body is, where it is a bare address with or without brackets; else the first of a list.
    pub fn address(&self) -> Option<Address> {
        let text = self.text();
        if !text.contains([',', ' ', '(', '"', ':']) {
            return Address::parse(&text);
        }
        self.addresses().into_iter().next()
    }
}

/// The header section in the order in which the fields stand, top first.
#[derive(Debug, Clone, Default)]
pub struct Headers {
    fields: Vec<Header>,
    /// Positions by name in lower case, each list in order: a look-up must not cost a walk over ten thousand fields.
    by_name: HashMap<String, Vec<usize>>,
}

impl Headers {
    pub(super) fn push(&mut self, header: Header) {
        self.by_name.entry(header.name.to_ascii_lowercase()).or_default().push(self.fields.len());
        self.fields.push(header);
    }

    /// The fields with their positions, top first.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = (usize, &Header)> {
        self.fields.iter().enumerate()
    }

    /// The field at this position.
    pub fn get(&self, position: usize) -> Option<&Header> {
        self.fields.get(position)
    }

    /// The fields of that name, top first, with their positions.
    pub fn all(&self, name: &str) -> impl Iterator<Item = (usize, &Header)> {
        let positions = self.by_name.get(&name.to_ascii_lowercase()).map(Vec::as_slice).unwrap_or_default();
        positions.iter().filter_map(|&position| Some((position, self.fields.get(position)?)))
    }

    /// The topmost field of that name.
    pub fn first(&self, name: &str) -> Option<&Header> {
        self.all(name).next().map(|(_, field)| field)
    }

    /// The names that occur, in lower case, in no particular order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.by_name.keys().map(String::as_str)
    }

    /// `body` under the fields that say what it is, which is all that a parser of MIME needs.
    pub fn over_body(&self, body: &[u8]) -> Vec<u8> {
        let mut whole = b"MIME-Version: 1.0\r\n".to_vec();
        for name in ["Content-Type", "Content-Transfer-Encoding"] {
            if let Some(field) = self.first(name) {
                whole.extend_from_slice(format!("{name}: {}\r\n", field.text()).as_bytes());
            }
        }
        whole.extend_from_slice(b"\r\n");
        whole.extend_from_slice(body);
        whole
    }

    /// How many fields there are.
    pub fn len(&self) -> usize {
        self.fields.len()
    }

    /// Whether there is no field at all.
    pub fn is_empty(&self) -> bool {
        self.fields.is_empty()
    }

    /// The addresses of every field of any of these names, name by name.
    pub fn addresses(&self, names: &[&str]) -> Vec<Address> {
        names.iter().flat_map(|name| self.all(name)).flat_map(|(_, field)| field.addresses()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(raw: &[u8]) -> Header {
        Header::new(b"X-Test\t", raw.to_vec())
    }

    #[test]
    fn unfolds_and_keeps_the_name() {
        let field = header(b" one\r\n\ttwo\n three ");
        assert_eq!(field.name(), "X-Test");
        assert_eq!(field.text(), "one two three");
    }

    #[test]
    fn folding_inside_an_address_does_not_hide_it() {
        assert_eq!(
            header(b" <alice@corp\r\n\t.example>").address().map(|a| a.to_string()).as_deref(),
            Some("alice@corp.example")
        );
    }

    #[test]
    fn decodes_encoded_words_only_where_asked() {
        let field = header(b"=?utf-8?b?V0c6IFByb3Rva29sbA==?=");
        assert_eq!(field.text(), "=?utf-8?b?V0c6IFByb3Rva29sbA==?=");
        assert_eq!(field.decoded(), "WG: Protokoll");
    }

    #[test]
    fn bytes_that_are_no_text_do_no_harm() {
        assert_eq!(header(b"a\0b\xff").text(), "a b\u{fffd}");
    }
}
