//! What is shipped for receivers that are not at hand, held to what the encoders write: every field has its place there, and
//! there is no place for what is never written.

#![allow(clippy::expect_used, clippy::unwrap_used, clippy::panic, reason = "a test fails by them")]

use forwarden::sink::encode::LEEF_EVENT_IDS;
use regex::Regex;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

fn text(name: &str) -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(name)).unwrap_or_else(|_| panic!("{name}"))
}

fn json(name: &str) -> Value {
    serde_json::from_str(&text(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// The records that a dialect makes of one event of each kind.
fn records(dialect: &str) -> Vec<Value> {
    text(&format!("tests/dialects/{dialect}")).lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// Each leaf, by its path.
fn leaves(value: &Value, path: &str, found: &mut BTreeMap<String, Vec<Value>>) {
    match value {
        Value::Object(map) => map.iter().for_each(|(key, value)| {
            leaves(value, &if path.is_empty() { key.clone() } else { format!("{path}.{key}") }, found);
        }),
        Value::Array(items) => items.iter().for_each(|item| leaves(item, path, found)),
        leaf => found.entry(path.to_owned()).or_default().push(leaf.clone()),
    }
}

fn properties(value: &Value, path: &str, found: &mut BTreeMap<String, String>) {
    for (key, value) in value.as_object().unwrap() {
        let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
        match value.get("properties") {
            Some(inner) => properties(inner, &path, found),
            None => drop(found.insert(path, value["type"].as_str().unwrap().to_owned())),
        }
    }
}

#[test]
fn elasticsearch_has_a_mapping_for_every_field() {
    let component = json("conf/siem/elasticsearch/component-template.json");
    let index = json("conf/siem/elasticsearch/index-template.json");
    let mut mapped = BTreeMap::new();
    properties(&component["template"]["mappings"]["properties"], "", &mut mapped);
    let mut written = BTreeMap::new();
    records("ecs").iter().for_each(|record| leaves(record, "", &mut written));
    assert_eq!(mapped.keys().collect::<Vec<_>>(), written.keys().collect::<Vec<_>>());
    for (field, values) in &written {
        for value in values {
            let fits = match mapped[field].as_str() {
                "long" => value.is_u64() || value.is_i64(),
                "float" => value.is_number(),
                "date" => value.as_str().is_some_and(|text| text.parse::<jiff::Timestamp>().is_ok()),
                "ip" => value.as_str().is_some_and(|text| text.parse::<std::net::IpAddr>().is_ok()),
                "keyword" | "wildcard" | "match_only_text" | "constant_keyword" => value.is_string(),
                other => panic!("{field}: {other}"),
            };
            assert!(fits, "{field} is a {}, and there is {value}", mapped[field]);
        }
    }
    // What `_bulk` names is what the template is for.
    let bulk: Value = serde_json::from_str(text("tests/dialects/elasticsearch_bulk").lines().next().unwrap()).unwrap();
    let (stream, pattern) = (bulk["create"]["_index"].as_str().unwrap(), index["index_patterns"][0].as_str().unwrap());
    assert!(stream.starts_with(pattern.strip_suffix('*').unwrap()), "{stream}, {pattern}");
    assert!(index["data_stream"].is_object() && index["composed_of"][0] == "forwarden-mappings");
    assert!(text("docs/siem.md").contains("_component_template/forwarden-mappings"));
}

#[test]
fn sentinel_has_a_column_for_every_field() {
    let table = json("conf/siem/sentinel/table.json")["properties"]["schema"].clone();
    let rule = json("conf/siem/sentinel/dcr.json")["properties"].clone();
    let columns: BTreeMap<&str, &str> = table["columns"]
        .as_array()
        .unwrap()
        .iter()
        .map(|column| (column["name"].as_str().unwrap(), column["type"].as_str().unwrap()))
        .collect();
    let name = format!("Custom-{}", table["name"].as_str().unwrap());
    assert_eq!(rule["streamDeclarations"][&name]["columns"], table["columns"]);
    let flow = &rule["dataFlows"][0];
    assert!(flow["streams"][0] == name.as_str() && flow["outputStream"] == name.as_str());
    let mut written = BTreeSet::new();
    let rows = records("sentinel");
    for row in &rows {
        for (key, value) in row.as_object().unwrap() {
            let fits = match columns.get(key.as_str()) {
                Some(&"string") => value.is_string(),
                Some(&"int" | &"long") => value.is_u64(),
                Some(&"datetime") => value.as_str().is_some_and(|text| text.parse::<jiff::Timestamp>().is_ok()),
                Some(&"dynamic") => value.is_array() || value.is_object(),
                other => panic!("{key}: {other:?}"),
            };
            assert!(fits, "{key} is {value}");
            written.insert(key.as_str());
        }
    }
    assert_eq!(written, columns.keys().copied().collect());
    let parser = text("conf/siem/sentinel/ASimEmailEventForwarden.kql");
    let projected = parser.split("| project\n").nth(1).and_then(|rest| rest.split("\n    |").next()).unwrap();
    let projected: BTreeSet<&str> = projected.split(',').map(str::trim).collect();
    assert_eq!(projected, written);
    assert_eq!(parser.matches('(').count(), parser.matches(')').count());
    assert!(parser.contains(table["name"].as_str().unwrap()));
}

/// The settings of a file as Splunk writes them: stanza, key, value.
fn stanzas(name: &str) -> BTreeMap<String, BTreeMap<String, String>> {
    let mut found: BTreeMap<String, BTreeMap<String, String>> = BTreeMap::new();
    let mut stanza = String::new();
    for line in text(name).lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
        if let Some(name) = line.strip_prefix('[').and_then(|line| line.strip_suffix(']')) {
            name.clone_into(&mut stanza);
            assert!(found.insert(stanza.clone(), BTreeMap::new()).is_none(), "{name} is there twice");
        } else {
            let (key, value) = line.split_once(" = ").unwrap_or_else(|| panic!("{name}: {line}"));
            let before = found.get_mut(&stanza).unwrap().insert(key.to_owned(), value.to_owned());
            assert!(before.is_none(), "{name}: {key} is set twice");
        }
    }
    found
}

/// The token that is shipped goes with the output that is shipped, and with what the encoder writes.
#[test]
fn splunk_acknowledges_what_is_sent_so() {
    let (inputs, output) = (text("conf/siem/splunk/inputs.conf"), text("conf/siem/splunk/output.toml"));
    assert!(inputs.contains("\nuseACK = true\n") && output.contains("\nacknowledge = true\n"));
    let written = &records("splunk_hec")[0]["sourcetype"];
    assert!(inputs.contains(&format!("\nsourcetype = {}\n", written.as_str().unwrap())));
    let port = inputs.lines().find_map(|line| line.strip_prefix("port = ")).unwrap();
    assert!(output.contains(&format!(":{port}/services/collector/event\"")));
}

#[test]
fn splunk_makes_fields_of_what_is_there() {
    let folder = "conf/siem/splunk/TA-forwarden/default";
    let (props, types) = (stanzas(&format!("{folder}/props.conf")), stanzas(&format!("{folder}/eventtypes.conf")));
    let records = records("splunk_hec");
    let fields: BTreeSet<&String> =
        records.iter().flat_map(|record| record["event"].as_object().unwrap().keys()).collect();
    let sourcetype = records[0]["sourcetype"].as_str().unwrap();
    let word = Regex::new("[a-z_]+").unwrap();
    let mut made = 0;
    for (key, value) in &props[sourcetype] {
        let Some(name) = key.strip_prefix("EVAL-") else { continue };
        assert!(!fields.contains(&name.to_owned()), "{name} is there already");
        let used: Vec<&str> =
            word.find_iter(value).map(|found| found.as_str()).filter(|word| *word != "mvindex").collect();
        assert!(!used.is_empty() && used.iter().all(|used| fields.contains(&(*used).to_owned())), "{key} = {value}");
        made += 1;
    }
    assert!(made > 5);
    // Each kind of event finds some of ours, and not all.
    for (name, settings) in &types {
        let search = settings["search"].strip_prefix(&format!("sourcetype=\"{sourcetype}\" ")).unwrap();
        let (key, value) = search.split_once('=').unwrap();
        let found = records.iter().filter(|record| record["event"][key] == value).count();
        assert!(found > 0 && found < records.len(), "{name}: {search} finds {found} of {}", records.len());
    }
    for tagged in stanzas(&format!("{folder}/tags.conf")).keys() {
        assert!(types.contains_key(tagged.strip_prefix("eventtype=").unwrap()), "{tagged}");
    }
    // The time where it is read from a file.
    let line = text("tests/dialects/splunk_hec");
    assert!(Regex::new(&format!("{}[0-9]+\\.[0-9]{{3}}", props[sourcetype]["TIME_PREFIX"])).unwrap().is_match(&line));
}

/// The key of a custom property's expression.
fn key(expression: &str) -> &str {
    expression.trim_start_matches("\\^").split('=').next().unwrap()
}

#[test]
fn qradar_reads_what_leef_says() {
    let lines = text("tests/dialects/leef").replace("VERSION", env!("CARGO_PKG_VERSION"));
    let forward = lines.lines().find(|line| line.contains("|AF-0003|")).unwrap();
    let extension = text("conf/siem/qradar/forwarden-lsx.xml");
    let pattern = Regex::new(r#"<pattern id="(\w+)"[^>]*><!\[CDATA\[(.*)\]\]></pattern>"#).unwrap();
    let mut read = BTreeMap::new();
    for found in pattern.captures_iter(&extension) {
        let value = Regex::new(&found[2]).unwrap().captures(forward).unwrap_or_else(|| panic!("{}", &found[1]));
        assert!(extension.matches(&format!("pattern-id=\"{}\"", &found[1])).count() > 0, "{} is not used", &found[1]);
        read.insert(found[1].to_owned(), value[1].to_owned());
    }
    let wanted = [
        ("DeviceTime", "1795488382123"),
        ("EventCategory", "Automatic forward"),
        ("EventName", "AF-0003"),
        ("SourceIp", "192.0.2.10"),
        ("UserName", "alice@corp.example"),
    ];
    assert_eq!(read, wanted.map(|(key, value)| (key.to_owned(), value.to_owned())).into());
    let mut properties = csv::Reader::from_reader(std::io::Cursor::new(text("conf/siem/qradar/custom-properties.csv")));
    let mut checked = 0;
    for row in properties.records().map(Result::unwrap) {
        let expression = Regex::new(&row[1]).unwrap();
        let found = expression.captures(forward).unwrap_or_else(|| panic!("{}: {forward}", &row[0]));
        // The example in the table is of the right kind, too.
        assert!(expression.is_match(&format!("^{}={}", key(&row[1]), &row[3])), "{}", &row[0]);
        assert!(!found[1].is_empty());
        checked += 1;
    }
    assert!(checked > 10);
    let map = text("conf/siem/qradar/qidmap.csv");
    let mapped: BTreeSet<&str> = map.lines().skip(1).filter_map(|line| line.split(',').next()).collect();
    assert_eq!(mapped, LEEF_EVENT_IDS.iter().map(|(_, id)| *id).collect());
}
