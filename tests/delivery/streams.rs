//! Syslog over TCP, datagrams, UNIX sockets.

use crate::receiver::{self, Reserved};
use crate::rsyslog::Rsyslog;
use crate::site::{arrived, daemon, ids, ids_in, send, written};
use crate::support::{Mta, wait_for};

#[test]
fn rsyslog_gets_every_event_over_tcp() {
    let Some(rsyslog) = Rsyslog::tcp() else { return };
    let to = format!("to = \"tcp:127.0.0.1:{}\"", rsyslog.port);
    let daemon = daemon(&format!("[[output]]\nname = \"siem\"\nformat = \"syslog\"\n{to}\n"));
    send(&daemon, 50);
    let wanted = written(&daemon, 50);
    let received = arrived(&daemon, &wanted, || ids_in(&rsyslog.out()));
    assert_eq!(received.len(), 50);
    assert!(received.values().all(|count| *count == 1), "none came twice: {received:?}");
    let text = std::fs::read_to_string(rsyslog.out()).unwrap();
    assert!(text.lines().all(|line| line.starts_with("<132>1 ")), "every record is one line: {text}");
}

/// rsyslog is stopped while events flow, and comes back: what was on its way is sent again.
#[test]
fn nothing_is_lost_when_rsyslog_is_restarted() {
    let Some(mut rsyslog) = Rsyslog::tcp() else { return };
    let to = format!("to = \"tcp:127.0.0.1:{}\"", rsyslog.port);
    let daemon = daemon(&format!("[[output]]\nname = \"siem\"\nformat = \"syslog\"\n{to}\n"));
    for _ in 0..3 {
        send(&daemon, 100);
        rsyslog.stop();
        send(&daemon, 100);
        rsyslog.start_again();
    }
    let wanted = written(&daemon, 600);
    arrived(&daemon, &wanted, || ids_in(&rsyslog.out()));
}

/// An event of a hundred long recipients is over 20 kB, and arrives whole where the receiver takes such.
#[test]
fn a_long_event_arrives_whole() {
    let Some(rsyslog) = Rsyslog::tcp() else { return };
    let to = format!("to = \"tcp:127.0.0.1:{}\"", rsyslog.port);
    let daemon = daemon(&format!("[[output]]\nname = \"siem\"\nformat = \"ecs\"\nframing = \"octets\"\n{to}\n"));
    let recipients: Vec<String> = (0..100)
        .map(|number| format!("<{}{number}@ext.example> ORCPT=rfc822;alice@corp.example", "x".repeat(60)))
        .collect();
    let recipients: Vec<&str> = recipients.iter().map(String::as_str).collect();
    let mut mta = Mta::connect(daemon.addr);
    mta.message(
        "<ann@partner.example>",
        &recipients,
        &[("From", "ann@partner.example"), ("Message-ID", "<long@x.example>")],
    );
    assert_eq!(mta.end_of_message().answer(), b'c');
    let line = wait_for("the event", || {
        let text = std::fs::read_to_string(rsyslog.out()).ok()?;
        text.ends_with('\n').then_some(text)
    });
    assert!(line.len() > 20_000, "{} octets", line.len());
    let event: serde_json::Value = serde_json::from_str(line.trim_end()).expect("JSON, whole");
    assert_eq!(event["forwarden"]["destination_count"], 100);
}

#[test]
fn datagrams_reach_udp_and_unix_sockets() {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("log");
    let (addr, by_udp) = receiver::udp();
    let by_unix = receiver::unix(&socket);
    let daemon = daemon(&format!(
        "[[output]]\nname = \"udp\"\nformat = \"syslog\"\nto = \"udp:{addr}\"\n\
         [[output]]\nname = \"unix\"\nformat = \"syslog_cef\"\nto = \"unix:{}\"\n",
        socket.display()
    ));
    send(&daemon, 20);
    let wanted = written(&daemon, 20);
    for received in [by_udp, by_unix] {
        arrived(&daemon, &wanted, || ids(&received.text()));
        assert!(received.text().lines().all(|line| line.starts_with("<132>1 ")));
    }
}

/// A receiver that is not there at first gets what waited for it, in order; the other outputs do not wait for it.
#[test]
fn events_wait_for_a_receiver_that_comes_late() {
    let (port, reserved) = Reserved::port();
    let daemon = daemon(&format!("[[output]]\nname = \"late\"\nformat = \"json\"\nto = \"tcp:127.0.0.1:{port}\"\n"));
    send(&daemon, 30);
    let wanted = written(&daemon, 30);
    let received = receiver::tcp(reserved);
    arrived(&daemon, &wanted, || ids(&received.text()));
    let order: Vec<String> = received.text().lines().flat_map(|line| ids(line).into_keys()).collect();
    assert!(order.is_sorted(), "ids sort by time: {order:?}");
}
