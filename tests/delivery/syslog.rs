//! Syslog to a real rsyslog and to a real syslog-ng, over TCP and over TLS: each case is tried with both.

use crate::certificates::{Authority, Files};
use crate::site::{arrived, daemon, ids_in, send, wait_until, written};
use crate::support::{Daemon, Mta, wait_for};
use crate::syslog_server::{Framing, Identity, Kind, SyslogServer};
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::Command;

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
    is_refused, rsyslog_is_refused_until_it_is_put_right, syslog_ng_is_refused_until_it_is_put_right;
}

/// Certificates for a test.
struct Certificates {
    folder: tempfile::TempDir,
    authority: Authority,
    ca: PathBuf,
}

impl Certificates {
    fn new(authority: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let authority = Authority::new(authority);
        let ca = authority.file(folder.path());
        Self { folder, authority, ca }
    }

    fn sign(&self, name: &str) -> Files {
        self.authority.sign(self.folder.path(), name, false)
    }

    fn trust(&self) -> String {
        format!("tls_ca = \"{}\"", self.ca.display())
    }
}

fn client(own: &Files) -> String {
    format!("tls_cert = \"{}\"\ntls_key = \"{}\"", own.certificate.display(), own.key.display())
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

/// What can be wrong between two who speak TLS.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wrong {
    Name,
    Expired,
    Authority,
    Fingerprint,
    NoClient,
    ClientOfAnother,
}

/// Nothing arrives, the log and `forwarden spool status` say why, mail goes on; and when the receiver is put right,
/// everything arrives.
fn is_refused(kind: Kind) {
    use Wrong::{Authority, ClientOfAnother, Expired, Fingerprint, Name, NoClient};
    std::thread::scope(|scope| {
        for wrong in [Name, Expired, Authority, Fingerprint, NoClient, ClientOfAnother] {
            scope.spawn(move || refuses(kind, wrong));
        }
    });
}

fn refuses(kind: Kind, wrong: Wrong) {
    let (certificates, other) = (Certificates::new("Test authority"), Certificates::new("Another authority"));
    let good = certificates.sign("localhost");
    let trust = certificates.trust();
    let bad = match wrong {
        Wrong::Name => certificates.sign("collector.corp.example"),
        Wrong::Expired => certificates.authority.sign(other.folder.path(), "localhost", true),
        Wrong::Authority => other.sign("localhost"),
        Wrong::Fingerprint => certificates.authority.sign(other.folder.path(), "localhost", false),
        Wrong::NoClient | Wrong::ClientOfAnother => certificates.sign("localhost"),
    };
    let keys = match wrong {
        Wrong::Fingerprint => format!("tls_fingerprint = \"{}\"", good.fingerprint),
        Wrong::ClientOfAnother => format!("{trust}\n{}", client(&other.sign("mx1.corp.example"))),
        _ => trust,
    };
    let why = match wrong {
        Wrong::Name => "is for collector.corp.example, not for localhost",
        Wrong::Expired => "has expired on 2021-01-01",
        Wrong::Authority => "that is not in tls_ca",
        Wrong::Fingerprint => bad.fingerprint.as_str(),
        // rsyslog ends the connection without a word.
        Wrong::NoClient | Wrong::ClientOfAnother if kind == Kind::Rsyslog => "the receiver ended the connection",
        Wrong::NoClient => "wants a certificate of us: write tls_cert",
        Wrong::ClientOfAnother => "does not trust the authority of our certificate",
    };
    let (certified, ca) = (matches!(wrong, Wrong::NoClient | Wrong::ClientOfAnother), certificates.ca.as_path());
    let identity = Identity { own: &bad, clients: certified.then_some(ca) };
    let Some(mut server) = SyslogServer::start(kind, Framing::Octets, Some(&identity)) else { return };
    let daemon = sender(&server, "tls", &keys);
    send(&daemon, 5);
    written(&daemon, 5);
    let status = || {
        let mut command = Command::new(env!("CARGO_BIN_EXE_forwarden"));
        command.args(["spool", "status", "--format", "json", "--config"]).arg(daemon.path("forwarden.toml"));
        let status: Value = serde_json::from_slice(&command.output().unwrap().stdout).unwrap_or_default();
        let outputs = status["outputs"].as_array().cloned().unwrap_or_default();
        outputs.into_iter().find(|output| output["output"] == "siem").unwrap_or_default()
    };
    let told = || format!("{wrong:?}: {} {}", status(), daemon.log());
    wait_until(told, "the reason", || {
        let status = status();
        status["state"] == "retrying" && status["error"].as_str().unwrap_or_default().contains(why)
    });
    println!("{kind:?}, {wrong:?}: {}", status()["error"]);
    assert!(daemon.log().contains(why), "{}", told());
    // Mail does not notice.
    send(&daemon, 5);
    written(&daemon, 10);
    assert_eq!(ids_in(&server.out()).len(), 0, "nothing is sent to a stranger");
    assert_eq!(status()["waiting"], 10, "{}", told());
    server.stop();
    server.configure(Framing::Octets, Some(&Identity { own: &good, clients: None }));
    server.start_again();
    assert_eq!(has_all(&daemon, &server, 10), 0, "{wrong:?}");
}
