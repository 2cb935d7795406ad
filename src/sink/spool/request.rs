//! What `forwarden spool` shows and asks for. The daemon may run meanwhile: SQLite lets others read, and what is to be
//! changed is written down as a request, which the daemon finds within a second; where none runs it is done at once.

use super::store::Store;
use super::writer::lock;
use super::{FILE, Reader};
use jiff::Timestamp;
use rusqlite::{Connection, OpenFlags, params};
use serde::Serialize;
use std::io;
use std::path::Path;

/// The spool as a whole.
#[derive(Debug, Serialize)]
pub struct Status {
    /// Octets in use.
    pub bytes: u64,
    /// Events in it.
    pub events: u64,
    /// When the oldest of them came.
    pub oldest: Option<Timestamp>,
    /// Refused events in it.
    pub refused: u64,
    /// The outputs.
    pub outputs: Vec<OutputStatus>,
}

/// An output.
#[derive(Debug, Serialize)]
pub struct OutputStatus {
    /// Its name.
    pub output: String,
    /// `idle`, `delivering`, `retrying`, `held`, or `stopped`.
    pub state: String,
    /// Events that it has not had.
    pub waiting: u64,
    /// When the oldest of them came.
    pub oldest: Option<Timestamp>,
    /// Events that a receiver took.
    pub delivered: u64,
    /// Events that it never had.
    pub dropped: u64,
    /// Events that were refused for good.
    pub refused: u64,
    /// When a receiver last took something.
    pub last_delivery: Option<Timestamp>,
    /// Why it does not deliver.
    pub error: Option<String>,
    /// Since when it is in that state.
    pub since: Option<Timestamp>,
}

/// An event that waits.
#[derive(Debug, Serialize)]
pub struct Waits {
    /// Its number in the spool.
    pub seq: i64,
    /// The event, as it was written.
    pub event: serde_json::Value,
}

/// An event that was refused for good.
#[derive(Debug, Serialize)]
pub struct DeadEvent {
    /// By whom.
    pub output: String,
    /// When.
    pub refused_at: Timestamp,
    /// What the receiver said.
    pub error: String,
    /// The event, as it was written.
    pub event: serde_json::Value,
}

/// Something to be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asked {
    /// Send again what is still there, from that time on.
    Replay(Option<Timestamp>),
    /// Send again what was refused.
    ReplayRefused,
    /// Forget what waits, up to that time.
    Purge(Option<Timestamp>),
    /// Forget what was refused.
    PurgeRefused,
}

impl Asked {
    fn row(self) -> (&'static str, Option<i64>) {
        let ms = |time: Option<Timestamp>| time.map(Timestamp::as_millisecond);
        match self {
            Self::Replay(from) => ("replay", ms(from)),
            Self::ReplayRefused => ("replay_dead", None),
            Self::Purge(until) => ("purge", ms(until)),
            Self::PurgeRefused => ("purge_dead", None),
        }
    }
}

fn open(directory: &Path) -> io::Result<Connection> {
    let path = directory.join(FILE);
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    if !path.exists() {
        return Err(io::Error::other(format!("{} is not there: the daemon has written nothing yet", path.display())));
    }
    let named = |error| io::Error::other(format!("{}: {error}", path.display()));
    let connection = Connection::open_with_flags(&path, flags).map_err(named)?;
    connection.busy_timeout(std::time::Duration::from_secs(5)).map_err(named)?;
    Ok(connection)
}

fn time(ms: Option<i64>) -> Option<Timestamp> {
    ms.and_then(|ms| Timestamp::from_millisecond(ms).ok())
}

/// How the spool is.
///
/// # Errors
/// There is none, or it cannot be read.
pub fn status(directory: &Path) -> io::Result<Status> {
    let read = |connection: &Connection| -> rusqlite::Result<Status> {
        let number = |sql: &str| connection.query_row(sql, [], |row| row.get::<_, u64>(0));
        let size = (number("PRAGMA page_count")? - number("PRAGMA freelist_count")?) * number("PRAGMA page_size")?;
        let mut statement = connection.prepare(
            // Numbers follow one another, and what is missing at the beginning is behind every cursor.
            "SELECT name, state, max(0, coalesce((SELECT max(seq) FROM event), 0) - seq),
                    (SELECT time FROM event WHERE event.seq > output.seq ORDER BY seq LIMIT 1),
                    delivered, dropped, dead, last, error, since FROM output ORDER BY name",
        )?;
        let outputs = statement.query_map([], |row| {
            Ok(OutputStatus {
                output: row.get(0)?,
                state: row.get(1)?,
                waiting: row.get(2)?,
                oldest: time(row.get(3)?),
                delivered: row.get(4)?,
                dropped: row.get(5)?,
                refused: row.get(6)?,
                last_delivery: time(row.get(7)?),
                error: row.get(8)?,
                since: time(row.get(9)?),
            })
        })?;
        Ok(Status {
            bytes: size,
            events: number("SELECT coalesce(max(seq) - min(seq) + 1, 0) FROM event")?,
            oldest: time(
                connection.query_row("SELECT (SELECT time FROM event ORDER BY seq LIMIT 1)", [], |row| row.get(0))?,
            ),
            refused: number("SELECT count(*) FROM dead")?,
            outputs: outputs.collect::<rusqlite::Result<_>>()?,
        })
    };
    read(&open(directory)?).map_err(io::Error::other)
}

/// The events that wait for an output, or for any; the oldest first.
///
/// # Errors
/// There is no spool, it cannot be read, or there is no such output.
pub fn list(directory: &Path, output: Option<&str>, limit: usize) -> io::Result<Vec<Waits>> {
    let connection = open(directory)?;
    let from: i64 = match output {
        Some(name) => connection
            .query_row("SELECT seq FROM output WHERE name = ?1", [name], |row| row.get(0))
            .map_err(|_| io::Error::other(format!("no output {name} in the spool")))?,
        None => 0,
    };
    drop(connection);
    let reader = Reader::open(&directory.join(FILE)).map_err(io::Error::other)?;
    let (entries, _) = reader.after(output.unwrap_or_default(), from, limit, usize::MAX).map_err(io::Error::other)?;
    Ok(entries.into_iter().map(|entry| Waits { seq: entry.seq, event: value(&entry.body) }).collect())
}

/// What was refused for good, the oldest first.
///
/// # Errors
/// There is no spool, or it cannot be read.
pub fn dead(directory: &Path, output: Option<&str>, limit: usize) -> io::Result<Vec<DeadEvent>> {
    let connection = open(directory)?;
    let read = || -> rusqlite::Result<Vec<DeadEvent>> {
        let mut statement = connection.prepare(
            "SELECT output, time, error, body FROM dead WHERE ?1 IS NULL OR output = ?1 ORDER BY number LIMIT ?2",
        )?;
        let rows = statement.query_map(params![output, limit], |row| {
            Ok(DeadEvent {
                output: row.get(0)?,
                refused_at: time(row.get(1)?).unwrap_or(Timestamp::UNIX_EPOCH),
                error: row.get(2)?,
                event: value(&row.get::<_, String>(3)?),
            })
        })?;
        rows.collect()
    };
    read().map_err(io::Error::other)
}

fn value(body: &str) -> serde_json::Value {
    serde_json::from_str(body).unwrap_or_else(|_| serde_json::Value::String(body.to_owned()))
}

/// What is wrong with the file: with the file itself, or with an event in it. Empty where nothing is.
///
/// # Errors
/// There is no spool.
pub fn verify(directory: &Path) -> io::Result<(u64, Vec<String>)> {
    let connection = open(directory)?;
    let mut wrong = Vec::new();
    let mut events = 0;
    let checked = (|| -> rusqlite::Result<()> {
        let mut statement = connection.prepare("PRAGMA integrity_check(20)")?;
        let rows = statement.query_map([], |row| row.get::<_, String>(0))?;
        wrong.extend(rows.collect::<rusqlite::Result<Vec<_>>>()?.into_iter().filter(|row| row != "ok"));
        let mut statement = connection.prepare("SELECT seq, body FROM event ORDER BY seq")?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            events += 1;
            if let Err(error) = serde_json::from_str::<crate::event::Event>(&row.get::<_, String>(1)?)
                && wrong.len() < 20
            {
                wrong.push(format!("event {} cannot be read: {error}", row.get::<_, i64>(0)?));
            }
        }
        Ok(())
    })();
    if let Err(error) = checked {
        wrong.push(error.to_string());
    }
    Ok((events, wrong))
}

/// Asks for something, of one output or of all. Whether it has been done already, as no daemon runs.
///
/// # Errors
/// There is no spool, it cannot be written, or there is no such output.
pub fn act(directory: &Path, asked: Asked, output: Option<&str>) -> io::Result<bool> {
    let connection = open(directory)?;
    let known = connection
        .query_row("SELECT count(*) FROM output WHERE ?1 IS NULL OR name = ?1", [output], |row| row.get::<_, u64>(0))
        .map_err(io::Error::other)?;
    if known == 0 {
        return Err(io::Error::other(match output {
            Some(name) => format!("no output {name} in the spool"),
            None => "no output in the spool".to_owned(),
        }));
    }
    let (kind, at) = asked.row();
    connection
        .execute(
            "INSERT INTO request (kind, output, time) VALUES (?1, ?2, ?3)",
            params![kind, output.unwrap_or_default(), at],
        )
        .map_err(io::Error::other)?;
    drop(connection);
    let Some(_lock) = lock(directory)? else { return Ok(false) };
    let mut store = Store::open(&directory.join(FILE)).map_err(io::Error::other)?;
    carry_out(&mut store).map_err(io::Error::other)?;
    Ok(true)
}

/// Does what was asked for. Whether cursors were moved or events added.
pub(super) fn carry_out(store: &mut Store) -> rusqlite::Result<bool> {
    let some = store.connection.prepare_cached("SELECT 1 FROM request LIMIT 1")?.exists([])?;
    if !some {
        return Ok(false);
    }
    let from = store.last()?;
    let transaction = store.connection.transaction()?;
    let requests = transaction
        .prepare("SELECT kind, output, time FROM request ORDER BY number")?
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?
        .collect::<rusqlite::Result<Vec<(String, String, Option<i64>)>>>()?;
    for (kind, output, time) in requests {
        let own = "(?1 = '' OR output = ?1)";
        match kind.as_str() {
            "replay" => {
                let sql = "UPDATE output SET seq = min(seq, coalesce(
                             (SELECT min(seq) - 1 FROM event WHERE ?2 IS NULL OR time >= ?2), seq))
                           WHERE ?1 = '' OR name = ?1";
                transaction.execute(sql, params![output, time])?;
            }
            "purge" => {
                let sql = "UPDATE output SET seq = max(seq, coalesce(
                             (SELECT max(seq) FROM event WHERE ?2 IS NULL OR time <= ?2), seq))
                           WHERE ?1 = '' OR name = ?1";
                transaction.execute(sql, params![output, time])?;
            }
            "replay_dead" => {
                let sql = format!(
                    "INSERT INTO event (seq, time, id, body, only_for)
                     SELECT (SELECT max(m) FROM (SELECT ?2 AS m UNION ALL SELECT max(seq) FROM event))
                            + row_number() OVER (ORDER BY number), ?3, id, body, output FROM dead WHERE {own}"
                );
                transaction.execute(&sql, params![output, from, Timestamp::now().as_millisecond()])?;
                transaction.execute(&format!("DELETE FROM dead WHERE {own}"), [&output])?;
            }
            "purge_dead" => {
                transaction.execute(&format!("DELETE FROM dead WHERE {own}"), [&output])?;
            }
            other => tracing::warn!(kind = other, "the spool was asked for something unknown"),
        }
    }
    transaction.execute("DELETE FROM request", [])?;
    transaction.commit()?;
    Ok(true)
}
