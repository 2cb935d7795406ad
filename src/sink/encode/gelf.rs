//! GELF 1.1: scalars alone, so lists are joined.

use super::object::{Cap, Object};
use super::{Facts, text::joined};
use crate::event::Event;

pub(super) fn encode(event: &Event, out: &mut Vec<u8>) {
    let facts = Facts::of(event);
    let millis = facts.time.as_millisecond();
    Object::write(out, Cap::WIDE, |root| {
        root.text("version", "1.1");
        root.text("host", facts.host);
        root.text("short_message", facts.sentence().as_str());
        root.plain("timestamp", format_args!("{}.{:03}", millis.div_euclid(1000), millis.rem_euclid(1000)));
        root.plain("level", facts.severity.syslog());
        root.shown("_event_id", &facts.id);
        root.text("_code", facts.code);
        root.text("_action", facts.action);
        root.text("_outcome", if facts.failed { "failure" } else { "success" });
        root.text("_listener", facts.listener);
        root.text("_queue_id", facts.queue_id);
        root.text("_rule", facts.rule);
        root.text("_exception", facts.exception);
        root.text("_error", facts.error);
        root.text("_forwarder", facts.forwarder);
        root.text("_destinations", joined(facts.destinations.iter().map(String::as_str), 1000).as_str());
        root.text("_destination_domains", joined(facts.domains(), 1000).as_str());
        root.maybe("_confidence", facts.confidence);
        root.text("_src_ip", facts.client_ip());
        root.text("_evidence", joined(facts.evidence(), 1000).as_str());
        root.text("_mitre_technique", facts.threat.then_some("T1114.003"));
        let Some(message) = facts.message else { return };
        root.plain("_destination_count", message.destination_count);
        root.text("_mechanism", message.mechanism);
        root.text("_mail_from", message.envelope.mail_from.as_str());
        root.text("_header_from", joined(message.headers.from.iter().map(String::as_str), 1000).as_str());
        root.text("_subject", message.headers.subject.as_deref());
        root.text("_message_id", message.message_id.as_deref());
        root.plain("_size", message.size);
    });
}
