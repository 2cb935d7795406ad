//! What the engine costs without any protocol, stage by stage: `cargo bench --bench stages`.
//!
//! Medians over many rounds of one core's time for one message, ordinary mail and a forward; then how the time grows with the
//! header.

#![allow(clippy::unwrap_used, reason = "a benchmark that cannot run must say so loudly")]

mod common;

use common::Message as Sent;
use forwarden::assess::{self, Weights};
use forwarden::clock::SystemClock;
use forwarden::config::Config;
use forwarden::detect::{self, Catalogue};
use forwarden::message::{Builder, Connection, Direction, Domain, Limits, Message};
use forwarden::sink::NullSink;
use std::hint::black_box;
use std::sync::Arc;
use std::time::Instant;

/// Messages a round, and rounds.
const MESSAGES: u32 = 200;
const ROUNDS: usize = 51;

fn build(sent: &Sent) -> Message {
    let connection = Connection {
        client_addr: Some("198.51.100.10".parse().unwrap()),
        client_name: Some("mail.corp.example".into()),
        helo: Some("mail.corp.example".into()),
        mta: Some("hop.corp.example".into()),
    };
    let mut builder = Builder::new("outbound", Direction::Outbound, connection, Limits::default());
    let words = |args: &str| args.split('\0').filter(|word| !word.is_empty()).map(str::to_owned).collect::<Vec<_>>();
    let sender = words(sent.sender);
    builder.sender(&sender[0], sender[1..].to_vec());
    for rcpt in &sent.rcpts {
        let rcpt = words(rcpt);
        builder.recipient(&rcpt[0], rcpt[1..].to_vec(), None, None);
    }
    for (name, body) in &sent.headers {
        builder.header(name.as_bytes(), body.as_bytes());
    }
    builder.finish()
}

/// Microseconds of one call, the median of the rounds.
fn time(mut call: impl FnMut()) -> f64 {
    let mut rounds: Vec<f64> = (0..ROUNDS)
        .map(|_| {
            let begun = Instant::now();
            for _ in 0..MESSAGES {
                call();
            }
            begun.elapsed().as_secs_f64() * 1e6 / f64::from(MESSAGES)
        })
        .collect();
    rounds.sort_by(f64::total_cmp);
    rounds[ROUNDS / 2]
}

fn main() {
    let mut config = Config::without_file();
    config.organization.domains.insert(Domain::new("corp.example").unwrap(), true);
    config.organization.networks = vec!["198.51.100.0/24".parse().unwrap()];
    let engine = forwarden::app::engine(&config, Arc::new(SystemClock), Arc::new(NullSink));
    let organization = &config.organization;
    let (catalogue, weights) = (Catalogue::default(), Weights::default());
    println!("µs of one message, median of {ROUNDS} rounds of {MESSAGES}; 24 header fields");
    println!("{:<36} {:>10} {:>10}", "", "ordinary", "forward");
    let kinds = [Sent::realistic(false), Sent::realistic(true)];
    let row = |name: &str, of: &dyn Fn(&Sent) -> f64| {
        let figures: Vec<f64> = kinds.iter().map(of).collect();
        println!("{name:<36} {:>10.1} {:>10.1}", figures[0], figures[1]);
    };
    let inspect = |message: &Message| detect::inspect(message, organization, &catalogue, &[]);
    row("message: taking fields and envelope", &|sent| time(|| drop(black_box(build(sent)))));
    row("detect", &|sent| {
        let message = build(sent);
        time(|| drop(black_box(inspect(&message))))
    });
    row("detect and assess", &|sent| {
        let message = build(sent);
        time(|| drop(black_box(assess::assess(&message, inspect(&message), &weights))))
    });
    row("detect, assess, policy, plan", &|sent| {
        let message = build(sent);
        time(|| drop(black_box(engine.inspect(&message, true))))
    });
    row("event, as JSON (forwards alone)", &|sent| {
        let message = build(sent);
        let inspection = engine.inspect(&message, true);
        time(|| {
            for event in engine.events(&message, organization, &inspection, None) {
                drop(black_box(serde_json::to_string(&event)));
            }
        })
    });
    println!("\ndetection against the size of the header, a forward");
    let mut first = None;
    for times in [1, 2, 4, 8] {
        let mut sent = Sent::realistic(true);
        let fields = sent.headers.clone();
        (1..times).for_each(|_| sent.headers.extend(fields.iter().cloned()));
        let octets: usize = sent.headers.iter().map(|(name, body)| name.len() + body.len() + 4).sum();
        let message = build(&sent);
        let figure = time(|| drop(black_box(inspect(&message))));
        let first = *first.get_or_insert(figure);
        println!("{octets:>8} octets, {times} x: {figure:>8.1} µs, {:.2} x", figure / first);
    }
}
