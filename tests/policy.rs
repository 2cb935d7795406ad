//! What policy decides, as tables: first match, default, exceptions, modes and rollout. Each row is a forward, through the
//! real configuration and engine, and what must come of it.

#![allow(clippy::expect_used, clippy::unwrap_used, clippy::panic, reason = "a test fails by them")]

use forwarden::clock::FixedClock;
use forwarden::config::Config;
use forwarden::engine::{Engine, Inspection};
use forwarden::message::{Address, Builder, Connection, Direction, Limits, Message};
use forwarden::policy::place;
use forwarden::sink::NullSink;
use std::sync::Arc;

const NOW: &str = "2026-11-24T12:00:00Z";

/// An engine with that policy, at that time.
fn engine_at(policy: &str, now: &str) -> Engine {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("forwarden.toml");
    let head = "[organization]\ndomains = [\"corp.example\"]\nnetworks = [\"198.51.100.0/24\"]\n[[listener]]\nsocket = \"inet:127.0.0.1:8891\"\n";
    std::fs::write(&file, format!("{head}{policy}")).unwrap();
    let loaded = Config::load(&file).unwrap_or_else(|problems| panic!("{problems}"));
    forwarden::app::engine(&loaded.config, Arc::new(FixedClock(now.parse().unwrap())), Arc::new(NullSink))
}

fn engine(policy: &str) -> Engine {
    engine_at(policy, NOW)
}

/// A message that `forwarder` sends on to each of `destinations`; one that it wrote itself where there is no forwarder.
fn message(forwarder: &str, destinations: &[&str]) -> Message {
    let connection = Connection { client_addr: "198.51.100.10".parse().ok(), ..Connection::default() };
    let mut builder = Builder::new("listener1", Direction::Outbound, connection, Limits::default());
    let author = if forwarder == "-" { "dave@corp.example" } else { "ann@partner.example" };
    builder.sender(&format!("<{author}>"), Vec::new());
    for destination in destinations {
        let parameters = if forwarder == "-" { Vec::new() } else { vec![format!("ORCPT=rfc822;{forwarder}")] };
        builder.recipient(&format!("<{destination}>"), parameters, None, None);
    }
    builder.header(b"From", format!(" {author}").as_bytes());
    builder.header(b"Subject", b" Offer");
    builder.finish()
}

/// What came of the first recipient: `by → done`, and what was held back: `(would by rule: why)`.
fn outcome(inspection: &Inspection, index: usize) -> String {
    let (decision, carried) = (&inspection.decisions[index], &inspection.carried[index]);
    let by = match (&decision.exception, &decision.rule) {
        (Some(exception), None) => format!("exception {exception}"),
        (None, Some(rule)) => rule.clone(),
        (None, None) => "default".to_owned(),
        both => panic!("{both:?}"),
    };
    let would = carried.would.as_ref().map(|would| {
        let held_back = serde_json::to_value(would.held_back).unwrap();
        let rule = would.rule.as_deref().unwrap_or("default");
        format!(" ({} by {rule}: {})", would.done.name(), held_back.as_str().unwrap())
    });
    format!("{by} → {}{}", carried.done.name(), would.unwrap_or_default())
}

/// Each row: forwarder, destination, what must come of it.
fn table(policy: &str, rows: &[(&str, &str, &str)]) {
    let engine = engine(policy);
    for (forwarder, destination, expected) in rows {
        let inspection = engine.inspect(&message(forwarder, &[destination]), true);
        assert_eq!(outcome(&inspection, 0), *expected, "{forwarder} to {destination}");
    }
}

const FORWARDS: &str = "[[rule]]\nid = \"forwards\"\nwhen = { verdict = \"auto_forward\" }\n";
const ENFORCE: &str = "[policy]\nmode = \"enforce\"\n";

#[test]
fn the_first_rule_that_matches_decides() {
    table(
        "[policy]\nmode = \"enforce\"\ndefault = [\"log\"]\n\
         [[rule]]\nid = \"alice\"\nwhen = { forwarder = \"alice@corp.example\" }\nthen = \"tag\"\n\
         [[rule]]\nid = \"ext\"\nwhen = { destination = \"@ext.example\", verdict = \"auto_forward\" }\nthen = \"strip\"\n\
         [[rule]]\nid = \"never\"\nwhen = { forwarder = \"alice@corp.example\" }\nthen = \"discard\"\n",
        &[
            ("alice@corp.example", "x@ext.example", "alice → tagged"),
            ("alice+news@corp.example", "x@other.example", "alice → tagged"),
            ("bob@corp.example", "x@ext.example", "ext → discarded"),
            ("bob@corp.example", "x@other.example", "default → logged"),
            ("-", "x@ext.example", "default → logged"),
        ],
    );
}

#[test]
fn the_default_is_done_where_no_rule_matches() {
    table(
        "[policy]\nmode = \"enforce\"\ndefault = [\"tag\"]\n\
         [[rule]]\nid = \"ext\"\nwhen = { destination = \"@ext.example\" }\nthen = \"log\"\n",
        &[
            ("alice@corp.example", "x@ext.example", "ext → logged"),
            ("alice@corp.example", "x@other.example", "default → tagged"),
            ("-", "x@other.example", "default → tagged"),
        ],
    );
    table("", &[("alice@corp.example", "x@ext.example", "default → logged")]);
    table(
        "[policy]\ndefault = [\"tag\"]\n",
        &[("alice@corp.example", "x@ext.example", "default → logged (tagged by default: policy)")],
    );
}

#[test]
fn exceptions_go_before_rules() {
    let exceptions = "[[exception]]\nid = \"audit\"\nforwarder = [\"@corp.example\"]\ndestination = [\"@auditor.example\"]\n\
         [[exception]]\nid = \"sieve\"\nforwarder = [\"bob@corp.example\"]\ndestination = [\"*\"]\nmechanism = [\"sieve_redirect\"]\n";
    table(
        &format!("{ENFORCE}{exceptions}{FORWARDS}then = \"quarantine\"\n"),
        &[
            ("alice@corp.example", "x@auditor.example", "exception audit → logged"),
            ("alice@corp.example", "x@sub.auditor.example", "forwards → quarantined"),
            ("alice@corp.example", "x@ext.example", "forwards → quarantined"),
            ("bob@corp.example", "x@ext.example", "forwards → quarantined"),
            ("-", "x@auditor.example", "default → logged"),
        ],
    );
}

/// Each row: what the exception ends with, when it is asked, whether it still applies.
#[test]
fn an_exception_ends() {
    for (expires, now, applies) in [
        ("2026-11-24", "2026-11-24T12:00:00Z", true),
        ("2026-11-24", "2026-11-24T23:59:59.999Z", true),
        ("2026-11-24", "2026-11-25T00:00:00Z", false),
        ("2026-11-23", "2026-11-24T12:00:00Z", false),
        ("2026-11-24T13:00:00+01:00", "2026-11-24T11:59:59Z", true),
        ("2026-11-24T13:00:00+01:00", "2026-11-24T12:00:00Z", false),
    ] {
        let policy = format!(
            "{ENFORCE}[[exception]]\nid = \"audit\"\nforwarder = \"*\"\ndestination = \"@auditor.example\"\nexpires = {expires}\n\
             {FORWARDS}then = \"tag\"\n"
        );
        let inspection = engine_at(&policy, now).inspect(&message("alice@corp.example", &["x@auditor.example"]), true);
        let expected = if applies { "exception audit → logged" } else { "forwards → tagged" };
        assert_eq!(outcome(&inspection, 0), expected, "ends {expires}, asked {now}");
    }
}

/// Each row: the mode of the policy, of the rule, whether the listener may act, what comes of a forward.
#[test]
fn modes() {
    for (policy, rule, may_edit, expected) in [
        ("enforce", "", true, "forwards → tagged"),
        ("enforce", "enforce", true, "forwards → tagged"),
        ("enforce", "observe", true, "default → logged (tagged by forwards: rule)"),
        ("observe", "", true, "forwards → logged (tagged by forwards: policy)"),
        ("observe", "enforce", true, "forwards → logged (tagged by forwards: policy)"),
        ("observe", "observe", true, "default → logged (tagged by forwards: policy)"),
        ("enforce", "", false, "forwards → logged (tagged by forwards: listener)"),
        ("enforce", "observe", false, "default → logged (tagged by forwards: listener)"),
    ] {
        let own = if rule.is_empty() { String::new() } else { format!("mode = \"{rule}\"\n") };
        let engine = engine(&format!("[policy]\nmode = \"{policy}\"\n{FORWARDS}then = \"tag\"\n{own}"));
        let inspection = engine.inspect(&message("alice@corp.example", &["x@ext.example"]), may_edit);
        assert_eq!(outcome(&inspection, 0), expected, "policy {policy}, rule {rule}, may edit {may_edit}");
    }
}

/// A rule that is tried out changes nothing of what those below it do.
#[test]
fn a_rule_that_is_held_back_is_passed_over() {
    table(
        &format!(
            "{ENFORCE}[[rule]]\nid = \"new\"\nwhen = {{ destination = \"@ext.example\" }}\nthen = \"quarantine\"\nmode = \"observe\"\n\
             [[rule]]\nid = \"newer\"\nwhen = {{ destination = \"@ext.example\" }}\nthen = \"discard\"\nmode = \"observe\"\n\
             {FORWARDS}then = \"tag\"\n"
        ),
        &[
            ("alice@corp.example", "x@ext.example", "forwards → tagged (quarantined by new: rule)"),
            ("alice@corp.example", "x@other.example", "forwards → tagged"),
            ("-", "x@ext.example", "default → logged (quarantined by new: rule)"),
        ],
    );
    // What would have come to the same is not worth a word.
    table(
        &format!("{ENFORCE}{FORWARDS}then = \"tag\"\nmode = \"observe\"\n[[rule]]\nid = \"all\"\nthen = \"tag\"\n"),
        &[("alice@corp.example", "x@ext.example", "all → tagged")],
    );
}

/// A message has one fate: a hold for one recipient would have been one for the others, too.
#[test]
fn what_is_held_back_for_one_would_have_touched_the_others() {
    let policy = format!(
        "{ENFORCE}[[rule]]\nid = \"new\"\nwhen = {{ destination = \"@ext.example\" }}\nthen = \"quarantine\"\nmode = \"observe\"\n\
         {FORWARDS}then = \"tag\"\n"
    );
    let message = message("alice@corp.example", &["x@ext.example", "y@other.example"]);
    let inspection = engine(&policy).inspect(&message, true);
    assert_eq!(outcome(&inspection, 0), "forwards → tagged (quarantined by new: rule)");
    assert_eq!(outcome(&inspection, 1), "forwards → tagged (quarantined by forwards: rule)");
}

#[test]
fn rollout_takes_forwarders_by_their_place() {
    let names: Vec<String> = (0..200).map(|n| format!("user{n}@corp.example")).collect();
    let inside = |per_cent: u8| -> Vec<&str> {
        let engine = engine(&format!("{ENFORCE}{FORWARDS}then = \"tag\"\nrollout = {per_cent}\n"));
        let tagged = |name: &&String| {
            let outcome = outcome(&engine.inspect(&message(name, &["x@ext.example"]), true), 0);
            match outcome.as_str() {
                "forwards → tagged" => true,
                "default → logged (tagged by forwards: rollout)" => false,
                other => panic!("{name}: {other}"),
            }
        };
        names.iter().filter(tagged).map(String::as_str).collect()
    };
    let mut before: Vec<&str> = Vec::new();
    for per_cent in [0, 1, 25, 50, 99, 100] {
        let now = inside(per_cent);
        let expected = names.iter().filter(|name| place(&Address::parse(name).unwrap()) < per_cent).count();
        assert_eq!(now.len(), expected, "{per_cent} per cent");
        assert!(before.iter().all(|name| now.contains(name)), "a higher per cent only adds");
        before = now;
    }
    assert_eq!(before.len(), names.len());
}

/// Nobody can say whether a mailbox that is not known is among the per cent: it is among the last.
#[test]
fn rollout_leaves_out_who_is_not_known() {
    for (per_cent, expected) in [(99, "default → logged (tagged by all: rollout)"), (100, "all → tagged")] {
        let policy = format!("{ENFORCE}[[rule]]\nid = \"all\"\nthen = \"tag\"\nrollout = {per_cent}\n");
        table(&policy, &[("-", "x@ext.example", expected)]);
    }
}

/// The trace tells what was tried, what held and what held it back.
#[test]
fn the_trace_says_why() {
    let policy = format!(
        "{ENFORCE}[[exception]]\nid = \"audit\"\nforwarder = \"bob@corp.example\"\ndestination = \"*\"\n\
         [[rule]]\nid = \"partner\"\nwhen = {{ destination = \"@partner.example\" }}\nthen = \"log\"\n\
         [[rule]]\nid = \"new\"\nwhen = {{ destination = \"@ext.example\" }}\nthen = \"strip\"\nmode = \"observe\"\n\
         {FORWARDS}then = \"tag\"\n"
    );
    let inspection = engine(&policy).inspect(&message("alice@corp.example", &["x@ext.example"]), true);
    let trace: Vec<(&str, bool, &str)> = inspection.decisions[0]
        .trace
        .iter()
        .map(|step| (step.tried.as_str(), step.matched, step.because.as_str()))
        .collect();
    assert_eq!(
        trace,
        [
            ("exception audit", false, "forwarder alice@corp.example is not in it"),
            ("rule partner", false, "destination x@ext.example is not in a list of 1"),
            ("rule new", true, "destination is x@ext.example; held back, its mode is observe"),
            ("rule forwards", true, "verdict is auto_forward"),
        ]
    );
}

/// What an exception allows on a day, over messages and within one; on the next day it applies again.
#[test]
fn an_exception_is_used_up_for_the_day() {
    let policy = format!(
        "{ENFORCE}[[exception]]\nid = \"audit\"\nforwarder = \"*\"\ndestination = \"@auditor.example\"\nmax_per_day = 3\n\
         {FORWARDS}then = \"tag\"\n[state]\ndirectory = \"/var/lib/forwarden\"\n"
    );
    let mut engine = engine_at(&policy, "2026-11-24T23:00:00Z");
    let inspect = |engine: &Engine, destinations: &[&str]| {
        let message = message("alice@corp.example", destinations);
        let inspection = engine.inspect(&message, true);
        engine.record(&message, &inspection, None, None);
        (0..destinations.len()).map(|index| outcome(&inspection, index)).collect::<Vec<_>>()
    };
    let (covered, over) = ("exception audit → logged", "forwards → tagged");
    assert_eq!(inspect(&engine, &["x@auditor.example"]), [covered]);
    // To look at a message uses nothing up.
    engine.inspect(&message("alice@corp.example", &["x@auditor.example"]), true);
    let three = ["x@auditor.example", "y@auditor.example", "z@auditor.example"];
    assert_eq!(inspect(&engine, &three), [covered, covered, over]);
    assert_eq!(inspect(&engine, &["x@auditor.example"]), [over]);
    assert_eq!(inspect(&engine, &["x@ext.example"]), [over]);
    engine.clock = Arc::new(FixedClock("2026-11-25T00:00:00Z".parse().unwrap()));
    assert_eq!(inspect(&engine, &["x@auditor.example"]), [covered]);
}

/// What most forwards to a private mailbox look like: the class that says more must not take it out of the one that is asked
/// for.
#[test]
fn a_free_mailbox_that_bears_the_forwarders_name_is_one_still() {
    let policy = |class: &str, not: bool| {
        let condition = format!("destination_class = \"{class}\"");
        let condition = if not { format!("not = {{ {condition} }}") } else { condition };
        format!(
            "{ENFORCE}[organization.classes]\nfreemail = [\"freemail.example\"]\n\
             [[rule]]\nid = \"class\"\nwhen = {{ verdict = \"auto_forward\", {condition} }}\nthen = \"tag\"\n"
        )
    };
    for (class, not, named, other) in [
        ("freemail", false, "class → tagged", "class → tagged"),
        ("look_alike", false, "class → tagged", "default → logged"),
        ("freemail", true, "default → logged", "default → logged"),
        ("other", false, "default → logged", "default → logged"),
    ] {
        let rows = [
            ("alice@corp.example", "alice.home@freemail.example", named),
            ("alice@corp.example", "x77@freemail.example", other),
        ];
        table(&policy(class, not), &rows);
    }
}
