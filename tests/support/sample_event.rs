//! An event with every field filled, by texts of the caller's: what an attacker may write stands wherever he may write.

use forwarden::detect::Polarity;
use forwarden::event::{
    Body, Client, EMAIL_FORWARDING_RULE, Envelope, Event, EvidenceItem, HeaderSummary, MessageEvent, Outcome,
};
use forwarden::policy::Mode;
use std::sync::Arc;

/// The last three labels of what stands behind the `@`: near enough to a registrable domain.
fn domain(address: &str) -> Option<&str> {
    let (_, domain) = address.rsplit_once('@')?;
    let third = domain.rmatch_indices('.').nth(2).map_or(0, |(at, _)| at + 1);
    domain.get(third..)
}

/// A held forward to `destinations`; `hostile` stands in subject, HELO, user, Message-ID and evidence.
pub(crate) fn sample(hostile: &str, destinations: &[&str]) -> Event {
    let message = MessageEvent {
        message_uid: "01939f6a-5c1e-7b3a-9d55-2f6f0f1b8a10".parse().expect("an id"),
        listener: "outbound".to_owned(),
        mode: Mode::Enforce,
        verdict: "auto_forward",
        confidence: 0.987,
        mechanism: Some("inbox_rule"),
        platform: Some("exchange".into()),
        forwarder: Some("alice@corp.example".to_owned()),
        forwarder_guessed: false,
        destinations: destinations.iter().take(100).map(|&to| to.to_owned()).collect(),
        destination_count: destinations.len(),
        destination_domains: {
            let mut domains: Vec<String> =
                destinations.iter().take(100).filter_map(|to| Some(domain(to)?.to_owned())).collect();
            domains.dedup();
            domains
        },
        destination_classes: vec!["freemail"],
        original_sender: Some("ann@partner.example".to_owned()),
        action: "quarantined",
        actions: vec!["quarantine"],
        would: vec![],
        would_rule: None,
        held_back: None,
        outcome: Outcome::Success,
        error: None,
        on_error: None,
        rule: Some("hold-freemail".to_owned()),
        exception: None,
        trace: vec![],
        evidence: [("exchange.inbox_rules_loop", hostile), ("envelope.orcpt", "rfc822;alice@corp.example")]
            .map(|(id, value)| EvidenceItem {
                id: id.into(),
                weight: 12.0,
                counted: 12.0,
                polarity: Polarity::For,
                place: "header 2".to_owned(),
                value: value.to_owned(),
                explained_by: None,
            })
            .into(),
        evidence_count: 2,
        envelope: Arc::new(Envelope {
            mail_from: "alice@corp.example".to_owned(),
            rcpt_to: destinations.iter().take(100).map(|&to| to.to_owned()).collect(),
            rcpt_count: destinations.len(),
        }),
        headers: Arc::new(HeaderSummary {
            from: vec!["ann@partner.example".to_owned()],
            to: vec!["alice@corp.example".to_owned()],
            subject: Some(hostile.to_owned()),
        }),
        message_id: Some(format!("q4711={hostile}@partner.example")),
        queue_id: Some("4XyZ1k0q2Rz9tQ".to_owned()),
        quarantine_id: None,
        size: 48_213,
        client: Client {
            ip: Some("192.0.2.10".to_owned()),
            name: Some("exch01.corp.example".to_owned()),
            helo: Some(hostile.to_owned()),
            auth_user: Some(hostile.to_owned()),
        },
        threat: Some(EMAIL_FORWARDING_RULE),
    };
    let time = "2026-11-24T02:46:22.123Z".parse().expect("a time");
    let mut event = Event::new(time, "mx1.corp.example", Body::Message(Box::new(message)));
    event.id = "01939f6a-5c1e-7b3a-9d55-2f6f0f1b8a11".parse().expect("an id");
    event
}
