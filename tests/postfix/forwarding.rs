//! Who forwards what to where: each way in which Postfix forwards mail, and what only looks like it.

use crate::daemon::Socket;
use crate::lab::{Layout, Server};
use crate::mail::mail;
use crate::site::{Setup, Site};
use crate::wait::wait_until;

/// What an event must say of a destination: verdict, mechanism, forwarder.
struct Expected {
    destination: &'static str,
    verdict: &'static str,
    mechanism: Option<&'static str>,
    forwarder: Option<&'static str>,
}

const fn forward(destination: &'static str, forwarder: &'static str) -> Expected {
    Expected { destination, verdict: "auto_forward", mechanism: Some("mta_forward"), forwarder: Some(forwarder) }
}

const fn innocent(destination: &'static str, verdict: &'static str) -> Expected {
    Expected { destination, verdict, mechanism: None, forwarder: None }
}

const EXPECTED: &[Expected] = &[
    // ~/.forward, aliases(5), a virtual alias, and a .forward that keeps a copy.
    forward("alice@freemail.example", "alice@corp.example"),
    forward("bob@ext.example", "bob@corp.example"),
    forward("carol@freemail.example", "carol@corp.example"),
    forward("erin@freemail.example", "erin@corp.example"),
    forward("erin@ext.example", "erin@corp.example"),
    forward("erin@partner.example", "erin@corp.example"),
    Expected {
        destination: "frank@archive.example",
        verdict: "bulk_copy",
        mechanism: Some("bcc_map"),
        forwarder: Some("frank@corp.example"),
    },
    innocent("zoe@partner.example", "ordinary"),
    // The bounce of a mail that was accepted for `broken`.
    innocent("ann@partner.example", "bounce"),
    // An alias with an owner, and a post with the header fields of a list.
    innocent("staff@partner.example", "list"),
    innocent("eve@partner.example", "list"),
];

fn each_way_is_told_apart(layout: Layout, socket: Socket) {
    let Some(site) = Site::up(Setup { layout, socket, ..Setup::default() }) else {
        return;
    };
    for user in ["alice", "bob", "carol", "erin", "frank", "broken", "staff"] {
        site.ann_writes_to(&format!("{user}@corp.example"), &format!("to-{user}"));
    }
    site.dave_writes_to("zoe@partner.example", "ordinary");
    let post = mail(
        "post",
        "ann@partner.example",
        "team@corp.example",
        "List-Id: <team.corp.example>\r\nList-Unsubscribe: <mailto:team-leave@corp.example>\r\nPrecedence: list\r\n",
    );
    let mut session = site.lab.session(Server::Inner);
    let reply = session.send("<team-bounces@corp.example>", &["<eve@partner.example>"], &post).expect("a reply");
    assert_eq!(reply.code, 250, "{}", reply.text);

    for expected in EXPECTED {
        let event = site.event_for(expected.destination);
        let told = |key: &str| event[key].as_str();
        assert_eq!(told("verdict"), Some(expected.verdict), "{event:#}");
        assert_eq!(told("listener"), Some("outbound"), "{event:#}");
        assert_eq!(told("action"), Some("logged"), "{event:#}");
        if expected.forwarder.is_some() {
            assert_eq!(told("mechanism"), expected.mechanism, "{event:#}");
            assert_eq!(told("forwarder"), expected.forwarder, "{event:#}");
            assert!(event["confidence"].as_f64().is_some_and(|confidence| confidence >= 0.9), "{event:#}");
        } else {
            assert!(event["confidence"].as_f64().is_some_and(|confidence| confidence < 0.5), "{event:#}");
        }
        assert!(event["queue_id"].as_str().is_some_and(|id| !id.is_empty()), "{event:#}");
        site.arrives_at(expected.destination);
    }
    site.queues_run_empty();
    // Nothing was judged twice, and the sink got no more than what the events tell of.
    for expected in EXPECTED {
        assert_eq!(site.events_for(expected.destination).len(), 1, "{}", expected.destination);
        assert_eq!(site.arrived_at(expected.destination).len(), 1, "{}", expected.destination);
    }
}

#[test]
fn each_way_is_told_apart_in_layout_a_over_a_unix_socket() {
    each_way_is_told_apart(Layout::A, Socket::Unix);
}

#[test]
fn each_way_is_told_apart_in_layout_b_over_tcp() {
    each_way_is_told_apart(Layout::B, Socket::Inet);
}

/// One transaction can carry a forward, a copy and mail that was meant for its recipient: each is judged alone.
#[test]
fn recipients_of_one_transaction_are_judged_one_by_one() {
    let Some(site) = Site::up(Setup::default()) else { return };
    let message = crate::mail::forwarded("mixed", "ann@partner.example", "alice@corp.example");
    let recipients = [
        "<alice@freemail.example> ORCPT=rfc822;alice@corp.example",
        "<frank@archive.example> ORCPT=rfc822;frank@archive.example NOTIFY=NEVER",
    ];
    let reply = site.lab.session(Server::Hop).send("<ann@partner.example>", &recipients, &message).expect("a reply");
    assert_eq!(reply.code, 250, "{}", reply.text);

    let forward = site.event_for("alice@freemail.example");
    assert_eq!(forward["mechanism"], "mta_forward", "{forward:#}");
    let copy = site.event_for("frank@archive.example");
    assert_eq!(copy["mechanism"], "bcc_map", "{copy:#}");
}

/// At the front door the daemon only watches: it reports, cannot hold up mail, and is not missed.
#[test]
fn an_observer_at_the_front_door_cannot_hold_up_mail() {
    let Some(mut site) = Site::up(Setup { observer: true, ..Setup::default() }) else {
        return;
    };
    site.ann_writes_to("alice@corp.example", "watched");
    site.arrives_at("alice@freemail.example");
    site.daemon.kill();
    site.ann_writes_to("dave@corp.example", "not-watched");
    wait_until("mail to dave is delivered", || {
        site.lab.log(Server::Inner).contains("to=<dave@corp.example>, relay=local")
    });
}
