//! What every dialect tells, out of the kinds of events: one view, so that a dialect is a list of names.

use crate::event::{Body, Event, MessageEvent, Outcome};
use crate::policy::Lapse;
use jiff::Timestamp;
use uuid::Uuid;

/// How much it matters. Nothing that a filter sees is critical by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Severity {
    /// Mail that is no forward, or one that an exception covers.
    Informational,
    /// A doubtful forward; an exception that ended; mail that left the quarantine.
    Low,
    /// A probable forward; something remarkable; a fault.
    Medium,
    /// A forward, beyond doubt.
    High,
}

impl Severity {
    /// As a number of 1 to 10, as CEF and LEEF have it.
    pub(super) fn of_ten(self) -> u8 {
        match self {
            Self::Informational => 1,
            Self::Low => 3,
            Self::Medium => 5,
            Self::High => 8,
        }
    }

    /// As syslog has it: warning, notice or informational.
    pub(super) fn syslog(self) -> u8 {
        match self {
            Self::Informational => 6,
            Self::Low => 5,
            Self::Medium | Self::High => 4,
        }
    }

    /// Its name, as OCSF and ASIM write it.
    pub(super) fn caption(self) -> &'static str {
        match self {
            Self::Informational => "Informational",
            Self::Low => "Low",
            Self::Medium => "Medium",
            Self::High => "High",
        }
    }

    /// Its name, as UDM writes it.
    pub(super) fn capitals(self) -> &'static str {
        match self {
            Self::Informational => "INFORMATIONAL",
            Self::Low => "LOW",
            Self::Medium => "MEDIUM",
            Self::High => "HIGH",
        }
    }

    /// Its name, as CIM writes it.
    pub(super) fn lower(self) -> &'static str {
        match self {
            Self::Informational => "informational",
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
        }
    }
}

/// The view of an event.
#[derive(Clone, Copy)]
pub(super) struct Facts<'a> {
    pub(super) id: Uuid,
    pub(super) time: Timestamp,
    pub(super) host: &'a str,
    /// The whole of it, where a message was judged.
    pub(super) message: Option<&'a MessageEvent>,
    /// What happened, in words that never vary with the mail.
    pub(super) name: &'static str,
    /// The same, for machines: the verdict, the fault, the behaviour, the change.
    pub(super) code: &'a str,
    /// What was done.
    pub(super) action: &'a str,
    pub(super) severity: Severity,
    pub(super) failed: bool,
    /// Whether somebody should look.
    pub(super) alert: bool,
    /// Per cent.
    pub(super) confidence: Option<u8>,
    pub(super) listener: &'a str,
    pub(super) queue_id: Option<&'a str>,
    pub(super) forwarder: Option<&'a str>,
    pub(super) destinations: &'a [String],
    /// The destination that stands for all.
    pub(super) destination: Option<&'a str>,
    pub(super) rule: Option<&'a str>,
    pub(super) exception: Option<&'a str>,
    pub(super) error: Option<&'a str>,
    /// Whether it is about automatic forwarding, as ATT&CK has it.
    pub(super) threat: bool,
}

impl<'a> Facts<'a> {
    pub(super) fn of(event: &'a Event) -> Self {
        let facts = Self {
            id: event.id,
            time: event.time,
            host: &event.host,
            message: None,
            name: "",
            code: "",
            action: "logged",
            severity: Severity::Medium,
            failed: false,
            alert: true,
            confidence: None,
            listener: "",
            queue_id: None,
            forwarder: None,
            destinations: &[],
            destination: None,
            rule: None,
            exception: None,
            error: None,
            threat: false,
        };
        match &event.body {
            Body::Loss(loss) => Self {
                name: "Events did not reach a receiver",
                code: &loss.reason,
                action: "dropped",
                failed: true,
                error: loss.output.as_deref(),
                ..facts
            },
            Body::Message(message) => Self::message(facts, message),
            Body::Fault(fault) => Self {
                name: "Mail could not be judged as usual",
                code: fault.fault,
                action: fault.action,
                failed: true,
                listener: &fault.listener,
                queue_id: fault.queue_id.as_deref(),
                error: Some(&fault.error),
                ..facts
            },
            Body::Behaviour(seen) => Self {
                name: "Remarkable forwarding",
                code: seen.behaviour.name(),
                listener: &seen.listener,
                queue_id: seen.queue_id.as_deref(),
                forwarder: seen.forwarder.as_deref(),
                destinations: seen.destination.as_slice(),
                destination: seen.destination.as_deref(),
                threat: true,
                ..facts
            },
            Body::Exception(ended) => Self {
                name: "Exception no longer applies",
                code: match ended.change {
                    Lapse::Expired => "expired",
                    Lapse::Overrun => "overrun",
                },
                severity: Severity::Low,
                listener: &ended.listener,
                queue_id: ended.queue_id.as_deref(),
                forwarder: ended.forwarder.as_deref(),
                destinations: std::slice::from_ref(&ended.destination),
                destination: Some(&ended.destination),
                exception: Some(&ended.exception),
                ..facts
            },
            Body::Quarantine(left) => Self {
                name: "Mail left the quarantine",
                code: &left.change,
                action: &left.change,
                severity: Severity::Low,
                alert: false,
                queue_id: left.queue_id.as_deref(),
                forwarder: left.forwarders.first().map(String::as_str),
                destinations: &left.destinations,
                destination: left.destinations.first().map(String::as_str),
                ..facts
            },
        }
    }

    fn message(facts: Self, message: &'a MessageEvent) -> Self {
        let covered = message.exception.is_some();
        Self {
            message: Some(message),
            name: match message.verdict {
                "auto_forward" => "Automatic forward",
                "bulk_copy" => "Copy of all mail",
                _ => "Mail judged",
            },
            code: message.verdict,
            action: message.action,
            severity: match message.confidence {
                _ if covered || message.threat.is_none() => Severity::Informational,
                sure if sure >= 0.9 => Severity::High,
                sure if sure >= 0.5 => Severity::Medium,
                _ => Severity::Low,
            },
            failed: message.outcome == Outcome::Failure,
            alert: message.threat.is_some() && !covered,
            confidence: Some(per_cent(message.confidence)),
            listener: &message.listener,
            queue_id: message.queue_id.as_deref(),
            forwarder: message.forwarder.as_deref(),
            destinations: &message.destinations,
            destination: message.destinations.first().map(String::as_str),
            rule: message.rule.as_deref(),
            exception: message.exception.as_deref(),
            error: message.error.as_deref(),
            threat: message.threat.is_some(),
            ..facts
        }
    }

    /// One sentence.
    pub(super) fn sentence(&self) -> String {
        let mut text = self.name.to_owned();
        for (word, value) in [(" by ", self.forwarder), (" to ", self.destination)] {
            if let Some(value) = value {
                text.push_str(word);
                text.push_str(value);
            }
        }
        if let Some(more) =
            self.message.map(|message| message.destination_count.saturating_sub(1)).filter(|&more| more > 0)
        {
            text.push_str(&format!(" and {more} more"));
        }
        text.push_str(": ");
        text.push_str(if self.message.is_some() { self.action } else { self.code });
        text
    }

    /// The host that the first destination names.
    pub(super) fn destination_host(&self) -> Option<&'a str> {
        self.destination.and_then(domain)
    }

    /// The registrable domains of the destinations.
    pub(super) fn domains(&self) -> impl Iterator<Item = &'a str> {
        self.message.into_iter().flat_map(|message| message.destination_domains.iter().map(String::as_str))
    }

    /// Who hands over, as far as it is known.
    pub(super) fn client_ip(&self) -> Option<&'a str> {
        self.message.and_then(|message| message.client.ip.as_deref())
    }

    /// The name of the client: looked up, or the one that it gave itself.
    pub(super) fn client_name(&self) -> Option<&'a str> {
        let client = &self.message?.client;
        client.name.as_deref().or(client.helo.as_deref())
    }

    /// The ids of the evidence for the verdict.
    pub(super) fn evidence(&self) -> impl Iterator<Item = &'a str> {
        self.message.into_iter().flat_map(|message| message.evidence.iter().map(|item| &*item.id))
    }
}

/// The part behind the `@`.
pub(super) fn domain(address: &str) -> Option<&str> {
    address.rsplit_once('@').map(|(_, domain)| domain).filter(|domain| !domain.is_empty())
}

#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it is 0 to 100")]
fn per_cent(confidence: f64) -> u8 {
    (confidence.clamp(0.0, 1.0) * 100.0).round() as u8
}
