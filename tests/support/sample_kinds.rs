//! One event of each kind, with every field filled; ids and times are fixed.

use super::sample_event::sample;
use forwarden::event::{
    BehaviourEvent, Body, EMAIL_FORWARDING_RULE, Event, ExceptionEvent, Fault, Loss, QuarantineEvent,
};
use forwarden::policy::Lapse;
use forwarden::state::Behaviour;

/// The kinds, each with its name.
pub(crate) fn kinds(hostile: &str) -> Vec<(&'static str, Event)> {
    let message = sample(hostile, &["a.smith@mail.evil-drop.example.net", "bob@evil-drop.example.net"]);
    let fault = Fault {
        fault: "judging",
        error: format!("index out of bounds: {hostile}"),
        action: "tempfail",
        listener: "outbound".to_owned(),
        queue_id: Some("4XyZ1k0q2Rz9tQ".to_owned()),
    };
    let behaviours = [
        ("first_seen", Behaviour::FirstSeen { what: "destination" }),
        ("fan_in", Behaviour::FanIn { forwarders: 3 }),
        ("burst", Behaviour::Burst { forwards: 212 }),
        ("regular_latency", Behaviour::RegularLatency { forwards: 20, mean: 1.5, spread: 0.25 }),
        (
            "imbalance",
            Behaviour::Imbalance {
                scope: "site",
                forwards: 40,
                look_forwarded: 1,
                hours: 24,
                look_at: "administrator_level",
            },
        ),
    ];
    let behaviours = behaviours.map(|(name, behaviour)| {
        let event = BehaviourEvent {
            behaviour,
            listener: "outbound".to_owned(),
            forwarder: Some("alice@corp.example".to_owned()),
            destination: Some("bob@evil-drop.example.net".to_owned()),
            queue_id: Some("4XyZ1k0q2Rz9tQ".to_owned()),
            threat: EMAIL_FORWARDING_RULE,
        };
        (name, Body::Behaviour(event))
    });
    let exception = ExceptionEvent {
        change: Lapse::Expired,
        exception: "auditor-2026".to_owned(),
        owner: Some("finance".to_owned()),
        reason: Some(hostile.to_owned()),
        ticket: Some("SEC-4711".to_owned()),
        expires: "2026-11-01T00:00:00Z".parse().ok(),
        max_per_day: Some(20),
        used_today: 0,
        forwarder: Some("alice@corp.example".to_owned()),
        destination: "bob@evil-drop.example.net".to_owned(),
        listener: "outbound".to_owned(),
        queue_id: Some("4XyZ1k0q2Rz9tQ".to_owned()),
    };
    let quarantine = QuarantineEvent {
        change: "released".to_owned(),
        done_at: message.time,
        by: Some("root".to_owned()),
        quarantine_id: Some("01939f6a-5c1e-7b3a-9d55-2f6f0f1b8a12".to_owned()),
        queue_id: Some("4XyZ1k0q2Rz9tQ".to_owned()),
        message_id: Some(format!("q4711={hostile}@partner.example")),
        forwarders: vec!["alice@corp.example".to_owned()],
        destinations: vec!["bob@evil-drop.example.net".to_owned()],
    };
    let loss = Loss {
        output: Some("siem".to_owned()),
        reason: "spool_full".to_owned(),
        count: 4711,
        first: message.time,
        last: message.time,
    };
    let of = |body| {
        let mut event = Event::new(message.time, &message.host, body);
        event.id = message.id;
        event
    };
    let bodies = [
        ("fault", Body::Fault(fault)),
        ("exception", Body::Exception(Box::new(exception))),
        ("quarantine", Body::Quarantine(Box::new(quarantine))),
        ("loss", Body::Loss(loss)),
    ];
    let mut kinds: Vec<_> = bodies.into_iter().chain(behaviours).map(|(name, body)| (name, of(body))).collect();
    kinds.push(("message", message));
    kinds
}
