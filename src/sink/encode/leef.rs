//! LEEF 2.0. It has no escapes: the delimiter does not occur in a value. A record stays below the 4096 octets that
//! QRadar takes of a line.

use super::text::{clean, cut, cut_octets, joined};
use super::{Facts, PRODUCT, VENDOR, VERSION, facts};
use crate::event::Event;
use std::io::Write;

/// Octets of a value, and of a record; a field that no longer fits is left out, and the last are the least.
const VALUE: usize = 255;
const RECORD: usize = 4000;

pub(super) fn encode(event: &Event, delimiter: char, out: &mut Vec<u8>) {
    let facts = Facts::of(event);
    let end = out.len() + RECORD;
    let shown = if delimiter == '\t' { "x09" } else { "^" };
    let code = facts.code;
    // A vector takes everything.
    let _ = write!(out, "LEEF:2.0|{VENDOR}|{PRODUCT}|{VERSION}|{code}|{shown}|devTime={}", facts.time.as_millisecond());
    let mut field = |key: &str, value: &str| pair(out, (delimiter, end), key, value);
    field("cat", facts.name);
    field("sev", &facts.severity.of_ten().to_string());
    field("src", facts.client_ip().unwrap_or_default());
    field("proto", "TCP");
    field("usrName", facts.forwarder.unwrap_or_default());
    field("domain", facts.forwarder.and_then(facts::domain).unwrap_or_default());
    field("identHostName", facts.client_name().unwrap_or_default());
    field("policy", facts.rule.unwrap_or_default());
    field("exception", facts.exception.unwrap_or_default());
    field("recipientAddr", &joined(facts.destinations.iter().map(String::as_str), VALUE));
    field("recipientDomain", &joined(facts.domains(), VALUE));
    field("queueId", facts.queue_id.unwrap_or_default());
    field("eventUid", &facts.id.to_string());
    field("action", facts.action);
    field("outcome", if facts.failed { "failure" } else { "success" });
    field("error", facts.error.unwrap_or_default());
    field("mitreTechnique", if facts.threat { "T1114.003" } else { "" });
    field("confidence", &facts.confidence.map(|sure| sure.to_string()).unwrap_or_default());
    field("signals", &joined(facts.evidence(), VALUE));
    if let Some(message) = facts.message {
        field("recipientCount", &message.destination_count.to_string());
        field("senderAddr", &message.envelope.mail_from);
        field("headerFrom", &joined(message.headers.from.iter().map(String::as_str), VALUE));
        field("messageId", message.message_id.as_deref().unwrap_or_default());
        field("subject", message.headers.subject.as_deref().unwrap_or_default());
    }
}

fn pair(out: &mut Vec<u8>, (delimiter, end): (char, usize), key: &str, value: &str) {
    let before = out.len();
    let _ = write!(out, "{delimiter}{key}=");
    let start = out.len();
    clean(out, cut_octets(cut(value, VALUE), VALUE), |c| (c == delimiter || c.is_whitespace()).then_some(" "));
    trim(out, start);
    if out.len() == start || out.len() > end {
        out.truncate(before);
    }
}

/// Takes the spaces from both ends of what stands behind `start`.
pub(super) fn trim(out: &mut Vec<u8>, start: usize) {
    while out.len() > start && out.last() == Some(&b' ') {
        out.pop();
    }
    let spaces = out.iter().skip(start).take_while(|&&b| b == b' ').count();
    out.drain(start..start + spaces);
}
