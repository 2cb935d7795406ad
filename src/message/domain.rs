//! Domain names, in the one form in which they are compared: A-labels, lower case, no trailing dot.

use serde::{Serialize, Serializer};
use std::borrow::Borrow;
use std::collections::HashSet;
use std::fmt;

/// A domain name, or an address literal such as `[192.0.2.1]`, in comparable form (RFC 5890, RFC 5321 §4.1.3).
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Domain(String);

impl Domain {
    /// Brings `text` into comparable form. `None` if nothing is left of it.
    ///
    /// Names that are no valid host names are kept, lower-cased: a filter has to name what it saw.
    pub fn new(text: &str) -> Option<Self> {
        let text = text.trim().trim_end_matches(['.', '\u{3002}', '\u{ff0e}']);
        if text.is_empty() {
            return None;
        }
        if text.is_ascii() {
            return Some(Self(text.to_ascii_lowercase()));
        }
        let ascii = idna::domain_to_ascii(text).unwrap_or_else(|_| text.to_lowercase());
        (!ascii.is_empty()).then_some(Self(ascii))
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether this is `parent` or a name below it, at a label boundary.
    pub fn is_within(&self, parent: &Self) -> bool {
        self.ancestors().any(|name| name == parent.0)
    }

    /// Whether this is an address literal (RFC 5321 §4.1.3), which never belongs to an organisation's domains.
    pub fn is_literal(&self) -> bool {
        self.0.starts_with('[')
    }

    /// Whether this is written as names in the DNS are: labels of letters, digits, `-` and `_`, none empty or too long, the
    /// last one no number (RFC 1035 §2.3.4, RFC 3696 §2).
    pub fn is_well_formed(&self) -> bool {
        let label = |label: &str| {
            (1..=63).contains(&label.len()) && label.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b))
        };
        let last = self.0.rsplit('.').next().unwrap_or_default();
        self.0.len() <= 253 && self.0.split('.').all(label) && !last.bytes().all(|b| b.is_ascii_digit())
    }

    /// Whether everybody may register names below it: `com`, `co.uk`.
    pub fn is_public_suffix(&self) -> bool {
        psl::suffix(self.0.as_bytes())
            .is_some_and(|suffix| suffix.typ() == Some(psl::Type::Icann) && suffix.as_bytes() == self.0.as_bytes())
    }

    /// The name itself, then each name above it: `a.b.example`, `b.example`, `example`.
    pub fn ancestors(&self) -> impl Iterator<Item = &str> {
        let mut rest = Some(self.0.as_str());
        std::iter::from_fn(move || {
            let name = rest?;
            rest = name.split_once('.').map(|(_, above)| above).filter(|above| !above.is_empty());
            Some(name)
        })
    }

    /// The registrable domain by the public suffix list, or the name itself where it has none.
    pub fn registrable(&self) -> &str {
        if self.is_literal() {
            return &self.0;
        }
        psl::domain_str(&self.0).unwrap_or(&self.0)
    }
}

impl fmt::Display for Domain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Serialize for Domain {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl Borrow<str> for Domain {
    fn borrow(&self) -> &str {
        &self.0
    }
}

/// A set of domains, each with or without the names below it. Look-ups take time by the labels of the name asked for,
/// not by the size of the set.
#[derive(Debug, Clone, Default)]
pub struct DomainSet {
    exact: HashSet<Domain>,
    below: HashSet<Domain>,
}

impl DomainSet {
    /// An empty set.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds `domain`; with `subdomains`, also every name below it.
    pub fn insert(&mut self, domain: Domain, subdomains: bool) {
        if subdomains {
            self.below.insert(domain.clone());
        }
        self.exact.insert(domain);
    }

    /// Whether `domain` is in the set.
    pub fn contains(&self, domain: &Domain) -> bool {
        self.exact.contains(domain)
            || (!self.below.is_empty() && domain.ancestors().skip(1).any(|name| self.below.contains(name)))
    }

    /// Whether nothing is in the set.
    pub fn is_empty(&self) -> bool {
        self.exact.is_empty()
    }

    /// The domains that were added, each with whether the names below it were too, in no particular order.
    pub fn entries(&self) -> impl Iterator<Item = (&Domain, bool)> {
        self.exact.iter().map(|domain| (domain, self.below.contains(domain)))
    }

    /// The domains that were added, in no particular order.
    pub fn iter(&self) -> impl Iterator<Item = &Domain> {
        self.exact.iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn domain(text: &str) -> Domain {
        Domain::new(text).expect("a domain")
    }

    #[test]
    fn compares_in_a_label_form() {
        assert_eq!(domain("Bücher.Example."), domain("xn--bcher-kva.example"));
        assert_eq!(domain("corp\u{ff0e}example"), domain("corp.example"));
        assert_eq!(Domain::new(" . "), None);
    }

    #[test]
    fn subdomains_only_at_a_label_boundary() {
        assert!(domain("mail.corp.example").is_within(&domain("corp.example")));
        assert!(!domain("notcorp.example").is_within(&domain("corp.example")));
        assert!(!domain("corp.example.evil.example").is_within(&domain("corp.example")));
    }

    #[test]
    fn a_set_knows_which_entries_have_subdomains() {
        let mut set = DomainSet::new();
        set.insert(domain("corp.example"), true);
        set.insert(domain("partner.example"), false);
        assert!(set.contains(&domain("a.b.corp.example")));
        assert!(set.contains(&domain("partner.example")));
        assert!(!set.contains(&domain("x.partner.example")));
    }

    #[test]
    fn what_could_stand_in_the_dns() {
        for name in ["corp.example", "_dmarc.corp.example", "Bücher.example", "localdomain"] {
            assert!(domain(name).is_well_formed(), "{name}");
        }
        let long = format!("{}.example", "x".repeat(64));
        for name in ["corp..example", "corp,example", "*.example", "[192.0.2.1]", "192.0.2.1", "a@corp.example", &long]
        {
            assert!(!domain(name).is_well_formed(), "{name}");
        }
    }

    #[test]
    fn public_suffixes() {
        assert!(domain("com").is_public_suffix());
        assert!(domain("co.uk").is_public_suffix());
        // A suffix of a company's own making, a name below one, and a top-level domain that is not registered.
        assert!(!domain("github.io").is_public_suffix());
        assert!(!domain("corp.co.uk").is_public_suffix());
        assert!(!domain("localdomain").is_public_suffix());
    }

    #[test]
    fn registrable_domain() {
        assert_eq!(domain("mail.evil.co.uk").registrable(), "evil.co.uk");
        assert_eq!(domain("[192.0.2.1]").registrable(), "[192.0.2.1]");
    }
}
