//! `[[test]]`: messages with the decision they must get, tried out by `forwarden check`.

use super::problem::quoted;
use super::reader::{Place, Section};
use super::{Problem, Severity, Surroundings, lists};
use crate::action::Done;
use crate::assess::Verdict;
use crate::detect::Mechanism;
use crate::message::Address;
use crate::policy::{Action, Policy};
use jiff::Timestamp;
use std::path::{Path, PathBuf};
use toml::de::DeValue;

/// One of them.
#[derive(Debug, Clone)]
pub struct PolicyTest {
    /// The message.
    pub message: Stored,
    /// MAIL FROM with its parameters.
    pub mail_from: Option<String>,
    /// Each RCPT TO with its parameters.
    pub rcpt: Vec<String>,
    /// The client.
    pub client: Option<std::net::IpAddr>,
    /// The user who logged in.
    pub auth_user: Option<String>,
    /// The listener; the first one where none is named.
    pub listener: Option<String>,
    /// When it comes in; now where nothing is said.
    pub time: Option<Timestamp>,
    /// What must come of it.
    pub expected: Expected,
    file: PathBuf,
    line: usize,
    key: String,
}

impl PolicyTest {
    /// The problem that it failed.
    pub fn failure(&self, text: String) -> Problem {
        Problem { severity: Severity::Error, file: self.file.clone(), line: self.line, key: self.key.clone(), text }
    }
}

/// Where a test has its message from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stored {
    /// A file.
    File(PathBuf),
    /// Its header fields alone, as they stand in the configuration.
    Headers(String),
}

/// What must come of a message, for one external recipient. What is `None` may be anything.
#[derive(Debug, Clone, Default)]
pub struct Expected {
    /// The recipient that is meant; the first external one where none is named.
    pub recipient: Option<Address>,
    /// The rule that matches; `none` where none must.
    pub rule: Option<String>,
    /// The exception that matches; `none` where none must.
    pub exception: Option<String>,
    /// The verdict.
    pub verdict: Option<String>,
    /// The forwarder.
    pub forwarder: Option<String>,
    /// The mechanism.
    pub mechanism: Option<String>,
    /// The actions that are asked for.
    pub action: Option<Vec<String>>,
    /// What is done.
    pub done: Option<String>,
    /// What would have been done, were nothing held back; `none` where that is what is done.
    pub would: Option<String>,
    /// The rule by which; `none` likewise.
    pub would_rule: Option<String>,
}

impl Expected {
    fn is_empty(&self) -> bool {
        let Self { recipient: _, rule, exception, verdict, forwarder, mechanism, action, done, would, would_rule } =
            self;
        let words = [rule, exception, verdict, forwarder, mechanism, done, would, would_rule];
        words.iter().all(|one| one.is_none()) && action.is_none()
    }
}

/// Reads them all.
pub(super) fn read(root: &Section<'_>, policy: &Policy, around: &Surroundings<'_>) -> Vec<PolicyTest> {
    root.tables("test").into_iter().map(|section| one(&section, policy, around)).collect()
}

fn one(section: &Section<'_>, policy: &Policy, around: &Surroundings<'_>) -> PolicyTest {
    let report = section.report();
    let Place { file, line, key } = section.place().clone();
    let message = message(section, file.parent().unwrap_or(Path::new("")));
    let client = section.string("client").and_then(|(text, place)| {
        let client = text.parse().ok();
        if client.is_none() {
            report.error(&place, format!("{} is no address: write \"198.51.100.25\"", quoted(&text)));
        }
        client
    });
    let listener = section.string("listener");
    if let Some((name, place)) = &listener {
        around.check_listener(section, name, place);
    }
    let expected = match section.table("expect") {
        Some(table) => expected(&table, policy),
        None => {
            if !section.has("expect") {
                report.error(section.place(), "expect is missing: a test that expects nothing cannot fail");
            }
            Expected::default()
        }
    };
    let test = PolicyTest {
        message,
        mail_from: section.string("mail_from").map(|path| envelope(section, path, true)),
        rcpt: section
            .strings("rcpt")
            .unwrap_or_default()
            .into_iter()
            .map(|path| envelope(section, path, false))
            .collect(),
        client,
        auth_user: section.string("auth_user").map(|(text, _)| text),
        listener: listener.map(|(name, _)| name),
        time: time(section),
        expected,
        file,
        line,
        key,
    };
    section.finish();
    test
}

/// The message: a file, relative to that in which the test stands, or header fields.
fn message(section: &Section<'_>, folder: &Path) -> Stored {
    let report = section.report();
    let (file, headers) = (section.string("message"), section.string("headers"));
    match (&file, &headers) {
        (Some(_), Some((_, place))) => report.error(place, "stands beside message: a test has one of them"),
        (None, None) if !section.has("message") && !section.has("headers") => {
            let text = "message is missing: write message = \"tests/forward.eml\", or headers = \"\"\"From: …\"\"\"";
            report.error(section.place(), text);
        }
        (None, Some((text, place))) if !begins_with_field(text) => {
            report.error(
                place,
                format!("{} begins with no header field: write \"From: ann@partner.example\"", quoted(text)),
            );
        }
        _ => {}
    }
    match (file, headers) {
        (None, Some((text, _))) => Stored::Headers(text),
        (file, _) => Stored::File(folder.join(file.map(|(text, _)| text).unwrap_or_default())),
    }
}

/// RFC 5322 §2.2: a name of printable ASCII, then a colon.
fn begins_with_field(text: &str) -> bool {
    let name = text.trim_start().split_once(':').map_or("", |(name, _)| name);
    !name.is_empty() && name.bytes().all(|b| matches!(b, b'!'..=b'~'))
}

fn time(section: &Section<'_>) -> Option<Timestamp> {
    let found = section.get("time")?;
    let time = match found.value {
        DeValue::Datetime(given) => given.to_string().parse().ok(),
        _ => None,
    };
    if time.is_none() {
        let hint = "write 2026-11-24T22:00:00+01:00, without quotes, with a time zone";
        section.report().error(&found.place, format!("{} is no point in time: {hint}", found.shown()));
    }
    time
}

/// An address of the envelope with its parameters.
fn envelope(section: &Section<'_>, (text, place): (String, Place), may_be_null: bool) -> String {
    let path = text.split_whitespace().next().unwrap_or_default();
    if Address::parse(path).is_none() && !(may_be_null && matches!(path, "" | "<>")) {
        let hint = "write \"<x@ext.example> ORCPT=rfc822;alice@corp.example\"";
        section.report().error(&place, format!("{} begins with no address: {hint}", quoted(&text)));
    }
    text
}

fn expected(table: &Section<'_>, policy: &Policy) -> Expected {
    let one_of = |key, names: Vec<&str>| -> Option<String> {
        let names: Vec<_> = names.into_iter().map(|name| (name, ())).collect();
        let (text, place) = table.string(key)?;
        lists::choice(table, &text, &place, &names)?;
        Some(text)
    };
    let none = || std::iter::once("none");
    let actions = Action::NAMES.map(|name| (name, name));
    let recipient = table.string("recipient").and_then(|(text, place)| {
        let address = Address::parse(&text);
        if address.is_none() {
            table.report().error(&place, format!("{} is no address: write \"x@ext.example\"", quoted(&text)));
        }
        address
    });
    let rules = || policy.rules.iter().map(|rule| rule.id.as_str()).chain(none()).collect::<Vec<_>>();
    let done = || Done::ALL.into_iter().map(Done::name);
    let expected = Expected {
        recipient,
        rule: one_of("rule", rules()),
        exception: one_of("exception", policy.exceptions.iter().map(|one| one.id.as_str()).chain(none()).collect()),
        verdict: one_of("verdict", Verdict::ALL.iter().map(|verdict| verdict.name()).collect()),
        forwarder: table.string("forwarder").map(|(text, _)| text),
        mechanism: one_of("mechanism", Mechanism::ALL.iter().map(|by| by.name()).chain(none()).collect()),
        action: lists::choices(table, "action", &actions).map(|names| names.into_iter().map(str::to_owned).collect()),
        done: one_of("done", done().collect()),
        would: one_of("would", done().chain(none()).collect()),
        would_rule: one_of("would_rule", rules().into_iter().chain(["default"]).collect()),
    };
    table.finish();
    if expected.is_empty() && !table.has_error() {
        table.report().error(table.place(), "expects nothing: such a test cannot fail");
    }
    expected
}
