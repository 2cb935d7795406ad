//! Lists from everywhere, long lists, lists that change under a running daemon, and conditions on what is remembered.

#![allow(clippy::expect_used, clippy::unwrap_used, clippy::panic, reason = "a test fails by them")]

mod support;

use forwarden::clock::FixedClock;
use forwarden::config::Config;
use forwarden::engine::Engine;
use forwarden::message::{Address, Builder, Connection, Direction, Limits, Message};
use forwarden::policy::Decision;
use forwarden::sink::NullSink;
use forwarden::state::{Departure, Key, Memory, Store, Thresholds};
use jiff::{SignedDuration, Timestamp};
use std::path::Path;
use std::sync::Arc;
use support::{Daemon, Mta, forward, wait_for};

const HEAD: &str = "[organization]\ndomains = [\"corp.example\"]\n[[listener]]\nsocket = \"inet:127.0.0.1:8891\"\n[policy]\nmode = \"enforce\"\n";

fn engine(folder: &Path, policy: &str) -> Engine {
    let file = folder.join("forwarden.toml");
    std::fs::write(&file, format!("{HEAD}{policy}")).unwrap();
    let loaded = Config::load(&file).unwrap_or_else(|problems| panic!("{problems}"));
    let clock = FixedClock("2026-11-24T12:00:00Z".parse().unwrap());
    forwarden::app::engine(&loaded.config, Arc::new(clock), Arc::new(NullSink))
}

fn message(forwarder: &str, destination: &str) -> Message {
    let mut builder = Builder::new("listener1", Direction::Outbound, Connection::default(), Limits::default());
    builder.sender("<ann@partner.example>", Vec::new());
    builder.recipient(destination, vec![format!("ORCPT=rfc822;{forwarder}")], None, None);
    builder.header(b"From", b" ann@partner.example");
    builder.finish()
}

/// The rule, or the exception, that decides on a forward, or `-`.
fn rule(engine: &Engine, forwarder: &str, destination: &str) -> String {
    let inspection = engine.inspect(&message(forwarder, destination), true);
    let Decision { rule, exception, .. } = inspection.decisions[0].clone();
    rule.or(exception.map(|id| format!("exception {id}"))).unwrap_or_else(|| "-".into())
}

#[test]
fn entries_from_everywhere() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).display().to_string();
    std::fs::write(path("list"), "# partners\ncarol@corp.example # she may\n").unwrap();
    std::fs::write(path("pairs"), "dora@corp.example -> dora@home.example\n").unwrap();
    std::fs::write(
        path("pairs.csv"),
        "forwarder,destination,why\n\"erin@corp.example\", erin@home.example, \"x, y\"\n",
    )
    .unwrap();
    let database = rusqlite::Connection::open(path("lists.db")).unwrap();
    database
        .execute_batch(
            "CREATE TABLE allowed (who TEXT, target TEXT);
             INSERT INTO allowed VALUES ('frank@corp.example', 'frank@home.example'), ('@sales.corp.example', '@crm.example');",
        )
        .unwrap();
    let policy = format!(
        r#"
        [groups]
        board = ["alice@corp.example", "bob@corp.example"]
        [[rule]]
        id = "group"
        when = {{ forwarder = "group:board" }}
        then = "log"
        [[rule]]
        id = "file"
        when = {{ forwarder = "file:{}" }}
        then = "log"
        [[rule]]
        id = "pairs"
        when = {{ pair = ["file:{}", "csv:{}", "sqlite:{} SELECT who, target FROM allowed", "group:board -> gina@home.example", "hugo@corp.example -> hugo@home.example"] }}
        then = "log"
        [[rule]]
        id = "column"
        when = {{ destination = "sqlite:{} SELECT target FROM allowed" }}
        then = "log"
        [[rule]]
        id = "expression"
        when = {{ forwarder = "regex:test[0-9]+@corp\\.example" }}
        then = "log"
        "#,
        path("list"),
        path("pairs"),
        path("pairs.csv"),
        path("lists.db"),
        path("lists.db"),
    );
    let engine = engine(folder.path(), &policy);
    for (forwarder, destination, expected) in [
        ("alice+x@corp.example", "x@ext.example", "group"),
        ("carol@corp.example", "x@ext.example", "file"),
        ("dora@corp.example", "dora@home.example", "pairs"),
        ("dora@corp.example", "x@ext.example", "-"),
        ("erin@corp.example", "erin@home.example", "pairs"),
        ("frank@corp.example", "frank@home.example", "pairs"),
        ("zoe@sales.corp.example", "x@crm.example", "pairs"),
        ("hugo@corp.example", "hugo@home.example", "pairs"),
        ("zoe@corp.example", "frank@home.example", "column"),
        ("test42@corp.example", "x@ext.example", "expression"),
        ("testing@corp.example", "x@ext.example", "-"),
    ] {
        assert_eq!(rule(&engine, forwarder, destination), expected, "{forwarder} to {destination}");
    }
}

/// Thousands of rules and exceptions: what decides is the same as in short ones.
#[test]
fn long_policies_decide_as_short_ones_do() {
    let folder = tempfile::tempdir().unwrap();
    let rules = |count: usize| -> String {
        let mut text = "[[rule]]\nid = \"lists\"\nwhen = { verdict = \"list\" }\nthen = \"log\"\n".to_owned();
        for n in 0..count {
            text += &format!(
                "[[rule]]\nid = \"r{n}\"\nwhen = {{ forwarder = \"user{n}@corp.example\" }}\nthen = \"log\"\n"
            );
            if n == 7 {
                text += "[[rule]]\nid = \"to\"\nwhen = { verdict = \"auto_forward\", destination = \"user@evil.example\" }\nthen = \"log\"\n";
            }
            text += &format!(
                "[[rule]]\nid = \"d{n}\"\nwhen = {{ destination = [\"@dept{n}.example\", \"boss{n}@corp2.example\"] }}\nthen = \"log\"\n\
                 [[rule]]\nid = \"b{n}\"\nwhen = {{ forwarder = \"@.corp.example\", destination = \"@.below{n}.example\" }}\nthen = \"log\"\n\
                 [[exception]]\nid = \"e{n}\"\nforwarder = \"@corp.example\"\ndestination = \"@.partner{n}.example\"\n\
                 [[exception]]\nid = \"m{n}\"\nforwarder = \"user{n}@corp.example\"\ndestination = [\"@partner4.example\", \"regex:x{n}@home.example\"]\n"
            );
        }
        text + "[[rule]]\nid = \"rest\"\nwhen = { verdict = \"auto_forward\", confidence = 0.9 }\nthen = \"log\"\n"
    };
    let (short, long) = (engine(folder.path(), &rules(9)), engine(folder.path(), &rules(3_000)));
    for (forwarder, destination, expected) in [
        ("user3+tag@corp.example", "user@evil.example", "r3"),
        ("user8@corp.example", "user@evil.example", "to"),
        ("user6@corp.example", "x@ext.example", "r6"),
        ("nobody@corp.example", "x@ext.example", "rest"),
        // By domain: the first that matches decides, whatever it names.
        ("nobody@corp.example", "x@dept5.example", "d5"),
        ("nobody@corp.example", "x@sub.dept5.example", "rest"),
        ("nobody@corp.example", "Boss5+tag@Corp2.example", "d5"),
        ("user5@corp.example", "x@dept5.example", "r5"),
        ("user6@corp.example", "x@dept5.example", "d5"),
        ("nobody@corp.example", "x@below5.example", "b5"),
        ("nobody@corp.example", "x@a.b.below5.example", "b5"),
        ("nobody@corp.example", "x@notbelow5.example", "rest"),
        ("user6@corp.example", "x@below5.example", "b5"),
        ("nobody@corp.example", "x@a.partner4.example", "exception e4"),
        ("user3@corp.example", "x@partner4.example", "exception m3"),
        ("user5@corp.example", "x@partner4.example", "exception e4"),
        ("user5@corp.example", "x5@home.example", "exception m5"),
    ] {
        assert_eq!(rule(&short, forwarder, destination), expected, "{forwarder} to {destination}");
        assert_eq!(rule(&long, forwarder, destination), expected, "{forwarder} to {destination}");
    }
    assert_eq!(rule(&long, "user2999@corp.example", "x@ext.example"), "r2999");
    let tried = |engine: &Engine, forwarder: &str| {
        engine.inspect(&message(forwarder, "x@ext.example"), true).decisions[0].trace.len()
    };
    assert_eq!(tried(&short, "nobody@corp.example"), 18 + 30, "a short policy is tried whole");
    assert!(tried(&long, "user2999@corp.example") < 10, "what cannot match is not tried");
}

#[test]
fn what_is_remembered_and_what_is_not() {
    let now: Timestamp = "2026-11-24T12:00:00Z".parse().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let with = |when: &str, state: Option<Arc<dyn Store>>| {
        let policy = format!(
            "[state]\ndirectory = \"/var/lib/forwarden\"\n[[rule]]\nid = \"x\"\nwhen = {{ {when} }}\nthen = \"log\"\n"
        );
        let engine = Engine { state, ..engine(folder.path(), &policy) };
        rule(&engine, "alice@corp.example", "x@ext.example") == "x"
    };
    let state = || -> Arc<dyn Store> {
        let state =
            Memory::new(Key::random().unwrap(), Thresholds { learning: SignedDuration::ZERO, ..Thresholds::default() });
        for (forwarder, destination, hours) in [
            ("alice", "x@ext.example", 50),
            ("alice", "x@ext.example", 2),
            ("bob", "x@ext.example", 1),
            ("alice", "y@ext.example", 1),
        ] {
            state.departed(Departure {
                forwarder: Address::parse(&format!("{forwarder}@corp.example")).unwrap(),
                destination: Address::parse(destination).unwrap(),
                mechanism: "mta_forward",
                time: now - SignedDuration::from_hours(hours),
                size: 1,
                message_id: None,
                latency: None,
                looks_forwarded: false,
                rule: None,
            });
        }
        Arc::new(state)
    };
    for (when, holds) in [
        ("first_seen = \"pair\"", false),
        ("not = { first_seen = \"pair\" }", true),
        ("pair_age = \"49h\"", true),
        ("pair_age = \"3d\"", false),
        ("pair_count_24h = 1", true),
        ("pair_count_24h = 2", false),
        ("forwards_24h = 2", true),
        ("fan_in = 2", true),
        ("fan_in = 3", false),
        // Incoming mail is not watched, and its arrival was not seen: neither they nor their opposites hold.
        ("coverage = 0.5", false),
        ("not = { coverage = 0.5 }", false),
        ("latency = \"10s\"", false),
        ("not = { latency = \"10s\" }", false),
        ("any = [{ latency = \"10s\" }, { fan_in = 2 }]", true),
        ("not = { all = [{ latency = \"10s\" }, { fan_in = 3 }] }", true),
        ("not = { all = [{ latency = \"10s\" }, { fan_in = 2 }] }", false),
        ("not = { any = [{ latency = \"10s\" }, { fan_in = 3 }] }", false),
    ] {
        assert_eq!(with(when, Some(state())), holds, "{when}");
        // Without a state nothing is known.
        assert!(!with(when, None), "{when}");
    }
    let learning: Arc<dyn Store> = Arc::new(Memory::new(Key::random().unwrap(), Thresholds::default()));
    assert!(!with("first_seen = \"pair\"", Some(learning)), "it is still learning");
    let new: Arc<dyn Store> = Arc::new({
        let state =
            Memory::new(Key::random().unwrap(), Thresholds { learning: SignedDuration::ZERO, ..Thresholds::default() });
        state.sent_on_by_hand(&Address::parse("carol@corp.example").unwrap(), now);
        state
    });
    for first in ["pair", "forwarder", "destination"] {
        assert!(!with(&format!("not = {{ first_seen = \"{first}\" }}"), Some(Arc::clone(&new))), "{first}");
    }
}

#[test]
fn ways_and_hours() {
    let folder = tempfile::tempdir().unwrap();
    for (when, holds) in [
        ("direction = \"outbound\"", true),
        ("direction = \"inbound\"", false),
        // A Tuesday, noon in London, one o'clock in Berlin.
        ("time = { days = [\"mon\", \"tue\"], from = \"08:00\", to = \"18:00\", zone = \"Europe/Berlin\" }", true),
        ("time = { from = \"12:30\", to = \"24:00\", zone = \"Europe/Berlin\" }", true),
        ("time = { from = \"12:30\", to = \"24:00\" }", false),
        ("time = { days = [\"sat\", \"sun\"] }", false),
        ("not = { time = { days = [\"sat\", \"sun\"] } }", true),
        ("time = { from = \"22:00\", to = \"06:00\" }", false),
    ] {
        let engine = engine(
            folder.path(),
            &format!("[[rule]]\nid = \"x\"\nwhen = {{ verdict = \"auto_forward\", {when} }}\nthen = \"log\"\n"),
        );
        assert_eq!(rule(&engine, "alice@corp.example", "x@ext.example") == "x", holds, "{when}");
    }
}

/// A list changes under the daemon: it is read again; a broken or missing one leaves the old one in use.
#[test]
fn a_changed_list_is_read_again() {
    let list = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(list.path(), "alice@corp.example\n").unwrap();
    let daemon = Daemon::start(&format!(
        "[policy]\nmode = \"enforce\"\n[[rule]]\nid = \"hold\"\nwhen = {{ forwarder = \"file:{}\" }}\nthen = [\"quarantine\"]\n",
        list.path().display()
    ));
    let held = |user: &str| {
        let mut mta = Mta::connect(daemon.addr);
        let rcpt = format!("<x@ext.example> ORCPT=rfc822;{user}@corp.example");
        let (from, rcpt, headers) = forward(&rcpt);
        mta.message(from, &rcpt, &headers);
        !mta.end_of_message().edits(b'q').is_empty()
    };
    assert!(held("alice") && !held("bob"));
    std::fs::write(list.path(), "bob@corp.example\n# more\n").unwrap();
    wait_for("the list to be read again", || held("bob").then_some(()));
    assert!(!held("alice"));
    std::fs::write(list.path(), "this is no address\n").unwrap();
    wait_for("the complaint", || daemon.log().contains("not reloaded").then_some(()));
    assert!(daemon.log().contains("is no address"), "{}", daemon.log());
    assert!(held("bob"));
    let complaints = || daemon.log().matches("not reloaded").count();
    std::fs::remove_file(list.path()).unwrap();
    wait_for("the next complaint", || (complaints() == 2).then_some(()));
    assert!(held("bob"));
    std::fs::write(list.path(), "carol@corp.example\n").unwrap();
    wait_for("the list to be back", || held("carol").then_some(()));
}
