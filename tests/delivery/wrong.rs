//! What can be wrong between two who speak TLS: each case is tried with every kind of receiver.

use crate::certificates::{Authority, Files};
use crate::site::{arrived, send, wait_until, written};
use crate::support::Daemon;
use crate::syslog_server::Identity;
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::Command;

/// Certificates for a test.
pub(crate) struct Certificates {
    pub(crate) folder: tempfile::TempDir,
    pub(crate) authority: Authority,
    pub(crate) ca: PathBuf,
}

impl Certificates {
    pub(crate) fn new(authority: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let authority = Authority::new(authority);
        let ca = authority.file(folder.path());
        Self { folder, authority, ca }
    }

    pub(crate) fn sign(&self, name: &str) -> Files {
        self.authority.sign(self.folder.path(), name, false)
    }

    /// The key of an output that trusts them.
    pub(crate) fn trust(&self) -> String {
        format!("tls_ca = \"{}\"", self.ca.display())
    }
}

/// The keys of an output that shows a certificate.
pub(crate) fn client(own: &Files) -> String {
    format!("tls_cert = \"{}\"\ntls_key = \"{}\"", own.certificate.display(), own.key.display())
}

/// A receiver, as far as these cases need one.
pub(crate) trait Receiver {
    /// How often it has each event.
    fn ids(&self) -> BTreeMap<String, usize>;
    /// It is somebody else now.
    fn become_(&mut self, identity: &Identity<'_>);
    /// Whether it says what it does not like about our certificate.
    fn speaks(&self) -> bool;
}

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
/// everything arrives, once. `start` starts a receiver, and a daemon that sends to it with these keys at the output `siem`.
pub(crate) fn is_refused<R: Receiver>(start: impl Fn(&Identity<'_>, &str) -> Option<(R, Daemon)> + Sync) {
    use Wrong::{Authority, ClientOfAnother, Expired, Fingerprint, Name, NoClient};
    std::thread::scope(|scope| {
        for wrong in [Name, Expired, Authority, Fingerprint, NoClient, ClientOfAnother] {
            let start = &start;
            scope.spawn(move || refused(wrong, start));
        }
    });
}

fn refused<R: Receiver>(wrong: Wrong, start: impl Fn(&Identity<'_>, &str) -> Option<(R, Daemon)>) {
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
    let certified = matches!(wrong, Wrong::NoClient | Wrong::ClientOfAnother);
    let identity = Identity { own: &bad, clients: certified.then_some(certificates.ca.as_path()) };
    let Some((mut receiver, daemon)) = start(&identity, &keys) else { return };
    let why = match wrong {
        Wrong::Name => "is for collector.corp.example, not for localhost",
        Wrong::Expired => "has expired on 2021-01-01",
        Wrong::Authority => "that is not in tls_ca",
        Wrong::Fingerprint => bad.fingerprint.as_str(),
        Wrong::NoClient | Wrong::ClientOfAnother if !receiver.speaks() => "the receiver ended the connection",
        Wrong::NoClient => "wants a certificate of us: write tls_cert",
        Wrong::ClientOfAnother => "does not trust the authority of our certificate",
    };
    send(&daemon, 5);
    written(&daemon, 5);
    let status = || status(&daemon);
    let told = || format!("{wrong:?}: {} {}", status(), daemon.log());
    wait_until(told, "the reason", || {
        let status = status();
        status["state"] == "retrying" && status["error"].as_str().unwrap_or_default().contains(why)
    });
    println!("{wrong:?}: {}", status()["error"]);
    assert!(daemon.log().contains(why), "{}", told());
    // Mail does not notice.
    send(&daemon, 5);
    let wanted = written(&daemon, 10);
    assert_eq!(receiver.ids().len(), 0, "nothing is sent to a stranger");
    assert_eq!(status()["waiting"], 10, "{}", told());
    receiver.become_(&Identity { own: &good, clients: None });
    let got = arrived(&daemon, &wanted, || receiver.ids());
    assert!(got.len() == 10 && got.values().all(|count| *count == 1), "{wrong:?}: {got:?}");
}

/// What `forwarden spool status` says of the output `siem`.
fn status(daemon: &Daemon) -> Value {
    let mut command = Command::new(env!("CARGO_BIN_EXE_forwarden"));
    command.args(["spool", "status", "--format", "json", "--config"]).arg(daemon.path("forwarden.toml"));
    let status: Value = serde_json::from_slice(&command.output().unwrap().stdout).unwrap_or_default();
    let outputs = status["outputs"].as_array().cloned().unwrap_or_default();
    outputs.into_iter().find(|output| output["output"] == "siem").unwrap_or_default()
}
