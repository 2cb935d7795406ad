//! What of persons leaves a daemon or stays on its disk, by each policy; who can name them again; and how they are erased.

#![allow(clippy::expect_used, clippy::unwrap_used, clippy::panic, reason = "a test fails by them")]

mod support;

use serde_json::Value;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use support::{Daemon, Mta, Replies, free_port, read_events, wait_for};

const SUBJECT: &str = "Confidential offer 4711 for the board";

fn forwarden(args: &[&str], input: &str) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_forwarden"))
        .args(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let input = input.to_owned();
    let writer = std::thread::spawn(move || {
        let _ = stdin.write_all(input.as_bytes());
    });
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap();
    output
}

fn text(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

/// A folder with a key, and the configuration of a daemon that masks by `privacy`.
struct Place {
    folder: tempfile::TempDir,
}

impl Place {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let made = forwarden(&["privacy", "new-key", "--file", folder.path().join("key").to_str().unwrap()], "");
        assert_eq!(made.status.code(), Some(0), "{made:?}");
        Self { folder }
    }

    fn path(&self, name: &str) -> String {
        self.folder.path().join(name).display().to_string()
    }

    fn more(&self, privacy: &str) -> String {
        format!(
            "[privacy]\nkey = \"{}\"\n{privacy}\n[state]\ndirectory = \"{}\"\nlearning = \"0s\"\n\
             [policy]\nmode = \"enforce\"\n[[rule]]\nid = \"alices\"\n\
             when = {{ forwarder = [\"alice@corp.example\"], destination = [\"drop@evil.example\"] }}\nthen = [\"tag\"]\n\
             [[exception]]\nid = \"inside\"\nforwarder = [\"alice@corp.example\"]\ndestination = [\"bob@corp.example\"]\n\
             owner = \"bob@corp.example\"\nreason = \"for the log to warn of\"\n",
            self.path("key"),
            self.path("state"),
        )
    }

    fn serve(&self, privacy: &str) -> Daemon {
        Daemon::start(&self.more(privacy))
    }

    /// All that the state keeps, as it lies on the disk.
    fn state(&self) -> Vec<u8> {
        let entries = std::fs::read_dir(self.folder.path().join("state")).unwrap();
        entries.flat_map(|entry| std::fs::read(entry.unwrap().path()).unwrap()).collect()
    }
}

/// A forward of alice's leaves. Every field that can hold a name does.
fn leave(daemon: &Daemon, id: &str) {
    let answer = leave_from(daemon, id, "alice@corp.example");
    assert_eq!(answer.answer(), b'c');
    // The policy knew who it was.
    assert!(!answer.edits(b'h').is_empty() || !answer.edits(b'i').is_empty(), "it was tagged");
}

fn leave_from(daemon: &Daemon, id: &str, forwarder: &str) -> Replies {
    let mut mta = Mta::connect(daemon.addr);
    let id = format!("<{id}@partner.example>");
    let headers = [
        (
            "Received",
            "from mx.partner.example by mail.corp.example for <mailbox@corp.example>; Tue, 24 Nov 2026 10:00:00 +0000",
        ),
        ("Delivered-To", forwarder),
        ("From", "Ann <ann@partner.example>"),
        ("To", forwarder),
        ("Cc", "Bob <bob@corp.example>"),
        ("Subject", SUBJECT),
        ("Message-ID", id.as_str()),
    ];
    mta.message("<ann@partner.example>", &[&format!("<drop@evil.example> ORCPT=rfc822;{forwarder}")], &headers);
    mta.end_of_message()
}

fn message_event(daemon: &Daemon) -> Value {
    wait_for("the event", || daemon.events(0).into_iter().find(|event| event["kind"] == "message"))
}

const PERSONS: [&str; 6] = ["alice", "ann@", "bob@", "mailbox@", "drop@", "carol@"];

#[test]
fn pseudonyms_leave_and_stay_and_the_policy_sees_through_them() {
    let place = Place::new();
    let policy = "event_addresses = \"pseudonym\"\nevent_subjects = \"pseudonym\"\nstate_addresses = \"pseudonym\"\n";
    let mut daemon = place.serve(policy);
    // On the first observation nothing is new.
    leave_from(&daemon, "0", "carol@corp.example");
    leave(&daemon, "1");
    let event = wait_for("the event", || daemon.events(0).into_iter().find(|event| event["rule"] == "alices"));
    assert_eq!((&event["rule"], &event["verdict"]), (&"alices".into(), &"auto_forward".into()), "{event:#}");
    let forwarder = event["forwarder"].as_str().unwrap().to_owned();
    assert!(forwarder.starts_with("p-") && forwarder.ends_with("@corp.example"), "{forwarder}");
    assert!(event["destinations"][0].as_str().unwrap().ends_with("@evil.example"));
    assert!(event["headers"]["subject"].as_str().unwrap().starts_with("p-"), "{event:#}");
    let behaviour = wait_for("what is new", || daemon.events(0).into_iter().find(|event| event["kind"] == "behaviour"));
    assert_eq!(behaviour["forwarder"].as_str(), Some(forwarder.as_str()), "the same everywhere");
    daemon.signal(nix::sys::signal::Signal::SIGTERM);
    daemon.wait();
    let events = std::fs::read_to_string(daemon.path("events.jsonl")).unwrap();
    let state = place.state();
    let state = String::from_utf8_lossy(&state);
    for (name, text) in [("events", events.as_str()), ("log", &daemon.log()), ("state", &state)] {
        // The rule's own name is not a person's.
        let text = text.replace("alices", "");
        let left: Vec<&str> = PERSONS.iter().copied().filter(|person| text.contains(person)).collect();
        assert!(left.is_empty() && !text.contains("4711 for"), "{name} shows {left:?}: {text}");
    }
    assert!(daemon.log().contains("is inside"), "it warned of an exception that names bob: {}", daemon.log());
    assert!(state.contains(&forwarder), "the inventory has the same pseudonym");

    // Another start knows the pair by its pseudonym.
    let daemon = place.serve(policy);
    leave(&daemon, "2");
    message_event(&daemon);
    leave(&daemon, "3");
    wait_for("both", || {
        (daemon.events(0).iter().filter(|event| event["kind"] == "message").count() == 2).then_some(())
    });
    assert!(daemon.events(0).iter().all(|event| event["kind"] != "behaviour"), "nothing is new");
}

#[test]
fn absent_is_absent_and_the_state_stays_in_memory() {
    let place = Place::new();
    let daemon = place.serve(
        "keep_domain = false\nevent_addresses = \"absent\"\nevent_subjects = \"absent\"\nstate_addresses = \"absent\"\n",
    );
    leave(&daemon, "1");
    let event = message_event(&daemon);
    assert_eq!(event["rule"], "alices");
    assert_eq!(event["forwarder"], "absent@absent.pseudonym.invalid");
    assert_eq!(event["headers"]["subject"], Value::Null);
    let text = event.to_string().replace("alices", "");
    for gone in PERSONS.iter().chain(&["@corp.example", "@evil.example", "@partner.example", "4711 for"]) {
        assert!(!text.contains(gone), "{gone}: {event:#}");
    }
    assert_eq!(event["destination_domains"][0], "absent.pseudonym.invalid");
    assert!(!Path::new(&place.path("state/state.db")).exists());
}

#[test]
fn clear_is_clear() {
    let place = Place::new();
    let daemon = place.serve("");
    leave(&daemon, "1");
    let event = message_event(&daemon);
    assert_eq!((&event["forwarder"], &event["headers"]["subject"]), (&"alice@corp.example".into(), &SUBJECT.into()));
}

#[test]
fn who_has_the_key_names_them_again() {
    let place = Place::new();
    let daemon = place.serve("keep_domain = false\nevent_addresses = \"pseudonym\"\n");
    leave(&daemon, "1");
    let event = message_event(&daemon);
    let (forwarder, domain) = (event["forwarder"].as_str().unwrap(), event["destination_domains"][0].as_str().unwrap());
    let log = place.path("mail.log");
    std::fs::write(&log, "Nov 24 mail postfix/smtp[1]: AAAAA1: to=<drop@evil.example>, orig_to=<alice@corp.example>\n")
        .unwrap();
    let key = place.path("key");
    let named = forwarden(&["unmask", "--key", &key, "--from", &log, "--", forwarder, domain], "");
    assert_eq!(named.status.code(), Some(0), "{named:?}");
    assert_eq!(text(&named), format!("{forwarder} alice@corp.example\n{domain} evil.example\n"));
    let filtered = forwarden(&["unmask", "--key", &key, "--from", &log], &format!("{event}\n"));
    let back: Value = serde_json::from_str(&text(&filtered)).unwrap();
    assert_eq!(
        (&back["forwarder"], &back["destinations"][0]),
        (&"alice@corp.example".into(), &"drop@evil.example".into())
    );
    assert_eq!(back["destination_domains"][0], "evil.example");
    assert!(back["headers"]["from"][0].as_str().unwrap().starts_with("p-"), "ann is in no list: {back:#}");

    // Nobody else can, and what is in no list stays unknown.
    let unknown = forwarden(&["unmask", "--key", &key, "--", forwarder], "");
    assert_eq!(unknown.status.code(), Some(1));
    assert!(text(&unknown).contains("unknown; 0 names were tried"), "{unknown:?}");
    let other = place.path("other");
    assert!(forwarden(&["privacy", "new-key", "--file", &other], "").status.success());
    let wrong = forwarden(&["unmask", "--key", &other, "--from", &log, "--", forwarder], "");
    assert_eq!(wrong.status.code(), Some(1), "{wrong:?}");
    let again = forwarden(&["privacy", "new-key", "--file", &key], "");
    assert!(String::from_utf8_lossy(&again.stderr).contains("never overwritten"), "{again:?}");
}

#[test]
fn a_key_that_others_can_read_starts_no_daemon() {
    use std::os::unix::fs::PermissionsExt;
    let place = Place::new();
    std::fs::set_permissions(place.path("key"), std::fs::Permissions::from_mode(0o644)).unwrap();
    let port = free_port();
    let file = place.path("forwarden.toml");
    let text = format!(
        "[organization]\ndomains = [\"corp.example\"]\n[[listener]]\nsocket = \"inet:127.0.0.1:{port}\"\n{}",
        place.more("event_addresses = \"pseudonym\"")
    );
    std::fs::write(&file, text).unwrap();
    let output = forwarden(&["serve", "--config", &file], "");
    assert_eq!(output.status.code(), Some(78), "{output:?}");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("privacy.key") && said.contains("mode 0644") && said.contains("chmod 600"), "{said}");
}

#[test]
fn one_person_is_erased() {
    for privacy in ["", "state_addresses = \"pseudonym\""] {
        let place = Place::new();
        let mut daemon = place.serve(privacy);
        leave(&daemon, "1");
        wait_for("the pair", || {
            let database = rusqlite::Connection::open(place.path("state/state.db")).ok()?;
            let pairs: i64 = database.query_row("SELECT count(*) FROM pair", [], |row| row.get(0)).ok()?;
            (pairs == 1).then_some(())
        });
        let file = daemon.path("forwarden.toml").display().to_string();
        let other = forwarden(&["erase", "nobody@corp.example", "--config", &file], "");
        assert!(text(&other).contains("state        0 pairs"), "{other:?}");
        let erased = forwarden(&["erase", "Alice+news@corp.example", "--config", &file], "");
        assert_eq!(erased.status.code(), Some(0), "{erased:?}");
        assert!(text(&erased).contains("state        1 pairs, 1 counts of days"), "{erased:?}");
        assert!(text(&erased).contains("out of reach: events"), "{erased:?}");
        assert!(text(&erased).lines().all(|line| line.chars().count() <= 100), "{erased:?}");
        daemon.signal(nix::sys::signal::Signal::SIGTERM);
        daemon.wait();
        let state = place.state();
        let state = String::from_utf8_lossy(&state);
        assert!(!state.contains("alice") && !state.contains("drop@") && !state.contains("1@partner"), "{privacy}");
        assert_eq!(read_events(&daemon.path("events.jsonl")).len(), 1, "events were sent already");
    }
}

#[test]
fn logs_are_read_into_a_state_of_pseudonyms() {
    let place = Place::new();
    let file = place.path("forwarden.toml");
    let text = format!(
        "[organization]\ndomains = [\"corp.example\"]\n[[listener]]\nsocket = \"inet:127.0.0.1:8891\"\n{}",
        place.more("state_addresses = \"pseudonym\"")
    );
    std::fs::write(&file, text).unwrap();
    let read =
        forwarden(&["backfill", "--config", &file, "--format", "json", "--maillog", "tests/backfill/sendmail.log"], "");
    assert_eq!(read.status.code(), Some(0), "{read:?}");
    let state = place.state();
    assert!(!String::from_utf8_lossy(&state).contains("alice@corp"));
    let report = forwarden(&["report", "--config", &file, "--since", "3650d", "--format", "json"], "");
    let rows = self::text(&report);
    let first: Value = serde_json::from_str(rows.lines().next().unwrap()).unwrap();
    assert!(first["forwarder"].as_str().unwrap().starts_with("p-"), "{first}");
    assert_eq!(rows.lines().count(), 5);
}
