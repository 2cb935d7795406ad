//! Google SecOps: an event of the Unified Data Model, its names as JSON ingestion has them. 64-bit numbers are texts.

use super::object::{Cap, Object};
use super::text::cut_octets;
use super::{Facts, PRODUCT, VENDOR, VERSION, deed};
use crate::event::Event;

pub(super) fn encode(event: &Event, out: &mut Vec<u8>) {
    let facts = Facts::of(event);
    Object::write(out, Cap::WIDE, |root| {
        root.object("metadata", |metadata| {
            metadata.shown("eventTimestamp", &format_args!("{:.3}", facts.time));
            metadata.text("eventType", if facts.message.is_some() { "EMAIL_TRANSACTION" } else { "GENERIC_EVENT" });
            metadata.text("vendorName", VENDOR);
            metadata.text("productName", PRODUCT);
            metadata.text("productVersion", VERSION);
            metadata.text("productEventType", facts.code);
            metadata.shown("productLogId", &facts.id);
            metadata.text("description", cut_octets(&facts.sentence(), 1024));
        });
        root.object("principal", |principal| {
            principal.list("ip", facts.client_ip());
            // An event needs the machine that it began at: where the client has no name, this one.
            principal.text("hostname", facts.client_name().unwrap_or(facts.host));
            principal.object("user", |user| {
                user.text("userid", facts.message.and_then(|message| message.client.auth_user.as_deref()));
                user.list("emailAddresses", facts.forwarder);
            });
        });
        root.object("target", |target| {
            target.text("hostname", facts.destination_host());
            target.object("domain", |domain| domain.text("name", facts.domains().next()));
            target.object("user", |user| user.list("emailAddresses", facts.destinations.iter().map(String::as_str)));
        });
        root.objects("intermediary", [facts.host], |server, host| server.text("hostname", host));
        root.object("network", |network| mail(&facts, network));
        root.objects("securityResult", [()], |result, ()| judgement(&facts, result));
    });
}

fn mail(facts: &Facts<'_>, network: &mut Object<'_>) {
    let Some(message) = facts.message else { return };
    network.text("applicationProtocol", "SMTP");
    network.text("ipProtocol", "TCP");
    network.text("direction", "OUTBOUND");
    network.shown("sentBytes", &message.size);
    network.object("email", |email| {
        let sender = message.envelope.mail_from.as_str();
        let to = if message.headers.to.is_empty() { &message.destinations } else { &message.headers.to };
        email.text("from", message.headers.from.first().map_or(sender, String::as_str));
        email.list("to", to.iter().map(String::as_str));
        email.text("mailId", message.message_id.as_deref());
        email.list("subject", message.headers.subject.as_deref());
        email.text("bounceAddress", sender);
    });
    network.object("smtp", |smtp| {
        smtp.text("helo", message.client.helo.as_deref());
        smtp.text("mailFrom", message.envelope.mail_from.as_str());
        smtp.list("rcptTo", message.envelope.rcpt_to.iter().map(String::as_str));
    });
}

fn judgement(facts: &Facts<'_>, result: &mut Object<'_>) {
    result.text("ruleId", facts.rule);
    result.text("ruleName", facts.rule);
    result.text("summary", facts.name);
    result.text("description", facts.error);
    result.list("action", [deed::named(facts.action).udm]);
    result.text("actionDetails", facts.action);
    result.text("severity", facts.severity.capitals());
    result.text("alertState", if facts.alert { "ALERTING" } else { "NOT_ALERTING" });
    if facts.threat {
        result.list("category", ["DATA_EXFILTRATION"]);
        result.object("attackDetails", |attack| {
            attack.text("version", "19");
            attack.objects("tactics", [()], |tactic, ()| {
                tactic.text("id", "TA0009");
                tactic.text("name", "Collection");
            });
            attack.objects("techniques", [()], |technique, ()| {
                technique.text("id", "T1114");
                technique.text("name", "Email Collection");
                technique.text("subtechniqueId", "T1114.003");
                technique.text("subtechniqueName", "Email Forwarding Rule");
            });
        });
    }
    let Some(message) = facts.message else { return };
    result.maybe("riskScore", facts.confidence);
    result.objects("detectionFields", &message.evidence, |field, item| {
        field.text("key", &*item.id);
        field.text("value", item.value.as_str());
    });
}
