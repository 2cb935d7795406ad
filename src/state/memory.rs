//! The state of a process that keeps nothing: tests, `replay`, and a daemon without a place to write.

use super::index::{Index, Thresholds};
use super::{Arrival, Behaviour, Departure, Facts, Key, Pair, Prints, Store, Twin};
use crate::message::Address;
use crate::privacy::Mask;
use jiff::Timestamp;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Remembers until the process ends.
pub struct Memory {
    key: Key,
    index: Mutex<Index>,
}

impl Memory {
    /// Begins with nothing.
    pub fn new(key: Key, thresholds: Thresholds) -> Self {
        Self::masked(key, thresholds, Mask::clear())
    }

    /// As [`new`](Self::new), with mailboxes known by what a file shows of them.
    pub(super) fn masked(key: Key, thresholds: Thresholds, mask: Mask) -> Self {
        Self { key, index: Mutex::new(Index::new(thresholds, mask)) }
    }

    /// The tables. A panic of another thread leaves counts that are off by one at worst.
    pub(super) fn index(&self) -> MutexGuard<'_, Index> {
        self.index.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Store for Memory {
    fn key(&self) -> &Key {
        &self.key
    }

    fn arrived(&self, arrival: Arrival) {
        self.index().arrived(&arrival.mailbox, arrival.prints.iter(), arrival.time, true);
    }

    fn twins(&self, prints: &Prints, now: Timestamp) -> Option<Vec<Twin>> {
        Some(self.index().twins(prints, now))
    }

    fn facts(&self, pair: Pair<'_>, now: Timestamp) -> Option<Facts> {
        Some(self.index().facts(pair, now))
    }

    fn departed(&self, departure: Departure) -> Vec<Behaviour> {
        self.index().departed(&departure)
    }

    fn sent_on_by_hand(&self, mailbox: &Address, now: Timestamp) {
        self.index().sent_on_by_hand(mailbox, now);
    }
}
