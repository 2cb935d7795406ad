//! Prometheus, and promtool over what the real daemon shows.

use crate::support::http::get;
use crate::support::{Daemon, Mta, forward, free_port};
use crate::{file, succeeds, tool};
use std::io::Write;
use std::process::Stdio;

/// A daemon that has seen a few things, and the port of its metrics.
fn daemon() -> (Daemon, tempfile::TempDir, u16) {
    let (port, state) = (free_port(), tempfile::tempdir().unwrap());
    let daemon = Daemon::start(&format!(
        "[[admin]]\nsocket = \"inet:127.0.0.1:{port}\"\n[state]\ndirectory = \"{}\"\n",
        state.path().display()
    ));
    for user in ["alice", "bob", "carol"] {
        let rcpt = format!("<x@ext.example> ORCPT=rfc822;{user}@corp.example");
        let (from, rcpt, headers) = forward(&rcpt);
        let mut mta = Mta::connect(daemon.addr);
        mta.message(from, &rcpt, &headers);
        mta.end_of_message();
    }
    (daemon, state, port)
}

#[test]
#[ignore = "make test-siem"]
fn promtool_finds_nothing_to_mend_in_what_is_shown() {
    let (_daemon, _state, port) = daemon();
    let metrics = get(port, "/metrics").body;
    assert!(metrics.lines().count() > 100, "{metrics}");
    let mut promtool = tool("usr/bin/promtool")
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    promtool.stdin.take().unwrap().write_all(metrics.as_bytes()).unwrap();
    let output = promtool.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && said.is_empty(), "{said}");
}

#[test]
#[ignore = "make test-siem"]
fn alerts_are_raised_by_what_they_are_about() {
    let folder = file("conf/prometheus");
    succeeds(tool("usr/bin/promtool").current_dir(&folder).args(["check", "config", "prometheus.yml"]));
    let said = succeeds(tool("usr/bin/promtool").current_dir(&folder).args(["test", "rules", "forwarden.test.yml"]));
    assert!(said.contains("SUCCESS"), "{said}");
}
