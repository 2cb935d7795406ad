//! The daemon driven by miltertest, another project's idea of an MTA.

#![allow(clippy::expect_used, clippy::unwrap_used, clippy::panic, reason = "a test fails by them")]

mod support;

use std::process::Command;
use support::Daemon;

#[test]
fn a_forward_is_held_and_ordinary_mail_is_not() {
    let daemon = Daemon::start(
        "[policy]\nmode = \"enforce\"\n[[rule]]\nid = \"hold\"\nwhen = { verdict = \"auto_forward\" }\nthen = [\"quarantine\"]\n",
    );
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/miltertest/forward.lua");
    let port = format!("port={}", daemon.addr.port());
    let output = match Command::new("miltertest").args(["-D", &port, "-s", script]).output() {
        Ok(output) => output,
        Err(error) if std::env::var_os("CI").is_none() => {
            eprintln!("SKIPPED: miltertest cannot be run ({error}); lab/install-packages installs it");
            return;
        }
        Err(error) => panic!("miltertest cannot be run: {error}"),
    };
    let said = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    let events = daemon.events(2);
    assert_eq!((events[0]["queue_id"].as_str(), events[0]["action"].as_str()), (Some("MT1"), Some("quarantined")));
    assert_eq!((events[1]["queue_id"].as_str(), events[1]["verdict"].as_str()), (Some("MT2"), Some("ordinary")));
}
