//! Every row of the catalogue on a message on which it must report (`hit….eml`) and on one on which it must not
//! (`near-miss….eml`), found by walking `tests/detection/rows`; docs/architecture.md tells how a fixture is written.

#![allow(clippy::expect_used, clippy::unwrap_used, clippy::panic, reason = "a test fails by them")]

#[path = "detection/fixture.rs"]
mod fixture;
#[path = "detection/rewritten.rs"]
mod rewritten;

use fixture::Fixture;
use forwarden::config::Config;
use forwarden::detect;
use serde_json::Value;
use std::collections::BTreeSet;
use std::process::Command;

/// In how many parts of envelope and header section a near miss may differ from a hit: what is further off says nothing
/// about the row.
const NEAR: usize = 4;

fn config() -> Config {
    Config::load(&fixture::folder().join("forwarden.toml")).expect("a good configuration").config
}

fn fixtures() -> Vec<Fixture> {
    fixture::all(&mut Vec::new())
}

/// Fails with all of `problems` at once.
fn none(problems: &[String]) {
    assert!(problems.is_empty(), "{} problems:\n{}", problems.len(), problems.join("\n"));
}

#[test]
fn every_row_has_a_hit_and_a_near_miss() {
    let mut problems = Vec::new();
    let fixtures = fixture::all(&mut problems);
    let rows: BTreeSet<&str> = detect::catalogue().map(|signal| signal.id).collect();
    for row in &rows {
        let has = |hit: bool| fixtures.iter().any(|fixture| fixture.row == *row && fixture.is_hit == hit);
        for (kind, missing) in [("hit", !has(true)), ("near-miss", !has(false))] {
            if missing {
                problems.push(format!("{row}: has no {kind}.eml"));
            }
        }
    }
    let stray = fixtures.iter().filter(|fixture| !rows.contains(fixture.row.as_str()));
    problems.extend(stray.map(|fixture| format!("{}: there is no such row", fixture.name)));
    none(&problems);
}

#[test]
fn rows_report_on_hits_alone() {
    let config = config();
    let mut problems = Vec::new();
    for fixture in fixtures() {
        let wrong = fixture.problems(&fixture.judge(&config));
        problems.extend(wrong.into_iter().map(|problem| format!("{}: {problem}", fixture.name)));
    }
    none(&problems);
}

#[test]
fn a_near_miss_is_near() {
    let fixtures = fixtures();
    let mut problems = Vec::new();
    for row in fixtures.iter().map(|fixture| fixture.row.as_str()).collect::<BTreeSet<&str>>() {
        let (hits, misses): (Vec<_>, Vec<_>) =
            fixtures.iter().filter(|fixture| fixture.row == row).partition(|fixture| fixture.is_hit);
        let nearest = hits.iter().flat_map(|hit| misses.iter().map(|miss| miss.distance(hit))).min();
        if nearest.is_none_or(|distance| distance > NEAR) {
            problems.push(format!("{row}: its nearest near miss differs from a hit in {nearest:?} parts, not {NEAR}"));
        }
    }
    none(&problems);
}

/// A check that passes whatever it is given would prove nothing.
#[test]
fn a_wrong_expectation_is_a_problem() {
    let config = config();
    let wronged = |change: &dyn Fn(&mut Fixture)| {
        let mut hit = fixtures().into_iter().find(|fixture| fixture.row == "gmail.caf" && fixture.is_hit).unwrap();
        change(&mut hit);
        hit.problems(&hit.judge(&config)).len()
    };
    assert_eq!(wronged(&|_| {}), 0);
    assert_ne!(wronged(&|hit| hit.is_hit = false), 0);
    assert_ne!(wronged(&|hit| hit.row = "srs.rewritten".into()), 0);
    assert_ne!(wronged(&|hit| hit.circumstances.expect.verdict = "ordinary".into()), 0);
    assert_ne!(wronged(&|hit| hit.circumstances.expect.mechanism = None), 0);
    assert_ne!(wronged(&|hit| hit.circumstances.expect.forwarder = None), 0);
    assert_ne!(wronged(&|hit| hit.circumstances.expect.row = fixture::RowNames::default()), 0);
    assert_ne!(wronged(&|hit| hit.circumstances.rcpt = vec!["<bob@corp.example>".into()]), 0);
}

#[test]
fn the_program_says_the_same() {
    let file = tempfile::NamedTempFile::new().expect("a file");
    let mut problems = Vec::new();
    // The command knows no earlier mail and the limits of the configuration alone.
    let alone = |fixture: &Fixture| fixture.circumstances.seen.is_none() && fixture.circumstances.field_bytes.is_none();
    for fixture in fixtures().into_iter().filter(alone) {
        std::fs::write(file.path(), &fixture.message).expect("written");
        let given = &fixture.circumstances;
        let mut command = Command::new(env!("CARGO_BIN_EXE_forwarden"));
        command.args(["explain", "--format", "json", "--config"]).arg(fixture::folder().join("forwarden.toml"));
        command.args(["--mail-from", &given.mail_from, "--client", &given.client.to_string()]);
        command.args(["--helo", &given.client_name, "--macro", &format!("client_name={}", given.client_name)]);
        given.rcpt.iter().for_each(|rcpt| _ = command.args(["--rcpt", rcpt]));
        given.auth_user.iter().for_each(|user| _ = command.args(["--macro", &format!("auth_authen={user}")]));
        for (name, value) in &given.macros {
            command.args(["--macro", &format!("{name}={value}")]);
        }
        let output = command.arg(file.path()).output().expect("forwarden starts");
        let printed = String::from_utf8_lossy(&output.stdout);
        if !output.status.success() || printed.is_empty() {
            problems.push(format!("{}: {}", fixture.name, String::from_utf8_lossy(&output.stderr)));
        }
        for line in printed.lines() {
            let event: Value = serde_json::from_str(line).expect("an event");
            let said = ["verdict", "mechanism", "forwarder"].map(|key| event[key].as_str().map(str::to_owned));
            let expected = &given.expect;
            let expected = [Some(expected.verdict.clone()), expected.mechanism.clone(), expected.forwarder.clone()];
            if said != expected {
                problems.push(format!("{}: says {said:?}, expected {expected:?}", fixture.name));
            }
        }
    }
    none(&problems);
}
