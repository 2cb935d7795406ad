//! Events that an output never had: counted in the transaction that lets go of them, and told by an event later. An event that
//! tells of a loss may have to go as any other; whoever had not had it is told again, with the sum.

use super::Pending;
use super::store::{Store, insert};
use crate::event::Loss;
use jiff::Timestamp;
use rusqlite::{Connection, Transaction, params};

/// Events that an output never had.
#[derive(Debug)]
pub(super) struct Untold {
    /// The output; empty for all of them.
    pub(super) output: String,
    pub(super) reason: String,
    /// The one output that does not know of it; empty where none does.
    pub(super) tell: String,
    pub(super) count: u64,
    /// When the first of them came, in milliseconds since 1970, and the last.
    pub(super) first: i64,
    pub(super) last: i64,
}

impl Untold {
    /// The same, as an event says it.
    pub(super) fn told(&self) -> Loss {
        let time = |ms: i64| Timestamp::from_millisecond(ms).unwrap_or(Timestamp::UNIX_EPOCH);
        Loss {
            output: Some(self.output.clone()).filter(|name| !name.is_empty()),
            reason: self.reason.clone(),
            count: self.count,
            first: time(self.first),
            last: time(self.last),
        }
    }
}

impl Store {
    /// What was lost and is not told yet.
    pub(super) fn untold(&self) -> rusqlite::Result<Vec<Untold>> {
        let mut statement =
            self.connection.prepare_cached("SELECT output, reason, tell, count, first, last FROM loss")?;
        let rows = statement.query_map([], |row| {
            Ok(Untold {
                output: row.get(0)?,
                reason: row.get(1)?,
                tell: row.get(2)?,
                count: row.get(3)?,
                first: row.get(4)?,
                last: row.get(5)?,
            })
        })?;
        rows.collect()
    }

    /// Writes the events that tell of these losses.
    pub(super) fn report(&mut self, losses: &[(Untold, Pending)], from: i64) -> rusqlite::Result<()> {
        let transaction = self.connection.transaction()?;
        for (seq, (loss, event)) in (from + 1..).zip(losses) {
            insert(&transaction, std::slice::from_ref(event), seq - 1)?;
            if !loss.tell.is_empty() {
                transaction.execute("UPDATE event SET only_for = ?2 WHERE seq = ?1", params![seq, loss.tell])?;
            }
            transaction.execute(
                "INSERT INTO told (seq, output, reason, count, first, last) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
                params![seq, loss.output, loss.reason, loss.count, loss.first, loss.last],
            )?;
        }
        transaction.execute("DELETE FROM loss", [])?;
        transaction.commit()
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
            "INSERT INTO loss (output, reason, tell, count, first, last) VALUES (?1, ?2, '', ?3, ?4, ?5)
             ON CONFLICT DO UPDATE SET count = count + excluded.count, first = min(first, excluded.first),
                                       last = max(last, excluded.last)",
        )?
        .execute(params![output, reason, count, first, last])?;
    Ok(())
}

/// One that was to be told of a loss, and never was.
pub(super) fn tell_again(transaction: &Transaction<'_>, name: &str, loss: &Loss) -> rusqlite::Result<()> {
    transaction
        .prepare_cached(
            "INSERT INTO loss (output, reason, tell, count, first, last) VALUES (?1, ?2, ?3, ?4, ?5, ?6)
             ON CONFLICT DO UPDATE SET count = count + excluded.count, first = min(first, excluded.first),
                                       last = max(last, excluded.last)",
        )?
        .execute(params![
            loss.output.as_deref().unwrap_or_default(),
            loss.reason,
            name,
            loss.count,
            loss.first.as_millisecond(),
            loss.last.as_millisecond()
        ])?;
    Ok(())
}

/// The same of what these events tell, as far as they were for this one.
pub(super) fn tell_again_between(
    transaction: &Transaction<'_>,
    name: &str,
    (from, last): (i64, i64),
) -> rusqlite::Result<()> {
    transaction
        .prepare_cached(
            "INSERT INTO loss (output, reason, tell, count, first, last)
             SELECT told.output, reason, ?3, count, first, last FROM told JOIN event USING (seq)
             WHERE seq > ?1 AND seq <= ?2 AND (only_for IS NULL OR only_for = ?3)
             ON CONFLICT DO UPDATE SET count = count + excluded.count, first = min(first, excluded.first),
                                       last = max(last, excluded.last)",
        )?
        .execute(params![from, last, name])?;
    Ok(())
}
