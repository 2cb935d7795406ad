//! Every kind of event in every dialect, with ordinary and with hostile contents, against the names, types and values that
//! the makers of the dialect publish: in tests/schemas, as far as they are used here. What begins to use more of a dialect
//! adds it there, from its maker's pages.

#![allow(clippy::expect_used, clippy::unwrap_used, clippy::panic, reason = "a test fails by them")]

#[path = "support/sample_event.rs"]
mod sample_event;
#[path = "support/sample_kinds.rs"]
mod sample_kinds;

use forwarden::sink::encode::{Context, format};
use jsonschema::Validator;
use sample_kinds::kinds;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

const HOSTILE: &str = "a=b|c\\d \"q\" ]x[\tTAB ^caret\r\nInjected: yes é ☃ \u{202e}\0\u{1b}[31m <33>";

/// The records of a dialect, each with the kind of its event.
fn records(dialect: &str) -> Vec<(String, String)> {
    let long = "ü".repeat(3_000);
    let mut records = Vec::new();
    for text in ["Offer 4711", HOSTILE, "", &long] {
        for (kind, event) in kinds(text) {
            let mut out = Vec::new();
            format(dialect).unwrap().encode(&event, Context { process: 4711, sequence: 1 }, &mut out);
            records.push((format!("{dialect}, {kind}"), String::from_utf8(out).expect("UTF-8")));
        }
    }
    assert!(records.len() > 30);
    records
}

fn documents(dialect: &str) -> Vec<(String, Value)> {
    records(dialect).into_iter().map(|(name, record)| (name, serde_json::from_str(&record).unwrap())).collect()
}

fn text_of(name: &str) -> String {
    std::fs::read_to_string(format!("{}/tests/schemas/{name}", env!("CARGO_MANIFEST_DIR"))).unwrap()
}

fn schema(name: &str) -> Validator {
    let schema: Value = serde_json::from_str(&text_of(name)).unwrap();
    jsonschema::options().should_validate_formats(true).build(&schema).unwrap()
}

/// The rows of a table, without its head.
fn rows(name: &str) -> Vec<Vec<String>> {
    let mut reader = csv::Reader::from_path(format!("{}/tests/schemas/{name}", env!("CARGO_MANIFEST_DIR"))).unwrap();
    reader.records().map(|row| row.unwrap().iter().map(str::to_owned).collect()).collect()
}

fn holds(schema: &Validator, name: &str, document: &Value) {
    let wrong: Vec<String> =
        schema.iter_errors(document).map(|error| format!("{}: {error}", error.instance_path())).collect();
    assert!(wrong.is_empty(), "{name}: {}\n{document}", wrong.join("\n"));
}

/// No text is empty and nothing is null: what is not known has no key.
fn says_something(name: &str, value: &Value) {
    match value {
        Value::Null => panic!("{name}: null"),
        Value::String(text) => assert!(!text.is_empty(), "{name}: an empty text"),
        Value::Array(items) => items.iter().for_each(|item| says_something(name, item)),
        Value::Object(fields) => {
            fields.iter().for_each(|(key, value)| says_something(&format!("{name}, {key}"), value));
        }
        _ => {}
    }
}

#[test]
fn ocsf() {
    let (activity, finding) = (schema("ocsf_4009.json"), schema("ocsf_2004.json"));
    let mut classes = BTreeSet::new();
    for dialect in ["ocsf", "ocsf_finding"] {
        for (name, document) in documents(dialect) {
            let class = document["class_uid"].as_u64().unwrap();
            holds(if class == 4009 { &activity } else { &finding }, &name, &document);
            says_something(&name, &document);
            assert_eq!(document["type_uid"], class * 100 + document["activity_id"].as_u64().unwrap(), "{name}");
            assert_eq!(document["metadata"]["version"], "1.8.0", "{name}");
            let profiles: &[&str] = if class == 4009 { &["host", "security_control"] } else { &["security_control"] };
            assert_eq!(document["metadata"]["profiles"], serde_json::json!(profiles), "{name}");
            // Milliseconds: seconds or microseconds would be another century.
            assert!((1_000_000_000_000..10_000_000_000_000).contains(&document["time"].as_i64().unwrap()), "{name}");
            classes.insert((dialect, class));
        }
    }
    assert_eq!(classes, BTreeSet::from([("ocsf", 2004), ("ocsf", 4009), ("ocsf_finding", 2004)]));
}

#[test]
fn sentinel() {
    let schema = schema("asim.json");
    for (name, document) in documents("sentinel") {
        holds(&schema, &name, &document);
        assert!(document.to_string().len() < 1_000_000, "{name}");
    }
}

#[test]
fn udm() {
    let schema = schema("udm.json");
    for (name, document) in documents("udm") {
        holds(&schema, &name, &document);
        says_something(&name, &document);
        // Limits are of octets, which a schema does not count.
        for (key, most) in
            [("description", 1024), ("productEventType", 64), ("productLogId", 256), ("productVersion", 32)]
        {
            assert!(document["metadata"][key].as_str().is_none_or(|text| text.len() <= most), "{name}: {key}");
        }
    }
}

/// The leaves of an object, by their whole names; what a field of type `object` holds is its own.
fn leaves<'a>(
    value: &'a Value,
    name: &str,
    fields: &BTreeMap<String, (String, bool)>,
    out: &mut Vec<(String, &'a Value)>,
) {
    let whole = fields.get(name).is_some_and(|(kind, _)| matches!(kind.as_str(), "object" | "flattened" | "nested"));
    match value {
        Value::Object(inner) if !whole => {
            for (key, value) in inner {
                let name = if name.is_empty() { key.clone() } else { format!("{name}.{key}") };
                leaves(value, &name, fields, out);
            }
        }
        _ => out.push((name.to_owned(), value)),
    }
}

#[test]
fn ecs() {
    let fields: BTreeMap<String, (String, bool)> =
        rows("ecs.csv").into_iter().map(|row| (row[0].clone(), (row[1].clone(), row[2] == "array"))).collect();
    let is = |kind: &str, value: &Value| match kind {
        "keyword" | "wildcard" | "constant_keyword" | "match_only_text" | "text" => {
            value.as_str().is_some_and(|text| text.len() <= 32_766)
        }
        "long" | "integer" => value.is_i64() || value.is_u64(),
        "float" | "scaled_float" | "double" => value.is_number(),
        "boolean" => value.is_boolean(),
        "date" => value.as_str().is_some_and(|text| text.ends_with('Z') && text.parse::<jiff::Timestamp>().is_ok()),
        "ip" => value.as_str().is_some_and(|text| text.parse::<IpAddr>().is_ok()),
        _ => true,
    };
    for (name, document) in documents("ecs") {
        let mut found = Vec::new();
        leaves(&document, "", &fields, &mut found);
        for (field, value) in found.into_iter().filter(|(field, _)| !field.starts_with("forwarden.")) {
            let Some((kind, listed)) = fields.get(&field) else { panic!("{name}: {field} is no field of ECS") };
            assert_eq!(value.is_array(), *listed, "{name}: {field}: {value}");
            let items = value.as_array().map_or_else(|| vec![value], |items| items.iter().collect());
            assert!(items.into_iter().all(|item| is(kind, item)), "{name}: {field} is no {kind}: {value}");
        }
        let event = &document["event"];
        assert!(matches!(event["kind"].as_str(), Some("alert" | "event" | "state")), "{name}: {event}");
        assert!(matches!(event["outcome"].as_str(), None | Some("success" | "failure" | "unknown")), "{name}: {event}");
        // What goes with the categories email and intrusion_detection.
        for (key, values) in [
            ("category", &["email", "intrusion_detection", "configuration"][..]),
            ("type", &["info", "allowed", "denied", "change"][..]),
        ] {
            let said = event[key].as_array().unwrap();
            assert!(said.iter().all(|value| values.contains(&value.as_str().unwrap())), "{name}: {event}");
        }
    }
}

/// The pairs behind the header of CEF, with the escapes of `=` and `\` taken away.
fn pairs(extension: &str) -> Vec<(String, String)> {
    let key = regex::Regex::new(r"(?:^| )([A-Za-z0-9]+)=").unwrap();
    // An escaped `=` ends no key: its `\` is no part of one.
    let found: Vec<_> = key.captures_iter(extension).map(|found| found.get(0).unwrap()).collect();
    let mut pairs = Vec::new();
    for (index, at) in found.iter().enumerate() {
        let end = found.get(index + 1).map_or(extension.len(), regex::Match::start);
        let key = at.as_str().trim_start().trim_end_matches('=').to_owned();
        pairs.push((key, extension[at.end()..end].replace("\\=", "=").replace("\\\\", "\\")));
    }
    pairs
}

#[test]
fn cef() {
    let keys: BTreeMap<String, (String, Option<usize>)> =
        rows("cef.csv").into_iter().map(|row| (row[0].clone(), (row[1].clone(), row[2].parse().ok()))).collect();
    for (name, record) in records("cef") {
        let header: Vec<&str> = record.splitn(8, '|').collect();
        assert_eq!(header[..3], ["CEF:0", "Forwarden", "forwarden"], "{name}");
        assert!(header[3].len() <= 31 && header[4].len() <= 1023 && header[5].len() <= 512, "{name}: {record}");
        assert!(header[6].parse::<u8>().is_ok_and(|severity| severity <= 10), "{name}: {record}");
        let pairs = pairs(header[7]);
        let names: BTreeSet<&str> = pairs.iter().map(|(key, _)| key.as_str()).collect();
        assert_eq!(names.len(), pairs.len(), "{name}: a key is there twice: {record}");
        for (key, value) in &pairs {
            let Some((kind, length)) = keys.get(key) else { panic!("{name}: {key} is no key of CEF: {record}") };
            assert!(length.is_none_or(|most| value.chars().count() <= most), "{name}: {key} is too long");
            let good = match kind.as_str() {
                "integer" | "long" => value.parse::<i64>().is_ok(),
                "ip_address" | "ipv4_address" | "ipv6_address" => {
                    value.parse::<IpAddr>().is_ok_and(|ip| match kind.as_str() {
                        "ipv4_address" => ip.is_ipv4(),
                        "ipv6_address" => ip.is_ipv6(),
                        _ => true,
                    })
                }
                "timestamp" => value.len() == 13 && value.parse::<u64>().is_ok(),
                _ => !value.is_empty(),
            };
            assert!(good, "{name}: {key} is no {kind}: {value}");
            // A custom key says what it is.
            let custom = key.starts_with("cs") || key.starts_with("cn") || key.starts_with("c6a");
            if custom && !key.ends_with("Label") {
                assert!(names.contains(format!("{key}Label").as_str()), "{name}: {key} has no label");
            }
        }
    }
}

#[test]
fn leef() {
    let keys: BTreeMap<String, String> =
        rows("leef.csv").into_iter().map(|row| (row[0].clone(), row[1].clone())).collect();
    let lower: BTreeSet<String> = keys.keys().map(|key| key.to_lowercase()).collect();
    for (dialect, parted) in [("leef", '^'), ("leef_tab", '\t')] {
        for (name, record) in records(dialect) {
            let header: Vec<&str> = record.splitn(7, '|').collect();
            assert_eq!(header[..3], ["LEEF:2.0", "Forwarden", "forwarden"], "{name}");
            assert!(header[5] == "^" || header[5] == "x09", "{name}: {record}");
            for (key, value) in header[6].split(parted).map(|pair| pair.split_once('=').unwrap()) {
                let good = match keys.get(key).map(String::as_str) {
                    Some("ip_address") => value.parse::<IpAddr>().is_ok(),
                    Some("integer") => value.parse::<u64>().is_ok(),
                    Some("date") => value.len() == 13 && value.parse::<u64>().is_ok(),
                    Some(_) => value.chars().count() <= 4_000,
                    // A key of our own is no other's, in other letters.
                    None => !lower.contains(&key.to_lowercase()),
                };
                assert!(good, "{name}: {key} = {value}");
                assert!(key != "sev" || (1..=10).contains(&value.parse::<u8>().unwrap()), "{name}: {record}");
            }
        }
    }
}

/// GELF 1.1: fields of our own begin with `_`, and are texts or numbers.
#[test]
fn gelf() {
    for (name, document) in documents("gelf") {
        assert_eq!(document["version"], "1.1", "{name}");
        for (key, value) in document.as_object().unwrap() {
            let own = key.strip_prefix('_').is_some_and(|rest| {
                rest != "id"
                    && !rest.is_empty()
                    && rest.bytes().all(|b| b.is_ascii_alphanumeric() || b"_.-".contains(&b))
            });
            let known =
                ["version", "host", "short_message", "full_message", "timestamp", "level"].contains(&key.as_str());
            assert!((own || known) && (value.is_string() || value.is_number()), "{name}: {key}: {value}");
        }
        assert!(document["level"].as_u64().is_some_and(|level| level <= 7), "{name}");
        assert!(
            ["host", "short_message"].iter().all(|key| document[*key].as_str().is_some_and(|text| !text.is_empty()))
        );
    }
}

/// The event collector: what stands beside the event, and that indexed fields are flat.
#[test]
fn splunk() {
    for (name, document) in documents("splunk_hec") {
        for (key, value) in document.as_object().unwrap() {
            let good = match key.as_str() {
                "time" => value.is_number(),
                "host" | "source" | "sourcetype" | "index" => value.as_str().is_some_and(|text| !text.is_empty()),
                "event" => value.as_object().is_some_and(|event| !event.is_empty()),
                "fields" => value.as_object().unwrap().values().all(|field| match field {
                    Value::Array(items) => items.iter().all(Value::is_string),
                    other => other.is_string() || other.is_number(),
                }),
                _ => false,
            };
            assert!(good, "{name}: {key}: {value}");
        }
        // CIM, Email: what may be done with a message.
        let action = document["event"]["action"].as_str();
        let known = ["allowed", "blocked", "deleted", "delivered", "quarantined"];
        if document["event"]["kind"] == "message" {
            assert!(action.is_some_and(|action| known.contains(&action)), "{name}: {action:?}");
        }
    }
}

/// A wrong value, an unknown field, a missing one: each schema sees it.
#[test]
fn what_is_wrong_is_found() {
    let changed = |dialect: &str, file: &str, change: fn(&mut Value)| {
        let (_, mut document) = documents(dialect).into_iter().find(|(name, _)| name.ends_with(", message")).unwrap();
        let schema = schema(file);
        assert!(schema.is_valid(&document), "{dialect}");
        change(&mut document);
        assert!(!schema.is_valid(&document), "{dialect}: {document}");
    };
    changed("ocsf", "ocsf_4009.json", |document| document["severity_id"] = 9.into());
    changed("ocsf", "ocsf_4009.json", |document| document["severity"] = "Low".into());
    changed("ocsf", "ocsf_4009.json", |document| document["email"]["smtp_from"] = "a@corp.example".into());
    changed("ocsf", "ocsf_4009.json", |document| drop(document.as_object_mut().unwrap().remove("email")));
    changed("ocsf_finding", "ocsf_2004.json", |document| document["finding_info"]["uid"] = 1.into());
    changed("sentinel", "asim.json", |document| document["MessageId"] = "x".into());
    changed("sentinel", "asim.json", |document| document["DvcAction"] = "quarantined".into());
    changed("sentinel", "asim.json", |document| document["EmailSizeBytes"] = "48213".into());
    changed("udm", "udm.json", |document| document["metadata"]["event_type"] = "EMAIL_TRANSACTION".into());
    changed("udm", "udm.json", |document| document["network"]["sentBytes"] = 48213.into());
    changed("udm", "udm.json", |document| drop(document["network"].as_object_mut().unwrap().remove("email")));
}
