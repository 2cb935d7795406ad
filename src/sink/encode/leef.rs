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
    let code = event_id(facts.code);
    // A vector takes everything.
    let _ = write!(out, "LEEF:2.0|{VENDOR}|{PRODUCT}|{VERSION}|{code}|{shown}|devTime={}", facts.time.as_millisecond());
    let mut field = |key: &str, value: &str| pair(out, (delimiter, end), key, value);
    field("cat", facts.name);
    field("code", facts.code);
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

/// What happened, and its EventID. QRadar maps each to a QID of its own: none is ever given to something else. What is not
/// here, a verdict that is no forward above all, is `mail`.
pub const EVENT_IDS: &[(&str, &str)] = &[
    ("mail", "AF-0001"),
    ("bulk_copy", "AF-0002"),
    ("auto_forward", "AF-0003"),
    ("judging", "AF-0010"),
    ("state", "AF-0011"),
    ("quarantine", "AF-0012"),
    ("spool", "AF-0013"),
    ("first_seen", "AF-0020"),
    ("fan_in", "AF-0021"),
    ("burst", "AF-0022"),
    ("regular_latency", "AF-0023"),
    ("imbalance", "AF-0024"),
    ("expired", "AF-0030"),
    ("overrun", "AF-0031"),
    ("released", "AF-0040"),
    ("deleted", "AF-0041"),
    ("trimmed", "AF-0042"),
    ("too_old", "AF-0050"),
    ("spool_full", "AF-0051"),
    ("disk_full", "AF-0052"),
    ("queue_full", "AF-0053"),
    ("unwritable", "AF-0054"),
    ("damaged", "AF-0055"),
    ("refused", "AF-0056"),
];

fn event_id(code: &str) -> &'static str {
    let id = |wanted: &str| EVENT_IDS.iter().find(|(name, _)| *name == wanted).map(|(_, id)| *id);
    id(code).or_else(|| id("mail")).unwrap_or_default()
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
