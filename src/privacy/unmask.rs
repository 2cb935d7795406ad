//! Pseudonyms → names. There is no way back from a pseudonym: each known name is tried.

use super::mask::{DIGITS, DOMAIN_DIGITS, SUFFIX};
use super::{Key, is_pseudonym};
use crate::message::Address;
use std::collections::HashMap;

/// What names have which pseudonyms.
#[derive(Debug)]
pub struct Names {
    key: Key,
    people: HashMap<String, String>,
    domains: HashMap<String, String>,
}

impl Names {
    /// Knows nobody yet.
    pub fn new(key: Key) -> Self {
        Self { key, people: HashMap::new(), domains: HashMap::new() }
    }

    /// Takes note of an address, of its domain and of its user name.
    pub fn add(&mut self, address: &Address) {
        let address = address.mailbox();
        // Such a name would not be safe to put back: in a line of JSON it could be more than a name.
        if is_pseudonym(address.local())
            || address.to_string().contains(|c: char| c.is_control() || c == '"' || c == '\\')
        {
            return;
        }
        let text = address.key();
        let pseudonym = format!("p-{}", self.key.code("address", &text, DIGITS));
        if self.people.insert(pseudonym, text).is_some() {
            return;
        }
        let local = address.local().to_lowercase();
        self.people.insert(format!("p-{}", self.key.code("name", &local, DIGITS)), local);
        let domain = address.domain().as_str();
        self.domains.insert(self.key.code("domain", domain, DOMAIN_DIGITS), domain.to_owned());
    }

    /// How many names it tried.
    pub fn len(&self) -> usize {
        self.people.len()
    }

    /// Whether it knows nobody.
    pub fn is_empty(&self) -> bool {
        self.people.is_empty()
    }

    /// The name behind a pseudonym: `p-…`, `p-…@…`, `….pseudonym.invalid`.
    pub fn find(&self, pseudonym: &str) -> Option<&str> {
        let local = pseudonym.split('@').next().unwrap_or_default();
        let domain = || self.domains.get(pseudonym.strip_suffix(SUFFIX)?.strip_suffix('.')?);
        self.people.get(local).or_else(domain).map(String::as_str)
    }

    /// The text with the pseudonyms in it that are known replaced by the names.
    pub fn text(&self, text: &str) -> String {
        let mut out = String::with_capacity(text.len());
        let mut done = 0;
        while let Some((start, end)) = next(text, done) {
            out.push_str(text.get(done..start).unwrap_or_default());
            let pseudonym = text.get(start..end).unwrap_or_default();
            out.push_str(self.find(pseudonym).unwrap_or(pseudonym));
            done = end;
        }
        out.push_str(text.get(done..).unwrap_or_default());
        out
    }
}

/// Where the next pseudonym stands.
fn next(text: &str, from: usize) -> Option<(usize, usize)> {
    let in_domain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.');
    let rest = text.get(from..)?;
    let person = rest.match_indices("p-").find_map(|(at, _)| {
        let end = at + 2 + DIGITS;
        let after = rest.get(end..)?;
        if !is_pseudonym(rest.get(at..end)?) || after.starts_with(|c: char| c.is_ascii_hexdigit()) {
            return None;
        }
        let domain = match after.strip_prefix('@') {
            Some(domain) => 1 + domain.chars().take_while(|c| in_domain(*c)).map(char::len_utf8).sum::<usize>(),
            None => 0,
        };
        Some((at, end + domain))
    });
    let domain = rest.find(&format!(".{SUFFIX}")).and_then(|at| {
        let start = at.checked_sub(DOMAIN_DIGITS)?;
        let hex = rest.get(start..at)?.bytes().all(|byte| byte.is_ascii_hexdigit());
        hex.then_some((start, at + 1 + SUFFIX.len()))
    });
    let found = match (person, domain) {
        (Some(person), Some(domain)) if domain.0 < person.0 => domain,
        (Some(person), _) => person,
        (None, Some(domain)) => domain,
        (None, None) => return None,
    };
    Some((from + found.0, from + found.1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::privacy::{Mask, Show};

    #[test]
    fn what_was_masked_is_named_again() {
        let mut names = Names::new(Key::fixed());
        for one in ["alice@corp.example", "x+tag@gmail.com", "\"}{\"@evil.example"] {
            names.add(&Address::parse(one).unwrap());
        }
        for keep_domain in [true, false] {
            let mask = Mask::new(Show::Pseudonym, keep_domain, Some(Key::fixed()));
            let line = "{\"forwarder\":\"Alice@corp.example\",\"to\":[\"x+other@gmail.com\",\"bob@corp.example\"]}";
            let masked = mask.text(line);
            assert!(!masked.contains("lice") && masked.contains("corp.example") == keep_domain, "{masked}");
            let named = names.text(&masked);
            assert!(named.contains("\"alice@corp.example\"") && named.contains("\"x@gmail.com\""), "{named}");
            assert!(named.contains("p-") && !named.contains("bob"), "{named}");
            assert_eq!(names.find(&mask.name("Alice")), Some("alice"));
        }
        let mask = Mask::new(Show::Pseudonym, false, Some(Key::fixed()));
        let domain = mask.domain(Address::parse("a@gmail.com").unwrap().domain());
        assert_eq!(names.text(&format!("[\"{domain}\"]")), "[\"gmail.com\"]");
        assert_eq!(names.text("p-0123 p-0123456789abcdef0 p-"), "p-0123 p-0123456789abcdef0 p-");
    }
}
