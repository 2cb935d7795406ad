//! The state → the rows of each report.

use super::table::{Column, Table};
use super::{About, exceptions};
use crate::config::Config;
use crate::message::Address;
use crate::state::{Line, Reader};
use crate::usage;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::io;
use std::path::Path;

/// The columns of a pair.
const PAIR: [Column; 12] = [
    Column::shown("forwarder", "forwarder", 25),
    Column::shown("destination", "destination", 25),
    Column::shown("mechanism", "mechanism", 18),
    Column::shown("count", "mails", 7),
    Column::shown("since", "since", 10),
    Column::shown("last", "last", 10),
    Column::shown("class", "kind of domain", 0),
    Column::detail("bytes", "octets"),
    Column::detail("count_ever", "mails ever"),
    Column::detail("latency_mean", "latency, s"),
    Column::detail("latency_spread", "spread, s"),
    Column::detail("rule", "rule"),
];

const DESTINATIONS: [Column; 6] = [
    Column::shown("destination", "destination", 36),
    Column::shown("forwarders", "mailboxes", 10),
    Column::shown("count", "mails", 8),
    Column::shown("since", "since", 11),
    Column::shown("last", "last", 11),
    Column::shown("class", "kind of domain", 15),
];

const VOLUMES: [Column; 4] = [
    Column::shown("forwarder", "forwarder", 34),
    Column::shown("forwards", "forwards", 9),
    Column::shown("look_forwarded", "look so", 8),
    Column::shown("look_at", "look at", 44),
];

/// Makes a report.
///
/// # Errors
/// The state cannot be read.
pub(super) fn table(
    about: About,
    reader: &Reader,
    directory: &Path,
    config: &Config,
    since: Timestamp,
    now: Timestamp,
) -> io::Result<Table> {
    let period = format!("{} to {}", day(since), day(now));
    let lines = || reader.lines(since, now);
    let table = |title, note, columns: &[Column], rows: Vec<(Vec<Value>, Vec<u64>)>| {
        let (rows, daily) = rows.into_iter().unzip();
        Table { title, note, period: period.clone(), columns: columns.to_vec(), rows, daily }
    };
    Ok(match about {
        About::Forwarders => table(
            "Who forwards where",
            "A mailbox that forwards is the one to look at: its rules, its settings, its last logins.",
            &PAIR,
            lines()?.iter().map(|line| pair(line, config)).collect(),
        ),
        About::New => table(
            "Seen for the first time",
            "What is new is worth a question to the mailbox's owner.",
            &PAIR,
            lines()?.iter().filter(|line| line.first_seen >= since).map(|line| pair(line, config)).collect(),
        ),
        About::Destinations => table(
            "Who collects",
            "One address that many mailboxes feed is one service, or one intruder.",
            &DESTINATIONS,
            destinations(&lines()?, config),
        ),
        About::Exceptions => {
            // Without counts the inventory tells what passed all the same.
            let book = usage::read(directory).ok().flatten();
            table(
                "What was approved",
                "Ask the owner whether an exception is wanted that nobody uses, or that ends soon; `unused` is 90 days without \
                 a use, `ends` is within 30. Mails are those of pairs to which it was applied last.",
                &exceptions::COLUMNS,
                exceptions::rows(&config.policy.exceptions, book.as_ref(), &lines()?, now),
            )
        }
        About::Imbalance => table(
            "Forwards, and what looks forwarded",
            "Where many forwards look like ordinary mail, somebody set them on the mailbox or in the transport; where they look \
             forwarded, it is a rule or a person.",
            &VOLUMES,
            volumes(reader, since, now)?,
        ),
    })
}

pub(super) fn day(time: Timestamp) -> String {
    TimeZone::UTC.to_datetime(time).date().to_string()
}

fn class(destination: &str, forwarder: Option<&str>, config: &Config) -> Value {
    let parse = |text: &str| Address::parse(text);
    parse(destination).map_or(Value::Null, |destination| {
        let class = config.policy.classes.of(&destination, forwarder.and_then(parse).as_ref(), &config.organization);
        class.name().into()
    })
}

fn pair(line: &Line, config: &Config) -> (Vec<Value>, Vec<u64>) {
    let tenths = |seconds: f64| (seconds * 10.0).round() / 10.0;
    let row = vec![
        line.forwarder.as_str().into(),
        line.destination.as_str().into(),
        line.mechanisms.join(" ").into(),
        line.count.into(),
        day(line.first_seen).into(),
        day(line.last_seen).into(),
        class(&line.destination, Some(&line.forwarder), config),
        line.bytes.into(),
        line.count_ever.into(),
        line.latency.map_or(Value::Null, |(mean, _)| tenths(mean).into()),
        line.latency.map_or(Value::Null, |(_, spread)| tenths(spread).into()),
        json!(line.rule),
    ];
    (row, line.daily.clone())
}

fn destinations(lines: &[Line], config: &Config) -> Vec<(Vec<Value>, Vec<u64>)> {
    let mut of: BTreeMap<&str, Vec<&Line>> = BTreeMap::new();
    for line in lines {
        of.entry(&line.destination).or_default().push(line);
    }
    let mut sorted: Vec<(&str, Vec<&Line>)> = of.into_iter().collect();
    let count = |lines: &[&Line]| lines.iter().map(|line| line.count).sum::<u64>();
    sorted.sort_by_key(|(_, lines)| std::cmp::Reverse((lines.len(), count(lines))));
    let row = |(destination, lines): (&str, Vec<&Line>)| {
        let first = lines.iter().map(|line| line.first_seen).min().map(day);
        let last = lines.iter().map(|line| line.last_seen).max().map(day);
        let days = lines.iter().map(|line| line.daily.len()).max().unwrap_or_default();
        let daily = (0..days).map(|at| lines.iter().filter_map(|line| line.daily.get(at)).sum());
        let cells = vec![
            destination.into(),
            lines.len().into(),
            count(&lines).into(),
            json!(first),
            json!(last),
            class(destination, None, config),
        ];
        (cells, daily.collect())
    };
    sorted.into_iter().map(row).collect()
}

/// From how many forwards on the share of those that look so says something.
const MANY: u64 = 20;

fn volumes(reader: &Reader, since: Timestamp, now: Timestamp) -> io::Result<Vec<(Vec<Value>, Vec<u64>)>> {
    let volumes = reader.volumes(since, now)?;
    let total = |of: fn(&crate::state::Volume) -> u64| volumes.iter().map(of).sum::<u64>();
    let row = |forwarder: &str, forwards: u64, look_forwarded: u64| {
        let look_at = match forwards {
            few if few < MANY => "too few to tell",
            _ if look_forwarded * 10 <= forwards => "settings of mailbox and transport",
            _ => "rules of the user, forwards by hand",
        };
        (vec![forwarder.into(), forwards.into(), look_forwarded.into(), look_at.into()], Vec::new())
    };
    let site = row("(all)", total(|volume| volume.forwards), total(|volume| volume.look_forwarded));
    let each = volumes.iter().map(|volume| row(&volume.forwarder, volume.forwards, volume.look_forwarded));
    Ok(std::iter::once(site).chain(each).collect())
}
