//! Every row of the catalogue on a message on which it must report, and on one that differs in what matters, found by
//! walking `tests/detection/rows`.
//!
//! A fixture is a few lines of circumstances (`key value`), a line `---`, and the message. Circumstances: `mail_from`,
//! `rcpt` (several apart by ` | `), `login`, `resolved` (address and mailer, as Sendmail's macros give them), `field_bytes`
//! (a limit), `seen` (mailbox and seconds ago: it came in before, as `seen_id` with the fields `seen_more` and this body).
//! What is expected: `verdict`, `mechanism`, and `names`, the forwarder that the row itself names.

#![allow(clippy::expect_used, clippy::unwrap_used, clippy::panic, reason = "a test fails by them")]

use forwarden::assess::Assessment;
use forwarden::clock::FixedClock;
use forwarden::config::Config;
use forwarden::detect;
use forwarden::engine::Engine;
use forwarden::message::{Address, Builder, Connection, Direction, Domain, Limits, Message, eml};
use forwarden::sink::NullSink;
use forwarden::state::{Arrival, Key, Memory, Prints, Store, Thresholds};
use jiff::{SignedDuration, Timestamp};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A fixture, read.
struct Fixture {
    circumstances: Vec<(String, String)>,
    message: String,
}

impl Fixture {
    fn read(path: &Path) -> Option<Self> {
        let text = std::fs::read_to_string(path).ok()?;
        let (above, message) = text.split_once("\n---\n")?;
        let circumstances = above.lines().map(|line| {
            let (key, value) = line.split_once(' ').unwrap_or((line, ""));
            (key.to_owned(), value.to_owned())
        });
        Some(Self { circumstances: circumstances.collect(), message: message.to_owned() })
    }

    fn get(&self, key: &str) -> Option<&str> {
        self.circumstances.iter().find(|(name, _)| name == key).map(|(_, value)| value.as_str())
    }

    fn build(&self, header: &str, body: &[u8], direction: Direction) -> Message {
        let connection = Connection {
            client_addr: Some("198.51.100.5".parse().unwrap()),
            client_name: Some("inner.corp.example".into()),
            helo: Some("inner.corp.example".into()),
            mta: Some("hop.corp.example".into()),
        };
        let mut limits = Limits::default();
        limits.field_bytes = self.get("field_bytes").map_or(limits.field_bytes, |text| text.parse().unwrap());
        let mut builder = Builder::new("fixture", direction, connection, limits);
        builder.auth_user(self.get("login").map(str::to_owned));
        builder.sender(self.get("mail_from").unwrap(), Vec::new());
        let resolved = self.get("resolved").and_then(|text| text.split_once(' '));
        for rcpt in self.get("rcpt").unwrap().split(" | ") {
            let mut words = rcpt.split(' ').map(str::to_owned);
            let path = words.next().unwrap();
            builder.recipient(
                &path,
                words.collect(),
                resolved.map(|(address, _)| address),
                resolved.map(|(_, mailer)| mailer),
            );
        }
        for (name, value) in &eml::split(header.as_bytes()).fields {
            builder.header(name, value);
        }
        builder.body(body);
        builder.finish()
    }

    fn judge(&self) -> Vec<Assessment> {
        let now = Timestamp::from_second(1_800_000_000).unwrap();
        let (header, body) = self.message.split_once("\n\n").unwrap();
        let state = Memory::new(Key::random().unwrap(), Thresholds::default());
        if let Some((mailbox, seconds)) = self.get("seen").and_then(|text| text.split_once(' ')) {
            let more = self.get("seen_more").unwrap_or("X-More: none");
            let header = format!("Message-ID: <{}>\n{more}\n", self.get("seen_id").unwrap());
            let arrived = self.build(&header, body.replace("Monday", "next week").as_bytes(), Direction::Inbound);
            state.arrived(Arrival {
                mailbox: Address::parse(mailbox).unwrap(),
                prints: Prints::of_arrival(&arrived, state.key()),
                time: now - SignedDuration::from_secs(seconds.parse().unwrap()),
            });
        }
        let mut config = Config::without_file();
        config.organization.domains.insert(Domain::new("corp.example").unwrap(), true);
        config.organization.networks = vec!["198.51.100.0/24".parse().unwrap()];
        let engine = Engine {
            state: Some(Arc::new(state)),
            ..forwarden::app::engine(&config, Arc::new(FixedClock(now)), Arc::new(NullSink))
        };
        engine.inspect(&self.build(header, body.as_bytes(), Direction::Outbound), true).assessments
    }
}

/// What is wrong with a fixture of this row, if anything.
fn problem(id: &str, path: &Path, must_report: bool) -> Option<String> {
    let Some(fixture) = Fixture::read(path) else { return Some("is missing, or is no fixture".into()) };
    let judged = fixture.judge();
    let Some(first) = judged.first() else { return Some("has no recipient outside".into()) };
    let shown = || {
        let evidence = first
            .evidence
            .iter()
            .map(|seen| format!("\n      {:5.1} {} {}", seen.counted, seen.evidence.signal.id, seen.evidence.value));
        format!("{} {:.3} {:?}{}", first.verdict, first.confidence, first.mechanism, evidence.collect::<String>())
    };
    let row = first.evidence.iter().find(|seen| seen.evidence.signal.id == id);
    if row.is_some() != must_report {
        return Some(format!("{}: {}", if must_report { "does not report" } else { "reports" }, shown()));
    }
    let named = row.and_then(|row| row.evidence.names.forwarder.as_ref()).map(ToString::to_string);
    if fixture.get("names").is_some_and(|name| named.as_deref() != Some(name)) {
        return Some(format!("names {named:?}: {}", shown()));
    }
    if fixture.get("verdict").is_some_and(|verdict| first.verdict.name() != verdict) {
        return Some(format!("another verdict: {}", shown()));
    }
    let mechanism = first.mechanism.map(detect::Mechanism::name);
    if fixture.get("mechanism").is_some_and(|wanted| mechanism != Some(wanted)) {
        return Some(format!("another mechanism: {}", shown()));
    }
    None
}

fn rows() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/detection/rows")
}

#[test]
fn every_row_reports_on_its_hit_and_not_on_its_near_miss() {
    let mut wrong = Vec::new();
    for signal in detect::catalogue() {
        for (name, must_report) in [("hit", true), ("near-miss", false)] {
            let path = rows().join(signal.id).join(name);
            if let Some(problem) = problem(signal.id, &path, must_report) {
                wrong.push(format!("{}/{name} {problem}", signal.id));
            }
        }
    }
    assert!(wrong.is_empty(), "{} fixtures are wrong:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn every_fixture_is_of_a_row() {
    let ids: BTreeSet<&str> = detect::catalogue().map(|signal| signal.id).collect();
    for folder in std::fs::read_dir(rows()).unwrap() {
        let name = folder.unwrap().file_name().into_string().unwrap();
        assert!(ids.contains(name.as_str()), "{name} is no row of the catalogue");
    }
}
