//! Lists of addresses and domains, found in constant time however long they are.

use crate::message::{Address, Domain, DomainSet};
use regex::{Regex, RegexBuilder};
use std::collections::HashSet;
use std::fmt;

/// One entry of a list.
#[derive(Debug, Clone)]
pub enum Pattern {
    /// `*`: any address.
    Any,
    /// `alice@corp.example`: a mailbox, with or without a tag.
    Mailbox(Address),
    /// `@corp.example`: every mailbox of a domain.
    Domain(Domain),
    /// `@.corp.example`: of a domain and of those below it.
    Below(Domain),
    /// `regex:^ann[0-9]+@partner\.example$`: what matches the whole address in lower case.
    Regex(Regex),
}

impl Pattern {
    /// Reads an entry as an administrator writes it.
    ///
    /// # Errors
    /// Says what is wrong with it and how it is written: the end of a sentence that begins with the entry.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        let named = |domain: &Domain| domain.is_well_formed() || domain.is_literal();
        let text = text.trim();
        if text == "*" {
            return Ok(Self::Any);
        }
        if let Some(expression) = text.strip_prefix("regex:") {
            // A limit beside every input: the size of what is compiled, in octets.
            let built = RegexBuilder::new(&format!("^(?:{expression})$")).size_limit(1 << 18).build();
            return built.map(Self::Regex).map_err(|_| "is no regular expression, or too large a one");
        }
        let (domain, below) = match text.strip_prefix('@') {
            Some(rest) => match rest.strip_prefix('.') {
                Some(domain) => (domain, true),
                None => (rest, false),
            },
            None => {
                // A `*` may stand in an address, but whoever writes one in a list means a pattern.
                let odd = |c: char| c.is_whitespace() || c.is_control() || matches!(c, '<' | '>' | ',' | '*');
                return Address::parse(text)
                    .filter(|address| !text.contains(odd) && named(address.domain()))
                    .map(Self::Mailbox)
                    .ok_or("is no address: write user@domain, @domain, @.domain (with the names below it) or *");
            }
        };
        match Domain::new(domain).filter(named) {
            Some(domain) if below => Ok(Self::Below(domain)),
            Some(domain) => Ok(Self::Domain(domain)),
            None => Err("names no domain: write @domain, or @.domain with the names below it"),
        }
    }
}

/// The keys under which an address is in a list: as it is, without its tag, by its domain, by each domain that it is below.
pub(super) fn keys_of(address: &Address) -> impl Iterator<Item = String> {
    let domain = address.domain();
    let below = domain.ancestors().map(|name| format!("@.{name}"));
    [address.key(), address.mailbox().key(), format!("@{domain}")].into_iter().chain(below)
}

/// A list of addresses, whole domains, or both.
#[derive(Debug, Clone, Default)]
pub struct AddressList {
    any: bool,
    mailboxes: HashSet<String>,
    domains: DomainSet,
    expressions: Vec<Regex>,
    entries: usize,
}

impl AddressList {
    /// Adds an entry.
    pub fn insert(&mut self, pattern: Pattern) {
        self.entries += 1;
        match pattern {
            Pattern::Any => self.any = true,
            Pattern::Mailbox(address) => {
                self.mailboxes.insert(address.key());
            }
            Pattern::Domain(domain) => self.domains.insert(domain, false),
            Pattern::Below(domain) => self.domains.insert(domain, true),
            Pattern::Regex(expression) => self.expressions.push(expression),
        }
    }

    /// Whether `address` is in the list: as it is, without its tag, or by its domain.
    pub fn contains(&self, address: &Address) -> bool {
        self.any
            || self.domains.contains(address.domain())
            || (!self.mailboxes.is_empty()
                && (self.mailboxes.contains(&address.key()) || self.mailboxes.contains(&address.mailbox().key())))
            || (!self.expressions.is_empty() && self.matches(&address.key()))
    }

    fn matches(&self, key: &str) -> bool {
        self.expressions.iter().any(|expression| expression.is_match(key))
    }

    /// The keys of its entries, of which [`keys_of`] an address in it gives at least one; `None` where no keys can tell.
    pub(super) fn keys(&self) -> Option<Vec<String>> {
        let domain = |(domain, below): (&Domain, bool)| format!("@{}{domain}", if below { "." } else { "" });
        let keys = || self.mailboxes.iter().cloned().chain(self.domains.entries().map(domain)).collect();
        (!self.any && self.expressions.is_empty()).then(keys)
    }

    /// How many entries it has.
    pub fn len(&self) -> usize {
        self.entries
    }

    /// Whether it has none.
    pub fn is_empty(&self) -> bool {
        self.entries == 0
    }
}

impl FromIterator<Pattern> for AddressList {
    fn from_iter<I: IntoIterator<Item = Pattern>>(patterns: I) -> Self {
        let mut list = Self::default();
        patterns.into_iter().for_each(|pattern| list.insert(pattern));
        list
    }
}

impl fmt::Display for AddressList {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a list of {}", self.entries)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(entries: &[&str]) -> AddressList {
        entries.iter().map(|entry| Pattern::parse(entry).expect("an entry")).collect()
    }

    fn address(text: &str) -> Address {
        Address::parse(text).expect("an address")
    }

    #[test]
    fn entries_of_each_kind() {
        let list = list(&["alice@corp.example", "@ext.example", "@.partner.example"]);
        assert!(list.contains(&address("Alice+tag@corp.example")));
        assert!(!list.contains(&address("bob@corp.example")));
        assert!(list.contains(&address("x@ext.example")));
        assert!(!list.contains(&address("x@sub.ext.example")));
        assert!(list.contains(&address("x@sub.partner.example")));
    }

    #[test]
    fn expressions_match_the_whole_address() {
        let list = list(&["regex:ann[0-9]+@partner\\.example"]);
        assert!(list.contains(&address("Ann42@Partner.example")));
        assert!(!list.contains(&address("joann42@partner.example")));
        assert!(!list.contains(&address("ann42@partner.example.evil.example")));
        for wrong in ["regex:(", "regex:(a{1000}){1000}"] {
            assert!(Pattern::parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn what_is_no_entry() {
        for wrong in [
            "",
            "@",
            "corp.example",
            "@*.example",
            "@corp..example",
            "*@corp.example",
            "a b@corp.example",
            "<a@corp.example>",
            "a@corp.example,b@corp.example",
            "a@corp.exam ple",
            "@a@b",
        ] {
            assert!(Pattern::parse(wrong).is_err(), "{wrong}");
        }
    }
}
