//! The commands that look at stored mail, on good input and on bad.

#![allow(clippy::expect_used, clippy::unwrap_used, clippy::panic, reason = "a test fails by them")]

use serde_json::Value;
use std::path::Path;
use std::process::{Command, Output};

const MESSAGE: &str = "Received: from mta.partner.example (mta.partner.example [203.0.113.10])\r\n\
    \tby mx.corp.example (Postfix) with ESMTP id 1\r\n\tfor <alice@corp.example>; Tue, 24 Nov 2026 08:00:00 +0000\r\n\
    From: Ann <ann@partner.example>\r\nTo: alice@corp.example\r\nSubject: Offer\r\n\
    Date: Tue, 24 Nov 2026 08:00:00 +0000\r\nMessage-ID: <1@partner.example>\r\n\r\nHello\r\n";

const ENVELOPE: &str = r#"{"mail_from": "ann@partner.example", "rcpt_to": ["x@ext.example", "bob@corp.example"],
    "rcpt_params": [["ORCPT=rfc822;alice@corp.example"], []], "client_addr": "198.51.100.10", "helo": "mx.corp.example",
    "local_domains": ["corp.example"], "own_networks": ["198.51.100.0/24"], "label": "auto_forward"}"#;

fn forwarden(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_forwarden")).args(args).output().unwrap()
}

fn path(path: &Path) -> &str {
    path.to_str().unwrap()
}

fn out(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn err(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

fn case(folder: &Path, name: &str, message: &str, envelope: &str) {
    let case = folder.join(name);
    std::fs::create_dir_all(&case).unwrap();
    std::fs::write(case.join("message.eml"), message).unwrap();
    std::fs::write(case.join("envelope.json"), envelope).unwrap();
}

#[test]
fn replay_keeps_its_contract() {
    let folder = tempfile::tempdir().unwrap();
    case(folder.path(), "one", MESSAGE, ENVELOPE);
    let output = forwarden(&["replay", "--format", "json", path(folder.path())]);
    assert_eq!(output.status.code(), Some(0), "{}", err(&output));
    // The recipient inside gets no line.
    let lines: Vec<Value> = out(&output).lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len(), 1);
    let line = &lines[0];
    for (key, value) in [
        ("case", "one"),
        ("recipient", "x@ext.example"),
        ("verdict", "auto_forward"),
        ("mechanism", "mta_forward"),
        ("forwarder", "alice@corp.example"),
        ("destination", "x@ext.example"),
        ("original_sender", "ann@partner.example"),
    ] {
        assert_eq!(line[key], value, "{key}");
    }
    assert!(line["confidence"].as_f64().unwrap() > 0.99);
    assert_eq!(line["actions"], serde_json::json!(["log"]));
    assert_eq!(line["would"], serde_json::json!([]));
    assert!(line["platform"].is_null() && line["rule"].is_null());
    let first = &line["evidence"][0];
    assert_eq!(first["id"], "envelope.orcpt");
    assert_eq!((first["weight"].as_f64(), first["polarity"].as_str()), (Some(12.0), Some("for")));
    assert_eq!(
        (first["where"].as_str(), first["value"].as_str()),
        (Some("RCPT"), Some("ORCPT=rfc822;alice@corp.example"))
    );
}

#[test]
fn replay_reads_maildir_mbox_and_folders_in_order_of_time() {
    let folder = tempfile::tempdir().unwrap();
    let to = |subject: &str, hour: u32| {
        format!(
            "From: dave@corp.example\r\nTo: {subject}@ext.example\r\nDate: Tue, 24 Nov 2026 {hour:02}:00:00 +0000\r\n\r\nx\r\n"
        )
    };
    for maildir in ["cur", "new", "tmp"] {
        std::fs::create_dir_all(folder.path().join("Maildir").join(maildir)).unwrap();
    }
    std::fs::write(folder.path().join("Maildir/cur/1:2,S"), to("third", 3)).unwrap();
    std::fs::write(folder.path().join("Maildir/tmp/half"), to("never", 0)).unwrap();
    std::fs::write(folder.path().join("a.eml"), to("fourth", 4)).unwrap();
    let mbox =
        format!("From x Tue\n{}\nFrom y Tue\n{}", to("second", 2).replace('\r', ""), to("first", 1).replace('\r', ""));
    std::fs::write(folder.path().join("box.mbox"), mbox).unwrap();
    let output = forwarden(&["replay", "--own", "corp.example", "--format", "json", path(folder.path())]);
    assert_eq!(output.status.code(), Some(0), "{}", err(&output));
    let order: Vec<String> = out(&output)
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap()["recipient"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(order, ["first@ext.example", "second@ext.example", "third@ext.example", "fourth@ext.example"]);
}

#[test]
fn bad_input_is_named_and_the_rest_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, bytes: &[u8]| {
        let file = folder.path().join(name);
        std::fs::write(&file, bytes).unwrap();
        path(&file).to_owned()
    };
    let garbage: Vec<u8> = (0..4096_u32).map(|i| u8::try_from(i * 7919 % 256).unwrap()).collect();
    let huge = folder.path().join("huge.eml");
    std::fs::File::create(&huge).unwrap().set_len(100 << 20).unwrap();
    let empty_folder = folder.path().join("nothing");
    std::fs::create_dir(&empty_folder).unwrap();
    case(folder.path(), "json", MESSAGE, "{ \"mail_from\": ");
    case(folder.path(), "keys", MESSAGE, "{}");
    case(folder.path(), "params", MESSAGE, &ENVELOPE.replace("], []]", "]]"));
    case(folder.path(), "empty-case", "", ENVELOPE);
    let missing_message = folder.path().join("no-message");
    std::fs::create_dir(&missing_message).unwrap();
    std::fs::write(missing_message.join("envelope.json"), ENVELOPE).unwrap();
    let inputs = [
        (path(&folder.path().join("absent.eml")).to_owned(), "No such file"),
        (path(&empty_folder).to_owned(), "no message found"),
        (file("garbage.eml", &garbage), "no message in Internet Message Format"),
        (file("empty.eml", b""), "is empty"),
        (path(&huge).to_owned(), "104857600 octets"),
        (path(&folder.path().join("json")).to_owned(), "envelope.json: EOF"),
        (path(&folder.path().join("keys")).to_owned(), "envelope.json: missing field `mail_from`"),
        (path(&folder.path().join("params")).to_owned(), "rcpt_params has 1 entries, rcpt_to has 2"),
        (path(&folder.path().join("empty-case")).to_owned(), "message.eml: is empty"),
        (path(&missing_message).to_owned(), "message.eml"),
    ];
    let good = file("good.eml", MESSAGE.as_bytes());
    for (input, reason) in &inputs {
        for command in ["replay", "explain"] {
            let output = forwarden(&[command, "--own", "corp.example", input]);
            assert_eq!(output.status.code(), Some(1), "{command} {input}: {}", err(&output));
            assert!(
                err(&output).contains(reason) && err(&output).contains(input.as_str()),
                "{command} {input}: {}",
                err(&output)
            );
            assert!(!err(&output).contains("panicked"), "{}", err(&output));
        }
    }
    let mut args = vec!["replay", "--own", "partner.example", "--format", "json"];
    args.extend(inputs.iter().map(|(input, _)| input.as_str()));
    args.push(&good);
    let output = forwarden(&args);
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(err(&output).lines().count(), inputs.len(), "{}", err(&output));
    assert_eq!(out(&output).lines().count(), 1, "the good one is judged");
}

#[test]
fn explain_shows_the_way_to_the_decision() {
    let folder = tempfile::tempdir().unwrap();
    let message = folder.path().join("m.eml");
    std::fs::write(&message, MESSAGE.replace("Offer", "\u{1b}[31mOffer \u{202e}desrever")).unwrap();
    let config = folder.path().join("f.toml");
    std::fs::write(
        &config,
        "[organization]\ndomains = [\"corp.example\"]\nnetworks = [\"198.51.100.0/24\"]\n[[listener]]\nname = \"out\"\nsocket = \"inet:127.0.0.1:8891\"\n\
         [policy]\nmode = \"enforce\"\n[[rule]]\nid = \"partners\"\nwhen = { destination = [\"@partner.example\"] }\nthen = [\"log\"]\n\
         [[rule]]\nid = \"hold\"\nwhen = { verdict = \"auto_forward\", confidence = 0.9 }\nthen = [\"tag\", \"quarantine\"]\n",
    )
    .unwrap();
    let output = forwarden(&[
        "explain",
        path(&message),
        "--config",
        path(&config),
        "--mail-from",
        "ann@partner.example",
        "--rcpt",
        "x@ext.example ORCPT=rfc822;alice@corp.example",
        "--client",
        "198.51.100.10",
    ]);
    assert_eq!(output.status.code(), Some(0), "{}", err(&output));
    let text = out(&output);
    for part in [
        "verdict     auto_forward (confidence 1.000",
        "forwarder   alice@corp.example",
        "+12.0  envelope.orcpt",
        "rule partners no  destination x@ext.example is not in",
        "rule hold   yes",
        "decision    tag, quarantine (by rule hold)",
        "done        quarantined",
        "add X-Forwarden: auto_forward",
        "the MTA holds it",
    ] {
        assert!(text.contains(part), "{part} is missing in\n{text}");
    }
    assert!(text.lines().all(|line| line.chars().count() <= 100), "{text}");
    // Nothing in a message moves the cursor or turns the writing round.
    assert!(!text.contains('\u{1b}') && !text.contains('\u{202e}'));
    let json = forwarden(&[
        "explain",
        path(&message),
        "--config",
        path(&config),
        "--rcpt",
        "x@ext.example",
        "--format",
        "json",
    ]);
    let event: Value = serde_json::from_str(out(&json).lines().next().unwrap()).unwrap();
    assert_eq!(event["action"], "quarantined");
}

#[test]
fn wrong_usage_is_told_apart() {
    for args in
        [&["explain"][..], &["replay"], &["nonsense"], &["serve", "--frobnicate"], &["explain", "x", "--client", "x"]]
    {
        assert_eq!(forwarden(args).status.code(), Some(2), "{args:?}");
    }
    assert_eq!(forwarden(&["detectors", "no.such.row"]).status.code(), Some(1));
    for args in [
        &["--help"][..],
        &["--version"],
        &["serve", "--help"],
        &["schema"],
        &["detectors"],
        &["detectors", "gmail.caf"],
    ] {
        let output = forwarden(args);
        assert_eq!(output.status.code(), Some(0), "{args:?}");
        assert!(!output.stdout.is_empty(), "{args:?}");
    }
}

#[test]
fn a_reader_that_has_seen_enough_is_no_error() {
    let script = format!("{} detectors --format json | head -1", env!("CARGO_BIN_EXE_forwarden"));
    let output = Command::new("sh").args(["-c", &script]).output().unwrap();
    assert_eq!(err(&output), "");
    assert_eq!(out(&output).lines().count(), 1);
}

#[test]
fn the_demo_finds_what_it_bundles() {
    let output = forwarden(&["demo"]);
    assert_eq!(output.status.code(), Some(0), "{}", err(&output));
    let text = out(&output);
    for (forwarder, verdict, mechanism) in [
        ("alice", "auto_forward", "mta_forward"),
        ("carol", "auto_forward", "mta_forward"),
        ("frank", "bulk_copy", "bcc_map"),
        ("heidi", "auto_forward", "sieve_redirect"),
        ("mallory", "auto_forward", "inbox_rule"),
        ("wendy", "auto_forward", "provider_forwarding"),
    ] {
        let row =
            text.lines().find(|line| line.starts_with(&format!(" {forwarder}@"))).unwrap_or_else(|| panic!("{text}"));
        assert!(row.contains(verdict) && row.contains(mechanism), "{row}");
    }
    for verdict in ["ordinary", "list", "bounce"] {
        assert!(text.lines().any(|line| line.starts_with(" - ") && line.contains(verdict)), "{verdict}: {text}");
    }
    assert!(text.lines().all(|line| line.chars().count() <= 108), "{text}");
}

/// A row of the administrator's own is looked for, weighed, listed, and may be named in rules.
#[test]
fn an_own_detector_is_one_like_all_others() {
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("forwarden.toml");
    let text = r#"
        [organization]
        domains = ["corp.example"]
        networks = ["198.51.100.0/24"]
        [[listener]]
        socket = "inet:127.0.0.1:8891"
        [[detector]]
        id = "local.ticket-forward"
        header = "x-ticket-forward"
        begins = "by "
        names = "forwarder"
        mechanism = "inbox_rule"
        platform = "tickets"
        weight = 9
        [[detector]]
        id = "local.archive"
        envelope = "rcpt"
        begins = "archive@"
        weight = 20
        polarity = "against"
        [[rule]]
        id = "tickets"
        when = { evidence = "local.ticket-forward" }
        then = ["tag"]
    "#;
    std::fs::write(&config, text).unwrap();
    let explain = |field: &str, rcpt: &str| {
        let message = folder.path().join("message.eml");
        let rest =
            "From: shop@corp.example\r\nTo: carol@partner.example\r\nMessage-ID: <1@corp.example>\r\n\r\nHello\r\n";
        std::fs::write(&message, format!("{field}\r\n{rest}")).unwrap();
        let args =
            ["explain", path(&message), "--config", path(&config), "--mail-from", "shop@corp.example", "--rcpt", rcpt];
        let output = forwarden(&[&args[..], &["--client", "198.51.100.5", "--format", "json"]].concat());
        assert_eq!(output.status.code(), Some(0), "{}", err(&output));
        out(&output)
    };
    let hit = explain("X-Ticket-Forward: by queue@corp.example", "x@ext.example");
    for expected in [
        r#""verdict":"auto_forward""#,
        r#""forwarder":"queue@corp.example""#,
        r#""rule":"tickets""#,
        r#""platform":"tickets""#,
    ] {
        assert!(hit.contains(expected), "{expected}: {hit}");
    }
    for miss in [
        "X-Ticket-Forward: by queue@partner.example",
        "X-Ticket-Forward: from queue@corp.example",
        "X-Other: by queue@corp.example",
    ] {
        let miss = explain(miss, "x@ext.example");
        assert!(!miss.contains(r#""id":"local.ticket-forward""#) && miss.contains(r#""verdict":"ordinary""#), "{miss}");
    }
    let against = explain("X-Ticket-Forward: by queue@corp.example", "archive@ext.example");
    assert!(against.contains("local.archive") && against.contains(r#""verdict":"ordinary""#), "{against}");
    let output = forwarden(&["detectors", "local.", "--config", path(&config)]);
    assert_eq!(out(&output).lines().count(), 2, "{}", out(&output));
}
