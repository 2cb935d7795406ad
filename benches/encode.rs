//! What a dialect costs an event: `cargo bench --bench encode`.
//!
//! One core's time for one record of a forward, by each encoder, and beside it serde_json, which writes an object of texts
//! as long as that record. Rounds are interleaved; figures are medians, ratios those of the paired rounds.

#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::panic,
    reason = "a benchmark that cannot run must say so loudly"
)]

mod common;
#[path = "../tests/support/sample_event.rs"]
mod sample_event;

use common::{core_time, median};
use forwarden::event::Event;
use forwarden::sink::encode::{Context, FORMATS, Format};
use serde_json::{Map, Value};
use std::hint::black_box;

/// Records a round, and rounds.
const RECORDS: u32 = 500;
const ROUNDS: usize = 51;
/// A dialect may take this long, in microseconds.
const LIMIT: f64 = 10.0;

fn main() {
    // Cargo asks test binaries of all kinds for lists; there is nothing to list here.
    if std::env::args().any(|argument| argument == "--list") {
        return;
    }
    let event = sample_event::sample("Offer 4711", &["a.smith@mail.freemail.example", "bob@freemail.example"]);
    let (mut own, mut other) = (vec![Vec::new(); FORMATS.len()], vec![Vec::new(); FORMATS.len()]);
    let objects: Vec<Value> = FORMATS.iter().map(|format| object(record(format, &event, &mut Vec::new()))).collect();
    let mut out = Vec::with_capacity(64 << 10);
    for _ in 0..ROUNDS {
        for (index, (format, object)) in FORMATS.iter().zip(&objects).enumerate() {
            own[index].push(time(|| {
                out.clear();
                format.encode(black_box(&event), Context { process: 4711, sequence: 1 }, &mut out);
                black_box(&out);
            }));
            other[index].push(time(|| {
                out.clear();
                serde_json::to_writer(&mut out, black_box(object)).unwrap();
                black_box(&out);
            }));
        }
    }
    println!("| dialect | octets | µs | by serde_json's |\n|---|---|---|---|");
    let mut slow = Vec::new();
    for (index, format) in FORMATS.iter().enumerate() {
        let ratios: Vec<f64> = own[index].iter().zip(&other[index]).map(|(own, other)| own / other).collect();
        let (octets, micros) = (record(format, &event, &mut out), median(own[index].clone()));
        println!("| `{}` | {octets} | {micros:.1} | {:.1} |", format.name, median(ratios));
        if micros > LIMIT {
            slow.push(format.name);
        }
    }
    println!("\nmore than {LIMIT} µs: {}", if slow.is_empty() { "none".to_owned() } else { slow.join(", ") });
}

fn record(format: &Format, event: &Event, out: &mut Vec<u8>) -> usize {
    out.clear();
    format.encode(event, Context { process: 4711, sequence: 1 }, out);
    out.len()
}

/// An object of texts, as long as that.
fn object(octets: usize) -> Value {
    let mut map = Map::new();
    let mut length = 2;
    for number in 10.. {
        // A key, a value, and what JSON puts around them.
        let (key, room) = (format!("field_of_event_{number}"), octets.saturating_sub(length));
        let value = "alice@corp.example, logged"[..room.saturating_sub(key.len() + 6).min(26)].to_owned();
        if value.is_empty() {
            break;
        }
        length += key.len() + value.len() + 6;
        map.insert(key, Value::String(value));
    }
    Value::Object(map)
}

/// Microseconds of this thread for one call.
fn time(mut call: impl FnMut()) -> f64 {
    let begun = core_time();
    (0..RECORDS).for_each(|_| call());
    (core_time() - begun).as_secs_f64() * 1e6 / f64::from(RECORDS)
}
