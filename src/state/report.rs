//! The inventory, read from the file: for reports, beside a running daemon.

use super::embedded::VERSION;
use jiff::Timestamp;
use rusqlite::{Connection, OpenFlags, params};
use std::collections::HashMap;
use std::io;
use std::path::Path;

/// Who forwards where: one line of the inventory.
#[derive(Debug, Clone, PartialEq)]
pub struct Line {
    /// The mailbox that forwards.
    pub forwarder: String,
    /// Where it goes.
    pub destination: String,
    /// By what, most frequent first.
    pub mechanisms: Vec<String>,
    /// The first one ever.
    pub first_seen: Timestamp,
    /// The last one.
    pub last_seen: Timestamp,
    /// Forwards in the days that were asked for.
    pub count: u64,
    /// Octets of these.
    pub bytes: u64,
    /// Forwards ever, as far as is remembered.
    pub count_ever: u64,
    /// Mean and standard deviation of the time between arrival and departure, in seconds, where arrivals were seen.
    pub latency: Option<(f64, f64)>,
    /// The rule or exception that was applied last.
    pub rule: Option<String>,
    /// The last Message-IDs, the newest first.
    pub message_ids: Vec<String>,
    /// Forwards of each of these days, the oldest first.
    pub daily: Vec<u64>,
}

/// How much a mailbox sends on, and how much of that looks so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Volume {
    /// The mailbox.
    pub forwarder: String,
    /// Automatic forwards that were seen in the days that were asked for.
    pub forwards: u64,
    /// Messages that look forwarded: of these, and those sent on by hand.
    pub look_forwarded: u64,
}

/// Reads a state file, which a daemon may be writing.
#[derive(Debug)]
pub struct Reader {
    connection: Connection,
    version: i64,
}

const DAY: i64 = 86_400;

impl Reader {
    /// Opens the file in this folder, for reading alone.
    ///
    /// # Errors
    /// There is none, or it is no state file, or one of another version.
    pub fn open(directory: &Path) -> io::Result<Self> {
        let path = directory.join("state.db");
        // SQLite's own word for a file that is not there is of no help.
        std::fs::metadata(&path)?;
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(path, flags).map_err(io::Error::other)?;
        connection.busy_timeout(std::time::Duration::from_secs(5)).map_err(io::Error::other)?;
        let version: i64 =
            connection.query_row("PRAGMA user_version", [], |row| row.get(0)).map_err(io::Error::other)?;
        if !(1..=VERSION).contains(&version) {
            let text = format!("it has version {version}, this program knows versions up to {VERSION}");
            return Err(io::Error::other(text));
        }
        Ok(Self { connection, version })
    }

    /// The pairs that forwarded since then, the most active first. `now` ends the last day.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn lines(&self, since: Timestamp, now: Timestamp) -> io::Result<Vec<Line>> {
        self.read_lines(since, now).map_err(io::Error::other)
    }

    fn read_lines(&self, since: Timestamp, now: Timestamp) -> rusqlite::Result<Vec<Line>> {
        let days = Days::new(since, now);
        let mut daily: HashMap<(String, String), (Vec<u64>, u64)> = HashMap::new();
        let mut statement = self.connection.prepare(
            "SELECT forwarder, destination, day, count, bytes FROM day WHERE day >= ?1 AND day <= ?2 AND destination <> ''",
        )?;
        let mut rows = statement.query(params![days.first, days.last])?;
        while let Some(row) = rows.next()? {
            let (counts, bytes) =
                daily.entry((row.get(0)?, row.get(1)?)).or_insert_with(|| (vec![0; days.number()], 0));
            if let Some(count) = counts.get_mut(days.index(row.get(2)?)) {
                *count += row.get::<_, u64>(3)?;
            }
            *bytes += row.get::<_, u64>(4)?;
        }
        let mut lines: Vec<Line> = Vec::new();
        let mut places: HashMap<(String, String), usize> = HashMap::new();
        let mut statement = self.connection.prepare(
            "SELECT forwarder, destination, mechanism, first_seen, last_seen, count, message_ids, latencies, latency_mean,
                    latency_sum2, rule
             FROM pair WHERE last_seen >= ?1 ORDER BY count DESC",
        )?;
        let mut rows = statement.query([days.first * DAY])?;
        while let Some(row) = rows.next()? {
            let pair: (String, String) = (row.get(0)?, row.get(1)?);
            let time = |seconds| Timestamp::from_second(seconds).unwrap_or(now);
            let (first_seen, last_seen) = (time(row.get(3)?), time(row.get(4)?));
            let latencies: u32 = row.get(7)?;
            let latency = match latencies {
                0 => None,
                number => Some((row.get::<_, f64>(8)?, (row.get::<_, f64>(9)? / f64::from(number)).max(0.0).sqrt())),
            };
            let mechanism: String = row.get(2)?;
            if let Some(known) = places.get(&pair).and_then(|&place| lines.get_mut(place)) {
                known.mechanisms.push(mechanism);
                known.first_seen = known.first_seen.min(first_seen);
                known.last_seen = known.last_seen.max(last_seen);
                known.count_ever += row.get::<_, u64>(5)?;
                known.latency = known.latency.or(latency);
                continue;
            }
            let (counts, bytes) = daily.remove(&pair).unwrap_or_default();
            places.insert(pair.clone(), lines.len());
            lines.push(Line {
                forwarder: pair.0,
                destination: pair.1,
                mechanisms: vec![mechanism],
                first_seen,
                last_seen,
                count: counts.iter().sum(),
                bytes,
                count_ever: row.get(5)?,
                latency,
                rule: row.get(10)?,
                message_ids: row.get::<_, String>(6)?.split_whitespace().map(str::to_owned).collect(),
                daily: counts,
            });
        }
        lines.sort_by(|a, b| {
            b.count.cmp(&a.count).then_with(|| (&a.forwarder, &a.destination).cmp(&(&b.forwarder, &b.destination)))
        });
        Ok(lines)
    }

    /// How much each mailbox sends on since then, the most active first.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn volumes(&self, since: Timestamp, now: Timestamp) -> io::Result<Vec<Volume>> {
        let days = Days::new(since, now);
        let read = || -> rusqlite::Result<Vec<Volume>> {
            // What a log alone tells of does not say how it looks. The first version had no such lines.
            let seen = if self.version < 2 { "count" } else { "count - unseen" };
            let mut statement = self.connection.prepare(&format!(
                "SELECT forwarder, sum({seen}), sum(look_forwarded) FROM day WHERE day >= ?1 AND day <= ?2
                 GROUP BY forwarder HAVING sum({seen}) > 0 OR sum(look_forwarded) > 0 ORDER BY 2 DESC, 1",
            ))?;
            let rows = statement.query_map(params![days.first, days.last], |row| {
                Ok(Volume { forwarder: row.get(0)?, forwards: row.get(1)?, look_forwarded: row.get(2)? })
            })?;
            rows.collect()
        };
        read().map_err(io::Error::other)
    }
}

/// Whole days, UTC, both ends included.
struct Days {
    first: i64,
    last: i64,
}

impl Days {
    fn new(since: Timestamp, now: Timestamp) -> Self {
        let day = |time: Timestamp| time.as_second().div_euclid(DAY);
        Self { first: day(since).min(day(now)), last: day(now) }
    }

    fn number(&self) -> usize {
        usize::try_from(self.last - self.first + 1).unwrap_or(1).min(4_000)
    }

    fn index(&self, day: i64) -> usize {
        usize::try_from(day - self.first).unwrap_or(usize::MAX)
    }
}
