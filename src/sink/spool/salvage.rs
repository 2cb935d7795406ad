//! A file that is no longer one, read as far as it can be.

use super::store::Store;
use rusqlite::{Connection, OpenFlags, OptionalExtension, params};
use std::path::Path;

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
