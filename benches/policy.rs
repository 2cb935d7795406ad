//! What a long policy costs a message: `cargo bench --bench policy`.
//!
//! One core's time for one message through the engine, without any protocol: its fields and envelope, judging, deciding,
//! the events. Ordinary mail and a forward, with 10 and with many rules, exceptions, entries of a list. The last one always
//! is the one that matches the forward. Rounds are interleaved; figures are medians, ratios are those of medians.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a benchmark that cannot run must say so loudly")]

mod common;

use common::{Message as Sent, core_time, median};
use forwarden::app;
use forwarden::clock::SystemClock;
use forwarden::config::Config;
use forwarden::engine::Engine;
use forwarden::sink::NullSink;
use std::fmt::Write as _;
use std::hint::black_box;
use std::path::Path;
use std::sync::Arc;
use std::thread;

/// Messages a round, and rounds.
const MESSAGES: u32 = 200;
const ROUNDS: usize = 51;

/// A policy that grows: its name, its sizes, and its text of a size; a list has a file of its own.
type Case = (&'static str, [usize; 3], fn(usize, &Path) -> String);

/// The second is the longest policy that is tried whole.
const FEW: [usize; 3] = [10, 30, 10_000];
const LONG: [usize; 3] = [10, 1_000, 100_000];

const CASES: [Case; 6] = [
    ("rules, mailboxes", FEW, |size, _| rules(size, "forwarder", "user{}@corp.example", "alice@corp.example")),
    ("rules, domains", FEW, |size, _| rules(size, "destination", "@partner{}.example", "@ext.example")),
    ("exceptions, mailboxes", FEW, |size, _| {
        exceptions(
            size,
            ("user{}@corp.example", "user{}@home.example"),
            ("alice@corp.example", "alice.home@ext.example"),
        )
    }),
    ("exceptions, domains", FEW, |size, _| {
        exceptions(size, ("@corp.example", "@partner{}.example"), ("@.corp.example", "@ext.example"))
    }),
    ("a list of mailboxes", LONG, |size, file| list(size, file, "user{}@ext.example", "alice.home@ext.example")),
    ("a list of domains", LONG, |size, file| list(size, file, "@.partner{}.example", "@.ext.example")),
];

/// `size` lines of text: `{}` in the first ones is their number.
fn text(size: usize, first: &str, last: &str) -> String {
    let mut text = String::new();
    (1..size).for_each(|n| writeln!(text, "{}", first.replace("{}", &n.to_string())).unwrap());
    text + last + "\n"
}

fn rules(size: usize, key: &str, first: &str, last: &str) -> String {
    let rule = |id: &str, entry: &str| {
        format!(
            "[[rule]]\nid = \"r{id}\"\nwhen = {{ verdict = \"auto_forward\", {key} = \"{entry}\" }}\nthen = \"quarantine\""
        )
    };
    text(size, &rule("{}", first), &rule("-last", last))
}

fn exceptions(size: usize, first: (&str, &str), last: (&str, &str)) -> String {
    let exception = |id: &str, (forwarder, destination): (&str, &str)| {
        format!("[[exception]]\nid = \"e{id}\"\nforwarder = \"{forwarder}\"\ndestination = \"{destination}\"")
    };
    text(size, &exception("{}", first), &exception("-last", last))
}

fn list(size: usize, file: &Path, first: &str, last: &str) -> String {
    std::fs::write(file, text(size, first, last)).unwrap();
    rules(1, "destination", "", &format!("file:{}", file.display()))
}

fn engine(folder: &Path, (_, _, policy): &Case, size: usize) -> Engine {
    let file = folder.join("forwarden.toml");
    let head = "[organization]\ndomains = [\"corp.example\"]\nnetworks = [\"198.51.100.0/24\"]\n\
                [[listener]]\nsocket = \"inet:127.0.0.1:8891\"\n[policy]\nmode = \"enforce\"\n";
    std::fs::write(&file, head.to_owned() + &policy(size, &folder.join("list"))).unwrap();
    let loaded = Config::load(&file).unwrap_or_else(|problems| panic!("{problems}"));
    app::engine(&loaded.config, Arc::new(SystemClock), Arc::new(NullSink))
}

/// Microseconds of one message.
fn round(engine: &Engine, sent: &Sent) -> f64 {
    let begun = core_time();
    for _ in 0..MESSAGES {
        let message = sent.received();
        let inspection = engine.inspect(&message, true);
        engine.record(&message, &inspection, None, None);
        drop(black_box((message, inspection)));
    }
    (core_time() - begun).as_secs_f64() * 1e6 / f64::from(MESSAGES)
}

fn main() {
    let folder = tempfile::tempdir().unwrap();
    println!("µs of one message, median of {ROUNDS} rounds of {MESSAGES}, and times what it costs with the fewest");
    for case in &CASES {
        // Each configuration is read in a thread of its own, so that what reading leaves behind in a thread's memory does not
        // enter the figures.
        let read = |size| thread::scope(|scope| scope.spawn(|| engine(folder.path(), case, size)).join().unwrap());
        let engines = case.1.map(read);
        for (kind, sent) in [("ordinary", Sent::realistic(false)), ("forward", Sent::realistic(true))] {
            let decision = |engine: &Engine| engine.inspect(&sent.received(), true).decisions.remove(0);
            for engine in &engines {
                let decision = decision(engine);
                let last = decision.rule.or(decision.exception).is_some_and(|id| id.ends_with("-last"));
                assert_eq!(last, kind == "forward", "{}: the last one matches the forward alone", case.0);
            }
            let mut figures = [const { Vec::new() }; 3];
            for _ in 0..ROUNDS {
                for (engine, figures) in engines.iter().zip(&mut figures) {
                    figures.push(round(engine, &sent));
                }
            }
            let figures = figures.map(median);
            print!("{:<22} {kind:<9}", case.0);
            for (size, figure) in case.1.iter().zip(figures) {
                print!(" {size:>8}: {figure:>6.1} ({:.2} x)", figure / figures[0]);
            }
            println!();
        }
    }
}
