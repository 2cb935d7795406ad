//! `spool.db` as an output sees it: what comes after its cursor.

use rusqlite::{Connection, OpenFlags};
use std::path::Path;
use std::time::Duration;

/// An event that waits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) seq: i64,
    pub(crate) id: String,
    pub(crate) body: String,
}

/// The file, open for reading.
#[derive(Debug)]
pub(crate) struct Reader(Connection);

impl Reader {
    pub(crate) fn open(path: &Path) -> rusqlite::Result<Self> {
        // Read-only, SQLite could not share the file with its writer where nobody has it open yet.
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(path, flags)?;
        connection.busy_timeout(Duration::from_secs(2))?;
        connection.pragma_update(None, "query_only", true)?;
        Ok(Self(connection))
    }

    /// The cursor of an output.
    pub(crate) fn cursor(&self, output: &str) -> rusqlite::Result<i64> {
        self.0.prepare_cached("SELECT seq FROM output WHERE name = ?1")?.query_row([output], |row| row.get(0))
    }

    /// What comes after `seq`, at most so many events and about so many octets, and the last number that was looked at.
    pub(crate) fn after(
        &self,
        output: &str,
        seq: i64,
        events: usize,
        octets: usize,
    ) -> rusqlite::Result<(Vec<Entry>, i64)> {
        let mut statement = self.0.prepare_cached(
            "SELECT seq, id, body, only_for IS NULL OR only_for = ?2 FROM event WHERE seq > ?1 ORDER BY seq LIMIT ?3",
        )?;
        let mut rows = statement.query(rusqlite::params![seq, output, events])?;
        let (mut found, mut size, mut last) = (Vec::new(), 0, seq);
        while let Some(row) = rows.next()? {
            last = row.get(0)?;
            if !row.get::<_, bool>(3)? {
                continue;
            }
            let entry = Entry { seq: last, id: row.get(1)?, body: row.get(2)? };
            size += entry.body.len();
            found.push(entry);
            if size >= octets {
                break;
            }
        }
        Ok((found, last))
    }
}
