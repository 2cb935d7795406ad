//! `[[test]]`: messages with the decision they must get, tried out by `forwarden check`.

use super::problem::quoted;
use super::reader::{Place, Section};
use super::{Problem, Severity, Surroundings, lists};
use crate::assess::Verdict;
use crate::detect::Mechanism;
use crate::message::Address;
use crate::policy::{Action, Policy};
use std::path::{Path, PathBuf};

/// One of them.
#[derive(Debug, Clone)]
pub struct PolicyTest {
    /// The message's file.
    pub message: PathBuf,
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

/// What must come of a message, for its first external recipient. What is `None` may be anything.
#[derive(Debug, Clone, Default)]
pub struct Expected {
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
}

impl Expected {
    fn is_empty(&self) -> bool {
        let Self { rule, exception, verdict, forwarder, mechanism, action } = self;
        [rule, exception, verdict, forwarder, mechanism].iter().all(|one| one.is_none()) && action.is_none()
    }
}

/// Reads them all.
pub(super) fn read(root: &Section<'_>, policy: &Policy, around: &Surroundings<'_>) -> Vec<PolicyTest> {
    root.tables("test").into_iter().map(|section| one(&section, policy, around)).collect()
}

fn one(section: &Section<'_>, policy: &Policy, around: &Surroundings<'_>) -> PolicyTest {
    let report = section.report();
    let Place { file, line, key } = section.place().clone();
    let message = section.string("message").map(|(text, _)| text);
    if message.is_none() && !section.has("message") {
        report.error(section.place(), "message is missing: write message = \"tests/forward.eml\"");
    }
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
        message: file.parent().unwrap_or(Path::new("")).join(message.unwrap_or_default()),
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
        expected,
        file,
        line,
        key,
    };
    section.finish();
    test
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
    let expected = Expected {
        rule: one_of("rule", policy.rules.iter().map(|rule| rule.id.as_str()).chain(none()).collect()),
        exception: one_of("exception", policy.exceptions.iter().map(|one| one.id.as_str()).chain(none()).collect()),
        verdict: one_of("verdict", Verdict::ALL.iter().map(|verdict| verdict.name()).collect()),
        forwarder: table.string("forwarder").map(|(text, _)| text),
        mechanism: one_of("mechanism", Mechanism::ALL.iter().map(|by| by.name()).chain(none()).collect()),
        action: lists::choices(table, "action", &actions).map(|names| names.into_iter().map(str::to_owned).collect()),
    };
    table.finish();
    if expected.is_empty() && !table.has_error() {
        table.report().error(table.place(), "expects nothing: such a test cannot fail");
    }
    expected
}
