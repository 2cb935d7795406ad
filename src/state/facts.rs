//! What the state knows of a forward, and what it finds remarkable.

use crate::word::{self, Word};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

/// What is known of a pair before the message at hand is counted.
#[derive(Debug, Clone, PartialEq)]
pub struct Facts {
    /// Since when this mailbox forwards to this address; `None` where it never did.
    pub pair_since: Option<Timestamp>,
    /// Since when this mailbox forwards anywhere.
    pub forwarder_since: Option<Timestamp>,
    /// Since when anybody forwards to this address.
    pub destination_since: Option<Timestamp>,
    /// Whether the state is still too young for "never before" to mean anything.
    pub learning: bool,
    /// Forwards of the pair in the last 24 hours.
    pub pair_count_24h: u32,
    /// Forwards of the mailbox in the last 24 hours, wherever to.
    pub forwards_24h: u32,
    /// How many mailboxes forward to this address.
    pub fan_in: usize,
    /// The share of the mailbox's incoming mail of the last 24 hours that went to this address, 0 to 1; `None` where
    /// incoming mail is not watched.
    pub coverage: Option<f64>,
    /// How long the message had been here; `None` where its arrival was not seen.
    pub latency: Option<SignedDuration>,
}

/// Something remarkable about a forward that just left.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "behaviour", rename_all = "snake_case")]
pub enum Behaviour {
    /// Never seen before.
    FirstSeen {
        /// `pair`, `forwarder` or `destination`: the widest of them that is new.
        #[serde(deserialize_with = "word::one")]
        what: Word,
    },
    /// An address is fed by many mailboxes.
    FanIn {
        /// How many.
        forwarders: usize,
    },
    /// A mailbox forwards more in an hour than a mailbox does.
    Burst {
        /// Forwards in the last hour.
        forwards: u32,
    },
    /// A mailbox forwards as soon as mail arrives, always after the same time: software does, persons do not.
    RegularLatency {
        /// Forwards whose arrival was seen.
        forwards: u32,
        /// Mean time between arrival and departure, in seconds.
        mean: f64,
        /// Its standard deviation, in seconds.
        spread: f64,
    },
    /// Many forwards, and few messages that look forwarded.
    Imbalance {
        /// `forwarder` or `site`.
        #[serde(deserialize_with = "word::one")]
        scope: Word,
        /// Messages with the evidence of an automatic forward in the window.
        forwards: u32,
        /// Messages that look forwarded: a prefix of the subject in some language, a forwarded message inside.
        look_forwarded: u32,
        /// The window, in hours.
        hours: u32,
        /// Where to look: `administrator_level` (mailbox or transport settings) or `user_level` (rules, forwards by hand).
        #[serde(deserialize_with = "word::one")]
        look_at: Word,
    },
}

impl Behaviour {
    /// The name in events.
    pub fn name(&self) -> &'static str {
        match self {
            Self::FirstSeen { .. } => "first_seen",
            Self::FanIn { .. } => "fan_in",
            Self::Burst { .. } => "burst",
            Self::RegularLatency { .. } => "regular_latency",
            Self::Imbalance { .. } => "imbalance",
        }
    }
}
