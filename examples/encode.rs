//! Writes the same two events in every dialect, one with a harmless text and one with a hostile, into a folder: to try a
//! receiver with before the daemon is pointed at it.
//!
//! `cargo run --example encode -- FOLDER`

#![allow(clippy::expect_used, reason = "the sample is a constant")]

#[path = "../tests/support/sample_event.rs"]
mod sample_event;

use forwarden::event::Event;
use forwarden::sink::encode::{Context, format};
use std::io;
use std::path::{Path, PathBuf};

const HOSTILE: &str = "Fwd: a=b|c\\d \"q\" ]x[\tTAB ^caret\r\nInjected: yes é ☃ \u{202e}\0\u{1b}[31m <33>";
/// A process as the samples name it: the same in every run.
const PROCESS: u32 = 4711;

/// A file, and the dialect in it.
const FILES: &[(&str, &str, &str)] = &[
    ("json", "ndjson", "json"),
    ("ecs", "ndjson", "ecs"),
    ("bulk", "ndjson", "elasticsearch_bulk"),
    ("ocsf_4009", "json", "ocsf"),
    ("ocsf_2004", "json", "ocsf_finding"),
    ("cef", "log", "cef"),
    ("leef", "log", "leef_tab"),
    ("leef_caret", "log", "leef"),
    ("gelf", "json", "gelf"),
    ("hec", "json", "splunk_hec"),
    ("udm", "json", "udm"),
];

fn main() -> io::Result<()> {
    let Some(folder) = std::env::args_os().nth(1).map(PathBuf::from) else {
        return Err(io::Error::other("name a folder"));
    };
    std::fs::create_dir_all(&folder)?;
    for (kind, text) in [("", "Fwd: Q4 payroll export"), (".nasty", HOSTILE)] {
        let event = sample_event::sample(text, &["a.smith@mail.evil-drop.example.net", "bob@evil-drop.example.net"]);
        write(&folder, kind, &event)?;
    }
    Ok(())
}

fn write(folder: &Path, kind: &str, event: &Event) -> io::Result<()> {
    for (name, ending, dialect) in FILES {
        let mut record = record(event, dialect, 1);
        record.push(b'\n');
        std::fs::write(folder.join(format!("{name}{kind}.{ending}")), record)?;
    }
    let row = [b"[".as_slice(), &record(event, "sentinel", 1), b"]\n"].concat();
    std::fs::write(folder.join(format!("asim{kind}.json")), row)?;
    let (mut lines, mut counted) = (Vec::new(), Vec::new());
    for (dialect, sequence) in ["syslog", "syslog_cee", "syslog_cef", "syslog_leef_tab"].iter().zip(1..) {
        let record = record(event, dialect, sequence);
        counted.extend_from_slice(format!("{} ", record.len()).as_bytes());
        counted.extend_from_slice(&record);
        lines.extend_from_slice(&record);
        lines.push(b'\n');
    }
    std::fs::write(folder.join(format!("rfc5424{kind}.log")), lines)?;
    // The framing of RFC 6587: octets are counted.
    std::fs::write(folder.join(format!("rfc6587{kind}.bin")), counted)
}

fn record(event: &Event, dialect: &str, sequence: u32) -> Vec<u8> {
    let mut out = Vec::new();
    format(dialect).expect("a dialect").encode(event, Context { process: PROCESS, sequence }, &mut out);
    out
}
