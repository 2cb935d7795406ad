//! `forwarden spool` and `forwarden outputs`, beside a running daemon and without one.

use crate::http_server::{Fault, Server};
use crate::receiver::{self, Reserved};
use crate::site::{arrived, daemon_with, ids, send, wait_until, written};
use crate::support::{Daemon, Mta};
use std::process::{Command, Output};

fn forwarden(daemon: &Daemon, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_forwarden"));
    command.args(arguments).arg("--config").arg(daemon.path("forwarden.toml")).output().unwrap()
}

fn said(output: &Output) -> String {
    assert!(output.status.success(), "{output:?}");
    let text = String::from_utf8(output.stdout.clone()).unwrap();
    assert!(text.lines().all(|line| line.chars().count() <= 100), "{text}");
    text
}

fn late(port: u16) -> String {
    format!("[[output]]\nname = \"late\"\nformat = \"json\"\nto = \"tcp:127.0.0.1:{port}\"\n")
}

#[test]
fn what_waits_is_shown_with_the_reason() {
    let (port, _reserved) = Reserved::port();
    let daemon = daemon_with("", &late(port));
    let mut mta = Mta::connect(daemon.addr);
    let hostile = "<x@ext.example> ORCPT=rfc822;alice@corp.example";
    mta.message(
        "<ann@partner.example>",
        &[hostile],
        &[("From", "\x1b[31mann@partner.example"), ("Subject", "\x1b[2J")],
    );
    assert_eq!(mta.end_of_message().answer(), b'c');
    send(&daemon, 2);
    written(&daemon, 3);
    let shown = || said(&forwarden(&daemon, &["spool", "status"]));
    wait_until(shown, "the reason", || shown().contains("refused (os error 111)"));
    let text = shown();
    assert!(text.contains("late ") && text.contains("retrying") && text.contains("events "), "{text}");
    let json: serde_json::Value =
        serde_json::from_str(&said_any(&forwarden(&daemon, &["spool", "status", "--format", "json"]))).unwrap();
    let late = json["outputs"].as_array().unwrap().iter().find(|output| output["output"] == "late").unwrap();
    assert_eq!((&late["waiting"], &late["state"]), (&3.into(), &"retrying".into()));
    let list = said(&forwarden(&daemon, &["spool", "list", "--output", "late"]));
    assert_eq!(list.lines().count(), 6, "{list}");
    assert!(
        !list.contains('\u{1b}') && list.contains("  auto_forward\n  alice@corp.example to x@ext.example\n"),
        "{list}"
    );
    let lines = said_any(&forwarden(&daemon, &["spool", "list", "--output", "late", "--format", "json"]));
    assert!(
        lines.lines().all(|line| serde_json::from_str::<serde_json::Value>(line).unwrap()["event"]["id"].is_string())
    );
    assert_eq!(said(&forwarden(&daemon, &["spool", "list", "--output", "events"])), "nothing waits\n");
    assert_eq!(said(&forwarden(&daemon, &["spool", "verify"])), "3 events, nothing is wrong\n");
    let unknown = forwarden(&daemon, &["spool", "list", "--output", "nobody"]);
    assert_eq!(unknown.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&unknown.stderr).contains("no output nobody"));
}

fn said_any(output: &Output) -> String {
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout.clone()).unwrap()
}

#[test]
fn what_waits_can_be_forgotten_also_without_a_daemon() {
    let (port, reserved) = Reserved::port();
    let mut daemon = daemon_with("", &late(port));
    send(&daemon, 10);
    written(&daemon, 10);
    assert_eq!(
        said(&forwarden(&daemon, &["spool", "purge", "--output", "late"])),
        "the daemon does it within a second\n"
    );
    let list = || said(&forwarden(&daemon, &["spool", "list", "--output", "late"]));
    wait_until(list, "nothing to wait", || list() == "nothing waits\n");
    send(&daemon, 10);
    let wanted = written(&daemon, 20);
    daemon.stop();
    assert_eq!(said(&forwarden(&daemon, &["spool", "purge", "--all", "--older", "1h"])), "done\n");
    assert_eq!(said(&forwarden(&daemon, &["spool", "list", "--output", "late"])).lines().count(), 20);
    let received = receiver::tcp(reserved);
    daemon.start_again();
    let youngest = wanted.into_iter().skip(10).collect();
    let got = arrived(&daemon, &youngest, || ids(&received.text()));
    assert_eq!(got.len(), 10, "what was forgotten does not come");
}

#[test]
fn what_is_kept_and_what_was_refused_can_be_sent_again() {
    let server = Server::start(&[Fault::Status(422, None)]);
    let daemon = daemon_with(
        "keep = \"1h\"",
        &format!(
            "[[output]]\nname = \"siem\"\nformat = \"json\"\nto = \"http://{}/lines\"\nbatch_events = 1\nlinger = \"0s\"\n",
            server.addr
        ),
    );
    send(&daemon, 5);
    let wanted = written(&daemon, 5);
    let refused = || said(&forwarden(&daemon, &["spool", "list", "--refused"]));
    wait_until(refused, "one to be refused", || refused().contains("siem: ") && refused().contains("422"));
    wait_until(
        || daemon.log(),
        "the others",
        || wanted.iter().filter(|id| server.ids().contains_key(*id)).count() == 4,
    );
    said(&forwarden(&daemon, &["spool", "replay", "--refused"]));
    arrived(&daemon, &wanted, || server.ids());
    assert_eq!(refused(), "nothing was refused\n");
    said(&forwarden(&daemon, &["spool", "replay", "--output", "siem", "--since", "1h"]));
    wait_until(|| daemon.log(), "all of them again", || wanted.iter().all(|id| server.ids()[id] >= 2));
    let own = std::fs::read_to_string(daemon.path("events.jsonl")).unwrap();
    assert!(wanted.iter().all(|id| ids(&own)[id] == 1), "the other output has none twice");
}

#[test]
fn an_output_can_be_tried_out() {
    let server = Server::start(&[]);
    let (port, _reserved) = Reserved::port();
    let daemon = daemon_with(
        "",
        &format!(
            "{}[[output]]\nname = \"good\"\nto = \"http://{}/lines\"\n[[output]]\nname = \"wrong\"\nto = \"http://{}/nowhere\"\n",
            late(port),
            server.addr,
            server.addr
        ),
    );
    let text = said(&forwarden(&daemon, &["outputs", "test", "good"]));
    assert!(text.contains("was taken") && server.ids().keys().any(|id| text.contains(id)), "{text}");
    for (name, why) in [("late", "refused"), ("wrong", "404 no such input"), ("nobody", "there is no output nobody")] {
        let output = forwarden(&daemon, &["outputs", "test", name]);
        assert_eq!(output.status.code(), Some(1));
        assert!(String::from_utf8_lossy(&output.stderr).contains(why), "{output:?}");
    }
    assert_eq!(said(&forwarden(&daemon, &["outputs", "list"])).lines().count(), 4);
}
