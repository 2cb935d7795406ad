//! What is known of messages in the queues: lines about one are spread over a log, and between logs.

use crate::message::Address;
use jiff::Timestamp;
use std::collections::HashMap;

/// A message in a queue.
#[derive(Debug, Clone, Default)]
pub(super) struct Entry {
    /// The Message-ID, without brackets.
    pub message_id: Option<Box<str>>,
    /// The envelope's sender; empty for the null sender.
    pub sender: Option<Box<str>>,
    /// Octets.
    pub size: u64,
    /// The mailbox for which a server made this message of another.
    pub forwarder: Option<Address>,
    /// Whether a client outside handed it over, without a password.
    pub from_outside: bool,
    /// Mailboxes of ours that it was for; two are as good as many.
    pub own: Vec<Address>,
    /// Whether it is a post of a list, or of an alias with an owner.
    pub is_list: bool,
    /// Addresses outside that came of an alias or a `.forward`, each with whose that is.
    pub expansions: Vec<(Address, Address)>,
    /// Where it went outside, before it was known for whom: a few.
    pub left: Vec<(Address, Timestamp)>,
}

/// How many deliveries of a message are remembered whose forwarder is not known yet.
pub(super) const MAX_LEFT: usize = 50;

/// How many addresses that came of aliases are remembered of a message.
pub(super) const MAX_EXPANSIONS: usize = 200;

/// How many messages are remembered, at the least: those of a day of a big site. At the most it is twice as many.
const GENERATION: usize = 200_000;

/// The messages, the oldest forgotten first.
#[derive(Debug)]
pub(super) struct Queue {
    generation: usize,
    young: HashMap<Vec<u8>, Entry>,
    old: HashMap<Vec<u8>, Entry>,
}

impl Default for Queue {
    fn default() -> Self {
        Self { generation: GENERATION, young: HashMap::new(), old: HashMap::new() }
    }
}

impl Queue {
    /// The message of this name, as it is known; a new one where it is not.
    pub(super) fn entry(&mut self, key: &[u8]) -> &mut Entry {
        if !self.young.contains_key(key) {
            let known = self.old.remove(key).unwrap_or_default();
            self.begin(key, known);
        }
        // It is there: it was found, or put there.
        self.young.entry(key.to_vec()).or_default()
    }

    /// The message of this name, if it is known.
    pub(super) fn get(&mut self, key: &[u8]) -> Option<&mut Entry> {
        match self.young.contains_key(key) {
            true => self.young.get_mut(key),
            false => self.old.get_mut(key),
        }
    }

    /// A message of this name begins: names are used again.
    pub(super) fn begin(&mut self, key: &[u8], entry: Entry) {
        if self.young.len() >= self.generation {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(key.to_vec(), entry);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_are_forgotten() {
        let mut queue = Queue { generation: 100, ..Queue::default() };
        for n in 0..300_u64 {
            queue.entry(format!("{n}").as_bytes()).size = n;
            queue.entry(b"kept");
        }
        assert!(queue.get(b"0").is_none() && queue.get(b"kept").is_some());
        assert_eq!(queue.get(b"299").map(|entry| entry.size), Some(299));
        assert!(queue.young.len() + queue.old.len() <= 201);
    }
}
