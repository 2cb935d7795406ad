//! Kafka: a real broker, librdkafka's own cluster with faults, a guard that asks for passwords. `make test-siem` runs what
//! needs them.

use crate::certificates::Authority;
use crate::kafka_cluster::{Broker, Consumer, Guard, Mock, partitions};
use crate::receiver::Reserved;
use crate::site::{arrived, daemon, send, wait_until, written};
use crate::support::{Daemon, Mta};
use rusqlite::Connection;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::net::TcpListener;
use std::process::{Command, Output};

const TOPIC: &str = "forwarden.events";

fn to(brokers: &str, more: &str) -> Daemon {
    daemon(&format!("[[output]]\nname = \"kafka\"\nto = \"kafka:{brokers}/{TOPIC}\"\n{more}\n"))
}

/// Forwards by so many mailboxes in turn, and one message that nobody forwards.
fn forwards(daemon: &Daemon, count: usize, mailboxes: usize) {
    let mut mta = Mta::connect(daemon.addr);
    for number in 0..count {
        let rcpt = format!("<x@ext.example> ORCPT=rfc822;user{}@corp.example", number % mailboxes);
        mta.message("<ann@partner.example>", &[&rcpt], &[("From", "ann@partner.example"), ("Message-ID", "<p@x>")]);
        assert_eq!(mta.end_of_message().answer(), b'c');
    }
}

fn outputs_test(daemon: &Daemon) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_forwarden"));
    command.args(["outputs", "test", "kafka", "--config"]).arg(daemon.path("forwarden.toml")).output().unwrap()
}

/// State and error of the output, as the spool has them.
fn state(daemon: &Daemon) -> (String, String) {
    let database = Connection::open(daemon.path("spool/spool.db")).unwrap();
    let row = database.query_row("SELECT state, coalesce(error, '') FROM output WHERE name = 'kafka'", [], |row| {
        Ok((row.get(0)?, row.get(1)?))
    });
    row.unwrap_or_default()
}

fn held(daemon: &Daemon, why: &str) {
    let told = || matches!(state(daemon), (state, error) if state == "held" && error.contains(why));
    wait_until(|| format!("{:?} {}", state(daemon), daemon.log()), why, told);
}

fn dead(daemon: &Daemon) -> Vec<(String, String)> {
    let database = Connection::open(daemon.path("spool/spool.db")).unwrap();
    let mut statement = database.prepare("SELECT id, error FROM dead").unwrap();
    statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).unwrap().map(Result::unwrap).collect()
}

/// Every record has what a consumer needs to sort it; the events of a mailbox are in one partition, in order.
fn assert_sorted(brokers: &str, records: &[Value]) {
    let keys: BTreeSet<String> = records.iter().map(|record| record["key"].as_str().unwrap().to_owned()).collect();
    let chosen = partitions(brokers, TOPIC, &keys.iter().cloned().collect::<Vec<_>>());
    let mut seen: BTreeSet<&str> = BTreeSet::new();
    let mut last: BTreeMap<&str, &str> = BTreeMap::new();
    let mut by_offset: Vec<&Value> =
        records.iter().filter(|record| !record["headers"].as_object().unwrap().is_empty()).collect();
    by_offset.sort_by_key(|record| (record["partition"].as_u64(), record["offset"].as_u64()));
    for record in by_offset {
        let event: Value = serde_json::from_str(record["value"].as_str().unwrap()).unwrap();
        let (id, key) = (record["headers"]["event_id"].as_str().unwrap(), record["key"].as_str().unwrap());
        assert_eq!(event["id"], id);
        assert_eq!(record["headers"]["format"], "json");
        assert_eq!(record["headers"]["schema_version"], event["schema_version"].to_string());
        let time: jiff::Timestamp = event["time"].as_str().unwrap().parse().unwrap();
        assert_eq!(record["time"], time.as_millisecond());
        let wanted = [&event["forwarder"], &event["envelope"]["mail_from"], &event["id"]];
        let wanted = wanted.into_iter().find_map(|value| value.as_str().filter(|text| !text.is_empty()));
        assert_eq!(Some(key), wanted, "{event}");
        assert_eq!(record["partition"].as_u64(), chosen.get(key).copied(), "{key}");
        // What comes a second time comes late.
        if seen.insert(id) {
            let before = last.insert(key, id);
            assert!(before.is_none_or(|before| before < id), "{key}: {id} after {before:?}");
        }
    }
}

fn twice(ids: &BTreeMap<String, usize>) -> usize {
    ids.values().map(|count| count - 1).sum()
}

#[test]
#[ignore = "make test-siem"]
fn a_broker_that_is_killed_gets_every_event() {
    let mut broker = Broker::start();
    broker.topic(TOPIC, 3);
    let daemon = to(&broker.name(), "");
    forwards(&daemon, 600, 7);
    send(&daemon, 1);
    let first = written(&daemon, 601);
    let consumer = Consumer::of(&broker.name(), TOPIC);
    let got = arrived(&daemon, &first, || consumer.ids());
    let again = twice(&got);
    assert_sorted(&broker.name(), &consumer.records());
    drop(consumer);
    // It has nothing on a disk: what it had is gone with it, and so is the topic.
    broker.kill();
    forwards(&daemon, 600, 7);
    let all = written(&daemon, 1_201);
    wait_until(|| daemon.log(), "the broker to be missed", || state(&daemon).1.contains("refused (os error 111)"));
    broker.start_again();
    broker.topic(TOPIC, 3);
    let second: BTreeSet<String> = all.difference(&first).cloned().collect();
    let consumer = Consumer::of(&broker.name(), TOPIC);
    let got = arrived(&daemon, &second, || consumer.ids());
    assert_sorted(&broker.name(), &consumer.records());
    println!("{} events, a broker killed between: {} received twice", all.len(), again + twice(&got));
    assert!(outputs_test(&daemon).status.success());
}

#[test]
#[ignore = "make test-siem"]
fn faults_of_every_kind_cost_no_event() {
    let mut cluster = Mock::start(3);
    cluster.tell(&format!("topic {TOPIC} 6"));
    let daemon = to(&cluster.brokers, "batch_events = 50\ngzip = true\ntimeout = \"5s\"");
    // Produce (0) and Metadata (3): not the leader, timed out, too few replicas, a broken connection (-195), too large,
    // storage, an unknown topic, none of it known.
    for round in 0..4 {
        cluster.tell("errors 0 6 0 7 0 19 0 -195 0 10 0 56 0 -1");
        forwards(&daemon, 150, 11);
        cluster.tell(&format!("leader {TOPIC} {round} {}", round % 3 + 1));
        cluster.tell("errors 3 5 -195");
        cluster.tell(&format!("down {}", round % 3 + 1));
        forwards(&daemon, 150, 11);
        cluster.tell(&format!("up {}", round % 3 + 1));
    }
    let wanted = written(&daemon, 1_200);
    let consumer = Consumer::of(&cluster.brokers, TOPIC);
    let got = arrived(&daemon, &wanted, || consumer.ids());
    println!("{} events through faults of every kind: {} received twice", wanted.len(), twice(&got));
    assert_eq!(dead(&daemon), []);
    assert!(daemon.log().contains("events cannot be delivered"), "{}", daemon.log());
    let records = consumer.records();
    let used: BTreeSet<u64> = records.iter().map(|record| record["partition"].as_u64().unwrap()).collect();
    assert!(used.len() > 3, "{used:?}");
    assert_sorted(&cluster.brokers, &records);
}

/// What was written, and its answer lost, is written again, behind what came before it: in order all the same.
#[test]
#[ignore = "make test-siem"]
fn answers_that_are_lost_cost_copies_and_no_event() {
    let guard = Guard::start(&["lost=3".to_owned()], TOPIC, 3);
    let daemon = to(&guard.name(), "format = \"json\"\nbatch_events = 20");
    forwards(&daemon, 1_000, 7);
    let wanted = written(&daemon, 1_000);
    let consumer = Consumer::of(&guard.name(), TOPIC);
    let got = arrived(&daemon, &wanted, || consumer.ids());
    println!("{} events, of three answers one lost: {} received twice", wanted.len(), twice(&got));
    assert!(twice(&got) > 0 && got.values().all(|count| *count < 10), "{got:?}");
    assert_sorted(&guard.name(), &consumer.records());
}

/// What a quota delays is written: it is not sent again, however often the broker asks for patience.
#[test]
#[ignore = "make test-siem"]
fn a_quota_costs_time_and_no_copies() {
    let guard = Guard::start(&["slower=200".to_owned()], TOPIC, 3);
    let daemon = to(&guard.name(), "batch_events = 20");
    forwards(&daemon, 200, 7);
    let wanted = written(&daemon, 200);
    let consumer = Consumer::of(&guard.name(), TOPIC);
    let got = arrived(&daemon, &wanted, || consumer.ids());
    assert_eq!(twice(&got), 0);
    assert!(!daemon.log().contains("cannot be delivered"), "{}", daemon.log());
    // An event that is nobody's has its own id as the key.
    assert!(outputs_test(&daemon).status.success());
    let test = || consumer.records().iter().any(|record| record["key"] == record["headers"]["event_id"]);
    wait_until(|| daemon.log(), "the event of the test", test);
    assert_sorted(&guard.name(), &consumer.records());
}

#[test]
#[ignore = "make test-siem"]
fn an_event_that_is_too_large_does_not_hold_up_the_others() {
    let guard = Guard::start(&["largest=6000".to_owned()], TOPIC, 1);
    let daemon = to(&guard.name(), "");
    forwards(&daemon, 40, 3);
    let mut mta = Mta::connect(daemon.addr);
    let many: Vec<String> = (0..90).map(|number| format!("<{}{number}@ext.example>", "x".repeat(50))).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    mta.message("<dave@corp.example>", &many, &[("From", "dave@corp.example"), ("Message-ID", "<large@corp.example>")]);
    assert_eq!(mta.end_of_message().answer(), b'c');
    forwards(&daemon, 40, 3);
    let all = written(&daemon, 81);
    let consumer = Consumer::of(&guard.name(), TOPIC);
    wait_until(|| daemon.log(), "the large one to be put aside", || dead(&daemon).len() == 1);
    let (large, why) = dead(&daemon).remove(0);
    assert!(all.contains(&large) && why.contains("max.message.bytes (MessageTooLarge)"), "{why}");
    let others = all.into_iter().filter(|id| *id != large).collect();
    let got = arrived(&daemon, &others, || consumer.ids());
    assert!(!got.contains_key(&large));
    assert_eq!(twice(&got), 0);
    assert_sorted(&guard.name(), &consumer.records());
}

#[test]
#[ignore = "make test-siem"]
fn a_topic_that_is_not_there_is_told_and_not_made() {
    let mut cluster = Mock::start(1);
    let daemon = to(&cluster.brokers, "");
    forwards(&daemon, 5, 1);
    held(&daemon, &format!("there is no topic {TOPIC}"));
    let said = outputs_test(&daemon);
    assert_eq!(said.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&said.stderr).contains("there is no topic"), "{said:?}");
    cluster.tell(&format!("topic {TOPIC} 2"));
    assert!(outputs_test(&daemon).status.success());
    // Topic authorisation failed.
    cluster.tell("errors 0 29");
    let said = outputs_test(&daemon);
    assert!(String::from_utf8_lossy(&said.stderr).contains("may not write there"), "{said:?}");
}

#[test]
#[ignore = "make test-siem"]
fn passwords_and_certificates_are_shown_and_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let authority = Authority::new("Test");
    let (ca, files) = (authority.file(folder.path()), authority.sign(folder.path(), "kafka.test", false));
    let secret = folder.path().join("password");
    std::fs::write(&secret, "geheim-ß\n").unwrap();
    let options = [
        "user=forwarden".to_owned(),
        "password=geheim-ß".to_owned(),
        format!("cert={}", files.certificate.display()),
        format!("key={}", files.key.display()),
    ];
    let guard = Guard::start(&options, TOPIC, 3);
    let tls = format!("tls_ca = \"{}\"\ntls_name = \"kafka.test\"\n", ca.display());
    let config = |mechanism: &str, more: &str| {
        format!(
            "[[output]]\nname = \"kafka\"\nto = \"kafka-tls:{}/{TOPIC}\"\n{tls}sasl_user = \"forwarden\"\n\
             sasl_password_file = \"{}\"\nsasl_mechanism = \"{mechanism}\"\n{more}",
            guard.name(),
            secret.display()
        )
    };
    for mechanism in ["plain", "scram-sha-256"] {
        let daemon = daemon(&config(mechanism, ""));
        let said = outputs_test(&daemon);
        assert!(said.status.success() && String::from_utf8_lossy(&said.stdout).contains("was taken"), "{said:?}");
        std::fs::write(&secret, "falsch\n").unwrap();
        let said = outputs_test(&daemon);
        assert_eq!(said.status.code(), Some(1));
        let why = String::from_utf8_lossy(&said.stderr).into_owned();
        assert!(why.contains("does not let forwarden in") && !why.contains("falsch"), "{mechanism}: {why}");
        std::fs::write(&secret, "geheim-ß\n").unwrap();
    }
    std::fs::write(&secret, "falsch\n").unwrap();
    let mut daemon = daemon(&config("scram-sha-512", ""));
    forwards(&daemon, 20, 3);
    let wanted = written(&daemon, 20);
    held(&daemon, "does not let forwarden in");
    std::fs::write(&secret, "geheim-ß\n").unwrap();
    daemon.stop();
    daemon.start_again();
    wait_until(|| daemon.log(), "all to be taken", || state(&daemon).0 != "held" && waiting(&daemon) == 0);
    assert_eq!((wanted.len(), dead(&daemon)), (20, vec![]));
    assert!(!daemon.log().contains("geheim") && !daemon.log().contains("falsch"));
}

#[test]
#[ignore = "make test-siem"]
fn a_certificate_of_ours_is_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let authority = Authority::new("Test");
    let (ca, files) = (authority.file(folder.path()), authority.sign(folder.path(), "kafka.test", false));
    let (certificate, key, ca) = (files.certificate.display(), files.key.display(), ca.display());
    let options = [format!("cert={certificate}"), format!("key={key}"), format!("ca={ca}")];
    let guard = Guard::start(&options, TOPIC, 3);
    let test = |scheme: &str, more: &str| {
        let to = format!("[[output]]\nname = \"kafka\"\nto = \"{scheme}:{}/{TOPIC}\"\n{more}", guard.name());
        outputs_test(&daemon(&to))
    };
    let why = |said: Output| String::from_utf8(said.stderr).unwrap();
    let trusted = format!("tls_ca = \"{ca}\"\ntls_name = \"kafka.test\"\n");
    let ours = format!("{trusted}tls_cert = \"{certificate}\"\ntls_key = \"{key}\"\n");
    assert!(test("kafka-tls", &ours).status.success());
    let said = why(test("kafka-tls", &trusted));
    assert!(said.contains("wants a certificate of us"), "{said}");
    let said = why(test("kafka-tls", &format!("tls_ca = \"{ca}\"\n")));
    assert!(said.contains("is for kafka.test, not for 127.0.0.1: write tls_name"), "{said}");
    let said = why(test("kafka", ""));
    assert!(said.contains("it speaks TLS (kafka-tls)"), "{said}");
}

fn waiting(daemon: &Daemon) -> i64 {
    let database = Connection::open(daemon.path("spool/spool.db")).unwrap();
    let sql = "SELECT count(*) FROM event, output WHERE name = 'kafka' AND event.seq > output.seq";
    database.query_row(sql, [], |row| row.get(0)).unwrap_or(1)
}

/// One broker takes connections and says nothing, the other is not there: both are told, and the daemon ends all the same.
#[test]
fn brokers_that_say_nothing_hold_up_nobody() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let (gone, _reserved) = Reserved::port();
    let brokers = format!("{},127.0.0.1:{gone}", silent.local_addr().unwrap());
    let mut daemon = to(&brokers, "timeout = \"8s\"");
    forwards(&daemon, 5, 1);
    written(&daemon, 5);
    let told = |error: &str| error.contains("no answer within 5 s") && error.contains("refused (os error 111)");
    wait_until(|| daemon.log(), "both to be told", || told(&state(&daemon).1));
    assert_eq!(state(&daemon).0, "retrying");
    daemon.stop();
}
