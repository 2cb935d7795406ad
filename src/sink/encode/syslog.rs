//! RFC 5424: header, structured data, and another dialect as the message. Without a byte order mark: receivers find
//! JSON and CEF by their first letters. No framing: that is the transport's.

use super::object::Cap;
use super::text::{clean, cut, cut_octets, joined};
use super::{Context, Facts, PRODUCT, cef as cef_of, ecs as ecs_of, leef as leef_of};
use crate::event::Event;
use std::io::Write;

/// local0.
pub(super) const FACILITY: u8 = 16;
/// Receivers should take 8192 octets (RFC 5425), and rsyslog takes no more unless it is told to.
const MAX: usize = 8000;
/// The number that RFC 5612 keeps for documentation, since Forwarden has none of its own.
const STRUCTURED: &str = "forwarden@32473";

pub(super) fn ecs(event: &Event, context: Context, out: &mut Vec<u8>) {
    json(event, context, b"", out);
}

pub(super) fn cee(event: &Event, context: Context, out: &mut Vec<u8>) {
    json(event, context, b"@cee: ", out);
}

pub(super) fn cef(event: &Event, context: Context, out: &mut Vec<u8>) {
    let start = out.len();
    header(event, context, out);
    cef_of::encode(event, out);
    // A record of many escapes may be too long still. Its last value is cut, at a place where no escape is.
    if out.len() - start > MAX {
        shorten(out, start + MAX);
    }
}

pub(super) fn leef(event: &Event, context: Context, out: &mut Vec<u8>) {
    header(event, context, out);
    leef_of::encode(event, '^', out);
}

pub(super) fn leef_tab(event: &Event, context: Context, out: &mut Vec<u8>) {
    header(event, context, out);
    leef_of::encode(event, '\t', out);
}

/// JSON is never cut: it takes less of long lists and texts until it fits, and in the end nothing; the structured data
/// has the essence.
fn json(event: &Event, context: Context, cookie: &[u8], out: &mut Vec<u8>) {
    let start = out.len();
    header(event, context, out);
    out.extend_from_slice(cookie);
    if !document(event, start, out) {
        out.extend_from_slice(b"{}");
    }
}

/// Appends the event to a record that begins there. Whether it fits; where it does not, nothing is appended.
pub(super) fn document(event: &Event, start: usize, out: &mut Vec<u8>) -> bool {
    let message = out.len();
    for (items, chars) in [(100, 1000), (20, 320), (5, 120), (1, 40)] {
        ecs_of::encode(event, Cap { items, chars }, out);
        if out.len() - start <= MAX {
            return true;
        }
        out.truncate(message);
    }
    false
}

fn shorten(out: &mut Vec<u8>, end: usize) {
    out.truncate(end);
    if let Some(space) = out.iter().rposition(|&b| b == b' ') {
        out.truncate(space);
    }
}

fn header(event: &Event, context: Context, out: &mut Vec<u8>) {
    let facts = Facts::of(event);
    let priority = FACILITY * 8 + facts.severity.syslog();
    let kind = match facts.message {
        Some(_) if facts.threat => "AUTOFWD",
        Some(_) => "MAIL",
        None => "NOTICE",
    };
    let host: String = facts.host.chars().filter(char::is_ascii_graphic).take(255).collect();
    let host = if host.is_empty() { "-" } else { &host };
    let (time, process) = (facts.time, context.process);
    // A vector takes everything.
    let _ = write!(out, "<{priority}>1 {time:.3} {host} {PRODUCT} {process} {kind} [{STRUCTURED}");
    let mut parameter = |name: &str, value: &str| {
        if !value.is_empty() {
            let _ = write!(out, " {name}=\"");
            clean(out, cut_octets(cut(value, 255), 255), |c| match c {
                '"' => Some("\\\""),
                '\\' => Some("\\\\"),
                ']' => Some("\\]"),
                _ => None,
            });
            out.push(b'"');
        }
    };
    parameter("id", &facts.id.to_string());
    parameter("code", facts.code);
    parameter("act", facts.action);
    parameter("rule", facts.rule.unwrap_or_default());
    parameter("confidence", &facts.confidence.map(|sure| sure.to_string()).unwrap_or_default());
    parameter("qid", facts.queue_id.unwrap_or_default());
    parameter("forwarder", facts.forwarder.unwrap_or_default());
    parameter("rcpt", facts.destination.unwrap_or_default());
    parameter("rcpt_domain", &joined(facts.domains(), 255));
    if let Some(message) = facts.message {
        parameter("rcpt_count", &message.destination_count.to_string());
        parameter("mail_from", &message.envelope.mail_from);
        parameter("subject", message.headers.subject.as_deref().unwrap_or_default());
    }
    // RFC 5424, 7.3.1: past 2147483647 it begins again with 1.
    let _ = write!(out, "][meta sequenceId=\"{}\"] ", context.sequence.clamp(1, i32::MAX.unsigned_abs()));
}
