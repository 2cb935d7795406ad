//! Splunk: the envelope of the HTTP Event Collector, and an event whose fields are those of CIM's data models Email and
//! Alerts.

use super::object::{Cap, Object};
use super::{Facts, PRODUCT, VENDOR, deed, details, ecs};
use crate::event::Event;

pub(super) fn encode(event: &Event, out: &mut Vec<u8>) {
    let facts = Facts::of(event);
    let millis = facts.time.as_millisecond();
    Object::write(out, Cap::WIDE, |root| {
        root.plain("time", format_args!("{}.{:03}", millis.div_euclid(1000), millis.rem_euclid(1000)));
        root.text("host", facts.host);
        root.text("source", PRODUCT);
        root.text("sourcetype", "forwarden:json");
        root.object("event", |object| {
            cim(&facts, object);
            details::add(event, object);
        });
        root.object("fields", |fields| {
            fields.shown("event_id", &facts.id);
            fields.text("action", deed::named(facts.action).cim);
            fields.text("rule", facts.rule);
            fields.text("mitre_technique_id", facts.threat.then_some("T1114.003"));
        });
    });
}

fn cim(facts: &Facts<'_>, event: &mut Object<'_>) {
    event.shown("id", &facts.id);
    event.text("vendor_product", VENDOR);
    event.text("dvc", facts.host);
    event.text("app", "smtp");
    event.text("protocol", "smtp");
    event.text("type", if facts.alert { "alert" } else { "event" });
    event.text("signature", facts.name);
    event.text("signature_id", facts.code);
    event.text("severity", facts.severity.lower());
    event.text("action", deed::named(facts.action).cim);
    event.text("vendor_action", facts.action);
    event.text("description", facts.sentence().as_str());
    event.text("status", if facts.failed { "failure" } else { "success" });
    event.text("reason", facts.error);
    event.text("listener", facts.listener);
    event.text("internal_message_id", facts.queue_id);
    event.text("rule", facts.rule);
    event.text("exception", facts.exception);
    event.text("user", facts.forwarder);
    event.list("recipient", facts.destinations.iter().map(String::as_str));
    event.list("recipient_domain", facts.domains());
    event.text("dest", facts.destination_host());
    event.text("src", facts.client_ip().or(facts.client_name()));
    event.maybe("confidence", facts.confidence);
    event.list("evidence", facts.evidence());
    event.text("mitre_technique_id", facts.threat.then_some("T1114.003"));
    let Some(message) = facts.message else { return };
    event.plain("recipient_count", message.destination_count);
    event.text("src_user", message.envelope.mail_from.as_str());
    event.text("orig_src", message.original_sender.as_deref());
    event.list("header_from", message.headers.from.iter().map(String::as_str));
    event.text("subject", message.headers.subject.as_deref());
    event.text("message_id", message.message_id.as_deref());
    event.plain("size", message.size);
    event.text("mechanism", message.mechanism);
    event.text("mode", ecs::mode(message.mode));
}
