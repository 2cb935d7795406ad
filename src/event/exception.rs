//! An exception that no longer applies, and a forward that it would have covered.

use crate::assess::Assessment;
use crate::message::Message;
use crate::policy::{Exception, Lapse};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// An exception that no longer applies: told once a day, with the first forward that it would have covered.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ExceptionEvent {
    /// `expired` or `overrun`.
    pub change: Lapse,
    /// Its id.
    pub exception: String,
    /// Who answers for it.
    pub owner: Option<String>,
    /// Why it is there.
    pub reason: Option<String>,
    /// Where that was agreed.
    pub ticket: Option<String>,
    /// From when on it does not apply.
    pub expires: Option<Timestamp>,
    /// How often a day it applies.
    pub max_per_day: Option<u64>,
    /// How often it applied today.
    pub used_today: u64,
    /// The mailbox that forwards.
    pub forwarder: Option<String>,
    /// Where it goes.
    pub destination: String,
    /// The listener that saw it.
    pub listener: String,
    /// The MTA's queue id.
    pub queue_id: Option<String>,
}

impl ExceptionEvent {
    /// Tells of `exception` and a forward that it would have covered.
    pub fn new(exception: &Exception, change: Lapse, used_today: u64, message: &Message, forward: &Assessment) -> Self {
        Self {
            change,
            exception: exception.id.clone(),
            owner: exception.card.owner.clone(),
            reason: exception.card.reason.clone(),
            ticket: exception.card.ticket.clone(),
            expires: exception.expires,
            max_per_day: exception.max_per_day,
            used_today,
            forwarder: forward.forwarder.as_ref().map(ToString::to_string),
            destination: forward.destination.to_string(),
            listener: message.listener.clone(),
            queue_id: message.queue_id.clone(),
        }
    }
}
