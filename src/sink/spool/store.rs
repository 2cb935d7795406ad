//! `spool.db`, as its one writer sees it. SQLite in WAL mode: what was committed outlives the process and the power, a
//! reader never waits for the writer, and an administrator can look into it.

use super::Pending;
use rusqlite::{Connection, ErrorCode, OpenFlags, OptionalExtension, Transaction, params};
use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Its name.
pub(crate) const FILE: &str = "spool.db";
/// How long another process may hold the file.
const BUSY: Duration = Duration::from_secs(2);
/// How many refused events are kept; past that the oldest go.
const DEAD: i64 = 1_000;

/// The file, open for writing.
#[derive(Debug)]
pub(super) struct Store {
    pub(super) connection: Connection,
}

/// What an output reports.
#[derive(Debug)]
pub(crate) struct Progress {
    /// The output, by its place in the configuration.
    pub(crate) output: usize,
    /// The cursors it began from; a report on others is void.
    pub(crate) epoch: u64,
    /// The last event that it has had.
    pub(crate) seq: i64,
    /// How many a receiver took since the last report.
    pub(crate) delivered: u64,
    /// How many it had read when they had to go, and could not deliver after all.
    pub(crate) lost: u64,
    /// Which it refused for good, and why.
    pub(crate) dead: Vec<Dead>,
}

/// A refused event.
#[derive(Debug)]
pub(crate) struct Dead {
    pub(crate) id: String,
    pub(crate) body: String,
    pub(crate) error: String,
}

impl Store {
    /// Opens the file, or makes it, readable by its owner alone.
    pub(super) fn open(path: &Path) -> rusqlite::Result<Self> {
        use std::os::unix::fs::OpenOptionsExt;
        // SQLite would make it by the umask.
        let _ = std::fs::OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(path);
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let mut connection = Connection::open_with_flags(path, flags)?;
        connection.busy_timeout(BUSY)?;
        // Before the first table: what is delivered is given back to the file system.
        connection.pragma_update(None, "auto_vacuum", "INCREMENTAL")?;
        connection.pragma_update(None, "journal_mode", "WAL")?;
        // A commit is on the disk when it returns.
        connection.pragma_update(None, "synchronous", "FULL")?;
        // Little stands beside the file, so that the room kept for a full disk is enough to take it over.
        connection.pragma_update(None, "wal_autocheckpoint", 256)?;
        connection.pragma_update(None, "journal_size_limit", 1 << 20)?;
        match connection.query_row("PRAGMA user_version", [], |row| row.get::<_, i64>(0))? {
            0 => {
                let transaction = connection.transaction()?;
                transaction.execute_batch(include_str!("schema.sql"))?;
                transaction.commit()?;
            }
            1 => {}
            // Written by a newer version: nothing of it may be lost by an older one.
            version => {
                let text = format!("has version {version}, this program knows version 1");
                return Err(rusqlite::Error::ToSqlConversionFailure(text.into()));
            }
        }
        Ok(Self { connection })
    }

    /// The last number that was used.
    pub(super) fn last(&self) -> rusqlite::Result<i64> {
        self.connection.query_row(
            "SELECT max((SELECT coalesce(max(seq), 0) FROM event), (SELECT coalesce(max(seq), 0) FROM output))",
            [],
            |row| row.get(0),
        )
    }

    /// Gives every output a cursor and forgets those of others, which would keep events for nobody. A new one begins with
    /// the oldest event there is.
    pub(super) fn register(&mut self, names: &[String]) -> rusqlite::Result<Vec<String>> {
        let transaction = self.connection.transaction()?;
        let gone: Vec<String> = transaction
            .prepare("SELECT name FROM output")?
            .query_map([], |row| row.get(0))?
            .collect::<rusqlite::Result<Vec<String>>>()?
            .into_iter()
            .filter(|name| !names.contains(name))
            .collect();
        for name in &gone {
            transaction.execute("DELETE FROM output WHERE name = ?1", [name])?;
        }
        let last = "coalesce((SELECT min(seq) - 1 FROM event), (SELECT max(seq) FROM output), 0)";
        for name in names {
            transaction.execute(&format!("INSERT OR IGNORE INTO output (name, seq) SELECT ?1, {last}"), [name])?;
        }
        transaction.commit()?;
        Ok(gone)
    }

    /// The cursors, by output.
    pub(super) fn cursors(&self) -> rusqlite::Result<BTreeMap<String, i64>> {
        let mut statement = self.connection.prepare_cached("SELECT name, seq FROM output")?;
        statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?.collect()
    }

    /// Writes events and progress, all or nothing.
    pub(super) fn commit(
        &mut self,
        events: &[Pending],
        from: i64,
        progress: &[Progress],
        names: &[String],
    ) -> rusqlite::Result<()> {
        let transaction = self.connection.transaction()?;
        insert(&transaction, events, from)?;
        for report in progress {
            if let Some(name) = names.get(report.output) {
                advance(&transaction, name, report)?;
            }
        }
        transaction.commit()
    }

    /// Writes the events that tell of losses, which are then told.
    pub(super) fn report(&mut self, events: &[Pending], from: i64) -> rusqlite::Result<()> {
        let transaction = self.connection.transaction()?;
        insert(&transaction, events, from)?;
        transaction.execute("DELETE FROM loss", [])?;
        transaction.commit()
    }

    /// Notes what an output is at.
    pub(super) fn note(&self, name: &str, state: &str, error: Option<&str>, now: i64) -> rusqlite::Result<()> {
        self.connection
            .prepare_cached("UPDATE output SET state = ?2, error = ?3, since = ?4 WHERE name = ?1")?
            .execute(params![name, state, error, now])?;
        Ok(())
    }

    /// Brings everything into the file itself, as far as that can still be done.
    pub(super) fn settle(&self) {
        let _ = self.connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()));
    }

    /// Adds to what is to be reported as lost.
    pub(super) fn lost(&self, output: &str, reason: &str, count: u64, now: i64) -> rusqlite::Result<()> {
        lost(&self.connection, output, reason, count, (now, now))
    }
}

/// Notes that events are lost, and when the first and the last of them came.
pub(super) fn lost(
    connection: &Connection,
    output: &str,
    reason: &str,
    count: u64,
    (first, last): (i64, i64),
) -> rusqlite::Result<()> {
    connection
        .prepare_cached(
            "INSERT INTO loss (output, reason, count, first, last) VALUES (?1, ?2, ?3, ?4, ?5)
             ON CONFLICT DO UPDATE SET count = count + excluded.count, first = min(first, excluded.first),
                                       last = max(last, excluded.last)",
        )?
        .execute(params![output, reason, count, first, last])?;
    Ok(())
}

fn insert(transaction: &Transaction<'_>, events: &[Pending], from: i64) -> rusqlite::Result<()> {
    let mut insert = transaction.prepare_cached("INSERT INTO event (seq, time, id, body) VALUES (?1, ?2, ?3, ?4)")?;
    for (seq, event) in (from + 1..).zip(events) {
        insert.execute(params![seq, event.time, event.id, event.body])?;
    }
    Ok(())
}

fn advance(transaction: &Transaction<'_>, name: &str, report: &Progress) -> rusqlite::Result<()> {
    let now = jiff::Timestamp::now().as_millisecond();
    // What had to go meanwhile has moved the cursor further.
    transaction
        .prepare_cached(
            "UPDATE output SET seq = max(seq, ?2), delivered = delivered + ?3, dead = dead + ?4,
                               last = CASE ?3 WHEN 0 THEN last ELSE ?5 END WHERE name = ?1",
        )?
        .execute(params![name, report.seq, report.delivered, report.dead.len(), now])?;
    if report.lost > 0 {
        transaction.execute("UPDATE output SET dropped = dropped + ?2 WHERE name = ?1", params![name, report.lost])?;
        lost(transaction, name, "spool_full", report.lost, (now, now))?;
    }
    for dead in &report.dead {
        transaction
            .prepare_cached("INSERT INTO dead (output, time, error, id, body) VALUES (?1, ?2, ?3, ?4, ?5)")?
            .execute(params![name, now, dead.error, dead.id, dead.body])?;
    }
    if !report.dead.is_empty() {
        lost(transaction, name, "refused", report.dead.len() as u64, (now, now))?;
        transaction.execute(
            "DELETE FROM dead WHERE number <= (SELECT number FROM dead ORDER BY number DESC LIMIT 1 OFFSET ?1)",
            [DEAD],
        )?;
    }
    Ok(())
}

/// Whether an error means that the file is no longer what it was.
pub(crate) fn is_broken(error: &rusqlite::Error) -> bool {
    matches!(error.sqlite_error_code(), Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase))
        || matches!(error, rusqlite::Error::SqliteFailure(_, Some(text)) if text.starts_with("no such table") || text.starts_with("no such column"))
}

/// Renames the file, with what SQLite keeps beside it, so that somebody can look at it.
pub(super) fn aside(path: &Path, now: i64) -> io::Result<PathBuf> {
    let name = |suffix: &str| PathBuf::from(format!("{}.broken-{now}{suffix}", path.display()));
    std::fs::rename(path, name(""))?;
    for suffix in ["-wal", "-shm"] {
        let beside = PathBuf::from(format!("{}{suffix}", path.display()));
        if beside.exists() {
            std::fs::rename(&beside, name(suffix))?;
        }
    }
    Ok(name(""))
}

/// Copies what can still be read from a file that was set aside into a new one: events under their numbers, cursors.
/// What lies on a broken page is passed over.
pub(super) fn salvage(from: &Path, into: &mut Store) -> rusqlite::Result<u64> {
    // Outputs may still have it open, under the name that it had: without locks and without the files beside it, which
    // were written back before, nobody gets into their way.
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX | OpenFlags::SQLITE_OPEN_URI;
    let name = from.display().to_string().replace('%', "%25").replace('?', "%3f").replace('#', "%23");
    let old = Connection::open_with_flags(format!("file:{name}?immutable=1"), flags)?;
    let transaction = into.connection.transaction()?;
    let cursors = old
        .prepare("SELECT name, seq, delivered, dropped, dead FROM output")
        .and_then(|mut rows| {
            rows.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?)))?.collect()
        })
        .unwrap_or_default();
    let cursors: Vec<(String, i64, i64, i64, i64)> = cursors;
    for (name, seq, delivered, dropped, dead) in &cursors {
        transaction.execute(
            "INSERT OR REPLACE INTO output (name, seq, delivered, dropped, dead) VALUES (?1, ?2, ?3, ?4, ?5)",
            params![name, seq, delivered, dropped, dead],
        )?;
    }
    let mut at = cursors.iter().map(|(_, seq, ..)| *seq).min().unwrap_or(0);
    let (mut kept, mut misses) = (0, 0);
    // A page holds a few events; past this many numbers without one there is nothing left, or nothing to be read.
    while misses < 1_000 {
        let next = old
            .query_row("SELECT seq, time, id, body FROM event WHERE seq > ?1 ORDER BY seq LIMIT 1", [at], |row| {
                Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?, row.get::<_, String>(2)?, row.get::<_, String>(3)?))
            })
            .optional();
        match next {
            Ok(Some((seq, time, id, body))) => {
                transaction.execute(
                    "INSERT OR IGNORE INTO event (seq, time, id, body) VALUES (?1, ?2, ?3, ?4)",
                    params![seq, time, id, body],
                )?;
                (at, kept, misses) = (seq, kept + 1, 0);
            }
            Ok(None) => break,
            Err(_) => (at, misses) = (at + 1, misses + 1),
        }
    }
    transaction.commit()?;
    Ok(kept)
}
