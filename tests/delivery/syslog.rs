//! Syslog to a real rsyslog and to a real syslog-ng, over TCP and over TLS: each case is tried with both.

use crate::site::{arrived, daemon, ids_in, send, written};
use crate::support::{Daemon, Mta, wait_for};
use crate::syslog_server::{Framing, Identity, Kind, SyslogServer};
use crate::wrong::{Certificates, Receiver, client, is_refused};
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::PathBuf;

/// Each case twice: `make test` has rsyslog, `make test-siem` syslog-ng as well.
macro_rules! with_both {
    ($($case:ident, $rsyslog:ident, $syslog_ng:ident;)*) => {$(
        #[test]
        fn $rsyslog() {
            $case(Kind::Rsyslog);
        }

        #[test]
        #[ignore = "make test-siem"]
        fn $syslog_ng() {
            $case(Kind::SyslogNg);
        }
    )*};
}

with_both! {
    reads_every_event, rsyslog_reads_every_event, syslog_ng_reads_every_event;
    restarts, rsyslog_restarts_and_nothing_is_lost, syslog_ng_restarts_and_nothing_is_lost;
    takes_long_events, rsyslog_takes_long_events, syslog_ng_takes_long_events;
    is_recognised, rsyslog_is_recognised, syslog_ng_is_recognised;
    is_refused_until_it_is_put_right, rsyslog_is_refused_until_it_is_put_right, syslog_ng_is_refused_until_it_is_put_right;
}

/// A daemon that sends to it, and beside that writes down what it sends.
fn sender(server: &SyslogServer, scheme: &str, keys: &str) -> Daemon {
    let output = |name: &str, to: &str, more: &str| {
        format!("[[output]]\nname = \"{name}\"\nformat = \"syslog\"\nto = \"{to}\"\n{more}\n")
    };
    let to = format!("{scheme}:localhost:{}", server.port);
    daemon(&(output("siem", &to, keys) + &output("copy", "file:FOLDER/copy", "")))
}

/// Waits for all events of a daemon. How many came more than once.
fn has_all(daemon: &Daemon, server: &SyslogServer, count: usize) -> usize {
    let wanted = written(daemon, count);
    let got = arrived(daemon, &wanted, || ids_in(&server.out()));
    assert_eq!(got.len(), count);
    got.values().map(|count| count - 1).sum()
}

/// What the receiver read out of each record is what the daemon's own file of events says, and the record is that of the
/// copy, octet by octet.
fn reads_every_event(kind: Kind) {
    for (scheme, framing) in [("tcp", Framing::Octets), ("tcp", Framing::Line), ("tls", Framing::Octets)] {
        let certificates = Certificates::new("Test authority");
        let own = certificates.sign("localhost");
        let identity = (scheme == "tls").then_some(Identity { own: &own, clients: None });
        let Some(server) = SyslogServer::start(kind, framing, identity.as_ref()) else { return };
        let trust = if scheme == "tls" { certificates.trust() } else { String::new() };
        let daemon = sender(&server, scheme, &format!("{}\n{trust}", framing.key()));
        send(&daemon, 30);
        let mut mta = Mta::connect(daemon.addr);
        let hostile = "Fwd: \\ \"quoted\" ]x[ a=b é ☃ \u{202e}{}";
        let headers = [("From", "ann@partner.example"), ("Subject", hostile), ("Message-ID", "<h@x.example>")];
        mta.message("<ann@partner.example>", &["<x@ext.example> ORCPT=rfc822;alice@corp.example"], &headers);
        assert_eq!(mta.end_of_message().answer(), b'c');
        assert_eq!(has_all(&daemon, &server, 31), 0, "none came twice");
        let lines =
            |path: PathBuf| std::fs::read_to_string(path).unwrap().lines().map(str::to_owned).collect::<Vec<_>>();
        assert_eq!(
            wait_for("the copy", || Some(lines(daemon.path("copy"))).filter(|all| all.len() == 31)),
            lines(server.out())
        );
        let events: BTreeMap<String, Value> =
            daemon.events(31).into_iter().map(|event| (event["id"].as_str().unwrap().to_owned(), event)).collect();
        let read = wait_for("what was read", || Some(server.read()).filter(|read| read.len() == 31));
        for read in read {
            let event = &events[read.data["id"].as_str().unwrap()];
            let process = daemon.pid().to_string();
            assert_eq!(read.header, [event["host"].as_str().unwrap(), "forwarden", &process, "AUTOFWD"]);
            for (parameter, wanted) in [
                ("code", &event["verdict"]),
                ("forwarder", &event["forwarder"]),
                ("rcpt", &event["destinations"][0]),
                ("mail_from", &event["envelope"]["mail_from"]),
            ] {
                assert_eq!(&read.data[parameter], wanted, "{parameter}: {:?}", read.data);
            }
            let message: Value = serde_json::from_str(&read.message).expect("JSON");
            assert_eq!(message["event"]["id"], event["id"]);
            assert_eq!(message["source"]["user"]["email"], event["forwarder"]);
            assert_eq!(message["email"]["subject"], event["headers"]["subject"]);
        }
    }
}

/// It is stopped while events flow, and comes back: what was on its way is sent again.
fn restarts(kind: Kind) {
    for scheme in ["tcp", "tls"] {
        let certificates = Certificates::new("Test authority");
        let own = certificates.sign("localhost");
        let identity = (scheme == "tls").then_some(Identity { own: &own, clients: None });
        let Some(mut server) = SyslogServer::start(kind, Framing::Octets, identity.as_ref()) else { return };
        let trust = if scheme == "tls" { certificates.trust() } else { String::new() };
        let daemon = sender(&server, scheme, &trust);
        for _ in 0..3 {
            send(&daemon, 100);
            server.stop();
            send(&daemon, 100);
            server.start_again();
        }
        let twice = has_all(&daemon, &server, 600);
        println!("{kind:?}, {scheme}: 600 events, three restarts, none lost, {twice} came twice");
    }
}

/// An event of a hundred long recipients is over 20 kB, and arrives whole where the receiver takes such.
fn takes_long_events(kind: Kind) {
    for (scheme, framing) in [("tcp", Framing::Octets), ("tcp", Framing::Line), ("tls", Framing::Octets)] {
        let certificates = Certificates::new("Test authority");
        let own = certificates.sign("localhost");
        let identity = (scheme == "tls").then_some(Identity { own: &own, clients: None });
        let Some(server) = SyslogServer::start(kind, framing, identity.as_ref()) else { return };
        let trust = if scheme == "tls" { certificates.trust() } else { String::new() };
        let daemon = daemon(&format!(
            "[[output]]\nname = \"siem\"\nformat = \"ecs\"\nto = \"{scheme}:localhost:{}\"\n{}\n{trust}\n",
            server.port,
            framing.key()
        ));
        let recipients: Vec<String> = (0..100)
            .map(|number| format!("<{}{number}@ext.example> ORCPT=rfc822;alice@corp.example", "x".repeat(60)))
            .collect();
        let recipients: Vec<&str> = recipients.iter().map(String::as_str).collect();
        let mut mta = Mta::connect(daemon.addr);
        let headers = [("From", "ann@partner.example"), ("Message-ID", "<long@x.example>")];
        mta.message("<ann@partner.example>", &recipients, &headers);
        assert_eq!(mta.end_of_message().answer(), b'c');
        let line = wait_for("the event", || {
            let text = std::fs::read_to_string(server.out()).ok()?;
            text.ends_with('\n').then_some(text)
        });
        assert!(line.len() > 20_000, "{} octets", line.len());
        let event: Value = serde_json::from_str(line.trim_end()).expect("JSON, whole");
        assert_eq!(event["forwarden"]["destination_count"], 100);
    }
}

/// Whoever it should be is given everything: by its name, by the name that it is told to have, by its fingerprint alone,
/// and where it wants to know who we are.
fn is_recognised(kind: Kind) {
    let certificates = Certificates::new("Test authority");
    let (own, named) = (certificates.sign("localhost"), certificates.sign("collector.corp.example"));
    let us = certificates.sign("mx1.corp.example");
    let trust = certificates.trust();
    let pinned = format!("tls_fingerprint = \"{}\"", named.fingerprint);
    let cases = [
        ("its name", &own, false, trust.clone()),
        ("another name that is told", &named, false, format!("{trust}\ntls_name = \"collector.corp.example\"")),
        ("its fingerprint, whatever its name", &named, false, pinned.clone()),
        (
            "its fingerprint and its authority",
            &own,
            false,
            format!("{trust}\ntls_fingerprint = \"{}\"", own.fingerprint),
        ),
        ("our certificate", &own, true, format!("{trust}\n{}", client(&us))),
    ];
    for (case, own, strict, keys) in cases {
        let identity = Identity { own, clients: strict.then_some(certificates.ca.as_path()) };
        let Some(server) = SyslogServer::start(kind, Framing::Octets, Some(&identity)) else { return };
        let daemon = sender(&server, "tls", &keys);
        send(&daemon, 20);
        assert_eq!(has_all(&daemon, &server, 20), 0, "{case}");
    }
}

impl Receiver for SyslogServer {
    fn ids(&self) -> BTreeMap<String, usize> {
        ids_in(&self.out())
    }

    fn become_(&mut self, identity: &Identity<'_>) {
        self.stop();
        self.configure(Framing::Octets, Some(identity));
        self.start_again();
    }

    /// rsyslog ends the connection without a word.
    fn speaks(&self) -> bool {
        self.kind == Kind::SyslogNg
    }
}

fn is_refused_until_it_is_put_right(kind: Kind) {
    is_refused(|identity, keys| {
        let server = SyslogServer::start(kind, Framing::Octets, Some(identity))?;
        let daemon = sender(&server, "tls", keys);
        Some((server, daemon))
    });
}
