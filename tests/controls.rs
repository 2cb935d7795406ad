//! Mail that leaves and is no forward, made from what is known to look like one: hundreds of variations, and not one may
//! raise an alarm, whether own networks are configured or not. `controls/` has a file for each kind of cause.

#![allow(clippy::expect_used, clippy::unwrap_used, clippy::panic, reason = "a test fails by them")]

#[path = "controls/automatic.rs"]
mod automatic;
#[path = "controls/control.rs"]
mod control;
#[path = "controls/desks.rs"]
mod desks;
#[path = "controls/hosted.rs"]
mod hosted;
#[path = "controls/journals.rs"]
mod journals;
#[path = "controls/lists.rs"]
mod lists;
#[path = "controls/marks.rs"]
mod marks;
#[path = "controls/persons.rs"]
mod persons;
#[path = "controls/programs.rs"]
mod programs;
#[path = "controls/relayed.rs"]
mod relayed;
#[path = "controls/roaming.rs"]
mod roaming;

use control::{Control, Controls};
use forwarden::assess::{Assessment, Verdict};
use forwarden::config::Config;
use forwarden::engine::Engine;
use forwarden::message::{Builder, Connection, Direction, Domain, Limits, eml};
use forwarden::sink::NullSink;
use std::collections::HashSet;
use std::sync::Arc;

fn controls() -> Vec<Control> {
    let mut controls = Controls::default();
    persons::persons(&mut controls);
    roaming::roaming(&mut controls);
    programs::programs(&mut controls);
    desks::desks(&mut controls);
    hosted::hosted(&mut controls);
    automatic::automatic(&mut controls);
    lists::lists(&mut controls);
    relayed::relayed(&mut controls);
    marks::marks(&mut controls);
    controls.0
}

/// Sites as administrators describe them: with their networks, and by their domains alone.
fn sites() -> [(&'static str, Engine); 2] {
    [("networks", engine(&["198.51.100.0/24"])), ("names alone", engine(&[]))]
}

fn engine(networks: &[&str]) -> Engine {
    let mut config = Config::without_file();
    config.organization.domains.insert(Domain::new("corp.example").unwrap(), true);
    // The cloud at which mailboxes of ours are kept.
    config.organization.hosts.insert(Domain::new("outbound.cloud.example").unwrap(), true);
    config.organization.networks = networks.iter().map(|network| network.parse().unwrap()).collect();
    forwarden::app::engine(&config, Arc::new(forwarden::clock::SystemClock), Arc::new(NullSink))
}

/// What a client may say beside a recipient: nothing, what servers of ours add, what a careful sender asks for.
fn parameters(rcpt: &str) -> [Vec<String>; 3] {
    let original = format!("ORCPT=rfc822;{}", rcpt.trim_matches(['<', '>']));
    [Vec::new(), vec![original.clone()], vec!["NOTIFY=SUCCESS,FAILURE,DELAY".to_owned(), original]]
}

fn judge(engine: &Engine, control: &Control, parameters: impl Fn(&str) -> Vec<String>) -> Vec<Assessment> {
    let connection = Connection {
        client_addr: Some("198.51.100.5".parse().unwrap()),
        client_name: Some("inner.corp.example".into()),
        helo: Some("inner.corp.example".into()),
        mta: Some("hop.corp.example".into()),
    };
    let mut builder = Builder::new("outbound", Direction::Outbound, connection, Limits::default());
    builder.auth_user(control.login.map(str::to_owned));
    builder.sender(&control.mail_from, Vec::new());
    for rcpt in &control.rcpts {
        builder.recipient(rcpt, parameters(rcpt), None, None);
    }
    for (name, value) in &eml::split(format!("{}\n\n", control.header).as_bytes()).fields {
        builder.header(name, value);
    }
    engine.inspect(&builder.finish(), true).assessments
}

fn shown(assessment: &Assessment) -> String {
    let counted = assessment.evidence.iter().filter(|seen| seen.counted != 0.0);
    let evidence =
        counted.map(|seen| format!("\n    {:5.1} {} {}", seen.counted, seen.evidence.signal.id(), seen.evidence.value));
    format!("{} {:.3}{}", assessment.verdict, assessment.confidence, evidence.collect::<String>())
}

#[test]
fn not_one_of_hundreds_raises_an_alarm() {
    let controls = controls();
    let names: HashSet<&str> = controls.iter().map(|control| control.name.as_str()).collect();
    assert_eq!(names.len(), controls.len(), "two controls have the same name");
    assert!(controls.len() >= 1_400, "only {}", controls.len());
    let mut alarms = Vec::new();
    let mut judged = 0;
    for (site, engine) in sites() {
        for control in &controls {
            for variation in 0..3 {
                let assessments = judge(&engine, control, |rcpt| parameters(rcpt)[variation].clone());
                assert_eq!(assessments.len(), control.rcpts.len(), "{}", control.name);
                judged += assessments.len();
                if let Some(alarm) = assessments.iter().find(|assessment| assessment.verdict.is_forward()) {
                    alarms.push(format!("{} ({site}, parameters {variation}): {}", control.name, shown(alarm)));
                    break;
                }
            }
        }
    }
    assert!(alarms.is_empty(), "{} alarms of {judged}:\n{}", alarms.len(), alarms.join("\n"));
}

/// None of the causes hides a forward: where the envelope says that a mailbox of ours was expanded, each is one.
#[test]
fn the_same_mail_expanded_for_a_mailbox_of_ours_is_a_forward() {
    let [(_, engine), _] = sites();
    for control in controls().iter().filter(|control| control.login.is_none()) {
        let orcpt = vec!["ORCPT=rfc822;carol@corp.example".to_owned()];
        let judged = judge(&engine, control, |_| orcpt.clone()).remove(0);
        assert_eq!(judged.verdict, Verdict::AutoForward, "{}: {}", control.name, shown(&judged));
        let forwarder = judged.forwarder.as_ref().map(ToString::to_string);
        assert_eq!(forwarder.as_deref(), Some("carol@corp.example"), "{}: {}", control.name, shown(&judged));
    }
}

#[test]
fn they_are_told_apart() {
    let controls = controls();
    let [(_, engine), _] = sites();
    for (name, verdict) in [
        ("by hand", Verdict::ManualForward),
        ("calendar", Verdict::Meeting),
        ("vacation", Verdict::AutoReply),
        ("failure", Verdict::Bounce),
        ("receipt", Verdict::Bounce),
        ("Mailman", Verdict::List),
        ("new mail", Verdict::Ordinary),
        ("roaming", Verdict::Ordinary),
        ("answer", Verdict::Ordinary),
        ("relayed", Verdict::Ordinary),
        ("contact form", Verdict::Ordinary),
    ] {
        let of_kind: Vec<_> = controls.iter().filter(|control| control.name.starts_with(name)).collect();
        assert!(!of_kind.is_empty(), "{name}");
        for control in of_kind {
            let judged = judge(&engine, control, |_| Vec::new()).remove(0);
            assert_eq!(judged.verdict, verdict, "{}: {}", control.name, shown(&judged));
        }
    }
}

/// Journals and archives get copies of everything: legitimate, but never to be called ordinary.
#[test]
fn a_journal_is_a_bulk_copy() {
    let journals = journals::journals();
    for (site, engine) in sites() {
        for control in &journals {
            for variation in 0..2 {
                let judged = judge(&engine, control, |rcpt| parameters(rcpt)[variation].clone()).remove(0);
                assert_eq!(judged.verdict, Verdict::BulkCopy, "{} ({site}): {}", control.name, shown(&judged));
            }
        }
    }
}
