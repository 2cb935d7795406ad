//! What Sendmail forwards is seen on its way out, and what of it in front.

use crate::lab::Lab;
use crate::wait::wait_until;

#[test]
#[ignore = "needs a Debian with Sendmail: make test-sendmail"]
fn every_forward_is_seen_at_the_hop() {
    let lab = Lab::up("");
    for (mailbox, destination) in [
        ("alice", "alice@freemail.example"),
        ("bob", "bob@ext.example"),
        ("carol", "carol@freemail.example"),
        ("erin", "erin@freemail.example"),
        ("frank", "frank@ext.example"),
    ] {
        lab.ann_writes_to(&format!("{mailbox}@corp.example"), mailbox);
        let arrived = lab.arrives_at(destination);
        assert_eq!(arrived.sender, "ann@partner.example");
        let event = lab.event_for("outbound", destination);
        assert_eq!(event["verdict"], "auto_forward", "{event:#}");
        assert_eq!(event["forwarder"], format!("{mailbox}@corp.example"), "{event:#}");
        // The queue id joins event and mail log.
        let queue_id = event["queue_id"].as_str().expect("a queue id");
        wait_until("the hop logs it", || lab.file("maillog").contains(&format!("{queue_id}: to=<{destination}>")));
    }
    // What people write is none.
    lab.dave_writes_to("x@ext.example", "written");
    lab.arrives_at("x@ext.example");
    assert_eq!(lab.event_for("outbound", "x@ext.example")["verdict"], "ordinary");
}

/// In front, an address of virtusertable is known already: the macros say where mail for it really goes. Of a .forward and of
/// aliases nothing is known there.
#[test]
#[ignore = "needs a Debian with Sendmail: make test-sendmail"]
fn in_front_the_macros_tell_of_virtusertable() {
    let lab = Lab::up("");
    lab.ann_writes_to("carol@corp.example", "virtual");
    let event = lab.event_for("inbound", "carol@freemail.example");
    assert_eq!((&event["verdict"], &event["forwarder"]), (&"auto_forward".into(), &"carol@corp.example".into()));
    let evidence = event["evidence"].as_array().expect("evidence");
    assert!(evidence.iter().any(|row| row["id"] == "envelope.resolved"), "{event:#}");
    for mailbox in ["alice", "erin"] {
        lab.ann_writes_to(&format!("{mailbox}@corp.example"), mailbox);
        let destination = format!("{mailbox}@freemail.example");
        lab.arrives_at(&destination);
        lab.event_for("outbound", &destination);
        assert!(lab.events_for("inbound", &destination).is_empty());
    }
}

/// Sendmail hands an ORCPT on if it was given one.
#[test]
#[ignore = "needs a Debian with Sendmail: make test-sendmail"]
fn an_orcpt_is_handed_on() {
    let lab = Lab::up("");
    lab.ann_writes_to("alice@corp.example ORCPT=rfc822;alice@corp.example", "with-orcpt");
    let event = lab.event_for("outbound", "alice@freemail.example");
    let evidence = event["evidence"].as_array().expect("evidence");
    assert!(evidence.iter().any(|row| row["id"] == "envelope.orcpt"), "{event:#}");
}

/// While Forwarden is away, mail comes in as ever and waits behind the front; nothing is lost, and nothing leaves unseen.
#[test]
#[ignore = "needs a Debian with Sendmail: make test-sendmail"]
fn mail_waits_while_the_daemon_is_away() {
    let mut lab = Lab::up("");
    lab.stop_daemon();
    lab.ann_writes_to("alice@corp.example", "waits");
    wait_until("the hop puts it off", || {
        lab.file("maillog").contains("stat=Deferred: 451 4.3.2 Please try again later")
    });
    assert!(lab.arrived_at("alice@freemail.example").is_empty());
    assert!(!lab.queue("mqueue").is_empty());
    lab.start_daemon();
    lab.arrives_at("alice@freemail.example");
    assert_eq!(lab.event_for("outbound", "alice@freemail.example")["forwarder"], "alice@corp.example");
    lab.queue_runs_empty("mqueue");
}
