//! The spool: `cargo bench --bench spool`. How many events a second it takes, with a file behind it; and what the daemon
//! needs to start with a million events that wait.

#![allow(clippy::expect_used, clippy::unwrap_used, reason = "a benchmark that cannot run must say so loudly")]

#[path = "../tests/support/sample_event.rs"]
mod sample_event;

use forwarden::sink::encode::format;
use forwarden::sink::spool::{self, Spec};
use forwarden::sink::{Output, Sink, Spool, Target};
use jiff::{SignedDuration, Timestamp};
use rusqlite::{Connection, params};
use sample_event::sample;
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

const WAITING: i64 = 1_000_000;

fn spec(directory: &Path) -> Spec {
    Spec {
        directory: directory.to_owned(),
        max_bytes: 16 << 30,
        max_age: SignedDuration::from_hours(24),
        min_free: 0,
        keep: SignedDuration::ZERO,
    }
}

/// Hands over events at a rate for some seconds, and counts what became of them.
fn rate(per_second: u32, seconds: u32) {
    let folder = tempfile::tempdir().unwrap();
    let spec = spec(&folder.path().join("spool"));
    let file = folder.path().join("events.jsonl");
    let output = Output::new("events", format("json").unwrap(), Target::File(file.clone()));
    let event = sample("Offer 4711", &["alice.home@freemail.example"]);
    let spool = Spool::start(&spec, &[output], "mx1.corp.example").unwrap();
    let begun = Instant::now();
    let steps = seconds * 100;
    for step in 0..steps {
        for _ in 0..per_second / 100 {
            spool.send(event.clone());
        }
        let due = begun + Duration::from_millis(10) * (step + 1);
        std::thread::sleep(due.saturating_duration_since(Instant::now()));
    }
    let handed = begun.elapsed().as_secs_f64();
    let sent = u64::from(per_second / 100) * u64::from(steps);
    let in_file = std::fs::read_to_string(&file).unwrap().lines().count();
    drop(spool);
    let status = spool::status(&spec.directory).unwrap();
    let output = &status.outputs[0];
    let safe = output.delivered + output.waiting;
    println!(
        "{per_second:>7} events/s for {handed:.1} s: {safe} of {sent} safe, {} lost; {in_file} in the file when the last was \
         handed over",
        sent.saturating_sub(safe),
    );
}

/// A daemon that starts with a million events for a receiver that is not there.
fn backlog() {
    let folder = tempfile::tempdir().unwrap();
    let directory = folder.path().join("spool");
    let event = serde_json::to_string(&sample("Offer 4711", &["alice.home@freemail.example"])).unwrap();
    {
        let output = Output::new("siem", format("json").unwrap(), Target::File(folder.path().join("none/none")));
        drop(Spool::start(&spec(&directory), &[output], "mx1.corp.example").unwrap());
        let mut database = Connection::open(directory.join("spool.db")).unwrap();
        let filling = database.transaction().unwrap();
        let mut insert = filling.prepare("INSERT INTO event (seq, time, id, body) VALUES (?1, ?2, ?3, ?4)").unwrap();
        for seq in 1..=WAITING {
            insert.execute(params![seq, Timestamp::now().as_millisecond(), "0", event]).unwrap();
        }
        drop(insert);
        filling.commit().unwrap();
    }
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let config = folder.path().join("forwarden.toml");
    let text = format!(
        "[organization]\ndomains = [\"corp.example\"]\n[[listener]]\nsocket = \"inet:127.0.0.1:{port}\"\n\
         [spool]\ndirectory = \"{}\"\nmax_bytes = 16_000_000_000\nmin_free = 0\n\
         [[output]]\nname = \"siem\"\nto = \"tcp:127.0.0.1:{nobody}\"\n",
        directory.display()
    );
    std::fs::write(&config, text).unwrap();
    let begun = Instant::now();
    let mut daemon = Running(
        Command::new(env!("CARGO_BIN_EXE_forwarden"))
            .args(["serve", "--config"])
            .arg(&config)
            .stderr(Stdio::null())
            .spawn()
            .unwrap(),
    );
    while TcpStream::connect(("127.0.0.1", port)).is_err() {
        std::thread::sleep(Duration::from_millis(2));
    }
    let listens = begun.elapsed();
    let status = || spool::status(&directory).unwrap();
    while status().outputs[0].state != "retrying" {
        std::thread::sleep(Duration::from_millis(10));
    }
    let delivers = begun.elapsed();
    std::thread::sleep(Duration::from_secs(5));
    let own = std::fs::read_to_string(format!("/proc/{}/status", daemon.0.id())).unwrap();
    let memory = |name: &str| {
        let line = own.lines().find(|line| line.starts_with(name)).unwrap();
        line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() / 1024
    };
    println!(
        "a backlog of {} events ({} MiB): listens after {} ms, tries to deliver after {} ms; {} MiB resident, {} MiB at the most",
        status().events,
        status().bytes >> 20,
        listens.as_millis(),
        delivers.as_millis(),
        memory("VmRSS:"),
        memory("VmHWM:"),
    );
    assert!(memory("VmHWM:") < 64, "a backlog takes memory");
    let _ = daemon.0.kill();
    let _ = daemon.0.wait();
}

struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
    }
}

fn main() {
    for per_second in [5_000, 20_000, 40_000] {
        rate(per_second, 5);
    }
    backlog();
}
