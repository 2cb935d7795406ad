//! What is done to a forward, as the mail servers and the world outside see it.

use crate::daemon::Socket;
use crate::lab::{Arrived, Lab, Layout, Server};
use crate::mail::{forwarded, mail};
use crate::site::{Setup, Site, enforce};
use crate::wait::{wait_for, wait_until};
use tempfile::TempDir;

const FORGED: &str = "X-Forwarden: ordinary; confidence=0.000\r\n\
                      x-forwarden-evidence: none\r\n\
                      X-Forwarden: ordinary; rule=forged\r\n";

#[test]
fn tag_adds_fields_and_takes_away_forged_ones() {
    let Some(site) = Site::enforcing("\"tag\"") else { return };
    site.ann_sends("alice@corp.example", &mail("forged", "ann@partner.example", "alice@corp.example", FORGED));

    let arrived = site.arrives_at("alice@freemail.example");
    let [tag] = &arrived.fields("X-Forwarden")[..] else { panic!("not one tag:\n{}", arrived.text()) };
    assert!(tag.starts_with("auto_forward; "), "{tag}");
    for part in ["forwarder=alice@corp.example", "destination=alice@freemail.example", "rule=forwards"] {
        assert!(tag.split("; ").any(|found| found == part), "{part} is not in {tag}");
    }
    let [evidence] = &arrived.fields("X-Forwarden-Evidence")[..] else { panic!("not one:\n{}", arrived.text()) };
    assert!(!evidence.is_empty() && evidence != "none", "{evidence}");
    assert_eq!(site.event_for("alice@freemail.example")["action"], "tagged");

    // Mail that no rule is about stays as it is.
    site.dave_writes_to("zoe@partner.example", "ordinary");
    assert!(site.arrives_at("zoe@partner.example").fields("X-Forwarden").is_empty());
}

#[test]
fn tag_puts_a_prefix_before_the_subject_once() {
    let tag = "{ tag = { subject = \"[geprüft]\", fields = { \"X-Corp-Forward\" = \"{forwarder}\" } } }";
    let Some(site) = Site::enforcing(tag) else { return };
    site.ann_writes_to("alice@corp.example", "prefixed");
    let arrived = site.arrives_at("alice@freemail.example");
    assert_eq!(arrived.fields("Subject"), ["=?utf-8?b?W2dlcHLDvGZ0XQ==?= prefixed"]);
    assert_eq!(arrived.fields("X-Corp-Forward"), ["alice@corp.example"]);
}

#[test]
fn quarantine_holds_the_mail_on_the_hop_until_it_is_released() {
    let Some(site) = Site::enforcing("\"quarantine\"") else {
        return;
    };
    site.ann_writes_to("alice@corp.example", "held");

    let held = wait_for("the mail is held", || {
        site.lab.queue(Server::Hop).into_iter().find(|mail| mail["queue_name"] == "hold")
    });
    assert_eq!(held["recipients"][0]["address"], "alice@freemail.example", "{held:#}");
    let event = site.event_for("alice@freemail.example");
    assert_eq!(event["action"], "quarantined", "{event:#}");
    assert_eq!(event["queue_id"], held["queue_id"], "{event:#}");
    // What comes later is let through: the hold is of this mail only, and it stays.
    site.dave_writes_to("zoe@partner.example", "ordinary");
    site.arrives_at("zoe@partner.example");
    assert!(site.arrived_at("alice@freemail.example").is_empty());

    site.lab.release(Server::Hop, held["queue_id"].as_str().expect("a queue id"));
    site.arrives_at("alice@freemail.example");
    site.queues_run_empty();
    assert_eq!(site.events_for("alice@freemail.example").len(), 1, "a released mail is not judged again");
}

#[test]
fn strip_takes_out_one_recipient_of_three() {
    let policy = "[policy]\nmode = \"enforce\"\n\n[[rule]]\nid = \"freemail\"\n\
                  when = { verdict = [\"auto_forward\"], destination = [\"@freemail.example\"] }\nthen = [\"strip\"]\n";
    let Some(site) = Site::up(Setup { policy, ..Setup::default() }) else {
        return;
    };
    site.ann_writes_to("erin@corp.example", "stripped");

    let arrived = site.arrives_at("erin@ext.example");
    let mut recipients = arrived.recipients;
    recipients.sort();
    assert_eq!(recipients, ["erin@ext.example", "erin@partner.example"]);
    assert_eq!(site.event_for("erin@freemail.example")["action"], "stripped");
    assert_eq!(site.event_for("erin@partner.example")["action"], "logged");
    site.queues_run_empty();
    assert!(site.arrived_at("erin@freemail.example").is_empty());
    nobody_was_told(&site);
}

#[test]
fn reject_gives_the_configured_reply() {
    let Some(site) = Site::enforcing(
        "{ reject = { code = 554, enhanced = \"5.7.26\", text = \"No forwards of {forwarder} to {destination}\" } }",
    ) else {
        return;
    };
    let text = "5.7.26 No forwards of carol@corp.example to carol@freemail.example";
    let reply = give_to_hop(&site, "rejected");
    assert_eq!((reply.code, reply.text.as_str()), (554, text));
    assert_eq!(site.event_for("carol@freemail.example")["action"], "rejected");

    // Through the organisation's server the same reply makes a bounce to the sender outside.
    site.ann_writes_to("carol@corp.example", "bounced");
    let bounce = site.arrives_at("ann@partner.example");
    assert_eq!(bounce.sender, "");
    assert!(site.lab.log(Server::Inner).contains(&format!("said: 554 {text}")));
    site.queues_run_empty();
    assert!(site.arrived_at("carol@freemail.example").is_empty());
}

#[test]
fn tempfail_leaves_the_mail_in_the_inner_queue() {
    let Some(site) =
        Site::enforcing("{ tempfail = { code = 450, enhanced = \"4.7.26\", text = \"Held up by {rule}\" } }")
    else {
        return;
    };
    let reply = give_to_hop(&site, "refused");
    assert_eq!((reply.code, reply.text.as_str()), (450, "4.7.26 Held up by forwards"));
    assert_eq!(site.event_for("carol@freemail.example")["action"], "tempfailed");

    site.ann_writes_to("carol@corp.example", "waiting");
    wait_until("the mail waits with the reply", || {
        let queue = site.lab.queue(Server::Inner);
        let waits = |mail: &serde_json::Value| {
            mail["recipients"][0]["delay_reason"]
                .as_str()
                .is_some_and(|why| why.contains("450 4.7.26 Held up by forwards"))
        };
        queue.iter().any(waits)
    });
    assert!(site.lab.sink().is_empty());
}

#[test]
fn discard_leaves_no_copy() {
    let Some(site) = Site::enforcing("\"discard\"") else {
        return;
    };
    site.ann_writes_to("alice@corp.example", "dropped");
    assert_eq!(site.event_for("alice@freemail.example")["action"], "discarded");
    site.queues_run_empty();
    // The sink takes mail, and had only that of dave.
    site.dave_writes_to("zoe@partner.example", "ordinary");
    site.arrives_at("zoe@partner.example");
    assert_eq!(site.lab.sink().len(), 1);
}

#[test]
fn redirect_and_copy_lead_to_a_mailbox_inside() {
    for (then, also_outside) in [("redirect", false), ("copy", true)] {
        let Some(site) = Site::enforcing(&format!("{{ {then} = \"dave@corp.example\" }}")) else { return };
        let reply = give_to_hop(&site, then);
        assert_eq!(reply.code, 250, "{}", reply.text);
        wait_until("dave has it", || site.lab.log(Server::Inner).contains("to=<dave@corp.example>, relay=local"));
        site.queues_run_empty();
        assert_eq!(!site.arrived_at("carol@freemail.example").is_empty(), also_outside, "{then}");
        nobody_was_told(&site);
    }
}

/// Header fields and lines that an editing or re-writing filter would likely damage.
const AWKWARD: &[u8] = b"Received: from mx.partner.example (mx.partner.example [203.0.113.10])\r\n\
    \tby mail.corp.example (Postfix) with ESMTP id 3A4F998C351\r\n\
    \tfor <alice@corp.example>; Mon, 23 Nov 2026 10:00:01 +0000 (UTC)\r\n\
    Delivered-To: alice@corp.example\r\n\
    DKIM-Signature: v=1; a=rsa-sha256; d=partner.example; s=x;\r\n\
     \th=from:to:subject;  bh=AAAA;\r\n   b=BBBB\r\n\
    From:   \"Ann  A.\"   <ann@partner.example>  \r\n\
    To:alice@corp.example\r\n\
    X-Forwarden: ordinary; left by somebody else\r\n\
    X-Empty:\r\n\
    X-Raw: caf\xe9 \xf0\x9f\x93\xa7\r\n\
    sUbJeCt:\ttabs\tand  spaces\t\r\n\
    Date: Mon, 23 Nov 2026 10:00:00 +0000\r\n\
    Message-ID: <awkward@partner.example>\r\n\
    \r\n\
    .starts with a dot\r\n\
    ..\r\n\
    \r\n\
    raw bytes \x80\xff, trailing space \r\n\
    From at the start of a line\r\n\
    \r\n\r\n";

#[test]
fn observe_leaves_every_byte_as_it_was() {
    let policy = enforce("\"tag\", \"quarantine\"").replace("enforce", "observe");
    let Some(site) = Site::up(Setup { policy: &policy, ..Setup::default() }) else {
        return;
    };
    let with_milter = pass_through_hop(&site.lab);
    let event = site.event_for("alice@freemail.example");
    assert_eq!(event["verdict"], "auto_forward", "{event:#}");
    assert_eq!(event["action"], "logged", "{event:#}");
    assert_eq!(event["would"], serde_json::json!(["quarantined"]), "{event:#}");

    let dir = TempDir::with_prefix("forwarden-").expect("a temporary folder");
    let plain = Lab::up(dir.path(), Layout::B, None, None);
    let without_milter = pass_through_hop(&plain);
    assert_eq!(with_milter, without_milter);
    assert_eq!(String::from_utf8_lossy(&with_milter), String::from_utf8_lossy(AWKWARD));
}

/// A listener that observes cannot act, whatever the policy says.
#[test]
fn an_observing_listener_never_acts() {
    let policy = enforce("\"discard\"");
    let setup = Setup { policy: &policy, observer: true, socket: Socket::Inet, ..Setup::default() };
    let Some(site) = Site::up(setup) else { return };
    // Mail that is relayed out by the organisation's server passes both listeners.
    let message = forwarded("relayed", "ann@partner.example", "alice@corp.example");
    let mut session = site.lab.session(Server::Inner);
    let recipient = "<alice@freemail.example> ORCPT=rfc822;alice@corp.example";
    let reply = session.send("<ann@partner.example>", &[recipient], &message).expect("a reply");
    assert_eq!(reply.code, 250, "{}", reply.text);

    wait_until("both listeners report it", || site.events_for("alice@freemail.example").len() == 2);
    let events = site.events_for("alice@freemail.example");
    let action = |listener: &str| {
        let event = events.iter().find(|event| event["listener"] == listener).expect("its event");
        event["action"].as_str().expect("an action").to_owned()
    };
    assert_eq!(action("inbound"), "logged");
    assert_eq!(action("outbound"), "discarded");
    site.queues_run_empty();
    assert!(site.lab.sink().is_empty());
}

/// Gives carol's forward to the hop directly, as the organisation's server would.
fn give_to_hop(site: &Site, id: &str) -> crate::smtp::Reply {
    let message = forwarded(id, "ann@partner.example", "carol@corp.example");
    let recipient = "<carol@freemail.example> ORCPT=rfc822;carol@corp.example";
    site.lab.session(Server::Hop).send("<ann@partner.example>", &[recipient], &message).expect("a reply")
}

/// Sends the awkward message through the hop, and returns what arrived without the hop's own Received field.
fn pass_through_hop(lab: &Lab) -> Vec<u8> {
    let recipient = "<alice@freemail.example> ORCPT=rfc822;alice@corp.example";
    let mut session = lab.session(Server::Hop);
    let reply = session.send("<ann@partner.example> BODY=8BITMIME", &[recipient], AWKWARD).expect("a reply");
    assert_eq!(reply.code, 250, "{}", reply.text);
    let Arrived { message, .. } = wait_for("the message arrives", || lab.sink().into_iter().next());
    let mut lines = message.split_inclusive(|&byte| byte == b'\n');
    assert!(lines.next().is_some_and(|line| line.starts_with(b"Received: from desk.corp.example")));
    lines.skip_while(|line| line.starts_with(b"\t")).flatten().copied().collect()
}

/// No bounce left.
fn nobody_was_told(site: &Site) {
    let senders: Vec<_> = site.lab.sink().into_iter().map(|arrived| arrived.sender).collect();
    assert!(!senders.contains(&String::new()), "{senders:?}");
}
