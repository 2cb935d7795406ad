//! What Sendmail holds: listed, shown, let go and deleted, by Sendmail's commands and by ours.

use crate::lab::Lab;
use crate::mail::mail;
use crate::wait::wait_until;
use serde_json::Value;

const HOLD: &str = "[policy]\nmode = \"enforce\"\n\n[[rule]]\nid = \"freemail\"\n\
    when = { verdict = [\"auto_forward\"], destination = [\"@freemail.example\"] }\nthen = [\"quarantine\"]\n";

fn list(lab: &Lab, more: &[&str]) -> Vec<Value> {
    let arguments = [&["quarantine", "list", "--format", "json"], more].concat();
    lab.forwarden(&arguments).lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
}

fn mailq(lab: &Lab) -> String {
    let output = lab.run(&["/usr/bin/mailq", "-qQ", "-C", "/etc/mail/sendmail-out.cf"], b"");
    String::from_utf8(output.stdout).expect("text")
}

#[test]
#[ignore = "needs a Debian with Sendmail: make test-sendmail"]
fn held_mail_is_released_and_deleted() {
    let lab = Lab::up(HOLD);
    let extra = "X-Folded: two\r\n lines\r\nX-Empty:\r\n";
    let mut message = mail("one", "ann@partner.example", "alice@corp.example", extra);
    message.extend_from_slice(b".a dot\r\n\r\nFrom here\r\n");
    lab.ann_sends("alice@corp.example", &message);
    lab.ann_writes_to("erin@corp.example", "two");
    lab.ann_writes_to("bob@corp.example", "free");
    lab.arrives_at("bob@ext.example");
    wait_until("both are held", || list(&lab, &[]).len() == 2);
    let event = lab.event_for("outbound", "alice@freemail.example");
    assert_eq!(event["action"], "quarantined");
    assert!(mailq(&lab).contains("QUARANTINE: forwarden: freemail"), "{}", mailq(&lab));

    let held = list(&lab, &["--forwarder", "alice@corp.example"]);
    let [one] = held.as_slice() else { panic!("{held:#?}") };
    let id = one["id"].as_str().expect("an id");
    for (key, value) in [
        ("place", "sendmail"),
        ("queue_id", event["queue_id"].as_str().expect("a queue id")),
        ("sender", "ann@partner.example"),
        ("from", "ann@partner.example"),
        ("subject", "one"),
        ("message_id", "one@partner.example"),
    ] {
        assert_eq!(one[key], value, "{one:#}");
    }
    assert_eq!(one["destinations"], serde_json::json!(["alice@freemail.example"]));
    assert!(lab.forwarden(&["quarantine", "list"]).contains("(held by Sendmail)"));
    assert!(lab.forwarden(&["quarantine", "show", id]).contains("held by Sendmail"));
    let raw = lab.forwarden(&["quarantine", "show", "--raw", id]);
    assert!(raw.contains("\nX-Folded: two\n lines\nX-Empty:\n"), "{raw}");
    assert!(raw.ends_with("\n\nHello.\n.a dot\n\nFrom here\n"), "{raw}");
    assert_eq!(u64::try_from(raw.len()).ok(), one["size"].as_u64());

    assert_eq!(lab.forwarden(&["quarantine", "release", id]), format!("released {id} for alice@freemail.example\n"));
    let arrived = lab.arrives_at("alice@freemail.example");
    assert!(arrived.message.ends_with("\r\n\r\nHello.\r\n.a dot\r\n\r\nFrom here\r\n"), "{}", arrived.message);
    assert_eq!(arrived.sender, "ann@partner.example");

    let two = list(&lab, &[])[0]["id"].as_str().expect("an id").to_owned();
    lab.forwarden(&["quarantine", "delete", &two]);
    lab.queue_runs_empty("mqueue-out");
    assert!(list(&lab, &[]).is_empty());
    assert!(mailq(&lab).contains("Total requests: 0"), "{}", mailq(&lab));
    assert!(lab.arrived_at("erin@freemail.example").is_empty());
    let output =
        lab.run(&["/opt/forwarden/forwarden", "quarantine", "release", &two, "--config", "/lab/forwarden.toml"], b"");
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("is not in quarantine"));
    for change in ["released", "deleted"] {
        wait_until("an event of it", || lab.file("events.jsonl").contains(&format!("\"change\":\"{change}\"")));
    }
}

/// Sendmail's own way, as the manual has it.
#[test]
#[ignore = "needs a Debian with Sendmail: make test-sendmail"]
fn sendmail_releases_by_itself() {
    let lab = Lab::up(HOLD);
    lab.ann_writes_to("carol@corp.example", "by-hand");
    wait_until("it is held", || list(&lab, &[]).len() == 1);
    let id = list(&lab, &[])[0]["id"].as_str().expect("an id").to_owned();
    let release = ["/usr/sbin/sendmail", "-C", "/etc/mail/sendmail-out.cf", "-qQ", &format!("-qI{id}"), "-Q"];
    // It passes over what another of its processes has locked, and says nothing of it: the one that took the mail may still be
    // at it.
    wait_until("it is let go", || {
        assert!(lab.run(&release, b"").status.success());
        list(&lab, &[]).is_empty()
    });
    lab.arrives_at("carol@freemail.example");
}

/// With others to be served nothing is held: the one recipient goes to the store, and from there back to the hop.
#[test]
#[ignore = "needs a Debian with Sendmail: make test-sendmail"]
fn stored_mail_goes_back_by_smtp() {
    let lab = Lab::up(HOLD);
    let message = mail("both", "ann@partner.example", "alice@corp.example", "");
    let recipients = ["x@ext.example", "alice@freemail.example ORCPT=rfc822;alice@corp.example"];
    lab.hop_is_sent(&recipients, &message).expect("it is taken");
    assert_eq!(lab.arrives_at("x@ext.example").recipients, ["x@ext.example"]);
    let stored = list(&lab, &[]);
    assert_eq!((&stored[0]["place"], stored.len()), (&"store".into(), 1));
    lab.forwarden(&["quarantine", "release", "--destination", "@freemail.example"]);
    assert_eq!(lab.arrives_at("alice@freemail.example").recipients, ["alice@freemail.example"]);
    assert!(list(&lab, &[]).is_empty(), "it passed the milter and was not taken again");
}
