//! `forwarden status` and `forwarden reload`: the running daemon, asked over its control socket.

#![allow(clippy::expect_used, clippy::unwrap_used, clippy::panic, reason = "a test fails by them")]

mod support;

use nix::sys::signal::Signal;
use serde_json::Value;
use std::io::{Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::Command;
use support::{Daemon, free_port, wait_for};

struct Running {
    daemon: Daemon,
    listener: String,
    socket: PathBuf,
}

fn start(more: &str) -> Running {
    let port = free_port();
    let place = tempfile::tempdir().unwrap().keep();
    let socket = place.join("control.sock");
    let listener = format!(
        "[[listener]]\nname = \"outbound\"\nsocket = \"inet:127.0.0.1:{port}\"\n[daemon]\ncontrol = \"{}\"\n",
        socket.display()
    );
    let daemon = Daemon::start_with(&format!("{listener}{more}"), ([127, 0, 0, 1], port).into());
    wait_for("the control socket", || socket.exists().then_some(()));
    Running { daemon, listener, socket }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(self.socket.parent().unwrap());
    }
}

impl Running {
    /// Exit status, standard output and standard error.
    fn ask(&self, args: &[&str]) -> (Option<i32>, String, String) {
        let output = Command::new(env!("CARGO_BIN_EXE_forwarden"))
            .args(args)
            .arg("--config")
            .arg(self.daemon.path("forwarden.toml"))
            .output()
            .unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        (output.status.code(), text(output.stdout), text(output.stderr))
    }
}

#[test]
fn the_daemon_says_how_it_is() {
    let mut running = start("[policy]\nmode = \"enforce\"\n");
    let mode = std::fs::metadata(&running.socket).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600, "who may ask may have the configuration read again");
    let (code, text, errors) = running.ask(&["status"]);
    assert_eq!((code, errors.as_str()), (Some(0), ""), "{text}");
    for part in ["mode enforce, 0 rules, 0 exceptions, 0 list files", "listener outbound: inet:127.0.0.1:", "enforces"]
    {
        assert!(text.contains(part), "{part}: {text}");
    }
    let (code, text, _) = running.ask(&["status", "--format", "json"]);
    let status: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(code, Some(0));
    assert_eq!(status["pid"].as_i64(), Some(i64::from(running.daemon.pid())));
    assert_eq!(status["configuration"]["mode"], "enforce");
    assert!(status["configuration"]["refused"].is_null() && status["state"].is_null());

    running.daemon.signal(Signal::SIGTERM);
    assert!(running.daemon.wait().success());
    assert!(!running.socket.exists(), "it leaves nothing behind");
    let (code, text, errors) = running.ask(&["status"]);
    assert_eq!((code, text.as_str()), (Some(1), ""));
    assert!(errors.contains("control.sock") && errors.contains("the daemon does not run"), "{errors}");
}

#[test]
fn a_reload_tells_what_came_of_it() {
    let running = start("");
    let configure = |more: &str| running.daemon.configure(&format!("{}{more}", running.listener));
    configure("[policy]\nmode = \"enforce\"\n[limits]\nrecipients = 200\n");
    let (code, text, _) = running.ask(&["reload"]);
    assert_eq!(code, Some(0), "{text}");
    assert!(text.contains("mode enforce") && text.contains("only after a restart in use: limits"), "{text}");

    configure("[policy]\nmode = \"enforced\"\n[limits]\nrecipient = 1\n");
    let (code, text, _) = running.ask(&["reload"]);
    assert_eq!(code, Some(1), "{text}");
    for part in ["mode enforce,", "NOT IN USE", "2 problems", "policy.mode", "limits.recipient", "did you mean"] {
        assert!(text.contains(part), "{part}: {text}");
    }
    // Not even TOML: the daemon is found all the same, and still says so tomorrow.
    configure("[policy\n");
    let (code, text, _) = running.ask(&["status", "--socket", running.socket.to_str().unwrap()]);
    assert_eq!(code, Some(1), "{text}");
    assert!(text.contains("NOT IN USE"), "{text}");

    configure("");
    let (code, text, _) = running.ask(&["reload"]);
    assert_eq!(code, Some(0), "{text}");
    assert!(text.contains("mode observe") && !text.contains("NOT IN USE"), "{text}");
}

#[test]
fn a_list_that_cannot_be_read_any_more_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let list = folder.path().join("taps");
    std::fs::write(&list, "x@ext.example\n").unwrap();
    let rule = format!(
        "[[rule]]\nid = \"taps\"\nwhen = {{ destination = [\"file:{}\"] }}\nthen = [\"tag\"]\n",
        list.display()
    );
    let running = start(&rule);
    std::fs::remove_file(&list).unwrap();
    let text = wait_for("the fault to be named", || {
        let (code, text, _) = running.ask(&["status"]);
        (code == Some(1)).then_some(text)
    });
    assert!(text.contains(list.to_str().unwrap()) && text.contains("1 rule,"), "{text}");
    std::fs::write(&list, "y@ext.example\n").unwrap();
    wait_for("the list to be read again", || (running.ask(&["status"]).0 == Some(0)).then_some(()));
}

#[test]
fn a_store_that_cannot_be_used_is_named() {
    let folder = tempfile::tempdir().unwrap();
    // A file where the folder should be.
    let store = folder.path().join("quarantine");
    std::fs::write(&store, "").unwrap();
    let running = start(&format!("[quarantine]\ndirectory = \"{}\"\n", store.display()));
    let (code, text, _) = running.ask(&["status"]);
    assert_eq!(code, Some(1), "{text}");
    assert!(text.contains("quarantine: CANNOT BE USED"), "{text}");
}

#[test]
fn who_asks_nonsense_or_nothing_keeps_nobody_waiting() {
    let running = start("");
    let silent: Vec<UnixStream> = (0..4).map(|_| UnixStream::connect(&running.socket).unwrap()).collect();
    for question in [&b"\n"[..], b"{\"command\":\"stop\"}\n", b"\xff\xff\n", &[b'x'; 5000]] {
        let mut stream = UnixStream::connect(&running.socket).unwrap();
        // It may have hung up before all of it is written.
        let _ = stream.write_all(question);
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer);
        assert!(answer.is_empty(), "{}", String::from_utf8_lossy(&answer));
    }
    assert_eq!(running.ask(&["status"]).0, Some(0));
    drop(silent);
}
