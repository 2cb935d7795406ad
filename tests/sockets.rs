//! Listeners: what they accept, whom, and how they end.

#![allow(clippy::expect_used, clippy::unwrap_used, clippy::panic, reason = "a test fails by them")]

mod support;

use nix::sys::signal::Signal;
use std::net::{SocketAddr, TcpStream};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::process::{Command, Output, Stdio};
use support::{Daemon, Mta, forward, free_port, wait_for};

const ALICE: &str = "<x@ext.example> ORCPT=rfc822;alice@corp.example";

/// The daemon with one listener, run to its end.
fn run(folder: &Path, listener: &str) -> Output {
    let config = folder.join("f.toml");
    std::fs::write(&config, format!("[organization]\ndomains = [\"corp.example\"]\n[[listener]]\n{listener}\n"))
        .unwrap();
    Command::new(env!("CARGO_BIN_EXE_forwarden"))
        .args(["serve", "--config"])
        .arg(config)
        .stdin(Stdio::null())
        .output()
        .unwrap()
}

fn text(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn nowhere() -> SocketAddr {
    ([127, 0, 0, 1], 1).into()
}

/// Waits until nobody listens there; a connection that hangs is none refused.
fn wait_until_refused(addr: SocketAddr) {
    wait_for("connections to be refused", || {
        let refused = TcpStream::connect_timeout(&addr, std::time::Duration::from_secs(1)).err()?;
        (refused.kind() == std::io::ErrorKind::ConnectionRefused).then_some(())
    });
}

#[test]
fn a_unix_socket_is_right_when_it_appears_and_gone_at_the_end() {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("out.sock");
    // Left behind by a process that was killed.
    drop(UnixListener::bind(&socket).unwrap());
    let stale = std::fs::symlink_metadata(&socket).unwrap().ino();
    let listener = format!(
        "[[listener]]\nname = \"u\"\nsocket = \"local:{}\"\nmode = \"0606\"\ngroup = \"1\"\n",
        socket.display()
    );
    let mut daemon = Daemon::start_with(&listener, nowhere());
    let metadata = wait_for("a new socket", || {
        let metadata = std::fs::symlink_metadata(&socket).ok()?;
        (metadata.ino() != stale || UnixStream::connect(&socket).is_ok()).then_some(metadata)
    });
    assert_eq!(metadata.permissions().mode() & 0o777, 0o606);
    assert_eq!(metadata.gid(), 1);
    UnixStream::connect(&socket).unwrap();
    daemon.signal(Signal::SIGTERM);
    assert_eq!(daemon.wait().code(), Some(0));
    assert!(!socket.exists());
    // No half-made socket stays behind either.
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
fn a_message_by_a_unix_socket() {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("in.sock");
    let listeners = format!(
        "[[listener]]\nname = \"u\"\nsocket = \"unix:{}\"\n[policy]\nmode = \"enforce\"\n\
         [[rule]]\nid = \"forwards\"\nwhen = {{ verdict = \"auto_forward\" }}\nthen = [\"tag\", \"quarantine\"]\n",
        socket.display()
    );
    let daemon = Daemon::start_with(&listeners, nowhere());
    wait_for("the socket", || UnixStream::connect(&socket).ok());
    // Another project's MTA, which knows the protocol by its own means.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let (edits, status) = runtime.block_on(async {
        let mut mta = indymilter_test::TestConnection::configure().open_unix(&socket).await.unwrap();
        mta.connect("mail.corp.example", std::net::Ipv4Addr::LOCALHOST).await.unwrap();
        mta.helo("mail.corp.example").await.unwrap();
        mta.mail(["<ann@partner.example>"]).await.unwrap();
        mta.rcpt(["<x@ext.example>", "ORCPT=rfc822;alice@corp.example"]).await.unwrap();
        mta.header("From", "ann@partner.example").await.unwrap();
        mta.macros(indymilter_test::MacroStage::Eom, [("i", "UNIX")]).await.unwrap();
        let ended = mta.eom().await.unwrap();
        mta.close().await.unwrap();
        ended
    });
    assert_eq!(status, indymilter_test::Status::Continue);
    assert!(edits.has_insert_header(0, "X-Forwarden", indymilter_test::any()), "{edits:?}");
    assert!(edits.has_quarantine("forwarden: forwards"), "{edits:?}");
    let event = &daemon.events(1)[0];
    assert_eq!((event["queue_id"].as_str(), event["listener"].as_str()), (Some("UNIX"), Some("u")));
}

#[test]
fn all_listeners_or_none() {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("first.sock");
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let second = format!("[[listener]]\nname = \"second\"\nsocket = \"inet:{}\"", taken.local_addr().unwrap());
    let output = run(folder.path(), &format!("name = \"first\"\nsocket = \"unix:{}\"\n{second}", socket.display()));
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output).contains("listener second:"), "{}", text(&output));
    assert!(!socket.exists());
}

#[test]
fn a_socket_that_another_put_there_since_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("out.sock");
    let mut daemon =
        Daemon::start_with(&format!("[[listener]]\nname = \"u\"\nsocket = \"{}\"\n", socket.display()), nowhere());
    wait_for("the socket", || UnixStream::connect(&socket).ok());
    let _other = UnixListener::bind(folder.path().join("other")).unwrap();
    std::fs::rename(folder.path().join("other"), &socket).unwrap();
    daemon.signal(Signal::SIGTERM);
    assert_eq!(daemon.wait().code(), Some(0));
    UnixStream::connect(&socket).unwrap();
}

#[test]
fn what_is_somebody_elses_is_not_taken() {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("taken.sock");
    let living = UnixListener::bind(&socket).unwrap();
    let output = run(folder.path(), &format!("socket = \"unix:{}\"", socket.display()));
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output).contains("another process is listening there"), "{}", text(&output));
    drop(living);
    let file = folder.path().join("precious");
    std::fs::write(&file, "data").unwrap();
    let output = run(folder.path(), &format!("socket = \"unix:{}\"", file.display()));
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output).contains("that is no socket; move it away"), "{}", text(&output));
    assert_eq!(std::fs::read_to_string(file).unwrap(), "data");
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let output = run(folder.path(), &format!("socket = \"inet:{}\"", port.local_addr().unwrap()));
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output).contains("in use"), "{}", text(&output));
}

#[test]
fn every_address_needs_allow() {
    let folder = tempfile::tempdir().unwrap();
    let output = run(folder.path(), "socket = \"inet:*:8891\"");
    assert_eq!(output.status.code(), Some(78));
    assert!(text(&output).contains("listens on every address but has no `allow`"), "{}", text(&output));
}

#[test]
fn both_notations_and_both_families() {
    let (four, six) = (free_port(), free_port());
    let listeners = format!(
        "[[listener]]\nname = \"four\"\nsocket = \"inet:{four}@127.0.0.1\"\n[[listener]]\nname = \"six\"\nrole = \"observe\"\nsocket = \"inet6:[::1]:{six}\"\n"
    );
    let daemon = Daemon::start_with(&listeners, ([127, 0, 0, 1], four).into());
    let six = SocketAddr::from((std::net::Ipv6Addr::LOCALHOST, six));
    for (addr, edits) in [(daemon.addr, true), (six, false)] {
        wait_for("the listener", || TcpStream::connect(addr).ok());
        let mut mta = Mta::connect(addr);
        assert_eq!(mta.edits != 0, edits, "{addr}");
        let (from, rcpt, headers) = forward(ALICE);
        mta.message(from, &rcpt, &headers);
        assert_eq!(mta.end_of_message().answer(), b'c');
    }
    let events = daemon.events(2);
    assert_eq!((events[0]["listener"].as_str(), events[1]["listener"].as_str()), (Some("four"), Some("six")));
}

#[test]
fn a_peer_that_is_not_allowed_is_turned_away() {
    let port = free_port();
    let listener = format!("[[listener]]\nname = \"l\"\nsocket = \"inet:127.0.0.1:{port}\"\nallow = [\"127.0.0.2\"]\n");
    let daemon = Daemon::start_with(&listener, ([127, 0, 0, 1], port).into());
    let addr = daemon.addr;
    let turned_away = |from: [u8; 4]| {
        use std::io::Read;
        let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
        socket.bind(&SocketAddr::from((from, 0)).into()).unwrap();
        socket.connect(&addr.into()).ok()?;
        socket.set_read_timeout(Some(std::time::Duration::from_millis(300))).unwrap();
        let mut stream = TcpStream::from(socket);
        Some(matches!(stream.read(&mut [0; 1]), Ok(0)))
    };
    assert!(wait_for("the listener", || turned_away([127, 0, 0, 1])));
    assert_eq!(turned_away([127, 0, 0, 2]), Some(false));
    assert!(daemon.log().contains("peer is not in `allow`"), "{}", daemon.log());
}

#[test]
fn sigterm_finishes_what_is_in_progress() {
    let mut daemon = Daemon::start("");
    // Without silent steps each is answered, so the message is known to be in progress.
    let mut mta = Mta::connect_offering(daemon.addr, 6, support::ALL_EDITS, 0x40);
    let (from, rcpt, headers) = forward(ALICE);
    mta.message(from, &rcpt, &headers);
    let mut idle = Mta::connect(daemon.addr);
    daemon.signal(Signal::SIGTERM);
    wait_until_refused(daemon.addr);
    assert!(daemon.is_running());
    assert_eq!(mta.end_of_message().answer(), b'c');
    assert_eq!(daemon.wait().code(), Some(0));
    assert!(idle.is_closed());
    assert_eq!(daemon.events(1)[0]["forwarder"], "alice@corp.example");
}

#[test]
fn a_message_that_never_ends_is_cut_when_the_drain_time_is_over() {
    let mut daemon = Daemon::start("[daemon]\ndrain = \"200ms\"\n");
    let mut mta = Mta::connect_offering(daemon.addr, 6, support::ALL_EDITS, 0x40);
    mta.mail("<ann@partner.example>");
    daemon.signal(Signal::SIGTERM);
    assert_eq!(daemon.wait().code(), Some(0));
    assert!(mta.is_closed());
    assert!(daemon.log().contains("drain time is over"), "{}", daemon.log());
}

#[test]
fn connections_are_refused_at_the_end_even_where_no_more_may_be_open() {
    let mut daemon = Daemon::start("[daemon]\nmax_connections = 1\ndrain = \"1h\"\n");
    // The connection that waited for the daemon must have ended before this one is served: it is, once it is answered.
    let mut mta = Mta::connect_offering(daemon.addr, 6, support::ALL_EDITS, 0x40);
    let (from, rcpt, headers) = forward(ALICE);
    mta.message(from, &rcpt, &headers);
    daemon.signal(Signal::SIGTERM);
    wait_until_refused(daemon.addr);
    assert_eq!(mta.end_of_message().answer(), b'c');
    assert_eq!(daemon.wait().code(), Some(0));
}

#[test]
fn a_second_signal_does_not_wait() {
    let mut daemon = Daemon::start("[daemon]\ndrain = \"1h\"\n");
    let mut mta = Mta::connect_offering(daemon.addr, 6, support::ALL_EDITS, 0x40);
    mta.mail("<ann@partner.example>");
    daemon.signal(Signal::SIGTERM);
    wait_until_refused(daemon.addr);
    // A reload is no wish to hurry.
    daemon.signal(Signal::SIGHUP);
    assert!(daemon.is_running());
    daemon.signal(Signal::SIGINT);
    assert_eq!(daemon.wait().code(), Some(0));
    assert!(mta.is_closed());
    assert!(daemon.log().contains("second signal"), "{}", daemon.log());
}

#[test]
fn sighup_reloads_or_keeps_what_was() {
    let port = free_port();
    let listener = format!("[[listener]]\nname = \"l\"\nsocket = \"inet:127.0.0.1:{port}\"\n");
    let rule = |then: &str| {
        format!(
            "{listener}[policy]\nmode = \"enforce\"\n[[rule]]\nid = \"r\"\nwhen = {{ verdict = \"auto_forward\" }}\nthen = [\"{then}\"]\n"
        )
    };
    let daemon = Daemon::start_with(&rule("discard"), ([127, 0, 0, 1], port).into());
    wait_for("the listener", || TcpStream::connect(daemon.addr).ok());
    let answer = |mta: &mut Mta| {
        let (from, rcpt, headers) = forward(ALICE);
        mta.message(from, &rcpt, &headers);
        mta.end_of_message().answer()
    };
    let mut old = Mta::connect(daemon.addr);
    assert_eq!(answer(&mut old), b'd');
    daemon.configure(&rule("reject"));
    daemon.signal(Signal::SIGHUP);
    wait_for("the reload", || daemon.log().contains("reloaded").then_some(()));
    assert_eq!(answer(&mut Mta::connect(daemon.addr)), b'y');
    // A session keeps what it began with.
    assert_eq!(answer(&mut old), b'd');
    daemon.configure(&rule("rejekt"));
    daemon.signal(Signal::SIGHUP);
    wait_for("the refusal", || daemon.log().contains("not reloaded").then_some(()));
    assert!(daemon.log().contains("did you mean \"reject\"?"), "{}", daemon.log());
    assert_eq!(answer(&mut Mta::connect(daemon.addr)), b'y');
}
