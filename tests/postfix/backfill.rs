//! Back-fill from logs that a real Postfix and a real Dovecot wrote.

use crate::dovecot::Dovecot;
use crate::lab::Server;
use crate::site::{Setup, Site};
use serde_json::Value;
use std::fs;
use std::process::Command;

const EXPECTED: [(&str, &str, &str); 8] = [
    // ~/.forward, aliases(5), a virtual alias, a .forward that keeps a copy, a BCC map, a Sieve redirect.
    ("alice@corp.example", "alice@freemail.example", "mta_forward"),
    ("bob@corp.example", "bob@ext.example", "mta_forward"),
    ("carol@corp.example", "carol@freemail.example", "mta_forward"),
    ("erin@corp.example", "erin@ext.example", "mta_forward"),
    ("erin@corp.example", "erin@freemail.example", "mta_forward"),
    ("erin@corp.example", "erin@partner.example", "mta_forward"),
    ("frank@corp.example", "frank@archive.example", "bcc_map"),
    ("grace@corp.example", "grace@freemail.example", "sieve_redirect"),
];

#[test]
fn the_inventory_from_real_logs() {
    let Some(site) = Site::up(Setup::default()) else { return };
    let dovecot = Dovecot::start(&site.file(""), &site.lab, &["grace"]);
    dovecot.sieve("grace", "require [\"copy\"];\nredirect :copy \"grace@freemail.example\";\n");
    for user in ["alice", "bob", "carol", "erin", "frank", "grace", "broken", "staff"] {
        site.ann_writes_to(&format!("{user}@corp.example"), &format!("to-{user}"));
    }
    site.dave_writes_to("zoe@partner.example", "ordinary");
    for destination in EXPECTED.map(|(_, destination, _)| destination) {
        site.arrives_at(destination);
    }
    site.arrives_at("zoe@partner.example");
    site.arrives_at("staff@partner.example");
    site.queues_run_empty();
    let logs = [("inner", site.lab.log(Server::Inner)), ("hop", site.lab.log(Server::Hop)), ("sieve", dovecot.log())];
    let mut command =
        vec!["backfill".to_owned(), "--own".into(), "corp.example".into(), "--format".into(), "json".into()];
    command.extend(["--state".into(), site.file("inventory").display().to_string(), "--maillog".into()]);
    for (name, text) in logs {
        let path = site.file(name).with_extension("log");
        fs::write(&path, text).expect("a copy of a log");
        command.push(path.display().to_string());
    }
    let run = || -> Vec<Value> {
        let output = Command::new(env!("CARGO_BIN_EXE_forwarden")).args(&command).output().expect("the program");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let text = String::from_utf8(output.stdout).expect("text");
        text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
    };
    let mut rows = run();
    let counts = rows.pop().expect("counts");
    let mut found: Vec<(&str, &str, &str)> = rows
        .iter()
        .map(|row| {
            let told = |key: &str| row[key].as_str().expect("text");
            (told("forwarder"), told("destination"), told("mechanism"))
        })
        .collect();
    found.sort_unstable();
    assert_eq!(found, EXPECTED);
    assert_eq!((&counts["written"], &counts["nonsense"]), (&8.into(), &0.into()), "{counts}");
    assert_eq!(run().pop().expect("counts")["written"], 0);
}
