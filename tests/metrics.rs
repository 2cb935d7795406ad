//! The listener beside the mail, of the real daemon: numbers, health, and what hostile peers get.

#![allow(clippy::expect_used, clippy::unwrap_used, clippy::panic, reason = "a test fails by them")]

mod support;

use nix::sys::signal::Signal;
use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::process::Command;
use support::http::{exchange, get, value};
use support::{Daemon, Mta, forward, free_port, wait_for};

fn start(more: &str) -> (Daemon, u16) {
    let port = free_port();
    let daemon = Daemon::start(&format!("[[admin]]\nsocket = \"inet:127.0.0.1:{port}\"\n{more}"));
    (daemon, port)
}

fn send(daemon: &Daemon, user: &str) {
    let mut mta = Mta::connect(daemon.addr);
    let rcpt = format!("<x@ext.example> ORCPT=rfc822;{user}@corp.example");
    let (from, rcpt, headers) = forward(&rcpt);
    mta.message(from, &rcpt, &headers);
    mta.end_of_message();
}

#[test]
fn what_happens_is_counted() {
    let state = tempfile::tempdir().unwrap();
    let (daemon, port) = start(&format!(
        "[policy]\nmode = \"enforce\"\n[state]\ndirectory = \"{}\"\nlearning = \"0s\"\n\
         [[exception]]\nid = \"old\"\nforwarder = [\"carol@corp.example\"]\ndestination = [\"*\"]\nowner = \"o\"\nreason = \"r\"\nexpires = 2026-01-01\n\
         [[exception]]\nid = \"always\"\nforwarder = [\"erin@corp.example\"]\ndestination = [\"*\"]\nowner = \"o\"\nreason = \"r\"\n\
         [[rule]]\nid = \"tag\"\nwhen = {{ verdict = \"auto_forward\" }}\nthen = [\"tag\"]\n",
        state.path().display()
    ));
    let before = get(port, "/metrics").body;
    assert_eq!(value(&before, "forwarden_messages_total{listener=\"outbound\"}"), 0.0);
    send(&daemon, "alice");
    send(&daemon, "carol");
    daemon.assert_serving();
    let after = get(port, "/metrics").body;
    for (series, wanted) in [
        ("forwarden_messages_total{listener=\"outbound\"}", 3.0),
        ("forwarden_message_duration_seconds_count{listener=\"outbound\"}", 3.0),
        ("forwarden_message_duration_seconds_bucket{listener=\"outbound\",le=\"+Inf\"}", 3.0),
        ("forwarden_verdicts_total{verdict=\"auto_forward\"}", 2.0),
        ("forwarden_verdicts_total{verdict=\"ordinary\"}", 1.0),
        ("forwarden_actions_total{action=\"tagged\"}", 2.0),
        ("forwarden_actions_total{action=\"logged\"}", 0.0),
        ("forwarden_faults_total{listener=\"outbound\",stage=\"judging\"}", 0.0),
        ("forwarden_exception_lapses_total{change=\"expired\"}", 1.0),
        ("forwarden_exceptions{state=\"in_force\"}", 1.0),
        ("forwarden_exceptions{state=\"expired\"}", 1.0),
        ("forwarden_enforcing", 1.0),
        ("forwarden_degraded{part=\"state\"}", 0.0),
        ("forwarden_config_last_reload_successful", 1.0),
        ("forwarden_messages_in_progress", 0.0),
    ] {
        assert_eq!(value(&after, series), wanted, "{series}");
    }
    assert!(value(&after, "forwarden_behaviours_total{behaviour=\"first_seen\"}") >= 1.0, "{after}");
    assert!(value(&after, "forwarden_message_duration_seconds_sum{listener=\"outbound\"}") > 0.0);
    // What is shown is what the table promises.
    let shown: BTreeSet<&str> =
        after.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split(' ').next()).collect();
    let output = Command::new(env!("CARGO_BIN_EXE_forwarden")).args(["metrics", "--format", "json"]).output().unwrap();
    let table = String::from_utf8(output.stdout).unwrap();
    let rows: Vec<serde_json::Value> = table.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(shown, rows.iter().map(|row| row["name"].as_str().unwrap()).collect());
}

#[test]
fn a_reload_that_fails_is_seen() {
    let (daemon, port) = start("");
    let good = std::fs::read_to_string(daemon.path("forwarden.toml")).unwrap();
    let reloads = |result: &str| {
        let metrics = get(port, "/metrics").body;
        let count = value(&metrics, &format!("forwarden_config_reloads_total{{result=\"{result}\"}}"));
        (count > 0.0).then(|| value(&metrics, "forwarden_config_last_reload_successful"))
    };
    std::fs::write(daemon.path("forwarden.toml"), "[polcy]\n").unwrap();
    daemon.signal(Signal::SIGHUP);
    assert_eq!(wait_for("a reload that fails", || reloads("failure")), 0.0);
    std::fs::write(daemon.path("forwarden.toml"), good).unwrap();
    daemon.signal(Signal::SIGHUP);
    assert_eq!(wait_for("a reload", || reloads("success")), 1.0);
    assert_eq!(get(port, "/readyz").status, 200, "an older configuration serves mail as well");
}

#[test]
fn a_state_that_is_no_folder_is_seen() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("file"), "").unwrap();
    let (daemon, port) = start(&format!("[state]\ndirectory = \"{}\"\n", folder.path().join("file").display()));
    daemon.assert_serving();
    assert_eq!(value(&get(port, "/metrics").body, "forwarden_degraded{part=\"state\"}"), 1.0);
}

#[test]
fn pages() {
    let (daemon, port) = start("");
    let (health, ready) = (get(port, "/healthz"), get(port, "/readyz"));
    assert_eq!((health.status, health.body.as_str()), (200, "ok\n"));
    assert_eq!((ready.status, ready.body.as_str()), (200, "ready\n"));
    let metrics = get(port, "/metrics?x");
    assert!(
        metrics.head.contains("\r\nContent-Type: text/plain; version=0.0.4; charset=utf-8\r\n"),
        "{}",
        metrics.head
    );
    assert!(metrics.head.contains(&format!("\r\nContent-Length: {}\r\n", metrics.body.len())), "{}", metrics.head);
    let ask = |request: &str| exchange(TcpStream::connect(("127.0.0.1", port)).unwrap(), request.as_bytes());
    let head = ask("HEAD /metrics HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
    assert!(head.status == 200 && head.body.is_empty() && !head.head.contains("Content-Length: 0"), "{head:?}");
    for (request, status) in [
        ("GET / HTTP/1.1\r\n\r\n", 404),
        ("GET /metrics/../secret HTTP/1.1\r\n\r\n", 404),
        ("POST /metrics HTTP/1.1\r\nContent-Length: 5\r\n\r\nhello", 405),
        ("DELETE /metrics HTTP/1.1\r\n\r\n", 405),
        ("GET /metrics HTTP/9.9\r\n\r\n", 505),
        ("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505),
        ("EHLO mail.corp.example\r\n\r\n", 400),
        ("\u{16}\u{3}\u{1}\0\u{1}\r\n\r\n", 400),
    ] {
        assert_eq!(ask(request).map(|answer| answer.status), Some(status), "{request:?}");
    }
    assert!(!daemon.log().contains("ERROR"), "{}", daemon.log());
}

/// Peers that want to harm: none gets in the way of the others, or of mail.
#[test]
fn hostile_requests() {
    let (daemon, port) = start("");
    let connect = || TcpStream::connect(("127.0.0.1", port)).unwrap();
    let long = format!("GET /metrics HTTP/1.1\r\nX: {}", "x".repeat(100_000));
    assert_eq!(exchange(connect(), long.as_bytes()).map(|answer| answer.status), Some(431));
    // As much as fits, and not an octet more, is read.
    let fits = format!("GET /healthz HTTP/1.1\r\nX: {}\r\n\r\n", "x".repeat(8 * 1024 - 30));
    assert_eq!(exchange(connect(), fits.as_bytes()).map(|answer| answer.status), Some(200));
    // Gone in the middle.
    let mut gone = connect();
    gone.write_all(b"GET /met").unwrap();
    drop(gone);
    // More connections than are served, each of which says a word now and then: they wait, and end by themselves.
    let mut slow: Vec<TcpStream> = (0..20).map(|_| connect()).collect();
    slow.iter_mut().for_each(|stream| stream.write_all(b"GET").unwrap());
    daemon.assert_serving();
    assert_eq!(get(port, "/healthz").status, 200);
    let first = slow.remove(0);
    first.set_read_timeout(Some(support::PATIENCE)).unwrap();
    let mut said = String::new();
    (&first).read_to_string(&mut said).unwrap();
    assert!(said.starts_with("HTTP/1.1 408 "), "{said}");
    let open = wait_for("connections to end", || {
        let open = value(&get(port, "/metrics").body, "process_open_fds");
        (open < 30.0).then_some(open)
    });
    assert!(open > 5.0);
}

#[test]
fn a_socket_of_its_own_kind() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("admin.sock");
    let daemon = Daemon::start(&format!("[[admin]]\nsocket = \"unix:{}\"\nmode = \"0600\"\n", path.display()));
    // The listeners are bound before it.
    wait_for("the socket", || path.exists().then_some(()));
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    let answer = exchange(UnixStream::connect(&path).unwrap(), b"GET /metrics HTTP/1.0\n\n").unwrap();
    assert_eq!(value(&answer.body, "forwarden_messages_total{listener=\"outbound\"}"), 0.0);
    drop(daemon);
}

#[test]
fn a_port_that_is_taken_is_told_of_at_the_start() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    let mail = free_port();
    let mut daemon = Daemon::start_with(
        &format!("[[listener]]\nsocket = \"inet:127.0.0.1:{mail}\"\n[[admin]]\nsocket = \"inet:127.0.0.1:{port}\"\n"),
        ([127, 0, 0, 1], mail).into(),
    );
    assert_eq!(daemon.wait().code(), Some(1));
    assert!(daemon.log().contains(&format!("listener admin: inet:127.0.0.1:{port}: ")), "{}", daemon.log());
}

/// While messages in progress are waited for, whoever asks is told to send no more.
#[test]
fn not_ready_while_stopping() {
    let (mut daemon, port) = start("");
    let mut mta = Mta::connect(daemon.addr);
    let (from, rcpt, headers) = forward("<x@ext.example>");
    mta.message(from, &rcpt, &headers);
    wait_for("a message in progress", || {
        (value(&get(port, "/metrics").body, "forwarden_messages_in_progress") == 1.0).then_some(())
    });
    daemon.signal(Signal::SIGTERM);
    let answer =
        wait_for("a daemon that is not ready", || Some(get(port, "/readyz")).filter(|answer| answer.status == 503));
    assert_eq!(answer.body, "stopping: finishing messages in progress\n");
    assert_eq!(get(port, "/healthz").status, 200);
    assert_eq!(mta.end_of_message().answer(), b'c');
    assert!(daemon.wait().success());
}
