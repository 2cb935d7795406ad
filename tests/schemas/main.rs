//! Every kind of event in every dialect, with ordinary and with hostile contents, and what a daemon writes, against the
//! names, types and values that the makers of the dialect publish: in this folder, as far as they are used here. What begins
//! to use more of a dialect adds it there, from its maker's pages.

#![allow(clippy::expect_used, clippy::unwrap_used, clippy::panic, reason = "a test fails by them")]

mod daemon;
#[path = "../support/sample_event.rs"]
mod sample_event;
#[path = "../support/sample_kinds.rs"]
mod sample_kinds;
#[path = "../support/mod.rs"]
mod support;
mod tables;

use forwarden::sink::encode::{Context, format};
use jsonschema::Validator;
use sample_kinds::kinds;
use serde_json::Value;
use std::collections::BTreeSet;

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
    let written = daemon::WRITTEN[dialect].iter().map(|line| (format!("{dialect}, of a daemon"), line.clone()));
    records.extend(written);
    assert!(records.len() > 60, "{}", records.len());
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
