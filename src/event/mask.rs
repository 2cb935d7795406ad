//! What of persons an event shows, by the configured policy: each field that can hold an address or a subject.
//!
//! A new field of an event belongs here if it can. `tests/privacy.rs` looks for what is left over.

use super::{Body, Event, ExceptionEvent, MessageEvent, QuarantineEvent};
use crate::message::{Address, Domain};
use crate::privacy::Mask;
use std::sync::Arc;

impl Event {
    /// Masks it: addresses by one policy, subjects by another.
    pub fn mask(&mut self, addresses: &Mask, subjects: &Mask) {
        match &mut self.body {
            Body::Message(event) => message(event, addresses, subjects),
            Body::Fault(event) => event.error = addresses.text(&event.error),
            Body::Exception(event) => exception(event, addresses),
            Body::Behaviour(event) => {
                optional(&mut event.forwarder, addresses);
                optional(&mut event.destination, addresses);
            }
            Body::Quarantine(event) => quarantine(event, addresses),
            // Counts, and the names of outputs.
            Body::Loss(_) => {}
        }
    }
}

fn message(event: &mut MessageEvent, addresses: &Mask, subjects: &Mask) {
    let subject = event.headers.subject.clone();
    if !addresses.is_clear() {
        optional(&mut event.forwarder, addresses);
        all(&mut event.destinations, addresses);
        optional(&mut event.original_sender, addresses);
        if let Some(error) = &mut event.error {
            *error = addresses.text(error);
        }
        for step in &mut event.trace {
            step.because = addresses.text(&step.because);
        }
        for item in &mut event.evidence {
            item.value = addresses.text(&item.value);
            item.place = addresses.text(&item.place);
        }
        let envelope = Arc::make_mut(&mut event.envelope);
        if !envelope.mail_from.is_empty() {
            envelope.mail_from = one(&envelope.mail_from, addresses);
        }
        all(&mut envelope.rcpt_to, addresses);
        let headers = Arc::make_mut(&mut event.headers);
        all(&mut headers.from, addresses);
        all(&mut headers.to, addresses);
        if let Some(user) = &mut event.client.auth_user {
            *user = addresses.name(user);
        }
        if let Some(subject) = &mut headers.subject {
            *subject = addresses.text(subject);
        }
    }
    if !addresses.keeps_domains() {
        for domain in &mut event.destination_domains {
            if let Some(parsed) = Domain::new(domain) {
                *domain = addresses.domain(&parsed);
            }
        }
        optional(&mut event.message_id, addresses);
    }
    if let Some(subject) = subject.filter(|_| !subjects.is_clear()) {
        let shown = subjects.whole(&subject);
        let instead = shown.clone().unwrap_or_else(|| "absent".to_owned());
        for item in &mut event.evidence {
            // Rows that look at the subject quote it, or its beginning.
            if item.place.to_ascii_lowercase().contains("subject") || quotes(&item.value, &subject) {
                item.value.clone_from(&instead);
            }
        }
        Arc::make_mut(&mut event.headers).subject = shown;
    }
}

/// Whether a value holds the subject; a word or two are anybody's.
fn quotes(value: &str, subject: &str) -> bool {
    subject.trim().chars().count() > 3 && value.contains(subject.trim())
}

fn exception(event: &mut ExceptionEvent, addresses: &Mask) {
    optional(&mut event.forwarder, addresses);
    event.destination = one(&event.destination, addresses);
    for text in [&mut event.owner, &mut event.reason, &mut event.ticket].into_iter().flatten() {
        *text = addresses.text(text);
    }
}

fn quarantine(event: &mut QuarantineEvent, addresses: &Mask) {
    all(&mut event.forwarders, addresses);
    all(&mut event.destinations, addresses);
    if !addresses.keeps_domains() {
        optional(&mut event.message_id, addresses);
    }
}

fn optional(value: &mut Option<String>, mask: &Mask) {
    if let Some(value) = value {
        *value = one(value, mask);
    }
}

fn all(values: &mut [String], mask: &Mask) {
    values.iter_mut().for_each(|value| *value = one(value, mask));
}

/// A field that is an address. What is none is a name: who knows whose.
fn one(value: &str, mask: &Mask) -> String {
    match Address::parse(value) {
        Some(address) => mask.address(&address).to_string(),
        None => mask.name(value),
    }
}
