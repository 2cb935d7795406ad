//! Mail in quarantine, from the mail flow into it and back, as the mail servers and the world outside see it.

use crate::lab::{Layout, Server};
use crate::mail::mail;
use crate::site::{Setup, Site};
use crate::wait::{wait_for, wait_until};
use serde_json::Value;
use std::process::{Command, Output};

/// Lines that a store, or a way back, would likely damage.
const AWKWARD: &str = "X-Empty:\r\nX-Folded:  two\r\n\tlines \r\nX-Raw: caf\u{e9}\r\n";
const BODY: &[u8] = b".starts with a dot\r\n..\r\n\r\nraw bytes \x80\xff, trailing space \r\nFrom here\r\n\r\n\r\n";

/// A site that enforces this on forwards to freemail.example, with a store in its folder.
fn site(layout: Layout, then: &str) -> Option<Site> {
    let policy = format!(
        "[policy]\nmode = \"enforce\"\n\n[[rule]]\nid = \"freemail\"\n\
         when = {{ verdict = [\"auto_forward\"], destination = [\"@freemail.example\"] }}\nthen = [\"{then}\"]\n\n\
         [quarantine]\ndirectory = \"@DIR@/quarantine\"\n"
    );
    let site = Site::up(Setup { layout, policy: &policy, ..Setup::default() })?;
    // Where the servers are is known only now; the commands read it from the file.
    site.configure(&format!(
        "{policy}[quarantine.release]\nhop = \"{}\"\npostfix = \"{}\"\n",
        site.lab.address(Server::Hop),
        site.lab.config(Server::Hop)
    ));
    Some(site)
}

fn quarantine(site: &Site, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_forwarden"));
    command.arg("quarantine").args(arguments).arg("--config").arg(site.file("forwarden.toml"));
    command.output().expect("forwarden can be started")
}

#[track_caller]
fn done(site: &Site, arguments: &[&str]) -> String {
    let output = quarantine(site, arguments);
    let (out, complaint) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success() && complaint.is_empty(), "{arguments:?}: {out}{complaint}");
    out.into_owned()
}

fn list(site: &Site) -> Vec<Value> {
    let lines = done(site, &["list", "--format", "json"]);
    lines.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
}

fn body_of(message: &[u8]) -> &[u8] {
    let end = message.windows(4).position(|four| four == b"\r\n\r\n").expect("a header section");
    &message[end + 4..]
}

/// From the mail flow into the store, and back to the world outside, once.
fn stored_and_released(layout: Layout) {
    let Some(site) = site(layout, "store") else { return };
    let header = mail("awkward", "ann@partner.example", "erin@corp.example", AWKWARD);
    let end = header.windows(4).position(|four| four == b"\r\n\r\n").expect("a header section");
    site.ann_sends("erin@corp.example", &[&header[..end + 4], BODY].concat());

    // The others get it at once; erin forwards to three addresses.
    let others = site.arrives_at("erin@ext.example");
    let id = wait_for("the mail is in quarantine", || Some(list(&site).first()?["id"].as_str()?.to_owned()));
    let event = site.event_for("erin@freemail.example");
    assert_eq!((&event["action"], &event["quarantine_id"]), (&"stored".into(), &Value::from(id.as_str())));
    assert!(site.arrived_at("erin@freemail.example").is_empty());
    let line = &list(&site)[0];
    assert_eq!(line["forwarders"][0], "erin@corp.example", "{line:#}");
    assert_eq!(line["destinations"], serde_json::json!(["erin@freemail.example"]), "{line:#}");
    let shown = done(&site, &["show", &id]);
    assert!(shown.contains("RCPT TO     <erin@freemail.example>") && shown.contains("rule freemail"), "{shown}");

    let said = done(&site, &["release", "--destination", "@freemail.example"]);
    assert!(said.starts_with(&format!("released {id} for erin@freemail.example (250 2.0.0 Ok")), "{said}");
    let arrived = site.arrives_at("erin@freemail.example");
    assert_eq!(arrived.recipients, ["erin@freemail.example"]);
    assert_eq!(arrived.sender, others.sender);
    assert_eq!(body_of(&arrived.message), BODY);
    for name in ["X-Empty", "X-Folded", "X-Raw", "Subject", "Message-ID"] {
        assert_eq!(arrived.fields(name), others.fields(name), "{name}");
    }
    site.queues_run_empty();
    assert!(list(&site).is_empty(), "it passed the milter and was not stored again");
    let released =
        wait_for("an event of it", || site.daemon.events().into_iter().find(|event| event["change"] == "released"));
    assert_eq!(released["quarantine_id"], id.as_str(), "{released:#}");
    assert_eq!(site.arrived_at("erin@freemail.example").len(), 1);

    // The release was for that one: the same message is stored when it comes once more.
    site.ann_sends("erin@corp.example", &[&header[..end + 4], BODY].concat());
    wait_until("it is stored again", || list(&site).len() == 1);
    let again = list(&site)[0]["id"].as_str().expect("an id").to_owned();
    assert_eq!(done(&site, &["delete", &again]), format!("deleted {again} for erin@freemail.example\n"));
    site.queues_run_empty();
    assert!(list(&site).is_empty());
    assert_eq!(site.arrived_at("erin@freemail.example").len(), 1);
}

#[test]
fn stored_mail_is_released_once_in_layout_b() {
    stored_and_released(Layout::B);
}

#[test]
fn stored_mail_is_released_once_in_layout_a() {
    stored_and_released(Layout::A);
}

/// Mail that Postfix holds: listed beside what is stored, let go, deleted.
fn held_and_released(layout: Layout) {
    let Some(site) = site(layout, "quarantine") else { return };
    site.ann_writes_to("alice@corp.example", "one");
    site.ann_writes_to("alice@corp.example", "two");
    wait_until("both are held", || list(&site).len() == 2);
    let id = |message_id: &str| {
        let held = list(&site);
        let line = held.iter().find(|line| line["message_id"] == message_id).expect("it is held").clone();
        assert_eq!((&line["place"], &line["queue_id"]), (&"postfix".into(), &line["id"]), "{line:#}");
        assert_eq!(line["forwarders"], serde_json::json!(["alice@corp.example"]), "{line:#}");
        line["id"].as_str().expect("an id").to_owned()
    };
    let (one, two) = (id("one@partner.example"), id("two@partner.example"));
    let raw = done(&site, &["show", "--raw", &one]);
    assert!(raw.contains("Subject: one") && raw.contains("Hello."), "{raw}");
    done(&site, &["release", &one]);
    assert_eq!(site.arrives_at("alice@freemail.example").fields("Subject"), ["one"]);
    done(&site, &["delete", &two]);
    site.queues_run_empty();
    assert_eq!(site.arrived_at("alice@freemail.example").len(), 1);

    // With others to be served, nothing is held: the one recipient goes to the store.
    site.ann_writes_to("erin@corp.example", "mixed");
    site.arrives_at("erin@ext.example");
    wait_until("it is stored", || list(&site).first().is_some_and(|line| line["place"] == "store"));
    assert_eq!(site.event_for("erin@freemail.example")["action"], "stored");
}

#[test]
fn held_mail_is_released_in_layout_b() {
    held_and_released(Layout::B);
}

#[test]
fn held_mail_is_released_in_layout_a() {
    held_and_released(Layout::A);
}

/// Held mail that was let go does not pass the milter; should the same message come once more, under another queue id, it
/// is not held again, once.
#[test]
fn a_release_from_hold_is_good_for_one_more_queue_id() {
    let Some(site) = site(Layout::A, "quarantine") else { return };
    site.ann_writes_to("alice@corp.example", "requeued");
    let id = wait_for("it is held", || Some(list(&site).first()?["id"].as_str()?.to_owned()));
    done(&site, &["release", &id]);
    site.arrives_at("alice@freemail.example");
    site.ann_writes_to("alice@corp.example", "requeued");
    wait_until("it passes on the one release", || site.arrived_at("alice@freemail.example").len() == 2);
    assert_eq!(site.events_for("alice@freemail.example")[1]["action"], "logged");
    site.ann_writes_to("alice@corp.example", "requeued");
    wait_until("and no more than once", || list(&site).len() == 1);
}
