//! Common Event Format 0. A value is escaped, kept to the length that its key has in ArcSight's dictionary, and holds no
//! control character; `|` stands as it is, as the format wants it in a value.

use super::text::{clean, cut, joined};
use super::{Facts, PRODUCT, VENDOR, VERSION};
use crate::event::Event;
use std::io::Write;
use std::net::IpAddr;

pub(super) fn encode(event: &Event, out: &mut Vec<u8>) {
    let facts = Facts::of(event);
    out.extend_from_slice(b"CEF:0");
    for part in [VENDOR, PRODUCT, VERSION, facts.code, facts.name] {
        out.push(b'|');
        clean(out, cut(part, 31), |c| match c {
            '\\' => Some("\\\\"),
            '|' => Some("\\|"),
            _ => None,
        });
    }
    // A vector takes everything. The time stands first: liblognorm to 2.0.6 eats the first letter of the first key.
    let _ = write!(out, "|{}|rt={}", facts.severity.of_ten(), facts.time.as_millisecond());
    let mut field = |key: &str, value: &str, chars: usize| pair(out, key, value, chars);
    field("dvchost", facts.host, 100);
    field("cat", "email/auto-forward", 1023);
    field("act", facts.action, 63);
    field("outcome", if facts.failed { "failure" } else { "success" }, 63);
    field("app", "SMTP", 31);
    field("proto", "TCP", 31);
    field("deviceDirection", "1", 1);
    field("externalId", &facts.id.to_string(), 40);
    field("deviceExternalId", facts.queue_id.unwrap_or_default(), 255);
    field("duser", &joined(facts.destinations.iter().map(String::as_str), 1023), 1023);
    field("dhost", facts.destination_host().unwrap_or_default(), 1023);
    field("destinationDnsDomain", facts.domains().next().unwrap_or_default(), 255);
    field("reason", &facts.error.map_or_else(|| joined(facts.evidence(), 1023), str::to_owned), 1023);
    field("shost", facts.client_name().unwrap_or_default(), 1023);
    match facts.client_ip().and_then(|ip| ip.parse().ok()) {
        Some(IpAddr::V4(ip)) => field("src", &ip.to_string(), 15),
        Some(IpAddr::V6(ip)) => {
            field("c6a2", &ip.to_string(), 45);
            field("c6a2Label", "Source IPv6 Address", 1023);
        }
        None => {}
    }
    let mut labelled = |key: &str, label: &str, value: &str| {
        if !value.trim().is_empty() {
            field(key, value, 4000);
            field(&format!("{key}Label"), label, 1023);
        }
    };
    labelled("cs1", "Forwarder", facts.forwarder.unwrap_or_default());
    labelled("cs4", "Exception", facts.exception.unwrap_or_default());
    labelled("cs5", "MitreTechnique", if facts.threat { "T1114.003" } else { "" });
    labelled("cs6", "RuleName", facts.rule.unwrap_or_default());
    labelled("cn1", "Confidence", &facts.confidence.map(|sure| sure.to_string()).unwrap_or_default());
    if let Some(message) = facts.message {
        labelled("cs2", "MessageID", message.message_id.as_deref().unwrap_or_default());
        labelled("cs3", "HeaderFrom", &joined(message.headers.from.iter().map(String::as_str), 1000));
        labelled("cn2", "DestinationCount", &message.destination_count.to_string());
        field("suser", &message.envelope.mail_from, 1023);
        field("suid", message.client.auth_user.as_deref().unwrap_or_default(), 1023);
        field("fsize", &i32::try_from(message.size).unwrap_or(i32::MAX).to_string(), 10);
        field("msg", message.headers.subject.as_deref().unwrap_or_default(), 1023);
    }
}

/// A value without anything to see in it is left out: spaces around a value are lost on the way.
fn pair(out: &mut Vec<u8>, key: &str, value: &str, chars: usize) {
    let before = out.len();
    let _ = write!(out, " {key}=");
    let start = out.len();
    clean(out, cut(value, chars), |c| match c {
        '\\' => Some("\\\\"),
        '=' => Some("\\="),
        _ if c.is_whitespace() => Some(" "),
        _ => None,
    });
    super::leef::trim(out, start);
    if out.len() == start {
        out.truncate(before);
    }
}
