//! Rules beside what the daemon remembers, and the exit status.

use crate::tree::Tree;
use forwarden::message::Address;
use forwarden::state::{Departure, Embedded, Spec, Store, Thresholds};
use jiff::Timestamp;
use std::path::Path;

fn remember(directory: &Path, pairs: &[(&str, &str)]) {
    let now = Timestamp::now();
    let spec = Spec { directory: directory.to_owned(), thresholds: Thresholds::default(), keep_days: 400 };
    let store = Embedded::open(&spec, now).unwrap().store;
    for (forwarder, destination) in pairs {
        store.departed(Departure {
            forwarder: Address::parse(forwarder).unwrap(),
            destination: Address::parse(destination).unwrap(),
            mechanism: "mta_forward",
            time: now,
            size: 1,
            message_id: None,
            latency: None,
            looks_forwarded: false,
            rule: None,
        });
    }
}

#[test]
fn rules_and_traffic_side_by_side() {
    let tree = Tree::new();
    tree.file("/home/alice/.forward", "alice@home.example\n");
    tree.file("/home/bob/.forward", "bob@home.example, shared@ext.example\n");
    let state = tempfile::tempdir().unwrap();
    remember(
        state.path(),
        &[
            ("alice@corp.example", "alice@home.example"),
            ("info@corp.example", "shared@ext.example"),
            ("carol@corp.example", "carol@evil.example"),
        ],
    );
    let folder = state.path().to_str().unwrap();
    let found = tree.audit(&["--state", folder]);
    assert_eq!(found.rule("alice@home.example")["traffic"]["count"], 1);
    assert_eq!(found.rule("alice@home.example")["traffic"]["same_mailbox"], true);
    assert!(found.rule("bob@home.example")["traffic"].is_null());
    let shared = &found.rule("shared@ext.example")["traffic"];
    assert_eq!(
        (shared["forwarder"].as_str(), shared["same_mailbox"].as_bool()),
        (Some("info@corp.example"), Some(false))
    );
    let unruled = found.of_type("traffic");
    assert_eq!(unruled.len(), 1);
    assert_eq!(
        (&unruled[0]["forwarder"], &unruled[0]["destination"]),
        (&"carol@corp.example".into(), &"carol@evil.example".into())
    );
    let text = String::from_utf8(tree.run(&["--state", folder]).stdout).unwrap();
    for part in ["seen: 1 mail, last ", "seen: no mail", "seen: 1 mail of info@corp.example", "carol@evil.example"] {
        assert!(text.contains(part), "{part}: {text}");
    }
    assert!(text.replace('\n', " ").contains("1 without traffic, 1 forward without a rule."), "{text}");
}

#[test]
fn a_state_that_cannot_be_read_is_no_silence() {
    let tree = Tree::new();
    let found = tree.audit(&["--state", "/nonexistent"]);
    assert_eq!(found.status, 1);
    assert!(
        found.said.starts_with("forwarden: the state in /nonexistent cannot be read: No such file"),
        "{}",
        found.said
    );
}

/// Rules that are approved, and everything looked at: status 0.
#[test]
fn approved_rules_are_fine() {
    let tree = Tree::new();
    tree.file("/home/alice/.forward", "alice@home.example\n");
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("forwarden.toml");
    let text = |expires: &str| {
        format!(
            "[organization]\ndomains = [\"corp.example\"]\nclasses.partner = [\"home.example\"]\n[[listener]]\nsocket = \"inet:127.0.0.1:8891\"\n\
             [[exception]]\nid = \"alice\"\nforwarder = [\"alice@corp.example\"]\ndestination = [\"@home.example\"]\nexpires = {expires}\n\
             owner = \"it@corp.example\"\nreason = \"agreed\"\n"
        )
    };
    let audit = |expires: &str| {
        std::fs::write(&config, text(expires)).unwrap();
        let root = tree.path("").display().to_string();
        let output = crate::tree::forwarden(&[
            "audit",
            "--root",
            &root,
            "--config",
            config.to_str().unwrap(),
            "--format",
            "json",
        ]);
        (output.status.code().unwrap(), serde_json::from_slice::<serde_json::Value>(&output.stdout).unwrap())
    };
    let (status, rule) = audit("2099-01-01");
    assert_eq!((status, &rule["exception"], &rule["class"]), (0, &"alice".into(), &"partner".into()));
    let (status, rule) = audit("2001-01-01");
    assert_eq!((status, &rule["exception"]), (1, &serde_json::Value::Null));
    // Nothing that leaves, nothing that could not be read.
    let quiet = Tree::new();
    quiet.file("/home/alice/.forward", "bob@corp.example\n");
    let found = quiet.audit(&[]);
    assert_eq!((found.status, found.lines.len()), (0, 0));
}

/// An exception approves a rule if it is for everybody that the rule is for.
#[test]
fn rules_for_many_are_approved_by_exceptions_for_as_many() {
    let tree = Tree::new();
    tree.file(
        "/etc/postfix/main.cf",
        "always_bcc = archive@vendor.example\nvirtual_alias_maps = inline:{ {@corp.example = all@vendor.example} }\n",
    );
    tree.file("/home/alice/.forward", "alice@vendor.example\n");
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("forwarden.toml");
    let approved = |forwarder: &str| -> Vec<String> {
        let text = format!(
            "[organization]\ndomains = [\"corp.example\", \"corp.test\"]\n[[listener]]\nsocket = \"inet:127.0.0.1:8891\"\n\
             [[exception]]\nid = \"x\"\nforwarder = {forwarder}\ndestination = [\"@vendor.example\"]\nexpires = 2099-01-01\n\
             owner = \"it@corp.example\"\nreason = \"agreed\"\n"
        );
        std::fs::write(&config, text).unwrap();
        let root = tree.path("").display().to_string();
        let args = ["audit", "--root", &root, "--config", config.to_str().unwrap(), "--format", "json"];
        let output = crate::tree::forwarden(&args);
        let lines = String::from_utf8(output.stdout).unwrap();
        let rules = lines.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
        let approved: Vec<String> = rules
            .filter(|rule| rule["exception"] == "x")
            .map(|rule| rule["source"].as_str().unwrap().to_owned())
            .collect();
        assert_eq!(output.status.code(), Some(i32::from(approved.len() != 3)));
        approved
    };
    assert_eq!(approved("[\"*\"]"), ["forward", "virtual_alias", "always_bcc"]);
    assert_eq!(approved("[\"@corp.example\", \"@.corp.test\"]"), ["forward", "virtual_alias", "always_bcc"]);
    assert_eq!(approved("[\"@corp.example\"]"), ["forward", "virtual_alias"]);
    assert_eq!(approved("[\"alice@corp.test\"]"), ["forward"]);
    assert_eq!(approved("[\"bob@corp.example\"]"), [] as [&str; 0]);
}
