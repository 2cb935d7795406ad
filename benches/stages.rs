//! What the engine costs without any protocol, stage by stage: `cargo bench --bench stages`.
//!
//! Medians over many rounds of one core's time for one message, ordinary mail (of which no event is made) and a forward, and
//! each stage's share; then how the time of detection grows with the header.

#![allow(clippy::unwrap_used, reason = "a benchmark that cannot run must say so loudly")]

mod common;

use common::Message as Sent;
use forwarden::action;
use forwarden::assess::{self, Weights};
use forwarden::clock::{Clock, SystemClock};
use forwarden::config::Config;
use forwarden::detect::{self, Catalogue};
use forwarden::message::Domain;
use forwarden::policy::Decision;
use forwarden::sink::NullSink;
use std::hint::black_box;
use std::sync::Arc;
use std::time::Instant;

/// Messages a round, and rounds.
const MESSAGES: u32 = 200;
const ROUNDS: usize = 51;

/// Microseconds of one call, the median of the rounds. What the calls take is made beforehand.
fn time<T>(mut make: impl FnMut() -> T, mut call: impl FnMut(T)) -> f64 {
    let mut rounds: Vec<f64> = (0..ROUNDS)
        .map(|_| {
            let given: Vec<T> = (0..MESSAGES).map(|_| make()).collect();
            let begun = Instant::now();
            given.into_iter().for_each(&mut call);
            begun.elapsed().as_secs_f64() * 1e6 / f64::from(MESSAGES)
        })
        .collect();
    rounds.sort_by(f64::total_cmp);
    rounds[ROUNDS / 2]
}

/// The stages by name, in the order in which a message passes them, and what each costs.
fn stages(config: &Config, sent: &Sent) -> Vec<(&'static str, f64)> {
    let engine = forwarden::app::engine(config, Arc::new(SystemClock), Arc::new(NullSink));
    let (organization, catalogue, weights) = (&config.organization, Catalogue::default(), Weights::default());
    let message = sent.received();
    let findings = detect::inspect(&message, organization, &catalogue, &[]);
    let assessments = assess::assess(&message, findings.clone(), &weights);
    let decide = || -> Vec<Decision> {
        let one = |one| config.policy.decide(&message, organization, one, None, SystemClock.now(), &|_| 0);
        assessments.iter().map(one).collect()
    };
    let inspection = engine.inspect(&message, true);
    let events = || engine.events(&message, organization, &inspection, None, None);
    vec![
        ("message: fields and envelope", time(|| (), |()| drop(black_box(sent.received())))),
        ("detect", time(|| (), |()| drop(black_box(detect::inspect(&message, organization, &catalogue, &[]))))),
        ("assess", time(|| findings.clone(), |findings| drop(black_box(assess::assess(&message, findings, &weights))))),
        (
            "policy and plan",
            time(|| (), |()| drop(black_box(action::plan(&message, &assessments, &decide(), config.policy.has_store)))),
        ),
        (
            "event, as JSON",
            time(|| (), |()| events().iter().for_each(|event| drop(black_box(serde_json::to_string(event))))),
        ),
    ]
}

/// How detection grows: with `sizes` of something in the message that `make` gives.
fn growth(what: &str, sizes: &[usize], config: &Config, make: impl Fn(usize) -> Sent) {
    let catalogue = Catalogue::default();
    let mut first = None;
    println!("\ndetection against {what}, a forward");
    for size in sizes {
        let sent = make(*size);
        let octets: usize = sent.headers.iter().map(|(name, body)| name.len() + body.len() + 4).sum();
        let message = sent.received();
        let figure =
            time(|| (), |()| drop(black_box(detect::inspect(&message, &config.organization, &catalogue, &[]))));
        let (octets, figure) = (f64::from(u32::try_from(octets).unwrap()), figure);
        let (least, shortest) = *first.get_or_insert((octets, figure));
        println!(
            "{size:>6}: {octets:>7} octets ({:>5.2} x) {figure:>9.1} µs ({:>5.2} x)",
            octets / least,
            figure / shortest
        );
    }
}

fn main() {
    let mut config = Config::without_file();
    config.organization.domains.insert(Domain::new("corp.example").unwrap(), true);
    config.organization.networks = vec!["198.51.100.0/24".parse().unwrap()];
    println!("µs of one message, median of {ROUNDS} rounds of {MESSAGES}; 24 header fields");
    println!("{:<32} {:>16} {:>16}", "", "ordinary", "forward");
    let [ordinary, forward] = [false, true].map(|forward| stages(&config, &Sent::realistic(forward)));
    let sum = |stages: &[(&str, f64)]| stages.iter().map(|(_, figure)| figure).sum::<f64>();
    let share = |figure: f64, of: &[(&str, f64)]| format!("{figure:>8.1} ({:>3.0} %)", 100.0 * figure / sum(of));
    for ((name, first), (_, second)) in ordinary.iter().zip(&forward) {
        println!("{name:<32} {:>16} {:>16}", share(*first, &ordinary), share(*second, &forward));
    }
    println!("{:<32} {:>8.1} {:>16.1}", "all", sum(&ordinary), sum(&forward));
    growth("the number of fields", &[24, 48, 96, 192, 384], &config, |size| {
        let mut sent = Sent::realistic(true);
        let fields = sent.headers.clone();
        sent.headers.extend(fields.iter().cycle().take(size - fields.len()).cloned());
        sent
    });
    growth("the number of addressees", &[100, 200, 400, 800, 1600], &config, |size| {
        let mut sent = Sent::realistic(true);
        let to: Vec<String> =
            (0..size).map(|index| format!("Person {index} <person.{index}@partner.example>")).collect();
        sent.headers.push(("To".into(), to.join(",\n\t")));
        sent
    });
}
