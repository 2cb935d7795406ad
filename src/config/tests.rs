//! `[[test]]`: messages with the decision they must get, tried out by `forwarden check`.

use super::reader::{Place, Section};
use std::path::PathBuf;

/// One of them.
#[derive(Debug, Clone)]
pub struct PolicyTest {
    /// Where it stands: file and line.
    pub file: PathBuf,
    /// The line.
    pub line: usize,
    /// The message's file.
    pub message: PathBuf,
    /// MAIL FROM with its parameters.
    pub mail_from: Option<String>,
    /// Each RCPT TO with its parameters.
    pub rcpt: Vec<String>,
    /// The client.
    pub client: Option<std::net::IpAddr>,
    /// The listener.
    pub listener: Option<String>,
    /// What must come of it.
    pub expected: Expected,
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

/// Reads them all.
pub(super) fn read(root: &Section<'_>) -> Vec<PolicyTest> {
    root.tables("test").into_iter().filter_map(one).collect()
}

fn one(section: Section<'_>) -> Option<PolicyTest> {
    let report = section.report();
    let word = |key: &'static str| section.string(key).map(|(text, _)| text);
    let Place { file, line, .. } = section.place().clone();
    let message = word("message");
    if message.is_none() && !section.has("message") {
        report.error(section.place(), "message is missing: write message = \"tests/forward.eml\"");
    }
    let client = section
        .string("client")
        .and_then(|(text, place)| text.parse().map_err(|_| report.error(&place, "is no address of a client")).ok());
    let mut expected = Expected::default();
    match section.table("expect") {
        Some(table) => {
            let word = |key: &'static str| table.string(key).map(|(text, _)| text);
            expected = Expected {
                rule: word("rule"),
                exception: word("exception"),
                verdict: word("verdict"),
                forwarder: word("forwarder"),
                mechanism: word("mechanism"),
                action: table.strings("action").map(|list| list.into_iter().map(|(text, _)| text).collect()),
            };
            table.finish();
        }
        None => report.error(section.place(), "expect is missing: a test that expects nothing cannot fail"),
    }
    let test = PolicyTest {
        message: file.parent().unwrap_or(std::path::Path::new(".")).join(message.unwrap_or_default()),
        mail_from: word("mail_from"),
        rcpt: section.strings("rcpt").unwrap_or_default().into_iter().map(|(text, _)| text).collect(),
        client,
        listener: word("listener"),
        expected,
        file,
        line,
    };
    section.finish();
    Some(test)
}
