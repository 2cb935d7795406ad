//! Each dialect word by word: the lines that it makes of known events are those of tests/dialects, and the tables of the
//! manual say where each field of an event stands.

#![allow(clippy::expect_used, clippy::unwrap_used, clippy::panic, reason = "a test fails by them")]

#[path = "support/sample_event.rs"]
mod sample_event;
#[path = "support/sample_kinds.rs"]
mod sample_kinds;

use forwarden::event::Event;
use forwarden::sink::encode::{Context, FORMATS, LEEF_EVENT_IDS, format};
use sample_kinds::kinds;
use serde_json::Value;
use std::path::PathBuf;

const HOSTILE: &str = "a=b|c\\d \"q\" ]x[\tTAB ^caret\r\nInjected: yes é ☃ \u{202e}\0\u{1b}[31m <33>";

fn encode(name: &str, event: &Event) -> String {
    let mut out = Vec::new();
    format(name).unwrap().encode(event, Context { process: 4711, sequence: 1 }, &mut out);
    String::from_utf8(out).expect("UTF-8")
}

fn golden(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/dialects").join(name)
}

/// A change of a dialect is a change for those who receive it: it is made on purpose, and seen in these files.
/// `FORWARDEN_GOLDEN=write cargo test --test dialects` writes them anew.
#[test]
fn the_lines_are_those_that_receivers_know() {
    let write = std::env::var_os("FORWARDEN_GOLDEN").is_some();
    let mut wrong = Vec::new();
    for dialect in FORMATS {
        let lines = ["Offer 4711", HOSTILE]
            .map(|text| kinds(text).iter().map(|(_, event)| encode(dialect.name, event) + "\n").collect::<String>());
        // The version is not what is compared.
        let lines = lines.concat().replace(env!("CARGO_PKG_VERSION"), "VERSION");
        let path = golden(dialect.name);
        if write {
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(&path, &lines).unwrap();
        }
        let expected = std::fs::read_to_string(&path).unwrap_or_default();
        let count = lines.lines().count().max(expected.lines().count());
        for number in 0..count {
            let (found, expected) = (lines.lines().nth(number), expected.lines().nth(number));
            if found != expected {
                wrong.push(format!("{}:{}:\nfound    {found:?}\nexpected {expected:?}", path.display(), number + 1));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// No object says the same key twice: of two, receivers keep one or the other.
#[test]
fn no_key_is_there_twice() {
    for (kind, event) in kinds("Offer 4711") {
        for name in ["json", "ecs", "ocsf", "ocsf_finding", "gelf", "splunk_hec", "sentinel", "udm"] {
            let line = encode(name, &event);
            let value: Value = serde_json::from_str(&line).unwrap();
            assert_eq!(value.to_string().len(), line.len(), "{name}, {kind}: {line}");
        }
    }
}

/// What stands under a key of a dialect, as texts.
fn under(dialect: &str, record: &str, key: &str) -> Vec<String> {
    fn texts(value: &Value) -> Vec<String> {
        match value {
            Value::Array(items) => items.iter().flat_map(texts).collect(),
            Value::String(text) => vec![text.clone()],
            Value::Null => vec![],
            other => vec![other.to_string()],
        }
    }
    fn walk(value: &Value, path: &str) -> Vec<String> {
        if path.is_empty() {
            return texts(value);
        }
        if let Value::Array(items) = value {
            return items.iter().flat_map(|item| walk(item, path)).collect();
        }
        let (first, rest) = path.split_once('.').unwrap_or((path, ""));
        value.get(first).map(|value| walk(value, rest)).unwrap_or_default()
    }
    let listed = |value: &str| value.split(',').map(str::to_owned).collect();
    match dialect {
        "cef" => {
            let extension = record.splitn(8, '|').nth(7).unwrap();
            let at = extension.find(&format!("{key}=")).unwrap_or_else(|| panic!("{key} is not in {record}"));
            let value = &extension[at + key.len() + 1..];
            // A value ends before the next key.
            let words: Vec<&str> = value.split(' ').collect();
            let end = words.iter().position(|word| word.replace("\\=", "").contains('=')).unwrap_or(words.len());
            listed(&words[..end].join(" ").replace("\\=", "="))
        }
        "leef" => {
            let pairs = record.splitn(7, '|').nth(6).unwrap().split('^').filter_map(|pair| pair.split_once('='));
            pairs.filter(|(name, _)| *name == key).flat_map(|(_, value)| listed(value)).collect()
        }
        "syslog" => record
            .split(&format!(" {key}=\""))
            .nth(1)
            .and_then(|rest| rest.split('"').next())
            .map_or_else(Vec::new, listed),
        "gelf" => walk(&serde_json::from_str(record).unwrap(), key).iter().flat_map(|text| listed(text)).collect(),
        "splunk_hec" => walk(&serde_json::from_str::<Value>(record).unwrap()["event"], key),
        _ => walk(&serde_json::from_str(record).unwrap(), key),
    }
}

const COLUMNS: &[(&str, &str)] = &[
    ("ECS", "ecs"),
    ("OCSF", "ocsf"),
    ("Finding", "ocsf_finding"),
    ("CEF", "cef"),
    ("LEEF", "leef"),
    ("RFC 5424", "syslog"),
    ("GELF", "gelf"),
    ("Splunk", "splunk_hec"),
    ("ASIM", "sentinel"),
    ("UDM", "udm"),
];

/// Each cell of the tables names the key under which that dialect has what the event says.
#[test]
fn the_tables_of_the_manual_say_where_things_stand() {
    let page = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/siem.md")).unwrap();
    let event =
        sample_event::sample("Offer 4711", &["a.smith@mail.evil-drop.example.net", "bob@evil-drop.example.net"]);
    let native: Value = serde_json::to_value(&event).unwrap();
    let (mut columns, mut checked): (Vec<&str>, usize) = (Vec::new(), 0);
    let mut dialects = std::collections::BTreeSet::new();
    for line in page.lines() {
        let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
        if cells[0] == "event" {
            let dialect = |title: &&str| COLUMNS.iter().find(|(name, _)| name == title).map(|(_, dialect)| *dialect);
            columns = cells[1..].iter().map(|title| dialect(title).unwrap_or_else(|| panic!("{title}"))).collect();
            continue;
        }
        if !line.starts_with('|') {
            columns.clear();
        }
        let Some(path) =
            cells[0].strip_prefix('`').and_then(|cell| cell.strip_suffix('`')).filter(|_| !columns.is_empty())
        else {
            continue;
        };
        let wanted = under("json", &native.to_string(), path);
        assert!(!wanted.is_empty(), "{path} is not in the event");
        for (dialect, cell) in columns.iter().zip(&cells[1..]) {
            let Some(key) = cell.strip_prefix('`').and_then(|cell| cell.split('`').next()) else {
                assert!(cell.is_empty(), "{path}, {dialect}: {cell}");
                continue;
            };
            let found = under(dialect, &encode(dialect, &event), key);
            let first = cell.ends_with("(the first)");
            let all = if first { &wanted[..1] } else { &wanted[..] };
            for text in all {
                // Times are written in many ways, confidence as per cent; what an action is called varies.
                let same = |found: &String| {
                    found == text
                        || found.eq_ignore_ascii_case(text)
                        || found.ends_with(&format!("={text}"))
                        || (path == "time" && ["1795488382123", "1795488382.123"].contains(&found.as_str()))
                        || (path == "confidence" && ["99", "98.7", "0.987"].contains(&found.as_str()))
                        || found.strip_prefix("auto-forward-") == Some(text)
                };
                assert!(found.iter().any(same), "{path}, {dialect}: {text:?} is not under {key}: {found:?}");
            }
            dialects.insert(*dialect);
            checked += 1;
        }
    }
    assert!(checked > 120, "only {checked} cells");
    assert_eq!(dialects.len(), COLUMNS.len(), "{dialects:?}");
}

/// What QRadar maps by has its row in the manual, and each code its id.
#[test]
fn event_ids_of_leef() {
    let page = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/siem.md")).unwrap();
    for (code, id) in LEEF_EVENT_IDS {
        assert!(page.contains(&format!("| `{id}` | `{code}` | ")), "docs/siem.md has no row on {id}, {code}");
        assert_eq!(LEEF_EVENT_IDS.iter().filter(|(_, other)| other == id).count(), 1, "{id} is given twice");
    }
    for (kind, event) in kinds("x") {
        let record = encode("leef", &event);
        let id = record.split('|').nth(4).unwrap();
        let wanted = match kind {
            "fault" => "AF-0010",
            "first_seen" => "AF-0020",
            "fan_in" => "AF-0021",
            "burst" => "AF-0022",
            "regular_latency" => "AF-0023",
            "imbalance" => "AF-0024",
            "exception" => "AF-0030",
            "quarantine" => "AF-0040",
            "loss" => "AF-0051",
            _ => "AF-0003",
        };
        assert_eq!(id, wanted, "{record}");
        assert!(!record.contains('|') || record.split('|').count() >= 7, "{record}");
    }
}
