//! What logs told, as an administrator reads it.

use crate::backfill::{Counts, Forward};
use crate::cli::counted;
use crate::cli::source::{json as line, printable};
use crate::state::Imported;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::json;
use std::collections::HashMap;

/// Who forwards where, by the logs.
#[derive(Debug, Default)]
pub(super) struct Pairs(HashMap<(String, String, &'static str), Pair>);

#[derive(Debug)]
struct Pair {
    count: u64,
    bytes: u64,
    first: Timestamp,
    last: Timestamp,
}

impl Pairs {
    pub(super) fn add(&mut self, forward: &Forward) {
        let key = (forward.forwarder.mailbox().key(), forward.destination.key(), forward.mechanism);
        let time = forward.time;
        let pair = self.0.entry(key).or_insert(Pair { count: 0, bytes: 0, first: time, last: time });
        pair.count += 1;
        pair.bytes += forward.size;
        (pair.first, pair.last) = (pair.first.min(time), pair.last.max(time));
    }

    /// The most active first.
    fn sorted(&self) -> Vec<(&(String, String, &'static str), &Pair)> {
        let mut sorted: Vec<_> = self.0.iter().collect();
        sorted.sort_by(|(key, a), (other, b)| b.count.cmp(&a.count).then_with(|| key.cmp(other)));
        sorted
    }
}

/// How many pairs text shows.
const SHOWN: usize = 20;

/// At most 100 columns.
pub(super) fn text(counts: &Counts, pairs: &Pairs, imported: Option<&Imported>) -> String {
    let mut out = format!(
        "read       {}, {} about mail; {} made no sense, {} too long\n",
        counted(counts.lines, "line"),
        counts.mail,
        counts.nonsense,
        counts.too_long
    );
    out += &format!("found      {} in {}\n", counted(counts.forwards, "forward"), counted(pairs.0.len(), "pair"));
    if counts.lists > 0 {
        out += &format!("left out   {} of lists and of aliases with an owner\n", counted(counts.lists, "post"));
    }
    if counts.of_whom > 0 {
        out += &format!(
            "unknown    {} of Sendmail of which the log does not say whose: from LogLevel 11 on it does\n",
            counted(counts.of_whom, "forward")
        );
    }
    match imported {
        None => out += "written    nothing: a dry run\n",
        Some(imported) => {
            out += &format!("written    {}", counted(imported.new, "forward"));
            let parts = [
                (imported.known, "read before"),
                (imported.watched, "counted by the daemon"),
                (imported.out_of_time, "too old to be kept"),
            ];
            for (number, what) in parts.into_iter().filter(|(number, _)| *number > 0) {
                out += &format!(", {number} {what}");
            }
            out += "\n";
        }
    }
    if pairs.0.is_empty() {
        return out;
    }
    let day = |time: Timestamp| TimeZone::UTC.to_datetime(time).date().to_string();
    let (forwarder, destination, mechanism) = ("FORWARDER", "DESTINATION", "MECHANISM");
    out += &format!("\n{forwarder:<27} {destination:<27} {mechanism:<14} {:>6} {:<10} {}\n", "MAILS", "SINCE", "LAST");
    for ((forwarder, destination, mechanism), pair) in pairs.sorted().into_iter().take(SHOWN) {
        out += &format!(
            "{:<27} {:<27} {mechanism:<14} {:>6} {} {}\n",
            printable(forwarder, 26),
            printable(destination, 26),
            pair.count,
            day(pair.first),
            day(pair.last),
        );
    }
    if pairs.0.len() > SHOWN {
        out += &format!("and {}\n", counted(pairs.0.len() - SHOWN, "more pair"));
    }
    out
}

/// One object a pair, then the counts.
pub(super) fn json(counts: &Counts, pairs: &Pairs, imported: Option<&Imported>) -> String {
    let mut out = String::new();
    for ((forwarder, destination, mechanism), pair) in pairs.sorted() {
        out += &line(&json!({
            "forwarder": forwarder,
            "destination": destination,
            "mechanism": mechanism,
            "count": pair.count,
            "bytes": pair.bytes,
            "first_seen": pair.first,
            "last_seen": pair.last,
        }));
        out.push('\n');
    }
    out += &line(&json!({
        "lines": counts.lines,
        "bytes": counts.bytes,
        "mail": counts.mail,
        "nonsense": counts.nonsense,
        "too_long": counts.too_long,
        "outside": counts.outside,
        "forwards": counts.forwards,
        "lists": counts.lists,
        "of_whom_unknown": counts.of_whom,
        "written": imported.map(|imported| imported.new),
        "read_before": imported.map(|imported| imported.known),
        "counted_by_daemon": imported.map(|imported| imported.watched),
        "out_of_time": imported.map(|imported| imported.out_of_time),
    }));
    out + "\n"
}
