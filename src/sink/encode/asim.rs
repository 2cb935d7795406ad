//! Microsoft Sentinel: a record of ASIM EmailEvent 1.0.0. The body of the Logs Ingestion API is a list of these.

use super::object::{Cap, Object, seen};
use super::{Facts, PRODUCT, VENDOR, VERSION, deed, details, ecs, facts::domain};
use crate::event::Event;

pub(super) fn encode(event: &Event, out: &mut Vec<u8>) {
    let facts = Facts::of(event);
    let deed = deed::named(facts.action);
    Object::write(out, Cap::WIDE, |row| {
        for column in ["TimeGenerated", "EventStartTime", "EventEndTime"] {
            row.shown(column, &format_args!("{:.3}", facts.time));
        }
        row.plain("EventCount", 1);
        row.text("EventType", "EmailInspection");
        row.text("EventSubType", "EmailSent");
        row.text("EventResult", if facts.failed { "Failure" } else { "Success" });
        row.text("EventResultDetails", if deed.ecs == "denied" { "BlockedByPolicy" } else { "Other" });
        row.text("EventSeverity", facts.severity.caption());
        row.shown("EventOriginalSeverity", &facts.severity.of_ten());
        row.shown("EventUid", &facts.id);
        row.text("EventOriginalUid", facts.queue_id);
        row.text("EventOriginalType", facts.code);
        row.text("EventVendor", VENDOR);
        row.text("EventProduct", PRODUCT);
        row.text("EventProductVersion", VERSION);
        row.text("EventSchema", "EmailEvent");
        row.text("EventSchemaVersion", "1.0.0");
        row.text("EventMessage", facts.sentence().as_str());
        row.text("Dvc", if facts.host.is_empty() { "-" } else { facts.host });
        row.text("DvcAction", deed.asim);
        row.text("DvcOriginalAction", facts.action);
        // A destination is asked for; where none is known it is the mail server's.
        let dst = [facts.destination_host(), Some(facts.host)].into_iter().flatten().find(|name| !name.is_empty());
        row.text("Dst", dst.unwrap_or("-"));
        row.text("Src", facts.client_ip().or(facts.client_name()));
        row.text("SrcIpAddr", facts.client_ip());
        if facts.forwarder.is_some() {
            row.text("SrcUserUpn", facts.forwarder);
            row.text("SrcUserName", facts.forwarder);
            row.text("SrcUsernameType", "UPN");
        }
        row.text("EmailProtocolName", "SMTP");
        row.text("EmailDirection", "Outbound");
        row.text("EmailDeliveryLocation", (deed.asim == "Quarantined").then_some("Quarantine"));
        row.text("RuleName", facts.rule);
        if facts.threat {
            row.text("ThreatName", facts.code);
            row.text("ThreatCategory", "DataExfiltration");
            row.maybe("ThreatConfidence", facts.confidence);
            row.text("ThreatField", "Dst");
            row.text("AttackTactics", "Collection");
            row.text("AttackTechniques", "T1114.003");
        }
        if let Some(message) = facts.message {
            let from = message.headers.from.first().map(String::as_str);
            row.text("EmailFromAddress", from);
            row.text("EmailFromDomain", from.and_then(domain));
            row.text("EmailMailFromAddress", message.envelope.mail_from.as_str());
            row.text("EmailMailFromDomain", domain(&message.envelope.mail_from));
            row.list("EmailToRecipients", message.headers.to.iter().map(String::as_str));
            row.text("EmailSubject", message.headers.subject.as_deref());
            row.plain("EmailSizeBytes", message.size);
        }
        row.object("AdditionalFields", |more| {
            additional(&facts, more);
            more.object("Details", |more| details::add(event, more));
        });
    });
}

fn additional(facts: &Facts<'_>, more: &mut Object<'_>) {
    more.text("Listener", facts.listener);
    more.list("Destinations", facts.destinations.iter().map(String::as_str));
    more.text("Exception", facts.exception);
    more.text("Error", facts.error);
    let Some(message) = facts.message else { return };
    more.text("MessageId", message.message_id.as_deref());
    more.plain("DestinationCount", message.destination_count);
    more.list("EnvelopeRecipients", message.envelope.rcpt_to.iter().map(String::as_str));
    more.text("Mode", ecs::mode(message.mode));
    more.text("Mechanism", message.mechanism);
    more.plain("EvidenceCount", message.evidence_count);
    more.objects("Evidence", &message.evidence, seen);
}
