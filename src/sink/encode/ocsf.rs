//! OCSF 1.8: Email Activity with the profiles `host` and `security_control`, and Detection Finding.

use super::object::{Cap, Object, seen};
use super::{Facts, PRODUCT, VENDOR, VERSION, deed, details, ecs, facts::Severity};
use crate::event::{Event, MessageEvent};

/// Email Activity for a message, Detection Finding for what is no message.
pub(super) fn activity(event: &Event, out: &mut Vec<u8>) {
    let facts = Facts::of(event);
    let Some(message) = facts.message else { return finding(event, out) };
    Object::write(out, Cap::WIDE, |root| {
        class(root, (4, "Network Activity"), (4009, "Email Activity"), (5, "MTA Relay"));
        root.plain("direction_id", 2);
        root.text("direction", "Outbound");
        root.plain("status_id", if facts.failed { 2 } else { 1 });
        root.text("status", if facts.failed { "Failure" } else { "Success" });
        root.text("protocol_name", "SMTP");
        root.text("message_trace_uid", facts.queue_id);
        common(&facts, root, &["host", "security_control"]);
        root.object("firewall_rule", |rule| {
            rule.text("uid", facts.rule);
            rule.text("name", facts.rule);
        });
        root.object("email", |email| mail(message, email));
        root.object("src_endpoint", |source| endpoint(&facts, source));
        root.object("dst_endpoint", |destination| {
            destination.text("hostname", facts.destination_host());
            destination.text("domain", facts.domains().next());
        });
        let authenticated = message.client.auth_user.as_deref().filter(|user| !user.is_empty());
        if facts.forwarder.is_some() || authenticated.is_some() {
            root.object("actor", |actor| {
                actor.object("user", |user| {
                    user.text("name", authenticated.or(facts.forwarder));
                    user.text("email_addr", facts.forwarder);
                    user.plain("type_id", 1);
                    user.text("type", "User");
                });
            });
        }
        root.object("device", |device| {
            device.text("hostname", facts.host);
            device.plain("type_id", 1);
            device.text("type", "Server");
        });
        root.text("from", message.envelope.mail_from.as_str());
        root.list("to", message.envelope.rcpt_to.iter().map(String::as_str));
        root.object("unmapped", |own| {
            unmapped(&facts, own);
            details::add(event, own);
        });
    });
}

/// Detection Finding.
pub(super) fn finding(event: &Event, out: &mut Vec<u8>) {
    let facts = Facts::of(event);
    Object::write(out, Cap::WIDE, |root| {
        class(root, (2, "Findings"), (2004, "Detection Finding"), (1, "Create"));
        root.plain("status_id", 1);
        root.text("status", "New");
        common(&facts, root, &["security_control"]);
        root.object("finding_info", |info| {
            info.shown("uid", &facts.id);
            info.text("title", facts.name);
            info.text("desc", facts.sentence().as_str());
            info.plain("created_time", facts.time.as_millisecond());
            info.list("types", [facts.code]);
            info.list("data_sources", ["smtp", "milter"]);
            attacks(&facts, info);
            info.object("analytic", |analytic| {
                analytic.text("uid", facts.rule.unwrap_or(facts.code));
                analytic.text("name", facts.rule.unwrap_or(facts.code));
                analytic.plain("type_id", 1);
                analytic.text("type", "Rule");
            });
        });
        if let Some(message) = facts.message {
            root.objects("evidences", [message], |evidence, message| {
                evidence.text("name", "message");
                evidence.object("email", |email| mail(message, email));
                evidence.object("src_endpoint", |source| endpoint(&facts, source));
                evidence.object("dst_endpoint", |destination| destination.text("hostname", facts.destination_host()));
            });
        }
        root.objects("resources", facts.forwarder, |resource, forwarder| {
            resource.text("uid", forwarder);
            resource.text("name", forwarder);
            resource.text("type", "mailbox");
        });
        root.object("unmapped", |own| {
            unmapped(&facts, own);
            details::add(event, own);
        });
    });
}

fn class(root: &mut Object<'_>, category: (u32, &str), class: (u32, &str), activity: (u32, &str)) {
    root.plain("category_uid", category.0);
    root.text("category_name", category.1);
    root.plain("class_uid", class.0);
    root.text("class_name", class.1);
    root.plain("activity_id", activity.0);
    root.text("activity_name", activity.1);
    root.plain("type_uid", class.0 * 100 + activity.0);
}

fn common(facts: &Facts<'_>, root: &mut Object<'_>, profiles: &[&'static str]) {
    root.plain("time", facts.time.as_millisecond());
    root.text("message", facts.sentence().as_str());
    root.plain(
        "severity_id",
        match facts.severity {
            Severity::Informational => 1,
            Severity::Low => 2,
            Severity::Medium => 3,
            Severity::High => 4,
        },
    );
    root.text("severity", facts.severity.caption());
    let deed = deed::named(facts.action);
    root.plain("action_id", deed.ocsf_action.0);
    root.text("action", deed.ocsf_action.1);
    root.plain("disposition_id", deed.disposition.0);
    root.text("disposition", deed.disposition.1);
    root.plain("is_alert", facts.alert);
    root.maybe("confidence_score", facts.confidence);
    attacks(facts, root);
    root.object("metadata", |metadata| {
        metadata.text("version", "1.8.0");
        metadata.shown("uid", &facts.id);
        metadata.text("log_name", PRODUCT);
        metadata.list("profiles", profiles.iter().copied());
        metadata.text("event_code", facts.code);
        metadata.text("correlation_uid", facts.queue_id);
        metadata.object("product", |product| {
            product.text("name", PRODUCT);
            product.text("vendor_name", VENDOR);
            product.text("version", VERSION);
            product.text("lang", "en");
        });
    });
}

fn attacks(facts: &Facts<'_>, root: &mut Object<'_>) {
    root.objects("attacks", facts.threat.then_some(()), |attack, ()| {
        attack.text("version", "19");
        for (key, uid, name) in [
            ("tactic", "TA0009", "Collection"),
            ("technique", "T1114", "Email Collection"),
            ("sub_technique", "T1114.003", "Email Forwarding Rule"),
        ] {
            attack.object(key, |part| {
                part.text("uid", uid);
                part.text("name", name);
            });
        }
    });
}

/// One of `from` and `to` is asked for: mail without a header section has its envelope.
fn mail(message: &MessageEvent, email: &mut Object<'_>) {
    let sender = Some(message.envelope.mail_from.as_str()).filter(|sender| !sender.is_empty());
    let (from, to) = (&message.headers.from, &message.headers.to);
    email.text("from", from.first().map(String::as_str).or(sender));
    email.list("from_list", from.iter().map(String::as_str));
    email.list("to", if to.is_empty() { &message.destinations } else { to }.iter().map(String::as_str));
    email.text("message_uid", message.message_id.as_deref());
    email.text("subject", message.headers.subject.as_deref());
    email.plain("size", message.size);
    email.text("return_path", sender);
    email.list("delivered_to_list", message.envelope.rcpt_to.iter().map(String::as_str));
}

fn endpoint(facts: &Facts<'_>, source: &mut Object<'_>) {
    source.text("ip", facts.client_ip());
    source.text("hostname", facts.client_name());
}

fn unmapped(facts: &Facts<'_>, own: &mut Object<'_>) {
    own.text("listener", facts.listener);
    own.text("forwarder", facts.forwarder);
    own.list("destinations", facts.destinations.iter().map(String::as_str));
    own.text("exception", facts.exception);
    own.text("error", facts.error);
    let Some(message) = facts.message else { return };
    own.text("verdict", message.verdict);
    own.text("mode", ecs::mode(message.mode));
    own.text("mechanism", message.mechanism);
    own.plain("destination_count", message.destination_count);
    own.plain("evidence_count", message.evidence_count);
    own.objects("evidence", &message.evidence, seen);
}
