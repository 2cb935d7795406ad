//! Syslog over TLS to a real rsyslog, and to one that is not what it should be.

use crate::certificates::{Authority, Files};
use crate::rsyslog::Rsyslog;
use crate::site::{arrived, daemon, ids_in, send, wait_until, written};
use crate::support::Daemon;
use rusqlite::Connection;
use std::path::Path;

/// An rsyslog that shows this certificate, and wants one of its clients where `strict`.
fn rsyslog(ca: &Path, own: &Files, strict: bool) -> Option<Rsyslog> {
    let (certificate, key) = (own.certificate.display(), own.key.display());
    let ca = ca.display();
    let mode = if strict { "x509/certvalid" } else { "anon" };
    Rsyslog::start(
        &format!(
            "global(defaultNetstreamDriver=\"gtls\" defaultNetstreamDriverCAFile=\"{ca}\" \
             defaultNetstreamDriverCertFile=\"{certificate}\" defaultNetstreamDriverKeyFile=\"{key}\")\n\
             module(load=\"imtcp\" streamDriver.name=\"gtls\" streamDriver.mode=\"1\" streamDriver.authMode=\"{mode}\")\n"
        ),
        "",
    )
}

fn to(rsyslog: &Rsyslog, host: &str, more: &str) -> Daemon {
    daemon(&format!("[[output]]\nname = \"siem\"\nformat = \"syslog\"\nto = \"tls:{host}:{}\"\n{more}\n", rsyslog.port))
}

/// Nothing of these arrives, the log says why, and the spool keeps them.
fn is_refused(daemon: &Daemon, rsyslog: &Rsyslog, why: &str) {
    send(daemon, 3);
    written(daemon, 3);
    wait_until(|| daemon.log(), "the reason", || daemon.log().contains(why));
    assert_eq!(ids_in(&rsyslog.out()).len(), 0, "nothing is sent to a stranger");
    let database = Connection::open(daemon.path("spool/spool.db")).unwrap();
    let waiting: usize = database.query_row("SELECT count(*) FROM event", [], |row| row.get(0)).unwrap();
    assert_eq!(waiting, 3);
}

#[test]
fn rsyslog_gets_every_event_over_tls_also_when_it_is_restarted() {
    let folder = tempfile::tempdir().unwrap();
    let authority = Authority::new("Test authority");
    let ca = authority.file(folder.path());
    let Some(mut rsyslog) = rsyslog(&ca, &authority.sign(folder.path(), "localhost", false), false) else { return };
    let daemon = to(&rsyslog, "localhost", &format!("tls_ca = \"{}\"", ca.display()));
    send(&daemon, 100);
    let wanted = written(&daemon, 100);
    arrived(&daemon, &wanted, || ids_in(&rsyslog.out()));
    rsyslog.stop();
    send(&daemon, 100);
    rsyslog.start_again();
    send(&daemon, 100);
    let wanted = written(&daemon, 300);
    arrived(&daemon, &wanted, || ids_in(&rsyslog.out()));
}

#[test]
fn another_name_is_refused_and_can_be_told() {
    let folder = tempfile::tempdir().unwrap();
    let authority = Authority::new("Test authority");
    let ca = authority.file(folder.path());
    let Some(rsyslog) = rsyslog(&ca, &authority.sign(folder.path(), "collector.corp.example", false), false) else {
        return;
    };
    let trust = format!("tls_ca = \"{}\"", ca.display());
    is_refused(&to(&rsyslog, "localhost", &trust), &rsyslog, "not valid for name");
    let daemon = to(&rsyslog, "localhost", &format!("{trust}\ntls_name = \"collector.corp.example\""));
    send(&daemon, 3);
    let wanted = written(&daemon, 3);
    arrived(&daemon, &wanted, || ids_in(&rsyslog.out()));
}

#[test]
fn an_expired_certificate_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let authority = Authority::new("Test authority");
    let ca = authority.file(folder.path());
    let Some(rsyslog) = rsyslog(&ca, &authority.sign(folder.path(), "localhost", true), false) else { return };
    is_refused(&to(&rsyslog, "localhost", &format!("tls_ca = \"{}\"", ca.display())), &rsyslog, "expired");
}

#[test]
fn an_unknown_authority_is_refused_unless_the_certificate_is_pinned() {
    let (folder, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let authority = Authority::new("Test authority");
    let ca = authority.file(folder.path());
    let own = authority.sign(folder.path(), "localhost", false);
    let Some(rsyslog) = rsyslog(&ca, &own, false) else { return };
    let trust = format!("tls_ca = \"{}\"", Authority::new("Another").file(other.path()).display());
    is_refused(&to(&rsyslog, "localhost", &trust), &rsyslog, "UnknownIssuer");
    let wrong = format!("tls_fingerprint = \"{}\"", "00".repeat(32));
    is_refused(&to(&rsyslog, "localhost", &wrong), &rsyslog, &own.fingerprint);
    let daemon = to(&rsyslog, "127.0.0.1", &format!("tls_fingerprint = \"{}\"", own.fingerprint));
    send(&daemon, 3);
    let wanted = written(&daemon, 3);
    arrived(&daemon, &wanted, || ids_in(&rsyslog.out()));
}

#[test]
fn a_receiver_that_wants_a_certificate_gets_one() {
    let folder = tempfile::tempdir().unwrap();
    let authority = Authority::new("Test authority");
    let ca = authority.file(folder.path());
    let Some(rsyslog) = rsyslog(&ca, &authority.sign(folder.path(), "localhost", false), true) else { return };
    let own = authority.sign(folder.path(), "mx1.corp.example", false);
    let trust = format!("tls_ca = \"{}\"", ca.display());
    let daemon = to(
        &rsyslog,
        "localhost",
        &format!("{trust}\ntls_cert = \"{}\"\ntls_key = \"{}\"", own.certificate.display(), own.key.display()),
    );
    send(&daemon, 20);
    let wanted = written(&daemon, 20);
    arrived(&daemon, &wanted, || ids_in(&rsyslog.out()));
    // Without one, nothing gets through, and nothing is lost.
    let stranger = to(&rsyslog, "localhost", &trust);
    send(&stranger, 3);
    let strange = written(&stranger, 3);
    wait_until(|| stranger.log(), "a complaint", || stranger.log().contains("output=siem"));
    let got = ids_in(&rsyslog.out());
    assert!(strange.iter().all(|id| !got.contains_key(id)));
}
