//! A fixture: the circumstances of a message and what is to be said of it in TOML between two lines `+++`, then the
//! message, in Internet Message Format with LF for CRLF. What is expected is whole: what is not written is not there.

use forwarden::app;
use forwarden::assess::Assessment;
use forwarden::clock::FixedClock;
use forwarden::config::Config;
use forwarden::detect::{Mechanism, Names};
use forwarden::engine::Engine;
use forwarden::message::{Address, Builder, Connection, Direction, Message, eml};
use forwarden::sink::NullSink;
use forwarden::state::{Arrival, Key, Memory, Prints, Store, Thresholds};
use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A fixture, read.
#[derive(Debug)]
pub(crate) struct Fixture {
    /// Where it stands, below `rows`.
    pub(crate) name: String,
    /// The row that it is about.
    pub(crate) row: String,
    /// Whether the row must report on it.
    pub(crate) is_hit: bool,
    /// What its message does not hold.
    pub(crate) circumstances: Circumstances,
    /// The message, with CRLF.
    pub(crate) message: String,
}

/// How the message was handed over, and what is to be said of it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Circumstances {
    /// MAIL FROM with its parameters.
    pub(crate) mail_from: String,
    /// Each RCPT TO with its parameters.
    pub(crate) rcpt: Vec<String>,
    /// The client's address.
    #[serde(default = "mail_server")]
    pub(crate) client: IpAddr,
    /// The client's name.
    #[serde(default = "mail_server_name")]
    pub(crate) client_name: String,
    /// The user who logged in.
    pub(crate) auth_user: Option<String>,
    /// Macros of the MTA at RCPT: `rcpt_addr`, `rcpt_mailer`.
    #[serde(default)]
    pub(crate) macros: BTreeMap<String, String>,
    /// A limit in the place of the usual one: octets of one header field.
    pub(crate) field_bytes: Option<usize>,
    /// What came in before.
    pub(crate) seen: Option<Seen>,
    /// What is to be said of every recipient outside.
    pub(crate) expect: Expect,
}

/// A message that came in for an own mailbox before.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Seen {
    mailbox: String,
    seconds_ago: i64,
    message: String,
}

/// What is said of a recipient.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Expect {
    /// The verdict on the whole message.
    pub(crate) verdict: String,
    /// By what it was forwarded.
    pub(crate) mechanism: Option<String>,
    /// The mailbox that forwards.
    pub(crate) forwarder: Option<String>,
    /// Whether the forwarder is concluded from the addressees alone.
    #[serde(default)]
    pub(crate) guessed: bool,
    /// Whom the row names, by itself.
    #[serde(default)]
    pub(crate) row: RowNames,
}

/// Whom the row names, by itself.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RowNames {
    forwarder: Option<String>,
    destination: Option<String>,
    original_sender: Option<String>,
}

fn mail_server() -> IpAddr {
    IpAddr::V4(Ipv4Addr::new(198, 51, 100, 5))
}

fn mail_server_name() -> String {
    "mail.corp.example".to_owned()
}

/// The folder of the fixtures.
pub(crate) fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/detection")
}

/// Reads all fixtures, by walking the folder; what is none goes to `problems`.
pub(crate) fn all(problems: &mut Vec<String>) -> Vec<Fixture> {
    let mut fixtures = Vec::new();
    let entries = |path: &Path| {
        let paths = std::fs::read_dir(path).expect("a folder").map(|entry| entry.expect("an entry").path());
        paths.collect::<BTreeSet<PathBuf>>()
    };
    for row in entries(&folder().join("rows")) {
        if !row.is_dir() {
            problems.push(format!("{}: is no folder of a row", row.display()));
            continue;
        }
        for path in entries(&row) {
            let name = path.strip_prefix(folder().join("rows")).expect("below it").display().to_string();
            match Fixture::read(&path, &name) {
                Ok(fixture) => fixtures.push(fixture),
                Err(problem) => problems.push(format!("{name}: {problem}")),
            }
        }
    }
    fixtures
}

impl Fixture {
    fn read(path: &Path, name: &str) -> Result<Self, String> {
        let (row, file) = name.split_once('/').expect("a file in a folder");
        let stem = file.strip_suffix(".eml").ok_or("is called neither hit….eml nor near-miss….eml")?;
        let is_hit = match stem {
            _ if stem == "hit" || stem.starts_with("hit-") => true,
            _ if stem == "near-miss" || stem.starts_with("near-miss-") => false,
            _ => return Err("is called neither hit….eml nor near-miss….eml".to_owned()),
        };
        let text = std::fs::read_to_string(path).map_err(|error| error.to_string())?;
        let parts = text.strip_prefix("+++\n").and_then(|rest| rest.split_once("\n+++\n"));
        let (circumstances, message) = parts.ok_or("does not begin with its circumstances between two lines +++")?;
        let circumstances: Circumstances = toml::from_str(circumstances).map_err(|error| error.to_string())?;
        if message.contains('\r') {
            return Err("has CR in it: LF stands for CRLF".to_owned());
        }
        let message = message.replace('\n', "\r\n");
        Ok(Self { name: name.to_owned(), row: row.to_owned(), is_hit, circumstances, message })
    }

    fn build(&self, config: &Config, message: &[u8], direction: Direction) -> Message {
        let given = &self.circumstances;
        let connection = Connection {
            client_addr: Some(given.client),
            client_name: Some(given.client_name.clone()),
            helo: Some(given.client_name.clone()),
            mta: Some("hop.corp.example".to_owned()),
        };
        let mut limits = config.limits;
        limits.field_bytes = given.field_bytes.unwrap_or(limits.field_bytes);
        let mut builder = Builder::new("outbound", direction, connection, limits);
        builder.auth_user(given.auth_user.clone());
        let words = |text: &str| {
            let mut words = text.split(' ').map(str::to_owned);
            (words.next().unwrap_or_default(), words.collect::<Vec<_>>())
        };
        let (path, params) = words(&given.mail_from);
        builder.sender(&path, params);
        for rcpt in &given.rcpt {
            let (path, params) = words(rcpt);
            let of_macro = |name: &str| given.macros.get(name).map(String::as_str);
            builder.recipient(&path, params, of_macro("rcpt_addr"), of_macro("rcpt_mailer"));
        }
        let parts = eml::split(message);
        for (name, body) in &parts.fields {
            builder.header(name, body);
        }
        builder.body(parts.body);
        builder.finish()
    }

    /// Judges the message with the real engine.
    pub(crate) fn judge(&self, config: &Config) -> Vec<Assessment> {
        self.judge_as(config, self.message.as_bytes())
    }

    /// Judges another message in the same circumstances.
    pub(crate) fn judge_as(&self, config: &Config, message: &[u8]) -> Vec<Assessment> {
        let now: Timestamp = "2026-11-24T10:00:00Z".parse().expect("a time");
        let state = Memory::new(Key::random().expect("random octets"), Thresholds::default());
        if let Some(seen) = &self.circumstances.seen {
            let arrived = self.build(config, seen.message.replace('\n', "\r\n").as_bytes(), Direction::Inbound);
            state.arrived(Arrival {
                mailbox: Address::parse(&seen.mailbox).expect("an address"),
                prints: Prints::of_arrival(&arrived, state.key()),
                time: now - SignedDuration::from_secs(seen.seconds_ago),
            });
        }
        let engine = app::engine(config, Arc::new(FixedClock(now)), Arc::new(NullSink));
        let engine = Engine { state: Some(Arc::new(state)), ..engine };
        engine.inspect(&self.build(config, message, Direction::Outbound), true).assessments
    }

    /// What is wrong with the judgement, if anything.
    pub(crate) fn problems(&self, assessments: &[Assessment]) -> Vec<String> {
        let mut problems = Vec::new();
        if assessments.is_empty() {
            problems.push("has no recipient outside".to_owned());
        }
        for assessment in assessments {
            let row = assessment.evidence.iter().find(|seen| seen.evidence.signal.id() == self.row);
            match (row, self.is_hit) {
                (None, true) => problems.push("the row does not report".to_owned()),
                (Some(_), false) => problems.push("the row reports".to_owned()),
                _ => {}
            }
            let found = Expect::found(assessment, row.map(|row| &row.evidence.names));
            if found != self.circumstances.expect {
                problems.push(format!("expected {:?}\n    found    {found:?}", self.circumstances.expect));
            }
            if !problems.is_empty() {
                problems.push(evidence(assessment));
                break;
            }
        }
        problems
    }

    /// In how many parts of envelope and header section the two differ.
    pub(crate) fn distance(&self, other: &Self) -> usize {
        let (own, others) = (self.parts(), other.parts());
        let only_in = |these: &[String], those: &[String]| {
            let mut those = those.to_vec();
            let unmatched = |part: &&String| match those.iter().position(|that| that == *part) {
                Some(at) => {
                    those.swap_remove(at);
                    false
                }
                None => true,
            };
            these.iter().filter(unmatched).count()
        };
        only_in(&own, &others).max(only_in(&others, &own))
    }

    fn parts(&self) -> Vec<String> {
        let given = &self.circumstances;
        let envelope = format!("{} {} {:?} {:?}", given.mail_from, given.client, given.auth_user, given.field_bytes);
        let recipients = format!("{:?} {:?}", given.rcpt, given.macros);
        let fields = eml::split(self.message.as_bytes()).fields;
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let seen = format!("{:?}", given.seen);
        let fields = fields.into_iter().map(|(name, body)| format!("{}:{}", text(name), text(body)));
        [envelope, recipients, seen].into_iter().chain(fields).collect()
    }
}

impl Expect {
    fn found(assessment: &Assessment, names: Option<&Names>) -> Self {
        let text = |address: &Option<Address>| address.as_ref().map(ToString::to_string);
        Self {
            verdict: assessment.verdict.name().to_owned(),
            mechanism: assessment.mechanism.map(|mechanism| Mechanism::name(mechanism).to_owned()),
            forwarder: text(&assessment.forwarder),
            guessed: assessment.forwarder_guessed,
            row: names.map_or_else(RowNames::default, |names| RowNames {
                forwarder: text(&names.forwarder),
                destination: text(&names.destination),
                original_sender: text(&names.original_sender),
            }),
        }
    }
}

fn evidence(assessment: &Assessment) -> String {
    let line = |seen: &forwarden::assess::Weighed| {
        let why = seen.explained_by.as_ref().map(|id| format!(" (explained by {id})")).unwrap_or_default();
        format!("\n    {:6.1} {} {}{why}", seen.counted, seen.evidence.signal.id(), seen.evidence.value)
    };
    let lines: String = assessment.evidence.iter().map(line).collect();
    format!("confidence {:.3}, evidence:{lines}", assessment.confidence)
}
