//! `spool.db`, as its one writer sees it. SQLite in WAL mode: what was committed outlives the process and the power, a
//! reader never waits for the writer, and an administrator can look into it.

use super::Pending;
use super::loss::{add, lost};
use crate::event::Loss;
use crate::owned;
use jiff::Timestamp;
use rusqlite::{Connection, ErrorCode, OpenFlags, Transaction, params};
use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

/// Its name.
pub(crate) const FILE: &str = "spool.db";
/// Of its tables.
const VERSION: i64 = 2;
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
    /// Which losses it was to be told of among those.
    pub(crate) untold: Vec<Loss>,
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
        // SQLite would make it by the umask.
        let _ = owned::make(path);
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
            version @ 0..VERSION => {
                let transaction = connection.transaction()?;
                for (from, step) in [(0, include_str!("schema.sql")), (1, include_str!("schema-2.sql"))] {
                    if version <= from {
                        transaction.execute_batch(step)?;
                    }
                }
                transaction.commit()?;
            }
            VERSION => {}
            // Written by a newer version: nothing of it may be lost by an older one.
            version => {
                let text = format!("has version {version}, this program knows version {VERSION}");
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

    /// Writes events and progress, all or nothing, and deletes about as many that every output has had and that came
    /// before `keep`: in the same transaction, which costs one wait for the disk, not two.
    pub(super) fn commit(
        &mut self,
        events: &[Pending],
        from: i64,
        progress: &[Progress],
        names: &[String],
        keep: i64,
    ) -> rusqlite::Result<()> {
        let transaction = self.connection.transaction()?;
        // First of all, so that the new may have the pages of the old.
        forget(&transaction, keep, 2 * events.len().max(500))?;
        insert(&transaction, events, from)?;
        for report in progress {
            if let Some(name) = names.get(report.output) {
                advance(&transaction, name, report)?;
            }
        }
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
}

pub(super) fn insert(transaction: &Transaction<'_>, events: &[Pending], from: i64) -> rusqlite::Result<()> {
    let mut insert = transaction.prepare_cached("INSERT INTO event (seq, time, id, body) VALUES (?1, ?2, ?3, ?4)")?;
    for (seq, event) in (from + 1..).zip(events) {
        insert.execute(params![seq, event.time, event.id, event.body])?;
    }
    Ok(())
}

/// Deletes the oldest of what every output has had, as far as they came before `keep`; how many.
pub(super) fn forget(connection: &Connection, keep: i64, most: usize) -> rusqlite::Result<usize> {
    let last: Option<i64> = connection
        .prepare_cached(
            "SELECT max(seq) FROM (SELECT seq, time FROM event WHERE seq <= (SELECT min(seq) FROM output) ORDER BY seq LIMIT ?1)
             WHERE time <= ?2",
        )?
        .query_row(params![most, keep], |row| row.get(0))?;
    let Some(last) = last else { return Ok(0) };
    connection.prepare_cached("DELETE FROM told WHERE seq <= ?1")?.execute([last])?;
    connection.prepare_cached("DELETE FROM event WHERE seq <= ?1")?.execute([last])
}

fn advance(transaction: &Transaction<'_>, name: &str, report: &Progress) -> rusqlite::Result<()> {
    let now = Timestamp::now().as_millisecond();
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
    for loss in &report.untold {
        add(transaction, name, loss)?;
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_of_version_1_is_taken_over() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(FILE);
        let database = Connection::open(&path).unwrap();
        database.execute_batch(include_str!("schema.sql")).unwrap();
        database
            .execute_batch(
                "INSERT INTO loss VALUES ('siem', 'too_old', 7, 1, 2);
                 INSERT INTO event (seq, time, id, body) VALUES (1, 1, 'a', '{}');",
            )
            .unwrap();
        for _ in 0..2 {
            let store = Store::open(&path).unwrap();
            let untold = store.untold().unwrap();
            assert_eq!(
                (untold[0].loss.output.as_deref(), &*untold[0].tell, untold[0].loss.count),
                (Some("siem"), "", 7)
            );
            assert_eq!((store.last().unwrap(), untold.len()), (1, 1));
        }
    }
}
