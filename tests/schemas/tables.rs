//! Dialects whose makers publish a table of fields.

use crate::{documents, records};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

/// The rows of a table, without its head.
fn rows(name: &str) -> Vec<Vec<String>> {
    let mut reader = csv::Reader::from_path(format!("{}/tests/schemas/{name}", env!("CARGO_MANIFEST_DIR"))).unwrap();
    reader.records().map(|row| row.unwrap().iter().map(str::to_owned).collect()).collect()
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
