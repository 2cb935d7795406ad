//! Tests that hold together what the reader asks for, the manual (`docs/configuration.md`) and the sample
//! (`conf/forwarden.toml`).

use super::reader::Report;
use super::{Config, Loaded};
use crate::policy::{Condition, Reply};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use toml::{Table, Value};

fn path(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

fn text(name: &str) -> String {
    std::fs::read_to_string(path(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// A key as the manual names it: without the numbers of list entries; a condition is the same at every depth.
fn general(key: &str) -> String {
    let mut parts: Vec<&str> = key.split('.').map(|part| part.split('[').next().unwrap_or(part)).collect();
    if parts.starts_with(&["rule", "when"]) && parts.len() > 3 {
        let kept = if parts[parts.len() - 2] == "time" { 2 } else { 1 };
        parts.drain(2..parts.len() - kept);
    }
    parts.join(".")
}

/// The keys that are set, and their values.
fn settings(name: &str, text: &str) -> BTreeMap<String, Vec<Value>> {
    fn walk(key: &str, value: &Value, found: &mut BTreeMap<String, Vec<Value>>) {
        match value {
            Value::Table(table)
                if !matches!(key, "detection.weights" | "groups")
                    && !key.ends_with(".tag.fields")
                    && key != "output.headers" =>
            {
                for (name, value) in table {
                    let key = if key.is_empty() { name.clone() } else { format!("{key}.{name}") };
                    found.entry(general(&key)).or_default().push(value.clone());
                    walk(&key, value, found);
                }
            }
            Value::Array(items) => items.iter().for_each(|item| walk(key, item, found)),
            _ => {}
        }
    }
    let table: Table = text.parse().unwrap_or_else(|error| panic!("{name}: {error}"));
    let mut found = BTreeMap::new();
    walk("", &Value::Table(table), &mut found);
    found
}

/// What the reader asks for when it reads a configuration in which every table is there.
fn known() -> BTreeSet<String> {
    let report = Report::default();
    // What is wrong with it is for other tests to say: the list files that it names are not there.
    let _ = Config::load_into(&path(EVERYTHING), &report);
    report.known.take().iter().map(|key| general(key)).collect()
}

const EVERYTHING: &str = "tests/config/good/everything.toml";
const MANUAL: &str = "docs/configuration.md";
const SAMPLE: &str = "conf/forwarden.toml";

/// The rows of the manual's tables of keys: the key, and its default where there is one that can be written.
fn manual() -> BTreeMap<String, Option<Value>> {
    let mut rows = BTreeMap::new();
    for line in text(MANUAL).lines() {
        let cells: Vec<&str> = line.split(" | ").collect();
        let Some(key) = cells[0].strip_prefix("| `").and_then(|cell| cell.strip_suffix('`')) else { continue };
        if !key.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '_' | '.')) {
            continue;
        }
        let default = cells.get(2).filter(|_| cells.len() == 4).and_then(|cell| {
            let literal = cell.strip_prefix('`')?.strip_suffix('`')?;
            let table: Table = format!("x = {literal}").parse().unwrap_or_else(|error| panic!("{line}: {error}"));
            table.get("x").cloned()
        });
        assert!(rows.insert(key.to_owned(), default).is_none(), "{MANUAL}: {key} has two rows");
    }
    rows
}

/// The sample with every setting taken out of its comment, on a machine without a mail server.
fn sample() -> String {
    let uncommented = text(SAMPLE)
        .lines()
        .map(|line| match line.strip_prefix('#') {
            Some(setting) if !setting.is_empty() && !setting.starts_with(' ') => setting.to_owned(),
            _ => line.to_owned(),
        })
        .collect::<Vec<_>>()
        .join("\n");
    let templates = path("tests/config/good/templates");
    uncommented
        .replace("group = \"postfix\"", "group = \"root\"")
        .replace("user = \"forwarden\"", "user = \"daemon\"")
        .replace("/etc/forwarden/templates", &templates.display().to_string())
        .replace("/etc/forwarden/tls", &path("tests/config/good/tls").display().to_string())
}

fn load(text: &str) -> Loaded {
    Config::parse_str(text).unwrap_or_else(|problems| panic!("{problems}"))
}

fn missing<'a>(from: &BTreeSet<String>, wanted: impl IntoIterator<Item = &'a String>) -> Vec<&'a String> {
    wanted.into_iter().filter(|key| !from.contains(*key)).collect()
}

#[test]
fn the_configuration_with_everything_has_every_key() {
    let known = known();
    assert!(known.len() > 80, "only {} keys are known", known.len());
    let set: BTreeSet<String> = settings(EVERYTHING, &text(EVERYTHING)).into_keys().collect();
    assert_eq!(missing(&set, &known), Vec::<&String>::new(), "known, but not in {EVERYTHING}");
    assert_eq!(missing(&known, &set), Vec::<&String>::new(), "in {EVERYTHING}, but not known");
    let conditions: BTreeSet<&str> =
        known.iter().filter_map(|key| key.strip_prefix("rule.when.")).filter(|key| !key.contains('.')).collect();
    assert_eq!(conditions, BTreeSet::from(Condition::KEYS));
}

#[test]
fn the_manual_has_every_key_and_no_other() {
    let known = known();
    let manual = manual().into_keys().collect();
    // Tables that have a chapter of their own.
    let chapters = [
        "organization",
        "listener",
        "policy",
        "exception",
        "rule",
        "detection",
        "groups",
        "notify",
        "detector",
        "state",
        "quarantine",
        "limits",
        "events",
        "output",
        "spool",
        "privacy",
        "log",
        "daemon",
        "admin",
        "test",
    ];
    let rows = known.iter().filter(|key| !chapters.contains(&key.as_str()));
    assert_eq!(missing(&manual, rows), Vec::<&String>::new(), "known, but not in {MANUAL}");
    assert_eq!(missing(&known, &manual), Vec::<&String>::new(), "in {MANUAL}, but not known");
    let page = text(MANUAL);
    for chapter in chapters {
        assert!(
            page.contains(&format!("\n## `[{chapter}]`\n")) || page.contains(&format!("\n## `[[{chapter}]]`\n")),
            "{MANUAL} has no chapter on {chapter}"
        );
    }
}

#[test]
fn the_sample_has_every_key() {
    let set: BTreeSet<String> = settings(SAMPLE, &sample()).into_keys().collect();
    // Conditions are listed in a comment, by their names; tempfail is said to be as reject.
    let (conditions, others): (Vec<String>, Vec<String>) =
        known().into_iter().partition(|key| key.starts_with("rule.when."));
    let others = others.iter().filter(|key| !key.starts_with("rule.then.tempfail"));
    assert_eq!(missing(&set, others), Vec::<&String>::new(), "known, but not in {SAMPLE}");
    let comments = text(SAMPLE);
    let list = comments.split("# when:").nth(1).and_then(|rest| rest.split("# then:").next()).expect("a list");
    let words: BTreeSet<&str> = list.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').collect();
    for condition in conditions.iter().filter_map(|key| key.strip_prefix("rule.when.")) {
        assert!(
            condition.split('.').all(|word| words.contains(word)),
            "{SAMPLE} does not name the condition {condition}"
        );
    }
}

#[test]
fn the_defaults_in_the_manual_are_those_of_the_sample() {
    let sample = settings(SAMPLE, &sample());
    let replies = [("reject", Reply::reject()), ("tempfail", Reply::tempfail())];
    let mut compared = 0;
    for (key, default) in manual() {
        let Some(default) = default else { continue };
        let reply = key.strip_prefix("rule.then.").and_then(|key| key.split_once('.'));
        let actual = match reply {
            Some((action, part)) => {
                let (_, reply) = replies.iter().find(|(name, _)| *name == action).expect("an action with a reply");
                match part {
                    "code" => vec![Value::Integer(reply.code.into())],
                    _ => vec![Value::String(reply.enhanced.clone())],
                }
            }
            None => sample.get(&key).cloned().unwrap_or_default(),
        };
        assert!(actual.contains(&default), "{key}: {MANUAL} says {default}, and it is {actual:?}");
        compared += 1;
    }
    assert!(compared > 25, "only {compared} defaults were compared");
}

#[test]
fn the_defaults_in_the_sample_are_those_of_the_program() {
    let (bare, full) = (load(&text(SAMPLE)), load(&sample()));
    assert_eq!(bare.warnings, []);
    assert_eq!(full.warnings, []);
    let (bare, mut full) = (bare.config, full.config);
    // What is shown as an example has no default.
    assert_eq!(
        (full.listeners.len(), full.policy.rules.len(), full.policy.exceptions.len(), full.tests.len()),
        (2, 5, 1, 2)
    );
    full.listeners.truncate(1);
    full.state = None;
    full.quarantine = None;
    full.daemon.user = None;
    full.daemon.control.clone_from(&bare.daemon.control);
    full.admin.clear();
    full.notify = None;
    full.spool = None;
    full.privacy.key = None;
    full.outputs.clone_from(&bare.outputs);
    full.listeners[0].at.allow.clear();
    assert_eq!(bare.needs_restart(&full), Vec::<&str>::new());
    assert_eq!(bare.policy.mode, full.policy.mode);
    assert_eq!(bare.policy.default, full.policy.default);
    assert_eq!((bare.weights.prior, bare.weights.threshold), (full.weights.prior, full.weights.threshold));
    assert_eq!(bare.report_ordinary, full.report_ordinary);
    assert_eq!(bare.organization.networks, full.organization.networks);
}

/// Every piece of a configuration in the manual can be used, on top of the least that works.
#[test]
fn the_examples_in_the_manual_can_be_used() {
    let page = text(MANUAL);
    let examples: Vec<&str> = page.split("\n```toml\n").skip(1).filter_map(|rest| rest.split("\n```").next()).collect();
    assert!(examples.len() > 10, "only {} examples", examples.len());
    for example in examples {
        let mut text = example.to_owned();
        if !example.contains("[organization]") {
            text.push_str("\n[organization]\ndomains = [\"corp.example\"]\n");
        }
        if !example.contains("[[listener]]") {
            text.push_str("\n[[listener]]\nsocket = \"inet:127.0.0.1:8891\"\n");
        }
        assert_eq!(load(&text).warnings, [], "{example}");
    }
}
