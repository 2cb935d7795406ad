//! A record on its way, and what a receiver that sorts records is told beside it.

use crate::event::{Body, Event};
use jiff::Timestamp;

/// A record as a transport gets it.
#[derive(Debug, Clone, Copy)]
pub(in crate::sink) struct Piece<'a> {
    /// The record in its dialect, without the line's end.
    pub(in crate::sink) octets: &'a [u8],
    /// What else is told of it; `None` where nobody asks.
    #[cfg_attr(not(feature = "kafka"), allow(dead_code, reason = "Kafka alone asks"))]
    pub(in crate::sink) label: Option<&'a Label>,
}

/// What a receiver may sort a record by, without reading it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(not(feature = "kafka"), allow(dead_code, reason = "Kafka alone asks"))]
pub(in crate::sink) struct Label {
    /// The event's id.
    pub(in crate::sink) id: String,
    /// Whose events stay in order: the forwarder, else the sender, else nobody's, which is the event's own id.
    pub(in crate::sink) key: String,
    /// When it happened.
    pub(in crate::sink) time: Timestamp,
}

impl Label {
    /// That of an event.
    pub(in crate::sink) fn of(event: &Event) -> Self {
        let id = event.id.to_string();
        let key = owner(event).filter(|owner| !owner.is_empty()).map_or_else(|| id.clone(), str::to_owned);
        Self { id, key, time: event.time }
    }
}

fn owner(event: &Event) -> Option<&str> {
    match &event.body {
        Body::Message(seen) => seen.forwarder.as_deref().or(Some(&seen.envelope.mail_from)),
        Body::Exception(ended) => ended.forwarder.as_deref(),
        Body::Behaviour(seen) => seen.forwarder.as_deref(),
        Body::Quarantine(left) => left.forwarders.first().map(String::as_str),
        Body::Fault(_) | Body::Loss(_) => None,
    }
}
