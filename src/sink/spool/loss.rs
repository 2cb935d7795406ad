//! Events that an output never had: counted in the transaction that lets go of them, and told by an event later. An event that
//! tells of a loss may have to go as any other; whoever had not had it is told again, with the sum.

use super::Pending;
use super::store::{Store, insert};
use crate::event::Loss;
use jiff::Timestamp;
use rusqlite::{Connection, Row, Transaction, params};

/// A loss that is not told yet.
#[derive(Debug)]
pub(super) struct Untold {
    pub(super) loss: Loss,
    /// The one output that does not know of it; empty where none does.
    pub(super) tell: String,
}

/// A loss as the tables have it: output, reason, count, first, last.
fn loss(row: &Row<'_>) -> rusqlite::Result<Loss> {
    Ok(Loss {
        output: Some(row.get(0)?).filter(|name: &String| !name.is_empty()),
        reason: row.get(1)?,
        count: row.get(2)?,
        first: time(row.get(3)?),
        last: time(row.get(4)?),
    })
}

fn time(milliseconds: i64) -> Timestamp {
    Timestamp::from_millisecond(milliseconds).unwrap_or(Timestamp::UNIX_EPOCH)
}

impl Store {
    /// What was lost and is not told yet.
    pub(super) fn untold(&self) -> rusqlite::Result<Vec<Untold>> {
        self.connection
            .prepare_cached("SELECT output, reason, count, first, last, tell FROM loss")?
            .query_map([], |row| Ok(Untold { loss: loss(row)?, tell: row.get(5)? }))?
            .collect()
    }

    /// Writes the events that tell of these losses.
    pub(super) fn report(&mut self, losses: &[(Untold, Pending)], from: i64) -> rusqlite::Result<()> {
        let transaction = self.connection.transaction()?;
        for (seq, (Untold { loss, tell }, event)) in (from + 1..).zip(losses) {
            insert(&transaction, std::slice::from_ref(event), seq - 1)?;
            if !tell.is_empty() {
                transaction.execute("UPDATE event SET only_for = ?2 WHERE seq = ?1", params![seq, tell])?;
            }
            let (first, last) = (loss.first.as_millisecond(), loss.last.as_millisecond());
            transaction.execute(
                "INSERT INTO told (seq, output, reason, count, first, last) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
                params![seq, loss.output.as_deref().unwrap_or_default(), loss.reason, loss.count, first, last],
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

/// Adds a loss to what is to be told to this output, or, where it is empty, to all.
pub(super) fn add(connection: &Connection, tell: &str, loss: &Loss) -> rusqlite::Result<()> {
    let (first, last) = (loss.first.as_millisecond(), loss.last.as_millisecond());
    connection
        .prepare_cached(
            "INSERT INTO loss (output, reason, tell, count, first, last) VALUES (?1, ?2, ?3, ?4, ?5, ?6)
             ON CONFLICT DO UPDATE SET count = count + excluded.count, first = min(first, excluded.first),
                                       last = max(last, excluded.last)",
        )?
        .execute(params![loss.output.as_deref().unwrap_or_default(), loss.reason, tell, loss.count, first, last])?;
    Ok(())
}

/// Notes that events are lost, and when the first and the last of them came, in milliseconds since 1970.
pub(super) fn lost(
    connection: &Connection,
    output: &str,
    reason: &str,
    count: u64,
    (first, last): (i64, i64),
) -> rusqlite::Result<()> {
    let output = Some(output.to_owned()).filter(|name| !name.is_empty());
    add(connection, "", &Loss { output, reason: reason.to_owned(), count, first: time(first), last: time(last) })
}

/// Adds what the events after `from`, up to `last`, were to tell this output.
pub(super) fn tell_again(transaction: &Transaction<'_>, name: &str, (from, last): (i64, i64)) -> rusqlite::Result<()> {
    let losses: Vec<Loss> = transaction
        .prepare_cached(
            "SELECT told.output, reason, count, first, last FROM told JOIN event USING (seq)
             WHERE seq > ?1 AND seq <= ?2 AND (only_for IS NULL OR only_for = ?3)",
        )?
        .query_map(params![from, last, name], loss)?
        .collect::<rusqlite::Result<_>>()?;
    losses.iter().try_for_each(|loss| add(transaction, name, loss))
}
