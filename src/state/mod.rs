//! What is remembered of mail: what came in lately and for whom, and who forwards where since when.
//!
//! Answers questions in the words of the domain. Answers come from memory; what is remembered beyond a restart is written
//! off the mail path, so that a slow, full or broken disk never delays mail. Bodies and subjects are never kept: of a
//! message only keyed hashes are.

mod embedded;
mod erase;
mod facts;
mod import;
mod index;
mod memory;
mod prints;
mod report;

pub use embedded::{Embedded, Opened, Spec};
pub use erase::{Erased, erase};
pub use facts::{Behaviour, Facts};
pub use import::{Import, Imported};
pub use index::Thresholds;
pub use memory::Memory;
pub use prints::{Key, Kind, Prints};
pub use report::{Line, Reader, Volume};

use crate::message::Address;
use jiff::{SignedDuration, Timestamp};

/// A message that reached a mailbox of ours.
#[derive(Debug, Clone)]
pub struct Arrival {
    /// The mailbox.
    pub mailbox: Address,
    /// What the message is known by.
    pub prints: Prints,
    /// When.
    pub time: Timestamp,
}

/// A message that came in before and leaves now, or one like it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Twin {
    /// The mailbox that it came in for.
    pub mailbox: Address,
    /// What is the same.
    pub by: Kind,
    /// How long ago it came in.
    pub latency: SignedDuration,
}

/// Who forwards where.
#[derive(Debug, Clone, Copy)]
pub struct Pair<'a> {
    /// The mailbox that forwards.
    pub forwarder: &'a Address,
    /// Where it goes.
    pub destination: &'a Address,
}

/// A forward that left.
#[derive(Debug, Clone)]
pub struct Departure {
    /// The mailbox that forwards.
    pub forwarder: Address,
    /// Where it goes.
    pub destination: Address,
    /// By what it was forwarded.
    pub mechanism: &'static str,
    /// When.
    pub time: Timestamp,
    /// Octets.
    pub size: u64,
    /// The Message-ID.
    pub message_id: Option<String>,
    /// How long it had been here, where its arrival was seen.
    pub latency: Option<SignedDuration>,
    /// Whether a person or a client would call it forwarded: by its subject, or by a message inside.
    pub looks_forwarded: bool,
    /// The rule or exception that was applied.
    pub rule: Option<String>,
}

/// What remembers. Every method answers at once: what would take long is put off or left out.
pub trait Store: Send + Sync {
    /// The key of what messages are known by.
    fn key(&self) -> &Key;

    /// Remembers that a message came in.
    fn arrived(&self, arrival: Arrival);

    /// The arrivals of a message that leaves, within the window, the newest of each mailbox, what proves most first.
    /// `None` where the state cannot tell.
    fn twins(&self, prints: &Prints, now: Timestamp) -> Option<Vec<Twin>>;

    /// What is known of a pair. `None` where the state cannot tell.
    fn facts(&self, pair: Pair<'_>, now: Timestamp) -> Option<Facts>;

    /// Remembers a forward, and says what is remarkable about it.
    fn departed(&self, departure: Departure) -> Vec<Behaviour>;

    /// Remembers that a mailbox of ours sent on a message by hand.
    fn sent_on_by_hand(&self, mailbox: &Address, now: Timestamp);
}
