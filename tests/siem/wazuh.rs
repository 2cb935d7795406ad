//! The rules for Wazuh, evaluated over what the real daemon wrote: each event raises the alert that it should.

use crate::site::Site;
use crate::{file, succeeds};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

/// The rule that is to raise an alert for an event.
fn rule(event: &Value) -> Option<&'static str> {
    let freemail = event["destination_classes"].as_array().is_some_and(|classes| classes.contains(&"freemail".into()));
    match (event["kind"].as_str()?, event["verdict"].as_str().or(event["behaviour"].as_str())) {
        ("message", Some("auto_forward")) if freemail && event["exception"].is_null() => Some("110402"),
        ("message", Some("auto_forward")) => Some("110401"),
        ("message", Some("bulk_copy")) => Some("110403"),
        ("behaviour", Some("first_seen")) if event["what"] == "forwarder" => Some("110410"),
        ("behaviour", Some("first_seen")) if event["what"] == "destination" => Some("110411"),
        ("behaviour", Some("fan_in")) => Some("110412"),
        ("behaviour", Some("burst")) => Some("110413"),
        ("behaviour", Some("imbalance")) if event["look_at"] == "administrator_level" => Some("110414"),
        ("exception", _) => Some("110420"),
        ("quarantine", _) if event["change"] == "released" => Some("110421"),
        ("fault", _) => Some("110430"),
        _ => None,
    }
}

#[test]
#[ignore = "make test-siem"]
fn each_event_raises_its_alert() {
    let site = Site::start();
    let said = succeeds(
        Command::new(file("target/siem-tools/python/bin/python"))
            .arg(file("lab/wazuh-check"))
            .arg(file("conf/siem/wazuh/forwarden_rules.xml"))
            .arg(site.path("ecs.jsonl")),
    );
    let words: Vec<Vec<&str>> = said.lines().map(|line| line.split(' ').collect()).collect();
    let raised: BTreeMap<&str, &str> =
        words.iter().filter(|words| words[0] == "match").map(|words| (words[2], words[1])).collect();
    let events = site.events();
    for (id, event) in &events {
        assert_eq!(raised.get(id.as_str()).copied(), rule(event), "{event:#}");
    }
    // A description names only what is there; a site-wide imbalance has no mailbox.
    assert!(!said.contains("missing"), "{said}");
    let used: BTreeSet<&str> = raised.values().copied().collect();
    assert!(used.len() >= 10, "{used:?}");
}
