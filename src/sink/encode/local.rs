//! What programs say to one another on one host. Who listens at `/dev/log` (journald, rsyslog, syslog-ng) reads
//! `<PRI>tag[pid]: text`, as the C library writes it, and takes RFC 5424 for a text that begins with "1". journald has a
//! protocol of its own as well, in which fields have names.

use super::details::kind;
use super::syslog::{FACILITY, document};
use super::text::{clean, joined};
use super::{Context, Facts, PRODUCT};
use crate::event::Event;
use std::fmt::Display;
use std::io::Write;

/// Without a time: it would have to be local time without its zone, and all of them take the time of arrival. The event
/// has its own.
pub(super) fn syslog(event: &Event, context: Context, out: &mut Vec<u8>) {
    let facts = Facts::of(event);
    let start = out.len();
    let priority = FACILITY * 8 + facts.severity.syslog();
    // A vector takes everything.
    let _ = write!(out, "<{priority}>{PRODUCT}[{}]: ", context.process);
    if !document(event, start, out) {
        let _ = write!(out, "{{\"event\":{{\"id\":\"{}\",\"code\":\"{}\"}}}}", facts.id, facts.code);
    }
}

/// A line a field, `NAME=value`: no value has a line feed in it.
pub(super) fn journal(event: &Event, context: Context, out: &mut Vec<u8>) {
    let facts = Facts::of(event);
    let mut text = |name: &str, value: &str| {
        if !value.is_empty() {
            out.extend_from_slice(name.as_bytes());
            out.push(b'=');
            clean(out, value, |_| None);
            out.push(b'\n');
        }
    };
    let shown = |value: &dyn Display| value.to_string();
    text("MESSAGE", &facts.sentence());
    text("PRIORITY", &shown(&facts.severity.syslog()));
    text("SYSLOG_FACILITY", &shown(&FACILITY));
    text("SYSLOG_IDENTIFIER", PRODUCT);
    text("SYSLOG_PID", &shown(&context.process));
    text("FORWARDEN_ID", &shown(&facts.id));
    text("FORWARDEN_TIME", &format!("{:.3}", facts.time));
    text("FORWARDEN_KIND", kind(&event.body));
    text("FORWARDEN_CODE", facts.code);
    text("FORWARDEN_ACTION", facts.action);
    text("FORWARDEN_OUTCOME", if facts.failed { "failure" } else { "success" });
    text("FORWARDEN_LISTENER", facts.listener);
    text("FORWARDEN_QUEUE_ID", facts.queue_id.unwrap_or_default());
    text("FORWARDEN_RULE", facts.rule.unwrap_or_default());
    text("FORWARDEN_EXCEPTION", facts.exception.unwrap_or_default());
    text("FORWARDEN_ERROR", facts.error.unwrap_or_default());
    text("FORWARDEN_FORWARDER", facts.forwarder.unwrap_or_default());
    text("FORWARDEN_DESTINATIONS", &joined(facts.destinations.iter().map(String::as_str), 1000));
    text("FORWARDEN_DESTINATION_DOMAINS", &joined(facts.domains(), 1000));
    text("FORWARDEN_CONFIDENCE", &facts.confidence.map(|sure| sure.to_string()).unwrap_or_default());
    text("FORWARDEN_SRC_IP", facts.client_ip().unwrap_or_default());
    text("FORWARDEN_EVIDENCE", &joined(facts.evidence(), 1000));
    text("FORWARDEN_MITRE_TECHNIQUE", if facts.threat { "T1114.003" } else { "" });
    let Some(message) = facts.message else { return };
    text("FORWARDEN_DESTINATION_COUNT", &shown(&message.destination_count));
    text("FORWARDEN_MECHANISM", message.mechanism.unwrap_or_default());
    text("FORWARDEN_MAIL_FROM", &message.envelope.mail_from);
    text("FORWARDEN_HEADER_FROM", &joined(message.headers.from.iter().map(String::as_str), 1000));
    text("FORWARDEN_SUBJECT", message.headers.subject.as_deref().unwrap_or_default());
    text("FORWARDEN_MESSAGE_ID", message.message_id.as_deref().unwrap_or_default());
    text("FORWARDEN_SIZE", &shown(&message.size));
}
