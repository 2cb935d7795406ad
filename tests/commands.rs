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
    // The same in mode observe: what is done, what would be, and why it is not.
    let held = std::fs::read_to_string(&config).unwrap().replace("\"enforce\"", "\"observe\"");
    let observing = folder.path().join("observing.toml");
    std::fs::write(&observing, held).unwrap();
    let rcpt = "x@ext.example ORCPT=rfc822;alice@corp.example";
    let output = forwarden(&["explain", path(&message), "--config", path(&observing), "--rcpt", rcpt]);
    let text = out(&output);
    assert!(
        text.contains("done        logged\n  held back   quarantined by rule hold: policy.mode is observe\n"),
        "{text}"
    );
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
    assert_eq!(forwarden(&["detectors", "yandex", "--format", "json"]).status.code(), Some(1));
    let unseen = forwarden(&["detectors", "yandex"]);
    assert_eq!(unseen.status.code(), Some(0));
    assert!(out(&unseen).contains("not looked for") && !out(&unseen).contains("gmail"), "{}", out(&unseen));
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
        like = "archive@*.example"
        weight = 20
        polarity = "against"
        [[rule]]
        id = "tickets"
        when = { evidence = "local.ticket-forward", platform = "tickets" }
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

const HEAD: &str = "[organization]\ndomains = [\"corp.example\"]\nnetworks = [\"198.51.100.0/24\"]\n[[listener]]\nsocket = \"inet:127.0.0.1:8891\"\n[policy]\nmode = \"enforce\"\n";

/// What another configuration would change: by rule, by forwarder, and in the exit status.
#[test]
fn replay_against_prints_what_would_change() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, rules: &str| {
        let file = folder.path().join(name);
        std::fs::write(&file, format!("{HEAD}{rules}")).unwrap();
        path(&file).to_owned()
    };
    let old = write("old.toml", "[[rule]]\nid = \"forwards\"\nwhen = { verdict = \"auto_forward\" }\nthen = \"tag\"\n");
    let new = write(
        "new.toml",
        "[[rule]]\nid = \"ext\"\nwhen = { verdict = \"auto_forward\", destination = \"@ext.example\" }\nthen = \"quarantine\"\n\
         [[rule]]\nid = \"forwards\"\nwhen = { verdict = \"auto_forward\" }\nthen = \"tag\"\n",
    );
    let tried = write(
        "tried.toml",
        "[[rule]]\nid = \"ext\"\nwhen = { destination = \"@ext.example\" }\nthen = \"quarantine\"\nmode = \"observe\"\n\
         [[rule]]\nid = \"forwards\"\nwhen = { verdict = \"auto_forward\" }\nthen = \"tag\"\n",
    );
    let cases = folder.path().join("cases");
    let of = |mailbox: &str| ENVELOPE.replace("alice@", &format!("{mailbox}@"));
    case(&cases, "alice", MESSAGE, &of("alice"));
    case(&cases, "bob", MESSAGE, &of("bob"));
    case(&cases, "elsewhere", MESSAGE, &of("bob").replace("x@ext.example", "x@other.example"));
    let replay = |against: &str, more: &[&str]| {
        let arguments = [&["replay", "--config", &old, "--against", against, path(&cases)], more].concat();
        let output = forwarden(&arguments);
        assert_eq!(err(&output), "");
        (output.status.code(), out(&output))
    };
    assert_eq!(replay(&old, &[]), (Some(0), "nothing changes for 3 outside recipients\n".to_owned()));
    assert_eq!(replay(&old, &["--format", "json"]), (Some(0), String::new()));
    let to = "rule forwards: tagged\n      to  rule ext: quarantined\n";
    let text = format!(
        "by rule\n       2  {to}\nby forwarder\n  alice@corp.example\n       1  {to}  bob@corp.example\n       1  {to}\n\
         2 of 3 outside recipients would be treated otherwise\n"
    );
    assert_eq!(replay(&new, &[]), (Some(1), text));
    let (status, json) = replay(&new, &["--format", "json"]);
    let lines: Vec<Value> = json.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!((status, lines.len()), (Some(1), 2));
    assert_eq!(
        (&lines[0]["case"], &lines[0]["forwarder"]),
        (&Value::from("alice"), &Value::from("alice@corp.example"))
    );
    assert_eq!(
        (&lines[0]["before"]["action"], &lines[0]["after"]["action"]),
        (&Value::from("tagged"), &Value::from("quarantined"))
    );
    // What is tried out changes nothing but what is said of it.
    let (status, json) = replay(&tried, &["--format", "json"]);
    let line: Value = serde_json::from_str(json.lines().next().unwrap()).unwrap();
    assert_eq!((status, &line["after"]["action"]), (Some(1), &Value::from("tagged")));
    assert_eq!(
        (&line["after"]["would_rule"], &line["after"]["held_back"]),
        (&Value::from("ext"), &Value::from("rule"))
    );
    let broken = write("broken.toml", "[[rule]]\nid = \"x\"\n");
    let output = forwarden(&["replay", "--config", &old, "--against", &broken, path(&cases)]);
    assert_eq!((output.status.code(), out(&output)), (Some(1), String::new()));
    assert!(err(&output).contains("broken.toml:8: error: rule[1]: then is missing"), "{}", err(&output));
}

/// A reader that goes away must not turn what is wrong into what is fine.
#[test]
fn the_exit_status_outlives_the_reader() {
    let folder = tempfile::tempdir().unwrap();
    let rules: String = (0..5000).map(|n| format!("[[rule]]\nid = \"r{n}\"\nthen = \"nonsense\"\n")).collect();
    let wrong = folder.path().join("wrong.toml");
    std::fs::write(&wrong, format!("{HEAD}{rules}")).unwrap();
    let new = folder.path().join("new.toml");
    std::fs::write(&new, format!("{HEAD}default = [\"tag\"]\n")).unwrap();
    let right = folder.path().join("right.toml");
    std::fs::write(&right, HEAD).unwrap();
    let cases = folder.path().join("cases");
    case(&cases, "one", MESSAGE, ENVELOPE);
    let binary = env!("CARGO_BIN_EXE_forwarden");
    for (command, status) in [
        (format!("check --config {}", wrong.display()), "1"),
        (format!("check --config {} --format json", wrong.display()), "1"),
        (format!("replay --config {} --against {} {}", right.display(), new.display(), cases.display()), "1"),
        (format!("check --config {}", right.display()), "0"),
        ("detectors --format json".to_owned(), "0"),
    ] {
        // The reader is gone before anything is written.
        let script = format!("{{ sleep 0.1; {binary} {command}; echo $? >&3; }} 3>&2 2>&1 | :");
        let output = Command::new("sh").args(["-c", &script]).output().unwrap();
        assert_eq!(err(&output), format!("{status}\n"), "{command}");
    }
}

/// Nothing that a message holds does anything to a terminal, in any command, on either stream.
#[test]
fn what_mail_holds_does_nothing_to_a_terminal() {
    let folder = tempfile::tempdir().unwrap();
    let hostile = "\u{1b}[2J\u{9b}1m\u{7}\u{202e}\u{2028}\u{7f}";
    let address = format!("\"a{hostile}b\"@corp.example");
    let message = MESSAGE
        .replace("Offer", &format!("Offer {hostile}"))
        .replace("ann@partner.example", &format!("\"x{hostile}\"@partner.example"))
        .replace("for <alice@corp.example>", &format!("for <{address}>"));
    let envelope = serde_json::json!({
        "mail_from": format!("\"x{hostile}\"@partner.example"), "rcpt_to": [format!("\"y{hostile}\"@ext.example")],
        "rcpt_params": [[format!("ORCPT=rfc822;{address}")]], "client_addr": "198.51.100.10",
        "local_domains": ["corp.example"], "own_networks": ["198.51.100.0/24"],
    });
    let cases = folder.path().join("cases");
    case(&cases, "one", &message, &envelope.to_string());
    std::fs::write(folder.path().join("m.eml"), &message).unwrap();
    let write = |name: &str, text: String| {
        let file = folder.path().join(name);
        std::fs::write(&file, format!("{HEAD}{text}")).unwrap();
        path(&file).to_owned()
    };
    let rule = "[[rule]]\nid = \"forwards\"\nwhen = { verdict = \"auto_forward\" }\nthen = [\"tag\", \"strip\"]\n";
    let test = format!(
        "[[test]]\nmessage = \"m.eml\"\nmail_from = \"<ann@partner.example>\"\nrcpt = '<x@ext.example> ORCPT=rfc822;{}'\nexpect = {{ forwarder = \"bob@corp.example\" }}\n",
        "+22a+1B+5B2J+22@corp.example"
    );
    let (empty, full) = (write("empty.toml", String::new()), write("full.toml", format!("{rule}{test}")));
    let one = path(&cases.join("one")).to_owned();
    for arguments in [
        &["explain", "--config", &full, &one][..],
        &["explain", "--config", &full, "--format", "json", &one],
        &["replay", "--config", &full, &one],
        &["replay", "--config", &full, "--format", "json", &one],
        &["replay", "--config", &empty, "--against", &full, &one],
        &["replay", "--config", &empty, "--against", &full, "--format", "json", &one],
        &["check", "--config", &full],
        &["check", "--config", &full, "--format", "json"],
    ] {
        let output = forwarden(arguments);
        let shown = out(&output) + &err(&output);
        assert!(shown.contains("corp.example"), "{arguments:?}: {shown:?}");
        let hostile = |c: char| c.is_control() && c != '\n' || matches!(c, '\u{202e}' | '\u{2028}');
        assert!(!shown.contains(hostile), "{arguments:?}: {shown:?}");
    }
}
