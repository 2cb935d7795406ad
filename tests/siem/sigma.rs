//! The Sigma rules, run over what the real daemon wrote: each matches what it is about, and nothing else.

use crate::site::Site;
use crate::{file, succeeds};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

/// A rule, and whether it is about an event.
type About = (&'static str, fn(&Value) -> bool);

const RULES: &[About] = &[
    ("new_forwarder", |event| event["behaviour"] == "first_seen" && event["what"] == "forwarder"),
    ("new_destination", |event| event["behaviour"] == "first_seen" && event["what"] == "destination"),
    ("freemail", |event| {
        event["verdict"] == "auto_forward"
            && event["exception"].is_null()
            && event["destination_classes"].as_array().is_some_and(|classes| classes.contains(&"freemail".into()))
    }),
    ("fan_in", |event| event["behaviour"] == "fan_in"),
    ("fan_in_by_count", |event| event["verdict"] == "auto_forward" && event["exception"].is_null()),
    ("burst", |event| event["behaviour"] == "burst"),
    ("bcc_tap", |event| event["verdict"] == "bulk_copy"),
    ("exception_expired", |event| event["kind"] == "exception"),
    ("imbalance", |event| event["behaviour"] == "imbalance" && event["look_at"] == "administrator_level"),
    ("quarantine_released", |event| event["kind"] == "quarantine" && event["change"] == "released"),
];

#[test]
#[ignore = "make test-siem"]
fn each_rule_matches_what_it_is_about() {
    let site = Site::start();
    let events = site.events();
    let said = succeeds(
        Command::new(file("target/siem-tools/python/bin/python"))
            .arg(file("lab/sigma-check"))
            .arg(file("conf/siem/sigma"))
            .arg(site.path("ecs.jsonl")),
    );
    let mut matches: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for line in said.lines() {
        match line.split(' ').collect::<Vec<_>>()[..] {
            ["rule", rule] => drop(matches.entry(rule).or_default()),
            ["match", rule, id] => drop(matches.entry(rule).or_default().insert(id)),
            _ => panic!("{said}"),
        }
    }
    assert_eq!(matches.len(), RULES.len(), "{said}");
    for (rule, about) in RULES {
        let wanted: BTreeSet<&str> =
            events.iter().filter(|(_, event)| about(event)).map(|(id, _)| id.as_str()).collect();
        assert!(!wanted.is_empty() && wanted.len() < events.len(), "{rule} is about {} events", wanted.len());
        let found = &matches[format!("forwarden_{rule}").as_str()];
        let differs: Vec<_> = wanted.symmetric_difference(found).map(|id| &events[*id]).collect();
        assert!(differs.is_empty(), "{rule}: {differs:#?}");
    }
}
