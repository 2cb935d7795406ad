//! What the daemon itself writes, in every dialect: ordinary mail and forwards, with whatever senders and clients say.

use crate::support::{Daemon, Mta, wait_for};
use std::collections::BTreeMap;
use std::sync::LazyLock;

/// The dialects whose records are a line.
const DIALECTS: [&str; 9] =
    ["ecs", "ocsf", "ocsf_finding", "cef", "leef", "leef_tab", "gelf", "splunk_hec", "sentinel"];
/// A line as well; it stands apart because a request has more around it.
const UDM: &str = "udm";

/// The lines of each dialect.
pub(crate) static WRITTEN: LazyLock<BTreeMap<&'static str, Vec<String>>> = LazyLock::new(|| {
    let outputs: String = DIALECTS
        .iter()
        .chain([&UDM])
        .map(|name| format!("[[output]]\nname = \"{name}\"\nformat = \"{name}\"\nto = \"file:FOLDER/{name}\"\n"))
        .collect();
    let daemon = Daemon::start(&format!(
        "[state]\ndirectory = \"FOLDER/state\"\nlearning = \"0s\"\nfan_in = 2\nburst = 6\n\
         [[exception]]\nid = \"ended\"\nforwarder = \"dora@corp.example\"\ndestination = \"*\"\nexpires = 2026-01-01\n\
         {outputs}"
    ));
    let messages = happens(&daemon);
    let events = wait_for("the events", || {
        let events = daemon.events(1);
        (events.iter().filter(|event| event["kind"] == "message").count() >= messages).then_some(events)
    });
    assert!(events.len() > messages, "behaviours are told as well");
    let lines = |name: &str| -> Vec<String> {
        let text = std::fs::read_to_string(daemon.path(name)).unwrap_or_default();
        text.lines().map(str::to_owned).collect()
    };
    let written = DIALECTS
        .iter()
        .chain([&UDM])
        .map(|name| (*name, wait_for(name, || Some(lines(name)).filter(|lines| lines.len() >= events.len()))));
    written.collect()
});

/// Mail of many kinds; how many messages.
fn happens(daemon: &Daemon) -> usize {
    let hostile = "a=b|c\\d \"q\" ]x[\t^ é ☃ \u{202e}\u{1b}[31m";
    let long = "ü".repeat(900);
    let recipients: Vec<String> =
        (0..120).map(|number| format!("<r{number}@ext{number}.example> ORCPT=rfc822;alice@corp.example")).collect();
    let recipients: Vec<&str> = recipients.iter().map(String::as_str).collect();
    let one = |mailbox: &str, to: &str| format!("<{to}> ORCPT=rfc822;{mailbox}@corp.example");
    let forwards = [one("alice", "x@ext.example"), one("bob", "x@ext.example"), one("dora", "y@ext.example")];
    let mut count = 0;
    let mut message = |from: &str, to: &[&str], headers: &[(&str, &str)], login: Option<&str>| {
        let mut mta = Mta::connect(daemon.addr);
        if let Some(login) = login {
            mta.macros(b'M', &[("{auth_authen}", login)]);
        }
        mta.message(from, to, headers);
        mta.end_of_message();
        count += 1;
    };
    for forward in &forwards {
        message("<ann@partner.example>", &[forward], &[("From", "ann@partner.example")], None);
    }
    for (from, subject, login) in [
        ("<>", "Undeliverable", None),
        ("<alice@corp.example>", hostile, Some("alice")),
        ("<ann@partner.example>", long.as_str(), Some("")),
        ("<ann@partner.example>", "", Some(hostile)),
        ("<\"a b\"@partner.example>", "=?utf-8?q?=E2=98=83?=", None),
    ] {
        let headers = [("From", hostile), ("To", "alice@corp.example"), ("Subject", subject), ("Message-ID", subject)];
        message(from, &[&forwards[0]], &headers, login);
    }
    message("<ann@partner.example>", &recipients, &[("From", "ann@partner.example"), ("X-Loop", hostile)], None);
    // By hand, and no forward at all.
    message("<gina@corp.example>", &["<ann@partner.example>"], &[("Subject", "Fwd: minutes")], None);
    message("<gina@corp.example>", &["<ann@partner.example>"], &[], None);
    count
}
