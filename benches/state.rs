//! What a long memory costs a message: `cargo bench --bench state`.
//!
//! One core's time for one message through the engine, from its fields to its events, with a state that knows nothing, one
//! that knows a million pairs of forwarder and destination and a million hashes of what came in, and without any. Files and
//! threads are the daemon's own. Rounds are interleaved; figures are medians, ratios are those of medians. Before that:
//! how long the daemon takes to read such a state in, and what it keeps of it in memory.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a benchmark that cannot run must say so loudly")]

mod common;

use common::{Message as Sent, core_time, median};
use forwarden::app;
use forwarden::clock::SystemClock;
use forwarden::config::Config;
use forwarden::engine::Engine;
use forwarden::message::{Address, Direction};
use forwarden::sink::NullSink;
use forwarden::state::{Arrival, Embedded, Prints, Spec, Store, Thresholds};
use jiff::Timestamp;
use std::hint::black_box;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

const KNOWN: i64 = 1_000_000;
const MESSAGES: u32 = 200;
const ROUNDS: usize = 51;

fn open(folder: &Path) -> Embedded {
    let spec = Spec { directory: folder.to_owned(), thresholds: Thresholds::default(), keep_days: 400 };
    Embedded::open(&spec, Timestamp::now()).unwrap().store
}

/// A state file that knows a million pairs of as many mailboxes, and what came in within the last hours.
fn fill(folder: &Path) {
    drop(open(folder));
    let mut file = rusqlite::Connection::open(folder.join("state.db")).unwrap();
    let now = Timestamp::now();
    let writes = file.transaction().unwrap();
    {
        let mut pair = writes
            .prepare(
                "INSERT INTO pair (forwarder, destination, mechanism, first_seen, last_seen, count, bytes)
                 VALUES (?1, ?2, 'mta_forward', ?3, ?3, 1, 1000)",
            )
            .unwrap();
        let mut arrival = writes.prepare("INSERT INTO arrival VALUES (?1, 0, ?2, ?3)").unwrap();
        for n in 0..KNOWN {
            let (forwarder, destination) = (format!("user{n}@corp.example"), format!("home{n}@ext.example"));
            pair.execute((&forwarder, destination, now.as_second() - 86_400)).unwrap();
            let hash = n.wrapping_mul(0x9e37_79b9_7f4a_7c15_u64.cast_signed());
            arrival
                .execute((now.as_millisecond() - (KNOWN - n), hash, format!("user{}@corp.example", n % 50_000)))
                .unwrap();
        }
    }
    writes.commit().unwrap();
}

/// MiB of this process in memory.
fn resident() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<f64>().unwrap() / 1024.0
}

fn engine(folder: &Path, state: Option<Arc<dyn Store>>) -> Engine {
    let file = folder.join("forwarden.toml");
    let text = "[organization]\ndomains = [\"corp.example\"]\nnetworks = [\"198.51.100.0/24\"]\n\
                [[listener]]\nsocket = \"inet:127.0.0.1:8891\"\n[policy]\nmode = \"enforce\"\n";
    std::fs::write(&file, text).unwrap();
    let loaded = Config::load(&file).unwrap_or_else(|problems| panic!("{problems}"));
    Engine { state, ..app::engine(&loaded.config, Arc::new(SystemClock), Arc::new(NullSink)) }
}

/// Microseconds of one message.
fn round(engine: &Engine, sent: &Sent, direction: Direction) -> f64 {
    let begun = core_time();
    for _ in 0..MESSAGES {
        let mut message = sent.received();
        message.direction = direction;
        let inspection = engine.inspect(&message, true);
        engine.record(&message, &inspection, None, None);
        drop(black_box((message, inspection)));
    }
    (core_time() - begun).as_secs_f64() * 1e6 / f64::from(MESSAGES)
}

fn main() {
    let folders = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    fill(folders[1].path());
    let (before, begun) = (resident(), Instant::now());
    let full = Arc::new(open(folders[1].path()));
    println!(
        "a million pairs and a million hashes: read in {:.1} s, {:.0} MiB resident",
        begun.elapsed().as_secs_f64(),
        resident() - before
    );
    let empty = Arc::new(open(folders[0].path()));
    // What the forward was before it left, so that it is found again.
    let forward = Sent::realistic(true);
    for store in [&empty, &full] {
        let prints = Prints::of_arrival(&forward.received(), store.key());
        store.arrived(Arrival {
            mailbox: Address::new("alice", "corp.example").unwrap(),
            prints,
            time: Timestamp::now(),
        });
    }
    let stores: [(&str, Option<Arc<dyn Store>>); 3] =
        [("without a state", None), ("an empty one", Some(empty)), ("a million pairs", Some(full))];
    let engines = stores.map(|(name, store)| (name, engine(folders[0].path(), store)));
    println!("µs of one message, median of {ROUNDS} rounds of {MESSAGES}, and times what it costs with an empty state");
    let ordinary = Sent::realistic(false);
    for (kind, sent, direction) in [
        ("ordinary mail", &ordinary, Direction::Outbound),
        ("a forward", &forward, Direction::Outbound),
        ("an arrival", &forward, Direction::Inbound),
    ] {
        let mut figures = [const { Vec::new() }; 3];
        for _ in 0..ROUNDS {
            for ((_, engine), figures) in engines.iter().zip(&mut figures) {
                figures.push(round(engine, sent, direction));
            }
        }
        let figures = figures.map(median);
        print!("{kind:<14}");
        for ((name, _), figure) in engines.iter().zip(figures) {
            print!("  {name}: {figure:.1} ({:.2} x)", figure / figures[1]);
        }
        println!();
    }
}
