//! Addresses → what is shown of them.

use super::text::replace;
use super::{Key, Show};
use crate::message::{Address, Domain};

/// What pseudonyms of domains end in: a name that nobody can register (RFC 6761 §6.4).
pub(super) const SUFFIX: &str = "pseudonym.invalid";
/// How many hexadecimal digits tell persons apart: 64 bits.
pub(super) const DIGITS: usize = 16;
/// How many hexadecimal digits tell domains apart.
pub(super) const DOMAIN_DIGITS: usize = 12;

/// How one place is masked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mask {
    show: Show,
    keep_domain: bool,
    key: Option<Key>,
}

impl Mask {
    /// Without a key nothing can be a pseudonym, and what should be one is left out.
    pub fn new(show: Show, keep_domain: bool, key: Option<Key>) -> Self {
        let show = if show == Show::Pseudonym && key.is_none() { Show::Absent } else { show };
        Self { show, keep_domain, key }
    }

    /// Nothing is masked.
    pub fn clear() -> Self {
        Self::new(Show::Clear, true, None)
    }

    /// How things are shown.
    pub fn show(&self) -> Show {
        self.show
    }

    /// Whether all is as it is.
    pub fn is_clear(&self) -> bool {
        self.show == Show::Clear
    }

    /// Whether domains are seen.
    pub fn keeps_domains(&self) -> bool {
        self.is_clear() || self.keep_domain
    }

    /// An address. One that is a pseudonym already stays what it is. A tag (`user+tag`) is left out: a person has one
    /// pseudonym.
    pub fn address(&self, address: &Address) -> Address {
        if self.is_clear() || is_pseudonym(address.local()) || address.domain().as_str().ends_with(SUFFIX) {
            return address.clone();
        }
        let domain = self.domain(address.domain());
        let local = match &self.key {
            Some(key) if self.show == Show::Pseudonym => {
                format!("p-{}", key.code("address", &address.mailbox().key(), DIGITS))
            }
            _ => "absent".to_owned(),
        };
        Address::new(&local, &domain).unwrap_or_else(|| address.clone())
    }

    /// What look-ups of an address find it by: its own key, or that of its pseudonym.
    pub fn key(&self, address: &Address) -> String {
        if self.is_clear() { address.key() } else { self.address(address).key() }
    }

    /// A domain.
    pub fn domain(&self, domain: &Domain) -> String {
        if self.keeps_domains() || domain.as_str().ends_with(SUFFIX) {
            return domain.to_string();
        }
        match &self.key {
            Some(key) if self.show == Show::Pseudonym => {
                format!("{}.{SUFFIX}", key.code("domain", domain.as_str(), DOMAIN_DIGITS))
            }
            _ => format!("absent.{SUFFIX}"),
        }
    }

    /// A name that stands for a person and has no domain: of a user who logged in.
    pub fn name(&self, name: &str) -> String {
        match (self.show, &self.key) {
            (Show::Clear, _) => name.to_owned(),
            _ if name.contains('@') => self.text(name),
            _ if is_pseudonym(name) => name.to_owned(),
            (Show::Pseudonym, Some(key)) => format!("p-{}", key.code("name", &name.to_lowercase(), DIGITS)),
            _ => "absent".to_owned(),
        }
    }

    /// A whole text of which nothing may be seen: a subject.
    pub fn whole(&self, text: &str) -> Option<String> {
        match (self.show, &self.key) {
            (Show::Clear, _) => Some(text.to_owned()),
            (Show::Pseudonym, Some(key)) => Some(format!("p-{}", key.code("text", text, DIGITS))),
            _ => None,
        }
    }

    /// A text in which addresses may stand.
    pub fn text(&self, text: &str) -> String {
        if self.is_clear() {
            return text.to_owned();
        }
        replace(text, |address| Some(self.address(address).to_string()))
    }
}

/// Whether a local part or a name is a pseudonym.
pub fn is_pseudonym(text: &str) -> bool {
    let hex = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    text.strip_prefix("p-").is_some_and(|digits| digits.len() == DIGITS && digits.bytes().all(hex))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> Address {
        Address::parse(text).unwrap()
    }

    fn shown(show: Show, keep_domain: bool, text: &str) -> String {
        Mask::new(show, keep_domain, Some(Key::fixed())).address(&address(text)).to_string()
    }

    #[test]
    fn one_person_one_pseudonym() {
        let alice = shown(Show::Pseudonym, true, "alice@corp.example");
        assert!(is_pseudonym(alice.strip_suffix("@corp.example").unwrap()), "{alice}");
        assert_eq!(alice, shown(Show::Pseudonym, true, "Alice+news@CORP.example"));
        assert_eq!(alice, shown(Show::Pseudonym, true, &alice), "a pseudonym stays");
        assert_ne!(alice, shown(Show::Pseudonym, true, "bob@corp.example"));
        let other = Mask::new(Show::Pseudonym, true, Some(Key::fixed()));
        assert_ne!(alice, other.address(&address("alice@ext.example")).to_string());
        let hidden = shown(Show::Pseudonym, false, "alice@corp.example");
        assert!(!hidden.contains("corp") && hidden.ends_with(".pseudonym.invalid"), "{hidden}");
        assert_eq!(hidden, shown(Show::Pseudonym, false, &hidden));
    }

    #[test]
    fn absent_and_clear() {
        assert_eq!(shown(Show::Clear, false, "Alice+x@corp.example"), "Alice+x@corp.example");
        assert_eq!(shown(Show::Absent, true, "alice@corp.example"), "absent@corp.example");
        assert_eq!(shown(Show::Absent, false, "alice@corp.example"), "absent@absent.pseudonym.invalid");
        let without_key = Mask::new(Show::Pseudonym, true, None);
        assert_eq!(without_key.address(&address("alice@corp.example")).to_string(), "absent@corp.example");
        assert_eq!(without_key.whole("secret"), None);
    }
}
