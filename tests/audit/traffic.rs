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
