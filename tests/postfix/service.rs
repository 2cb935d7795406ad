//! The daemon's life: killed, ended, started again, and told to read its configuration, while mail flows.

use crate::daemon::Socket;
use crate::lab::{Layout, Server};
use crate::mail::{forwarded, mail};
use crate::site::{Setup, Site, enforce};
use crate::wait::wait_until;
use nix::sys::signal::Signal;
use std::thread;

/// Without its milter the hop takes nothing; the mail waits inside, and nobody outside hears of it.
fn mail_waits_for_a_killed_daemon(layout: Layout, socket: Socket) {
    let Some(mut site) = Site::up(Setup { layout, socket, ..Setup::default() }) else {
        return;
    };
    site.ann_writes_to("alice@corp.example", "before");
    site.arrives_at("alice@freemail.example");

    site.daemon.kill();
    site.ann_writes_to("bob@corp.example", "meanwhile");
    site.dave_writes_to("zoe@partner.example", "meanwhile");
    wait_until("both mails are deferred", || {
        let queue = site.lab.queue(Server::Inner);
        let deferred = |address: &str| {
            queue.iter().any(|mail| {
                let recipient = &mail["recipients"][0];
                let why = recipient["delay_reason"].as_str().unwrap_or_default();
                recipient["address"] == address && why.contains("451 4.7.1 Service unavailable")
            })
        };
        deferred("bob@ext.example") && deferred("zoe@partner.example")
    });
    assert_eq!(site.lab.sink().len(), 1);

    site.daemon.restart();
    site.arrives_at("bob@ext.example");
    site.arrives_at("zoe@partner.example");
    site.queues_run_empty();
    assert_eq!(site.lab.sink().len(), 3, "each mail arrived once, and no bounce");
}

#[test]
fn mail_waits_for_a_killed_daemon_in_layout_a_over_tcp() {
    mail_waits_for_a_killed_daemon(Layout::A, Socket::Inet);
}

#[test]
fn mail_waits_for_a_killed_daemon_in_layout_b_over_a_unix_socket() {
    mail_waits_for_a_killed_daemon(Layout::B, Socket::Unix);
}

const MAILS: usize = 60;

fn reader(number: usize) -> String {
    format!("reader{number}@partner.example")
}

/// Sends mail in two sessions at once; has `interrupt` do its work when a part of it has arrived, and starts the
/// daemon again. Every mail arrives, once.
fn mail_flows_on(interrupt: impl FnOnce(&mut Site)) -> Option<Site> {
    let mut site = Site::up(Setup::default())?;
    let senders: Vec<_> = (0..2)
        .map(|half| {
            let mut session = site.lab.session(Server::Inner);
            thread::spawn(move || {
                for number in (0..MAILS).filter(|number| number % 2 == half) {
                    let recipient = reader(number);
                    let message = mail(&format!("flow-{number}"), "dave@corp.example", &recipient, "");
                    let reply = session.send("<dave@corp.example>", &[&format!("<{recipient}>")], &message);
                    assert_eq!(reply.expect("a reply").code, 250);
                }
            })
        })
        .collect();
    wait_until("a part of the mail arrives", || site.lab.sink().len() >= MAILS / 6);
    interrupt(&mut site);
    site.daemon.restart();
    for sender in senders {
        sender.join().expect("all mail is taken");
    }

    wait_until("all mail arrives", || site.lab.sink().len() >= MAILS);
    site.queues_run_empty();
    let arrived: Vec<_> = site.lab.sink().into_iter().flat_map(|arrived| arrived.recipients).collect();
    for number in 0..MAILS {
        assert_eq!(arrived.iter().filter(|recipient| **recipient == reader(number)).count(), 1, "mail {number}");
    }
    assert_eq!(arrived.len(), MAILS, "nothing else arrived: no bounce");
    Some(site)
}

#[test]
fn a_kill_while_mail_flows_loses_none() {
    mail_flows_on(|site| site.daemon.kill());
}

#[test]
fn a_termination_while_mail_flows_loses_neither_mail_nor_event() {
    let site = mail_flows_on(|site| {
        site.daemon.signal(Signal::SIGTERM);
        let status = site.daemon.wait();
        assert!(status.success(), "{status}:\n{}", site.daemon.log());
    });
    let Some(site) = site else { return };
    for number in 0..MAILS {
        site.event_for(&reader(number));
    }
}

#[test]
fn a_termination_waits_for_the_message_at_hand() {
    let Some(mut site) = Site::enforcing("\"tag\"") else {
        return;
    };
    let mut session = site.lab.session(Server::Hop);
    let envelope =
        ["MAIL FROM:<ann@partner.example>", "RCPT TO:<alice@freemail.example> ORCPT=rfc822;alice@corp.example", "DATA"];
    let codes = envelope.map(|command| session.command(command).expect("a reply").code);
    assert_eq!(codes, [250, 250, 354]);

    site.daemon.signal(Signal::SIGTERM);
    wait_until("the daemon takes no more sessions", || !site.daemon.listens());
    let message = forwarded("at-hand", "ann@partner.example", "alice@corp.example");
    let reply = session.data(&message).expect("a reply");
    assert_eq!(reply.code, 250, "{}", reply.text);
    let status = site.daemon.wait();
    assert!(status.success(), "{status}");
    assert_eq!(site.arrives_at("alice@freemail.example").fields("X-Forwarden").len(), 1);
    assert_eq!(site.event_for("alice@freemail.example")["action"], "tagged");
}

#[test]
fn a_reload_takes_effect_for_the_next_mail() {
    let Some(site) = Site::enforcing("\"tag\"") else { return };
    site.ann_writes_to("alice@corp.example", "tagged");
    assert_eq!(site.arrives_at("alice@freemail.example").fields("X-Forwarden").len(), 1);

    site.configure(&enforce("\"discard\""));
    site.daemon.signal(Signal::SIGHUP);
    wait_until("the daemon has reloaded", || site.daemon.log().contains(": reloaded "));
    site.ann_writes_to("bob@corp.example", "dropped");
    assert_eq!(site.event_for("bob@ext.example")["action"], "discarded");
    site.queues_run_empty();
    assert!(site.arrived_at("bob@ext.example").is_empty());
}

#[test]
fn a_reload_of_a_broken_file_keeps_the_old_configuration_and_says_why() {
    let Some(site) = Site::enforcing("\"tag\"") else { return };
    site.configure(&enforce("\"tagg\""));
    site.daemon.signal(Signal::SIGHUP);
    wait_until("the daemon has refused it", || site.daemon.log().contains("not reloaded"));
    let log = site.daemon.log();
    assert!(log.contains("rule[1].then: \"tagg\""), "{log}");

    site.ann_writes_to("alice@corp.example", "still-tagged");
    assert_eq!(site.arrives_at("alice@freemail.example").fields("X-Forwarden").len(), 1);

    // Once mended, it is taken.
    site.configure(&enforce("\"discard\""));
    site.daemon.signal(Signal::SIGHUP);
    wait_until("the daemon has reloaded", || site.daemon.log().contains(": reloaded "));
    site.ann_writes_to("bob@corp.example", "dropped");
    assert_eq!(site.event_for("bob@ext.example")["action"], "discarded");
}
