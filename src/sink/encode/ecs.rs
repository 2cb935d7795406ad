//! Elastic Common Schema. What has no home there stands in `forwarden.*`; lists hold texts alone, since Lucene forgets
//! which fields of listed objects belong together.

use super::object::{Cap, Object};
use super::{Facts, PRODUCT, VENDOR, VERSION, deed, details, facts, text};
use crate::event::Event;
use std::collections::BTreeSet;

const DATA_STREAM: &str = "logs-forwarden.detection-default";

/// The action line of `_bulk`, and the document. The event's id is the document's: told twice, it is there once.
pub(super) fn bulk(event: &Event, out: &mut Vec<u8>) {
    Object::write(out, Cap::WIDE, |line| {
        line.object("create", |create| {
            create.text("_index", DATA_STREAM);
            create.shown("_id", &event.id);
        });
    });
    out.push(b'\n');
    encode(event, Cap::WIDE, out);
}

/// The document.
pub(super) fn encode(event: &Event, cap: Cap, out: &mut Vec<u8>) {
    let facts = Facts::of(event);
    Object::write(out, cap, |root| {
        root.shown("@timestamp", &format_args!("{:.3}", facts.time));
        root.object("ecs", |ecs| ecs.text("version", "9.4.0"));
        root.text("message", facts.sentence().as_str());
        root.object("data_stream", |stream| {
            stream.text("type", "logs");
            stream.text("dataset", "forwarden.detection");
            stream.text("namespace", "default");
        });
        root.object("event", |event| what(&facts, event));
        root.object("email", |email| mail(&facts, email));
        root.object("source", |source| {
            let client = facts.message.map(|message| &message.client);
            let ip = facts.client_ip();
            source.text("ip", ip);
            source.text("address", ip.or(facts.client_name()));
            source.text("domain", facts.client_name());
            source.object("user", |user| {
                user.text("name", client.and_then(|client| client.auth_user.as_deref()));
                user.text("email", facts.forwarder);
            });
        });
        root.object("destination", |destination| {
            destination.text("address", facts.destination_host());
            destination.text("domain", facts.destination_host());
            destination.text("registered_domain", facts.domains().next());
        });
        root.object("network", |network| {
            network.text("protocol", "smtp");
            network.text("transport", "tcp");
            network.text("direction", "outbound");
        });
        root.object("observer", |observer| {
            observer.text("vendor", VENDOR);
            observer.text("product", PRODUCT);
            observer.text("version", VERSION);
            observer.text("type", "email-gateway");
            observer.text("hostname", facts.host);
        });
        root.object("host", |host| host.text("name", facts.host));
        root.object("service", |service| {
            service.text("type", PRODUCT);
            service.text("name", PRODUCT);
        });
        root.object("rule", |rule| {
            rule.text("id", facts.rule);
            rule.text("name", facts.rule);
        });
        root.object("error", |error| error.text("message", facts.error));
        if facts.threat {
            root.object("threat", threat);
        }
        root.object("related", |related| pivots(&facts, related));
        root.list("tags", ["forwarden"]);
        root.object("forwarden", |own| {
            unmapped(&facts, own);
            details::add(event, own);
        });
    });
}

fn what(facts: &Facts<'_>, event: &mut Object<'_>) {
    event.text("kind", if facts.alert { "alert" } else { "event" });
    event.list("category", ["email", "intrusion_detection"]);
    event.list("type", ["info", deed::named(facts.action).ecs]);
    match facts.message {
        Some(_) if facts.threat => event.text("action", format!("auto-forward-{}", facts.action).as_str()),
        Some(_) => event.text("action", format!("mail-{}", facts.action).as_str()),
        None => event.text("action", facts.code),
    }
    event.text("outcome", if facts.failed { "failure" } else { "success" });
    event.shown("id", &facts.id);
    event.text("code", facts.code);
    event.text("module", PRODUCT);
    event.text("dataset", "forwarden.detection");
    event.text("provider", PRODUCT);
    event.plain("severity", facts.severity.of_ten());
    event.maybe("risk_score", facts.confidence);
    event.text("reason", text::joined(facts.evidence(), 1000).as_str());
}

fn mail(facts: &Facts<'_>, email: &mut Object<'_>) {
    email.text("local_id", facts.queue_id);
    let Some(message) = facts.message else { return };
    email.text("direction", "outbound");
    email.text("message_id", message.message_id.as_deref());
    email.text("subject", message.headers.subject.as_deref());
    email.object("from", |from| from.list("address", message.headers.from.iter().map(String::as_str)));
    email.object("sender", |sender| sender.text("address", message.envelope.mail_from.as_str()));
    email.object("to", |to| to.list("address", message.headers.to.iter().map(String::as_str)));
}

fn threat(threat: &mut Object<'_>) {
    threat.text("framework", "MITRE ATT&CK");
    threat.object("tactic", |tactic| {
        tactic.list("id", ["TA0009"]);
        tactic.list("name", ["Collection"]);
    });
    threat.object("technique", |technique| {
        technique.list("id", ["T1114"]);
        technique.list("name", ["Email Collection"]);
        technique.object("subtechnique", |sub| {
            sub.list("id", ["T1114.003"]);
            sub.list("name", ["Email Forwarding Rule"]);
            sub.list("reference", ["https://attack.mitre.org/techniques/T1114/003/"]);
        });
    });
}

fn pivots(facts: &Facts<'_>, related: &mut Object<'_>) {
    let mut users: BTreeSet<&str> = facts.forwarder.into_iter().collect();
    users.extend(facts.destinations.iter().map(String::as_str));
    let mut hosts: BTreeSet<&str> = [facts.host].into();
    hosts.extend(facts.client_name().into_iter().chain(facts.destination_host()));
    if let Some(message) = facts.message {
        users.extend(message.headers.from.iter().map(String::as_str));
        users.extend(message.client.auth_user.as_deref());
        hosts.extend(facts::domain(&message.envelope.mail_from));
    }
    related.list("user", users);
    related.list("ip", facts.client_ip());
    related.list("hosts", hosts);
}

fn unmapped(facts: &Facts<'_>, own: &mut Object<'_>) {
    own.text("action", facts.action);
    own.text("listener", facts.listener);
    own.text("forwarder", facts.forwarder);
    own.list("destinations", facts.destinations.iter().map(String::as_str));
    own.text("exception", facts.exception);
    let Some(message) = facts.message else { return };
    own.shown("message_uid", &message.message_uid);
    own.text("verdict", message.verdict);
    own.text("mode", mode(message.mode));
    own.maybe("confidence", facts.confidence);
    own.text("mechanism", message.mechanism);
    own.text("platform", message.platform.as_deref());
    own.plain("destination_count", message.destination_count);
    own.list("destination_domains", facts.domains());
    own.list("destination_classes", message.destination_classes.iter().copied());
    own.text("original_sender", message.original_sender.as_deref());
    own.list("would", message.would.iter().copied());
    own.object("envelope", |envelope| {
        envelope.text("from", message.envelope.mail_from.as_str());
        envelope.list("rcpt", message.envelope.rcpt_to.iter().map(String::as_str));
        envelope.plain("rcpt_count", message.envelope.rcpt_count);
    });
    own.plain("message_size", message.size);
    own.plain("evidence_count", message.evidence_count);
    own.list("evidence", facts.evidence());
    let values: Vec<String> = message.evidence.iter().map(|item| format!("{}={}", item.id, item.value)).collect();
    own.list("evidence_values", values.iter().map(String::as_str));
}

/// A mode's name.
pub(super) fn mode(mode: crate::policy::Mode) -> &'static str {
    match mode {
        crate::policy::Mode::Observe => "observe",
        crate::policy::Mode::Enforce => "enforce",
    }
}
