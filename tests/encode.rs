//! Every dialect, against what its format asks for, with ordinary, hostile and very long contents.

#![allow(clippy::expect_used, clippy::unwrap_used, clippy::panic, reason = "a test fails by them")]

#[path = "support/sample_event.rs"]
mod sample_event;

use forwarden::event::{Body, Event, Fault};
use forwarden::sink::encode::{Context, FORMATS, format};
use forwarden::sink::{Output, Sink, Target, Writers};
use proptest::prelude::*;
use sample_event::sample;
use serde_json::Value;

fn encode(name: &str, event: &Event) -> String {
    let mut out = Vec::new();
    format(name).unwrap().encode(event, Context { process: 4711, sequence: 1 }, &mut out);
    String::from_utf8(out).expect("UTF-8")
}

/// The dialects whose records are JSON.
const JSON: &[&str] = &["json", "ecs", "ocsf", "ocsf_finding", "gelf", "splunk_hec", "sentinel", "udm"];

/// What ends a line or turns text around, to whoever reads it.
fn hostile(c: char) -> bool {
    c.is_control() || matches!(c, '\u{2028}' | '\u{2029}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// The pairs of a CEF extension, unescaped: a key is what stands between a space and the next unescaped `=`.
fn cef_pairs(extension: &str) -> Vec<(String, String)> {
    let mut pairs: Vec<(String, String)> = Vec::new();
    let mut text = String::new();
    let mut chars = extension.chars();
    while let Some(c) = chars.next() {
        match c {
            '\\' => match chars.next() {
                Some(escaped @ ('\\' | '=')) => text.push(escaped),
                other => panic!("an escape of {other:?} in {extension}"),
            },
            '=' => {
                let (value, key) = text
                    .rsplit_once(' ')
                    .map_or((String::new(), text.clone()), |(value, key)| (value.to_owned(), key.to_owned()));
                if let Some(last) = pairs.last_mut() {
                    last.1 = value;
                }
                pairs.push((key, String::new()));
                text.clear();
            }
            c => text.push(c),
        }
    }
    pairs.last_mut().expect("a pair").1 = text;
    pairs
}

/// The message part of an RFC 5424 record, past its structured data.
fn syslog_message(record: &str) -> &str {
    let start = record.find(" [forwarden@32473 ").expect("structured data") + 1;
    let (mut quoted, mut escaped) = (false, false);
    let bytes = record.as_bytes();
    for at in start..bytes.len() {
        match bytes[at] {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            b']' if !quoted && bytes[at + 1] == b' ' => return &record[at + 2..],
            _ => {}
        }
    }
    panic!("the structured data has no end: {record}")
}

/// The fields of a record for the journal: each name once, and such as the journal takes.
fn fields(record: &str) -> std::collections::BTreeMap<&str, &str> {
    let mut fields = std::collections::BTreeMap::new();
    for line in record.lines() {
        let (name, value) = line.split_once('=').unwrap_or_else(|| panic!("{line:?} is no field: {record}"));
        let good = name.len() <= 64 && name.bytes().all(|b| b.is_ascii_uppercase() || b == b'_');
        assert!(good && !name.starts_with('_') && !value.is_empty(), "{line}");
        assert!(fields.insert(name, value).is_none(), "{name} is there twice: {record}");
    }
    fields
}

fn check(event: &Event) {
    let keys = |record: &str| -> Vec<String> {
        cef_pairs(record.splitn(8, '|').nth(7).unwrap()).into_iter().map(|(key, _)| key).collect()
    };
    for name in FORMATS.iter().map(|format| format.name).filter(|&name| name != "json") {
        let record = encode(name, event);
        let lines = record.split('\n').count();
        match name {
            "journald" => assert!(record.ends_with('\n') && fields(&record).len() == lines - 1, "{record}"),
            "elasticsearch_bulk" => assert_eq!(lines, 2, "{name}: {record}"),
            _ => assert_eq!(lines, 1, "{name}: {record}"),
        }
        let allowed = |c| c == '\n' || (c == '\t' && name.ends_with("leef_tab"));
        assert!(!record.chars().any(|c| hostile(c) && !allowed(c)), "{name}: {record:?}");
        if name.starts_with("syslog") {
            assert!(record.len() <= 8000, "{name}: {} octets", record.len());
        }
        if name.starts_with("leef") {
            assert!(record.len() < 4096, "{name}: {} octets", record.len());
        }
    }
    for name in JSON {
        let record = encode(name, event);
        let _: Value = serde_json::from_str(&record).unwrap_or_else(|error| panic!("{name}: {error}: {record}"));
    }
    for line in encode("elasticsearch_bulk", event).lines() {
        let _: Value = serde_json::from_str(line).unwrap();
    }
    let harmless = sample("Offer", &["alice.home@freemail.example"]);
    let expected = keys(&encode("cef", &harmless));
    let found = keys(&encode("cef", event));
    assert!(found.iter().all(|key| expected.contains(key)), "a key came from a value: {found:?}");
    for (name, delimiter) in [("leef", '^'), ("leef_tab", '\t')] {
        let record = encode(name, event);
        let mut seen = std::collections::BTreeSet::new();
        for pair in record.splitn(7, '|').nth(6).unwrap().split(delimiter) {
            let (key, value) = pair.split_once('=').unwrap_or_else(|| panic!("{pair:?} is no pair: {record}"));
            assert!(seen.insert(key.to_owned()) && key.bytes().all(|b| b.is_ascii_alphanumeric()), "{key}: {record}");
            assert!(!value.is_empty(), "{key}");
        }
    }
    let _: Value = serde_json::from_str(syslog_message(&encode("syslog", event))).unwrap();
    let local = encode("syslog_local", event);
    let _: Value = serde_json::from_str(local.split_once("]: ").unwrap().1).unwrap();
    assert!(syslog_message(&encode("syslog_cef", event)).starts_with("CEF:0|"));
    assert!(syslog_message(&encode("syslog_leef", event)).starts_with("LEEF:2.0|"));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]
    #[test]
    fn no_text_breaks_a_record(text in any::<String>(), sharp in "[=|\\\\\"\\]\\[^\t\r\n \u{2028}\u{85}a]{0,40}") {
        check(&sample(&text, &["alice.home@freemail.example"]));
        check(&sample(&sharp, &["alice.home@freemail.example"]));
    }
}

#[test]
fn a_thousand_recipients_of_hostile_names_stay_within_the_limits() {
    for text in ["\u{0}".repeat(320), "\\".repeat(320), "=".repeat(320), "☃".repeat(320), "]\"".repeat(160)] {
        let to: Vec<String> = (0..1000).map(|number| format!("{text}{number}@freemail.example")).collect();
        let to: Vec<&str> = to.iter().map(String::as_str).collect();
        let event = sample(&text, &to);
        check(&event);
        let ecs: Value = serde_json::from_str(&encode("ecs", &event)).unwrap();
        assert_eq!(ecs["forwarden"]["destination_count"], 1000);
        assert_eq!(ecs["forwarden"]["destinations"].as_array().unwrap().len(), 100);
    }
}

#[test]
fn a_fault_is_told_in_every_dialect() {
    let fault = Fault {
        fault: "judging",
        error: "index out of\nbounds = 3".to_owned(),
        action: "tempfail",
        listener: "outbound".to_owned(),
        queue_id: None,
    };
    let event = Event::new(jiff::Timestamp::UNIX_EPOCH, "mx1.corp.example", Body::Fault(fault));
    for name in FORMATS.iter().map(|format| format.name) {
        let record = encode(name, &event);
        assert!(record.contains("judging"), "{name}: {record}");
    }
    let cef = encode("cef", &event);
    assert!(cef.contains("reason=index out of bounds \\= 3"), "{cef}");
}

#[test]
fn what_each_dialect_says_of_the_sample() {
    let event = sample("Offer 4711", &["alice.home@freemail.example"]);
    let json = |name| serde_json::from_str::<Value>(&encode(name, &event)).unwrap();
    assert_eq!(json("ecs")["event"]["action"], "auto-forward-quarantined");
    assert_eq!(json("ecs")["source"]["user"]["email"], "alice@corp.example");
    assert_eq!(json("ocsf")["type_uid"], 400_905);
    assert_eq!(json("ocsf")["disposition"], "Quarantined");
    assert_eq!(json("ocsf_finding")["type_uid"], 200_401);
    assert_eq!(json("gelf")["timestamp"], 1_795_488_382.123);
    assert_eq!(json("splunk_hec")["fields"]["action"], "quarantined");
    assert_eq!(json("sentinel")["DvcAction"], "Quarantined");
    assert_eq!(json("udm")["network"]["sentBytes"], "48213");
    let cef = encode("cef", &event);
    assert!(
        cef.starts_with("CEF:0|Forwarden|forwarden|0.1.0|auto_forward|Automatic forward|8|rt=1795488382123 "),
        "{cef}"
    );
    assert!(cef.contains(" duser=alice.home@freemail.example "), "{cef}");
    let leef = encode("leef", &event);
    assert!(leef.starts_with("LEEF:2.0|Forwarden|forwarden|0.1.0|AF-0003|^|devTime=1795488382123^"), "{leef}");
    let syslog = encode("syslog", &event);
    assert!(syslog.starts_with("<132>1 2026-11-24T02:46:22.123Z mx1.corp.example forwarden 4711 AUTOFWD [forwarden@32473 id=\"01939f6a-5c1e-7b3a-9d55-2f6f0f1b8a11\" code=\"auto_forward\" act=\"quarantined\" "), "{syslog}");
}

#[test]
fn the_manual_has_every_dialect() {
    let manual = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/siem.md")).unwrap();
    let rows = FORMATS.iter().map(|format| format!("| `{}` | {} |", format.name, format.about)).collect::<Vec<_>>();
    assert!(manual.contains(&rows.join("\n")), "docs/siem.md should have\n{}", rows.join("\n"));
}

#[test]
fn each_output_has_every_event_in_its_dialect() {
    let folder = tempfile::tempdir().unwrap();
    let output = |name: &str| Output::new(name, format(name).unwrap(), Target::File(folder.path().join(name)));
    let writers = Writers::start(&[output("ecs"), output("cef"), output("syslog")]).unwrap();
    let event = sample("Offer 4711", &["alice.home@freemail.example"]);
    (0..3).for_each(|_| writers.send(event.clone()));
    drop(writers);
    let lines = |name: &str| -> Vec<String> {
        std::fs::read_to_string(folder.path().join(name)).unwrap().lines().map(str::to_owned).collect()
    };
    assert_eq!(lines("ecs"), vec![encode("ecs", &event); 3]);
    assert_eq!(lines("cef"), vec![encode("cef", &event); 3]);
    let numbers: Vec<bool> = lines("syslog")
        .iter()
        .zip(1..)
        .map(|(line, number)| line.contains(&format!("[meta sequenceId=\"{number}\"]")))
        .collect();
    assert_eq!(numbers, [true, true, true]);
}
