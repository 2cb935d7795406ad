//! What becomes of messages in quarantine.

use crate::quarantine::{Change, Record};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// A message left the quarantine.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct QuarantineEvent {
    /// `released`, `deleted`, or `trimmed`: too old, or the oldest where there was too much.
    pub change: String,
    /// When; the event's own time is when it was reported.
    pub done_at: Timestamp,
    /// The user who did it; absent for `trimmed`.
    pub by: Option<String>,
    /// The id in our own store; absent where the MTA held the message.
    pub quarantine_id: Option<String>,
    /// The MTA's queue id.
    pub queue_id: Option<String>,
    /// The Message-ID, without brackets.
    pub message_id: Option<String>,
    /// The mailboxes that forward, as far as they are known.
    pub forwarders: Vec<String>,
    /// Where it goes.
    pub destinations: Vec<String>,
}

impl QuarantineEvent {
    /// Something that was done by hand.
    pub fn by_hand(change: Change) -> Self {
        Self {
            change: change.change,
            done_at: change.time,
            by: Some(change.by),
            quarantine_id: change.id,
            queue_id: change.queue_id,
            message_id: change.message_id,
            forwarders: change.forwarders,
            destinations: change.destinations,
        }
    }

    /// A message that had to go.
    pub fn trimmed(record: Record, now: Timestamp) -> Self {
        Self {
            change: "trimmed".to_owned(),
            done_at: now,
            by: None,
            forwarders: record.forwarders(),
            destinations: record.destinations(),
            quarantine_id: Some(record.id),
            queue_id: record.queue_id,
            message_id: record.message_id,
        }
    }
}
