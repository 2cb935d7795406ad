//! `forwarden report` over a state that was really written: every report in every format.

#![allow(clippy::expect_used, clippy::unwrap_used, clippy::panic, reason = "a test fails by them")]

use forwarden::message::Address;
use forwarden::state::{Departure, Embedded, Spec, Store, Thresholds};
use jiff::{SignedDuration, Timestamp};
use std::path::Path;
use std::process::Command;

/// A month of alice, bob and carol, and a forwarder with a name that is hostile to every format.
fn state(directory: &Path) {
    let now = Timestamp::now();
    let spec = Spec { directory: directory.to_owned(), thresholds: Thresholds::default(), keep_days: 400 };
    let store = Embedded::open(&spec, now).unwrap().store;
    let leave = |forwarder: &str, destination: &str, days: i64, times: usize, latency: Option<i64>| {
        for _ in 0..times {
            store.departed(Departure {
                forwarder: Address::parse(forwarder).unwrap(),
                destination: Address::parse(destination).unwrap(),
                mechanism: "mta_forward",
                time: now - SignedDuration::from_hours(24 * days),
                size: 10_000,
                message_id: Some("1@partner.example".into()),
                latency: latency.map(SignedDuration::from_secs),
                looks_forwarded: false,
                rule: Some("freemail".into()),
            });
        }
    };
    for days in 0..25 {
        leave("alice@corp.example", "drop@evil.example", days, usize::try_from(days % 5).unwrap() + 1, Some(2));
    }
    leave("bob@corp.example", "drop@evil.example", 3, 7, None);
    leave("carol.with.a.very.long.name@department.corp.example", "carol.with.a.very.long.name@gmail.com", 100, 3, None);
    leave("=cmd|calc@corp.example", "x@ext.example", 1, 2, None);
    store.sent_on_by_hand(&Address::parse("alice@corp.example").unwrap(), now);
}

fn report(directory: &Path, args: &[&str]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_forwarden"))
        .args(["report", "--state", directory.to_str().unwrap()])
        .args(args)
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn every_report_in_every_format() {
    let folder = tempfile::tempdir().unwrap();
    state(folder.path());
    for about in ["forwarders", "destinations", "new", "imbalance", "exceptions"] {
        let text = report(folder.path(), &[about]);
        assert!(text.lines().all(|line| line.chars().count() <= 100), "{text}");
        for line in report(folder.path(), &[about, "--format", "json"]).lines() {
            let _: serde_json::Value = serde_json::from_str(line).unwrap();
        }
        let csv = report(folder.path(), &[about, "--format", "csv"]);
        let records: Vec<_> =
            csv::Reader::from_reader(csv.as_bytes()).into_records().collect::<Result<_, _>>().unwrap();
        assert!(!records.is_empty() || about == "exceptions", "{about}");
        for cell in records.iter().flatten() {
            assert!(!cell.starts_with(['=', '+', '@']), "a spreadsheet would run {cell}");
        }
        let html = report(folder.path(), &[about, "--format", "html"]);
        assert!(html.starts_with("<!DOCTYPE html>") && html.ends_with("</html>\n"));
        assert!(!html.contains("<script") && !html.contains("http://") && !html.contains("https://"), "{html}");
    }
}

#[test]
fn what_they_say() {
    let folder = tempfile::tempdir().unwrap();
    state(folder.path());
    let rows = |args: &[&str]| -> Vec<serde_json::Value> {
        let args = [args, &["--format", "json"]].concat();
        report(folder.path(), &args).lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    };
    let forwarders = rows(&[]);
    assert_eq!(forwarders[0]["forwarder"], "alice@corp.example");
    assert_eq!((&forwarders[0]["count"], &forwarders[0]["latency_mean"]), (&75.into(), &2.0.into()));
    assert_eq!(forwarders[0]["daily"].as_array().unwrap().len(), 31);
    assert_eq!(forwarders.len(), 3, "carol's last was long ago");
    assert_eq!(rows(&["--since", "365d"]).len(), 4);
    assert_eq!(rows(&["new", "--since", "2d"]).len(), 1);
    let destinations = rows(&["destinations", "--since", "365d"]);
    assert_eq!(
        (&destinations[0]["destination"], &destinations[0]["forwarders"]),
        (&"drop@evil.example".into(), &2.into())
    );
    assert_eq!(destinations.iter().find(|row| row["class"] == "freemail").unwrap()["count"], 3);
    let imbalance = rows(&["imbalance"]);
    assert_eq!((&imbalance[0]["forwarder"], &imbalance[0]["forwards"]), (&"(all)".into(), &84.into()));
    assert_eq!(imbalance[1]["look_at"], "settings of mailbox and transport");
    assert_eq!(imbalance[1]["look_forwarded"], 1);
}

#[test]
fn where_there_is_nothing_to_read() {
    let folder = tempfile::tempdir().unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_forwarden"))
        .args(["report", "--state", folder.path().join("none").to_str().unwrap()])
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("cannot be read: No such file"), "{output:?}");
}

/// Exceptions of a configuration: used, about to end, past, and never used.
#[test]
fn what_was_approved() {
    let folder = tempfile::tempdir().unwrap();
    state(folder.path());
    let file = folder.path().join("forwarden.toml");
    let now = Timestamp::now();
    let day = |days: i64| (now + SignedDuration::from_hours(24 * days)).to_string();
    let exception = |id: &str, owner: &str, more: &str| {
        format!(
            "[[exception]]\nid = \"{id}\"\nforwarder = [\"{id}@corp.example\"]\ndestination = [\"drop@evil.example\"]\n\
             owner = \"{owner}\"\nreason = \"=cmd|calc\"\n{more}\n"
        )
    };
    let text = format!(
        "[organization]\ndomains = [\"corp.example\"]\n[[listener]]\nsocket = \"inet:127.0.0.1:8891\"\n\
         [state]\ndirectory = \"{}\"\n{}{}{}",
        folder.path().display(),
        exception("freemail", "it@corp.example", &format!("expires = {}", &day(10)[..10])),
        exception("old", "a.very.long.owner.indeed@corp.example", &format!("expires = {}", &day(-10)[..10])),
        exception("idle", "it@corp.example", ""),
    );
    std::fs::write(&file, text).unwrap();
    let uses = serde_json::json!({"exceptions": {
        "freemail": {"known": day(-200), "total": 90, "last": day(-1), "day": null, "on_day": 0, "told_expired": null, "told_overrun": null},
        "idle": {"known": day(-100), "total": 0, "last": null, "day": null, "on_day": 0, "told_expired": null, "told_overrun": null},
    }});
    std::fs::write(folder.path().join("exceptions.json"), uses.to_string()).unwrap();
    let config = ["exceptions", "--config", file.to_str().unwrap()];
    let rows: Vec<serde_json::Value> = report(folder.path(), &[&config[..], &["--format", "json"]].concat())
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let told = |row: usize, key: &str| rows[row][key].clone();
    assert_eq!(
        (told(0, "exception"), told(0, "count"), told(0, "forwarders")),
        ("freemail".into(), 84.into(), 3.into())
    );
    assert_eq!(
        (told(0, "used"), told(0, "state"), told(0, "owner")),
        (90.into(), "ends".into(), "it@corp.example".into())
    );
    let states: Vec<_> = (0..3).map(|row| (told(row, "exception"), told(row, "state"))).collect();
    assert!(states.contains(&("old".into(), "expired".into())) && states.contains(&("idle".into(), "unused".into())));
    let text = report(folder.path(), &config);
    assert!(text.lines().all(|line| line.chars().count() <= 100), "{text}");
    assert!(report(folder.path(), &[&config[..], &["--format", "csv"]].concat()).contains("'=cmd|calc"));
    assert!(report(folder.path(), &[&config[..], &["--format", "html"]].concat()).contains("it@corp.example"));
}
