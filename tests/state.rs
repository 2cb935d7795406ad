//! What is remembered: the same questions to every store, and the daemon's own with its file, a broken file, a locked one.

#![allow(clippy::expect_used, clippy::unwrap_used, clippy::panic, reason = "a test fails by them")]

mod support;

use forwarden::message::{Address, Builder, Connection, Direction, Limits, Message};
use forwarden::state::{
    Arrival, Behaviour, Departure, Embedded, Key, Kind, Memory, Pair, Prints, Reader, Spec, Store, Thresholds,
};
use jiff::{SignedDuration, Timestamp};
use support::{Daemon, Mta, free_port, wait_for};

const TEXT: &str =
    "The delivery is planned for next week and the invoice follows separately, as we agreed on the phone.";

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + seconds).unwrap()
}

fn address(text: &str) -> Address {
    Address::parse(text).unwrap()
}

fn message(id: &str, more: &[(&str, &str)], body: &str) -> Message {
    let mut builder = Builder::new("test", Direction::Outbound, Connection::default(), Limits::default());
    builder.header(b"Message-ID", format!("<{id}>").as_bytes());
    for (name, value) in more {
        builder.header(name.as_bytes(), value.as_bytes());
    }
    builder.body(body.as_bytes());
    builder.finish()
}

fn departure(forwarder: &str, destination: &str, seconds: i64) -> Departure {
    Departure {
        forwarder: address(forwarder),
        destination: address(destination),
        mechanism: "mta_forward",
        time: at(seconds),
        size: 1_000,
        message_id: Some(format!("{seconds}@partner.example")),
        latency: None,
        looks_forwarded: false,
        rule: None,
    }
}

fn thresholds() -> Thresholds {
    Thresholds { learning: SignedDuration::from_secs(100), burst: 5, imbalance: 8, ..Thresholds::default() }
}

fn spec(folder: &tempfile::TempDir) -> Spec {
    Spec { directory: folder.path().to_owned(), thresholds: thresholds(), keep_days: 40_000 }
}

/// Runs the same questions over every store.
fn each(question: impl Fn(&dyn Store)) {
    question(&Memory::new(Key::random().unwrap(), thresholds()));
    let folder = tempfile::tempdir().unwrap();
    question(&Embedded::open(&spec(&folder), at(0)).unwrap().store);
}

fn arrive(store: &dyn Store, mailbox: &str, message: &Message, seconds: i64) {
    let prints = Prints::of_arrival(message, store.key());
    store.arrived(Arrival { mailbox: address(mailbox), prints, time: at(seconds) });
}

fn twins(store: &dyn Store, message: &Message, seconds: i64) -> Vec<(String, Kind, i64)> {
    let twins = store.twins(&Prints::of_departure(message, store.key()), at(seconds)).unwrap();
    twins.iter().map(|twin| (twin.mailbox.to_string(), twin.by, twin.latency.as_secs())).collect()
}

#[test]
fn a_message_is_known_again() {
    each(|store| {
        arrive(store, "alice+news@corp.example", &message("1@partner.example", &[], TEXT), 0);
        arrive(store, "bob@corp.example", &message("1@partner.example", &[], TEXT), 2);
        let of = |kind, latencies: [i64; 2]| {
            vec![
                ("bob@corp.example".to_owned(), kind, latencies[0]),
                ("alice@corp.example".to_owned(), kind, latencies[1]),
            ]
        };
        assert_eq!(twins(store, &message("1@partner.example", &[], TEXT), 5), of(Kind::MessageId, [3, 5]));
        assert_eq!(twins(store, &message("2@corp.example", &[], TEXT), 5), of(Kind::Text, [3, 5]));
        let reply = message("3@corp.example", &[("In-Reply-To", "<1@partner.example>")], "no");
        assert_eq!(twins(store, &reply, 5), of(Kind::Reference, [3, 5]));
        assert_eq!(twins(store, &message("4@corp.example", &[], "no"), 5), []);
        // A day later it is forgotten, and so is what would have come in after it left.
        assert_eq!(
            twins(store, &message("1@partner.example", &[], TEXT), 86_401),
            of(Kind::MessageId, [86_399, 0])[..1]
        );
        assert_eq!(twins(store, &message("1@partner.example", &[], TEXT), -1), []);
    });
}

#[test]
fn what_is_known_of_a_pair() {
    each(|store| {
        let (alice, drop) = (address("alice@corp.example"), address("drop@evil.example"));
        let facts = |seconds| store.facts(Pair { forwarder: &alice, destination: &drop }, at(seconds)).unwrap();
        assert_eq!((facts(0).pair_since, facts(0).learning, facts(0).coverage), (None, true, None));
        store.departed(departure("alice@corp.example", "drop@evil.example", 0));
        store.departed(departure("alice@corp.example", "other@evil.example", 10));
        store.departed(departure("bob@corp.example", "drop@evil.example", 20));
        for n in 0..4 {
            arrive(store, "alice@corp.example", &message(&format!("{n}@partner.example"), &[], ""), 30);
        }
        let known = facts(200);
        assert_eq!(known.pair_since, Some(at(0)));
        assert_eq!(known.destination_since, Some(at(0)));
        assert_eq!((known.pair_count_24h, known.forwards_24h, known.fan_in, known.learning), (1, 2, 2, false));
        assert_eq!(known.coverage, Some(0.25));
        let later = facts(25 * 3600);
        assert_eq!((later.pair_since, later.pair_count_24h, later.forwards_24h), (Some(at(0)), 0, 0));
    });
}

#[test]
fn what_is_remarkable() {
    each(|store| {
        let leave = |forwarder: &str, destination: &str, seconds| {
            store.departed(departure(&format!("{forwarder}@corp.example"), destination, seconds))
        };
        assert_eq!(leave("alice", "a@evil.example", 0), [], "nothing is new while it learns");
        assert_eq!(leave("bob", "a@evil.example", 1), []);
        assert_eq!(leave("alice", "a@evil.example", 200), [], "known");
        assert_eq!(leave("alice", "b@evil.example", 201), [Behaviour::FirstSeen { what: "destination" }]);
        assert_eq!(leave("bob", "b@evil.example", 202), [Behaviour::FirstSeen { what: "pair" }]);
        let new = leave("carol", "a@evil.example", 203);
        assert_eq!(new, [Behaviour::FirstSeen { what: "forwarder" }, Behaviour::FanIn { forwarders: 3 }]);
        let mut of_dora: Vec<Behaviour> = (0..6).flat_map(|n| leave("dora", "a@evil.example", 300 + n)).collect();
        of_dora.retain(|one| matches!(one, Behaviour::Burst { .. }));
        assert_eq!(of_dora, [Behaviour::Burst { forwards: 5 }], "said once");
    });
}

#[test]
fn many_forwards_and_few_that_look_so() {
    let imbalance = |found: Vec<Behaviour>| {
        found
            .into_iter()
            .filter(|one| matches!(one, Behaviour::Imbalance { scope: "forwarder", .. }))
            .collect::<Vec<_>>()
    };
    let expected = |look_forwarded, look_at| {
        vec![Behaviour::Imbalance { scope: "forwarder", forwards: 8, look_forwarded, hours: 24, look_at }]
    };
    each(|store| {
        let found =
            (0..20).flat_map(|n| store.departed(departure("alice@corp.example", "a@evil.example", n))).collect();
        assert_eq!(imbalance(found), expected(0, "administrator_level"));
        let rule = |n| Departure { looks_forwarded: n % 2 == 0, ..departure("bob@corp.example", "a@evil.example", n) };
        let found = (0..20).flat_map(|n| store.departed(rule(n))).collect();
        assert_eq!(imbalance(found), expected(4, "user_level"));
        (0..5).for_each(|n| store.sent_on_by_hand(&address("carol@corp.example"), at(n)));
        let found = (0..8).flat_map(|n| store.departed(departure("carol@corp.example", "a@evil.example", n))).collect();
        assert_eq!(imbalance(found), expected(5, "user_level"));
    });
}

#[test]
fn software_takes_always_the_same_time() {
    each(|store| {
        let leave = |forwarder: &str, n: i64, latency: i64| {
            let latency = Some(SignedDuration::from_millis(latency));
            store.departed(Departure { latency, ..departure(forwarder, "a@evil.example", n) })
        };
        let regular = |found: Vec<Behaviour>| found.iter().filter(|one| one.name() == "regular_latency").count();
        let software = (0..30).flat_map(|n| leave("alice@corp.example", n, 900 + n * 7)).collect();
        assert_eq!(regular(software), 1);
        let person = (0..30).flat_map(|n| leave("bob@corp.example", n, 1_000 * n * n)).collect();
        assert_eq!(regular(person), 0);
    });
}

#[test]
fn arrivals_are_bounded_and_the_oldest_make_room() {
    let few = Thresholds { arrivals: 10, ..thresholds() };
    let store = Memory::new(Key::random().unwrap(), few);
    for n in 0..30 {
        arrive(&store, "alice@corp.example", &message(&format!("{n}@partner.example"), &[], ""), n);
    }
    assert_eq!(twins(&store, &message("19@partner.example", &[], ""), 30), []);
    assert_eq!(twins(&store, &message("20@partner.example", &[], ""), 30).len(), 1);
}

#[test]
fn a_restart_forgets_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let store = Embedded::open(&spec(&folder), at(0)).unwrap().store;
    let latency = Some(SignedDuration::from_secs(2));
    let one =
        Departure { latency, rule: Some("freemail".into()), ..departure("alice@corp.example", "x@evil.example", 0) };
    store.departed(one.clone());
    store.departed(Departure { mechanism: "sieve_redirect", ..one });
    arrive(&store, "alice@corp.example", &message("1@partner.example", &[], TEXT), 5);
    drop(store);
    let reopened = Embedded::open(&spec(&folder), at(60)).unwrap();
    assert_eq!(reopened.set_aside, None);
    let store = reopened.store;
    let pair = Pair { forwarder: &address("alice@corp.example"), destination: &address("x@evil.example") };
    assert_eq!(store.facts(pair, at(60)).unwrap().pair_since, Some(at(0)));
    assert_eq!(twins(&store, &message("2@corp.example", &[], TEXT), 60).len(), 1);
    let lines = Reader::open(folder.path()).unwrap().lines(at(0), at(60)).unwrap();
    assert_eq!(lines.len(), 1);
    let line = &lines[0];
    assert_eq!((line.forwarder.as_str(), line.destination.as_str()), ("alice@corp.example", "x@evil.example"));
    assert_eq!((line.count, line.count_ever, line.bytes, line.latency), (2, 2, 2_000, Some((2.0, 0.0))));
    assert_eq!((line.first_seen, line.rule.as_deref()), (at(0), Some("freemail")));
    assert_eq!(line.mechanisms.len(), 2);
    assert_eq!(line.message_ids, ["0@partner.example"]);
}

#[test]
fn an_administrator_can_look_into_the_file() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    drop({
        let store = Embedded::open(&spec(&folder), at(0)).unwrap().store;
        store.departed(departure("alice@corp.example", "x@evil.example", 0));
        store.departed(departure("bob@corp.example", "x@evil.example", 0));
        store
    });
    let file = folder.path().join("state.db");
    assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    let database = rusqlite::Connection::open(&file).unwrap();
    let collects: (String, i64) = database
        .query_row("SELECT destination, forwarders FROM who_collects", [], |row| Ok((row.get(0)?, row.get(1)?)))
        .unwrap();
    assert_eq!(collects, ("x@evil.example".to_owned(), 2));
    let since: String = database.query_row("SELECT since FROM who_forwards_where", [], |row| row.get(0)).unwrap();
    assert_eq!(since, "2027-01-15 08:00:00");
}

/// A daemon with a listener for what comes in and one for what leaves.
struct Site {
    daemon: Daemon,
    inbound: std::net::SocketAddr,
}

impl Site {
    fn start(prepare: impl FnOnce(&std::path::Path)) -> Self {
        let (outbound, inbound) = (free_port(), free_port());
        let state = tempfile::tempdir().unwrap();
        prepare(state.path());
        let daemon = Daemon::start_with(
            &format!(
                "[[listener]]\nname = \"outbound\"\nsocket = \"inet:127.0.0.1:{outbound}\"\n\
                 [[listener]]\nname = \"inbound\"\nrole = \"observe\"\ndirection = \"inbound\"\nsocket = \"inet:127.0.0.1:{inbound}\"\n\
                 [state]\ndirectory = \"{}\"\ntext = true\nlearning = \"0s\"\n",
                state.keep().display()
            ),
            std::net::SocketAddr::from(([127, 0, 0, 1], outbound)),
        );
        let inbound = std::net::SocketAddr::from(([127, 0, 0, 1], inbound));
        // It can be connected to before it has read its state.
        wait_for("the daemon to be ready", || daemon.log().contains("ready").then_some(()));
        Self { daemon, inbound }
    }

    fn arrives(&self, rcpt: &str, id: &str) {
        let mut mta = Mta::connect(self.inbound);
        let headers = [("From", "ann@partner.example"), ("To", rcpt), ("Message-ID", id)];
        mta.message("<ann@partner.example>", &[rcpt], &headers);
        assert_eq!(mta.end_of_message_with("IN", format!("{TEXT}\r\n").as_bytes()).answer(), b'c');
    }

    fn leaves(&self, mail_from: &str, headers: &[(&str, &str)], body: &str) {
        let mut mta = Mta::connect(self.daemon.addr);
        mta.message(mail_from, &["<drop@evil.example>"], headers);
        assert_eq!(mta.end_of_message_with("OUT", body.as_bytes()).answer(), b'c');
    }

    /// The event about the message with this id.
    fn judged(&self, id: &str) -> serde_json::Value {
        wait_for("the event", || {
            let events = self.daemon.events(0);
            events.into_iter().find(|event| event["kind"] == "message" && event["message_id"] == id)
        })
    }
}

/// A redirect from which everything was stripped but who wrote it, a client's forward under a new name, and a script's.
#[test]
fn forwards_without_a_trace_are_found_by_what_came_in() {
    let site = Site::start(|_| {});
    site.arrives("<alice@corp.example>", "<1@partner.example>");
    // Stripped: no trace, no addressee, a sender of the mailbox itself.
    site.leaves(
        "<alice@corp.example>",
        &[("From", "ann@partner.example"), ("Message-ID", "<1@partner.example>")],
        "short",
    );
    let event = site.judged("1@partner.example");
    assert_eq!((&event["verdict"], &event["forwarder"]), (&"auto_forward".into(), &"alice@corp.example".into()));
    assert_eq!(event["evidence"][0]["id"], "correlation.message_id");

    site.arrives("<bob@corp.example>", "<2@partner.example>");
    let attached = format!(
        "--b\r\n\r\nsee attachment\r\n--b\r\nContent-Type: message/rfc822\r\n\r\nSubject: x\r\n\r\n{TEXT}\r\n--b--\r\n"
    );
    let script = [
        ("From", "bob@corp.example"),
        ("To", "drop@evil.example"),
        ("Subject", "Fwd: x"),
        ("Message-ID", "<2@corp.example>"),
        ("Content-Type", "multipart/mixed; boundary=b"),
    ];
    site.leaves("<bob@corp.example>", &script, &attached);
    let event = site.judged("2@corp.example");
    assert_eq!((&event["verdict"], &event["forwarder"]), (&"auto_forward".into(), &"bob@corp.example".into()));
    assert_eq!(event["mechanism"], "client_rule");

    // A person who answers, later or at once, forwards nothing; nor does an automatic reply.
    site.arrives("<carol@corp.example>", "<3@partner.example>");
    for (id, more) in [("<3@corp.example>", ("X", "y")), ("<4@corp.example>", ("Auto-Submitted", "auto-replied"))] {
        let reply = [
            ("From", "carol@corp.example"),
            ("To", "drop@evil.example"),
            ("Message-ID", id),
            ("In-Reply-To", "<3@partner.example>"),
            more,
        ];
        site.leaves(
            "<carol@corp.example>",
            &reply,
            "Thank you, that suits us well. Let us talk about it tomorrow at nine.",
        );
        let event = site.judged(id.trim_matches(['<', '>']));
        assert!(event["verdict"] == "ordinary" || event["verdict"] == "auto_reply", "{event}");
    }
    let firsts: Vec<_> = site.daemon.events(0).into_iter().filter(|event| event["kind"] == "behaviour").collect();
    assert_eq!(firsts.len(), 2, "{firsts:?}");
    assert_eq!(firsts[0]["behaviour"], "first_seen");
}

/// A relay that carries mail both ways, with one listener for both.
#[test]
fn what_comes_in_at_the_outbound_listener_is_known_again() {
    let site = Site::start(|_| {});
    let headers = [("From", "ann@partner.example"), ("Message-ID", "<8@partner.example>")];
    let mut mta = Mta::connect(site.daemon.addr);
    mta.message("<ann@partner.example>", &["<alice@corp.example>"], &headers);
    assert_eq!(mta.end_of_message_with("IN", format!("{TEXT}\r\n").as_bytes()).answer(), b'c');
    site.leaves("<alice@corp.example>", &headers, "short");
    let event = site.judged("8@partner.example");
    assert_eq!((&event["verdict"], &event["forwarder"]), (&"auto_forward".into(), &"alice@corp.example".into()));
    assert_eq!(event["evidence"][0]["id"], "correlation.message_id");
}

/// What somebody here writes to colleagues and strangers at once comes in for the ones and leaves for the others: it was not
/// the colleagues who sent it on. A colleague whose rule does is found all the same.
#[test]
fn mail_to_inside_and_outside_at_once_is_no_forward() {
    let site = Site::start(|_| {});
    let headers = |id: &'static str| {
        [
            ("From", "dave@corp.example"),
            ("To", "bob@corp.example, drop@evil.example"),
            ("Subject", "plan"),
            ("Message-ID", id),
        ]
    };
    let arrives = |id| {
        let mut mta = Mta::connect(site.inbound);
        mta.message("<dave@corp.example>", &["<bob@corp.example>"], &headers(id));
        assert_eq!(mta.end_of_message_with("IN", format!("{TEXT}\r\n").as_bytes()).answer(), b'c');
    };
    arrives("<5@corp.example>");
    site.leaves("<dave@corp.example>", &headers("<5@corp.example>"), TEXT);
    let event = site.judged("5@corp.example");
    assert_eq!(event["verdict"], "ordinary", "{event:#}");

    // The stranger in Bcc.
    arrives("<7@corp.example>");
    let blind = [("From", "dave@corp.example"), ("To", "bob@corp.example"), ("Message-ID", "<7@corp.example>")];
    site.leaves("<dave@corp.example>", &blind, TEXT);
    let event = site.judged("7@corp.example");
    assert_eq!(event["verdict"], "ordinary", "{event:#}");

    arrives("<6@corp.example>");
    let redirected = [
        ("Received", "from mx.corp.example by mx.corp.example for <bob@corp.example>; x"),
        ("X-Sieve-Redirected-From", "bob@corp.example"),
    ];
    site.leaves(
        "<bob@corp.example>",
        &[
            &redirected[..],
            &headers("<6@corp.example>")[..3],
            &[("To", "bob@corp.example"), ("Message-ID", "<6@corp.example>")],
        ]
        .concat(),
        TEXT,
    );
    let event = site.judged("6@corp.example");
    assert_eq!(
        (&event["verdict"], &event["forwarder"]),
        (&"auto_forward".into(), &"bob@corp.example".into()),
        "{event:#}"
    );
}

#[test]
fn a_broken_file_is_set_aside_and_mail_goes_on() {
    let site = Site::start(|state| std::fs::write(state.join("state.db"), vec![0x55; 9_000]).unwrap());
    let event = site.daemon.events(1).remove(0);
    assert_eq!((&event["fault"], &event["action"]), (&"state".into(), &"set_aside".into()));
    assert!(event["error"].as_str().unwrap().contains("state.db.broken-"), "{event}");
    site.daemon.assert_serving();
}

/// What a newer version wrote is not for an older one to lose.
#[test]
fn a_file_of_a_newer_version_stays_as_it_is() {
    let mut folder = std::path::PathBuf::new();
    let site = Site::start(|state| {
        folder = state.to_owned();
        let database = rusqlite::Connection::open(state.join("state.db")).unwrap();
        database.execute_batch("CREATE TABLE future (x); PRAGMA user_version = 9;").unwrap();
    });
    let event = site.daemon.events(1).remove(0);
    assert_eq!((&event["fault"], &event["action"]), (&"state".into(), &"memory_only".into()));
    assert!(event["error"].as_str().unwrap().contains("version 9"), "{event}");
    site.daemon.assert_serving();
    let database = rusqlite::Connection::open(folder.join("state.db")).unwrap();
    assert!(database.table_exists(None, "future").unwrap());
}

#[test]
fn a_folder_that_cannot_be_used_leaves_the_memory() {
    let site = Site::start(|state| std::fs::write(state.join("state.key"), "short").unwrap());
    let event = site.daemon.events(1).remove(0);
    assert_eq!((&event["fault"], &event["action"]), (&"state".into(), &"memory_only".into()));
    site.arrives("<alice@corp.example>", "<1@partner.example>");
    site.leaves(
        "<alice@corp.example>",
        &[("From", "ann@partner.example"), ("Message-ID", "<1@partner.example>")],
        "short\r\n",
    );
    assert_eq!(site.judged("1@partner.example")["verdict"], "auto_forward");
}

/// Another process holds the file: mail flows all the same, and what waited is written once it is free. Then the process
/// dies, and what a second ago was written is there.
#[test]
fn a_locked_file_delays_nothing_and_a_crash_loses_little() {
    let mut folder = std::path::PathBuf::new();
    let mut site = Site::start(|state| folder = state.to_owned());
    let database = rusqlite::Connection::open(folder.join("state.db")).unwrap();
    database.execute_batch("BEGIN EXCLUSIVE").unwrap();
    site.leaves(
        "<alice@corp.example>",
        &[
            ("From", "ann@partner.example"),
            ("Resent-From", "alice@corp.example"),
            ("Message-ID", "<1@partner.example>"),
        ],
        "short\r\n",
    );
    assert_eq!(site.judged("1@partner.example")["verdict"], "auto_forward");
    wait_for("the complaint", || site.daemon.log().contains("the state cannot be written").then_some(()));
    site.daemon.assert_serving();
    database.execute_batch("COMMIT").unwrap();
    let count = || Reader::open(&folder).unwrap().lines(Timestamp::now(), Timestamp::now()).unwrap().len();
    wait_for("what waited to be written", || (count() == 1).then_some(()));
    site.daemon.signal(nix::sys::signal::Signal::SIGKILL);
    site.daemon.wait();
    let reopened = Embedded::open(&spec_in(&folder), Timestamp::now()).unwrap();
    assert_eq!(reopened.set_aside, None);
    assert_eq!(count(), 1);
}

fn spec_in(folder: &std::path::Path) -> Spec {
    Spec { directory: folder.to_owned(), thresholds: thresholds(), keep_days: 400 }
}
