//! Exceptions of the daemon: uses that outlive a restart, events when one stops applying, and the command that lists them.

#![allow(clippy::expect_used, clippy::unwrap_used, clippy::panic, reason = "a test fails by them")]

mod support;

use serde_json::Value;
use std::path::Path;
use std::process::{Command, Output};
use support::{Daemon, Mta, forward, wait_for};

fn configuration(state: &Path) -> String {
    format!(
        "[policy]\nmode = \"enforce\"\n[state]\ndirectory = \"{}\"\n\
         [[exception]]\nid = \"audit\"\nforwarder = [\"@corp.example\"]\ndestination = [\"@auditor.example\"]\nmax_per_day = 2\n\
         owner = \"it-security@corp.example\"\n\
         [[exception]]\nid = \"old\"\nforwarder = [\"@corp.example\"]\ndestination = [\"@gone.example\"]\nexpires = 2020-01-31\n\
         [[rule]]\nid = \"forwards\"\nwhen = {{ verdict = \"auto_forward\" }}\nthen = [\"discard\"]\n",
        state.display()
    )
}

/// Sends one forward; the milter's answer.
fn send(daemon: &Daemon, rcpt: &str) -> u8 {
    let (sender, recipients, headers) = forward(rcpt);
    let mut mta = Mta::connect(daemon.addr);
    mta.message(sender, &recipients, &headers);
    mta.end_of_message().answer()
}

fn of_exceptions(events: &[Value]) -> Vec<(String, String)> {
    let field = |event: &Value, name: &str| event[name].as_str().unwrap().to_owned();
    let changes = events.iter().filter(|event| event["kind"] == "exception");
    changes.map(|event| (field(event, "exception"), field(event, "change"))).collect()
}

fn stop(daemon: &mut Daemon) {
    daemon.signal(nix::sys::signal::Signal::SIGTERM);
    assert!(daemon.wait().success());
}

fn listed(daemon: &Daemon, arguments: &[&str]) -> Output {
    let config = daemon.path("forwarden.toml");
    Command::new(env!("CARGO_BIN_EXE_forwarden"))
        .args(["exceptions", "--config", config.to_str().unwrap()])
        .args(arguments)
        .output()
        .unwrap()
}

#[test]
fn a_restart_forgets_no_use_and_tells_nothing_twice() {
    let state = tempfile::tempdir().unwrap();
    let mut first = Daemon::start(&configuration(state.path()));
    assert_eq!(send(&first, "<x@auditor.example>"), b'c');
    assert_eq!(send(&first, "<x@gone.example>"), b'd', "an exception that has expired does not apply");
    assert_eq!(send(&first, "<x@gone.example>"), b'd');
    assert_eq!(of_exceptions(&first.events(4)), [("old".to_owned(), "expired".to_owned())], "told once, not each time");
    stop(&mut first);

    let mut second = Daemon::start(&configuration(state.path()));
    assert_eq!(send(&second, "<x@auditor.example>"), b'c');
    assert_eq!(send(&second, "<x@auditor.example>"), b'd', "it was used twice today");
    assert_eq!(send(&second, "<x@auditor.example>"), b'd');
    assert_eq!(send(&second, "<x@gone.example>"), b'd');
    let events = second.events(5);
    assert_eq!(of_exceptions(&events), [("audit".to_owned(), "overrun".to_owned())]);
    let event = events.iter().find(|event| event["kind"] == "exception").unwrap();
    assert_eq!((event["used_today"].as_u64(), event["max_per_day"].as_u64()), (Some(2), Some(2)));
    assert_eq!(event["owner"], "it-security@corp.example");
    assert_eq!(
        (event["forwarder"].as_str(), event["destination"].as_str()),
        (Some("alice@corp.example"), Some("x@auditor.example"))
    );
    stop(&mut second);

    let output = listed(&second, &["--format", "json"]);
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.iter().map(|line| line["id"].as_str().unwrap()).collect::<Vec<_>>(), ["audit", "old"]);
    assert_eq!((lines[0]["used"].as_u64(), lines[0]["expired"].as_bool()), (Some(2), Some(false)));
    assert_eq!((lines[1]["used"].as_u64(), lines[1]["expired"].as_bool()), (Some(0), Some(true)));
}

/// The counts are written while the daemon runs: it may be killed at any time.
#[test]
fn uses_are_written_while_the_daemon_runs() {
    let state = tempfile::tempdir().unwrap();
    let daemon = Daemon::start(&configuration(state.path()));
    assert_eq!(send(&daemon, "<x@auditor.example>"), b'c');
    wait_for("the count to be written", || {
        let book = forwarden::usage::read(state.path()).unwrap()?;
        (book.exceptions.get("audit")?.total == 1).then_some(())
    });
}

/// A state that cannot be written counts in memory, says so, and mail goes on.
#[test]
fn a_directory_that_is_none_delays_no_mail() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    std::fs::write(&file, "").unwrap();
    let daemon = Daemon::start(&configuration(&file.join("state")));
    assert_eq!([(); 3].map(|()| send(&daemon, "<x@auditor.example>")), [b'c', b'c', b'd']);
    assert!(daemon.log().contains("uses of exceptions are counted in memory alone"), "{}", daemon.log());
}

/// Counts as a daemon leaves them, and what is listed of them.
#[test]
fn what_wants_looking_after_is_listed() {
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("forwarden.toml");
    let now = jiff::Timestamp::now();
    let days = |days: i64| now.saturating_sub(jiff::SignedDuration::from_hours(24 * days)).unwrap();
    let used = |known: i64, last: Option<i64>| {
        serde_json::json!({"known": days(known), "total": u64::from(last.is_some()), "last": last.map(days), "day": null,
            "on_day": 0, "told_expired": null, "told_overrun": null})
    };
    let book = serde_json::json!({"exceptions": {"busy": used(200, Some(1)), "idle": used(200, Some(91)), "never": used(100, None),
        "new": used(3, None), "soon": used(200, Some(2)), "past": used(200, Some(2))}});
    std::fs::write(folder.path().join("exceptions.json"), book.to_string()).unwrap();
    let exception = |id: &str, more: &str| {
        format!(
            "[[exception]]\nid = \"{id}\"\nforwarder = [\"@corp.example\"]\ndestination = [\"@{id}.example\"]\n{more}\n"
        )
    };
    let text = [
        format!(
            "[organization]\ndomains = [\"corp.example\"]\n[[listener]]\nsocket = \"inet:127.0.0.1:8891\"\n[state]\ndirectory = \"{}\"\n",
            folder.path().display()
        ),
        exception(
            "busy",
            "owner = \"it-security@corp.example\"\nreason = \"annual audit, agreed with the works council and \\u001b[31mthe board of directors, see there\"\nmax_per_day = 200",
        ),
        exception("idle", "expires = 9998-12-31"),
        exception("never", ""),
        exception("new", ""),
        exception("soon", &format!("expires = {}", days(-10))),
        exception("past", "expires = 2020-01-31"),
    ];
    std::fs::write(&config, text.concat()).unwrap();
    let list = |arguments: &[&str]| {
        let output = Command::new(env!("CARGO_BIN_EXE_forwarden"))
            .args(["exceptions", "--config", config.to_str().unwrap()])
            .args(arguments)
            .output()
            .unwrap();
        assert_eq!(String::from_utf8_lossy(&output.stderr), "");
        let text = String::from_utf8(output.stdout).unwrap();
        let is_json = arguments.contains(&"json");
        assert!(is_json || text.lines().all(|line| line.chars().count() <= 100), "{text}");
        assert!(!text.contains('\u{1b}'), "{text}");
        (output.status.code(), text)
    };
    for (arguments, status, expected) in [
        (&[][..], 0, &["busy", "idle", "never", "new", "soon", "past"][..]),
        (&["--unused", "90d"], 1, &["idle", "never"]),
        (&["--unused", "2400h"], 1, &["never"]),
        (&["--unused", "150d"], 0, &[]),
        (&["--expiring", "14d"], 1, &["soon", "past"]),
        (&["--expiring", "1h"], 1, &["past"]),
        (&["--expiring", "14d", "--unused", "90d"], 1, &["idle", "never", "soon", "past"]),
    ] {
        let (code, text) = list(arguments);
        assert_eq!(code, Some(status), "{arguments:?}: {text}");
        let ids: Vec<&str> = text
            .lines()
            .skip(1)
            .filter(|line| !line.starts_with(' '))
            .map(|line| line.split_whitespace().next().unwrap())
            .collect();
        assert_eq!(ids, expected, "{arguments:?}: {text}");
        let (code, json) = list(&[arguments, &["--format", "json"]].concat());
        let ids: Vec<Value> =
            json.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()["id"].clone()).collect();
        assert_eq!(
            (code, ids.as_slice()),
            (Some(status), expected.iter().map(|id| Value::from(*id)).collect::<Vec<_>>().as_slice())
        );
    }
}

#[test]
fn without_counts_nobody_can_say_what_is_unused() {
    let folder = tempfile::tempdir().unwrap();
    let daemon = folder.path().join("forwarden.toml");
    std::fs::write(
        &daemon,
        "[organization]\ndomains = [\"corp.example\"]\n[[listener]]\nsocket = \"inet:127.0.0.1:8891\"\n",
    )
    .unwrap();
    for (arguments, status) in [(&["--unused", "90d"][..], 1), (&["--expiring", "14d"], 0), (&["--unused", "soon"], 2)]
    {
        let output = Command::new(env!("CARGO_BIN_EXE_forwarden"))
            .args(["exceptions", "--config", daemon.to_str().unwrap()])
            .args(arguments)
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(status), "{arguments:?}");
    }
}
