//! Lists of pairs: who, and where to.

use super::list::{AddressList, Pattern, keys_of};
use crate::message::Address;
use std::collections::HashMap;
use std::fmt;

/// Pairs of forwarder and destination, found in constant time however many there are.
#[derive(Debug, Clone, Default)]
pub struct PairList {
    /// Destinations by the key of the forwarder's pattern.
    of: HashMap<String, AddressList>,
    entries: usize,
}

/// The key of a pattern.
fn key(pattern: &Pattern) -> String {
    match pattern {
        Pattern::Any => "*".to_owned(),
        Pattern::Mailbox(address) => address.key(),
        Pattern::Domain(domain) => format!("@{domain}"),
        Pattern::Below(domain) => format!("@.{domain}"),
        // Regular expressions name no pairs; the configuration refuses them.
        Pattern::Regex(_) => String::new(),
    }
}

impl PairList {
    /// Adds a pair.
    pub fn insert(&mut self, forwarder: &Pattern, destination: Pattern) {
        self.entries += 1;
        self.of.entry(key(forwarder)).or_default().insert(destination);
    }

    /// Whether the pair is in the list.
    pub fn contains(&self, forwarder: &Address, destination: &Address) -> bool {
        let to = |key: &str| self.of.get(key).is_some_and(|destinations| destinations.contains(destination));
        !self.of.is_empty() && (to("*") || keys_of(forwarder).any(|key| to(&key)))
    }

    /// How many pairs there are.
    pub fn len(&self) -> usize {
        self.entries
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.entries == 0
    }
}

impl fmt::Display for PairList {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a list of {} pairs", self.entries)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_of_each_kind() {
        let mut list = PairList::default();
        for (forwarder, destination) in [
            ("alice@corp.example", "alice@home.example"),
            ("@sales.corp.example", "@crm.example"),
            ("@.corp.example", "archive@vendor.example"),
        ] {
            list.insert(&Pattern::parse(forwarder).unwrap(), Pattern::parse(destination).unwrap());
        }
        let holds = |forwarder: &str, destination: &str| {
            list.contains(&Address::parse(forwarder).unwrap(), &Address::parse(destination).unwrap())
        };
        assert!(holds("Alice+x@corp.example", "alice@home.example"));
        assert!(!holds("bob@corp.example", "alice@home.example"));
        assert!(holds("bob@sales.corp.example", "x@crm.example"));
        assert!(holds("bob@sales.corp.example", "archive@vendor.example"));
        assert!(holds("bob@corp.example", "archive@vendor.example"));
        assert!(!holds("bob@notcorp.example", "archive@vendor.example"));
    }
}
