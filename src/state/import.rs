//! What logs tell of the time before mail was watched, written into the file of the inventory.
//!
//! Each forward is known by a keyed hash of its Message-ID, mailbox and destination, so the same log may be read twice.
//! What left since the daemon began to watch was counted by the daemon, and is left out.

use super::embedded::{self, day};
use super::{Departure, Key, Spec};
use crate::privacy::Mask;
use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, params};
use std::io;
use std::time::Duration;

/// What became of forwards that a log told of.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Imported {
    /// Written into the inventory.
    pub new: u64,
    /// In it already, from a log.
    pub known: u64,
    /// Left since the daemon watches, which counted them.
    pub watched: u64,
    /// Older than what is kept, or later than now.
    pub out_of_time: u64,
}

/// The kind under which forwards are hashed: apart from those of prints.
const FORWARD: u8 = 200;

/// How long another process may hold the file.
const PATIENCE: Duration = Duration::from_secs(20);

/// The file, open for what logs tell.
#[derive(Debug)]
pub struct Import {
    connection: Connection,
    key: Key,
    mask: Mask,
    oldest: Timestamp,
    now: Timestamp,
}

impl Import {
    /// Opens the file of the inventory, or makes it. A daemon may be writing to it. `mask` says what it shows of addresses.
    ///
    /// # Errors
    /// The folder cannot be used, the file is none, or one of another version. Nothing is set aside.
    pub fn open(spec: &Spec, mask: Mask, now: Timestamp) -> io::Result<Self> {
        std::fs::create_dir_all(&spec.directory)?;
        let key = Key::load(&spec.directory.join("state.key"))?;
        let connection = embedded::open(&spec.directory.join("state.db")).map_err(io::Error::other)?;
        connection.busy_timeout(PATIENCE).map_err(io::Error::other)?;
        let kept = jiff::SignedDuration::from_hours(24 * spec.keep_days);
        Ok(Self { connection, key, mask, oldest: now.saturating_sub(kept).unwrap_or(Timestamp::MIN), now })
    }

    /// Writes forwards, each with what it is known by: all of them, or none.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn add(&mut self, forwards: &[(Departure, String)]) -> io::Result<Imported> {
        self.write(forwards).map_err(io::Error::other)
    }

    fn write(&mut self, forwards: &[(Departure, String)]) -> rusqlite::Result<Imported> {
        let mut counts = Imported::default();
        let transaction = self.connection.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
        let observed: Option<i64> = transaction
            .query_row("SELECT value FROM meta WHERE name = 'observed_since'", [], |row| row.get(0))
            .optional()?;
        for (departure, identity) in forwards {
            // A clock may be a little ahead.
            if departure.time < self.oldest || departure.time.as_second() > self.now.as_second() + 86_400 {
                counts.out_of_time += 1;
            } else if observed.is_some_and(|since| departure.time.as_second() >= since) {
                counts.watched += 1;
            } else {
                let forwarder = self.mask.key(&departure.forwarder.mailbox());
                let destination = self.mask.key(&departure.destination);
                let code = self.key.code(FORWARD, format!("{identity}\n{forwarder}\n{destination}").as_bytes());
                let mut first = [0; 8];
                first.copy_from_slice(&code[..8]);
                let new = transaction
                    .prepare_cached("INSERT OR IGNORE INTO imported (day, hash) VALUES (?1, ?2)")?
                    .execute(params![day(departure.time), i64::from_le_bytes(first)])?;
                if new == 0 {
                    counts.known += 1;
                } else {
                    embedded::departed(&transaction, departure, &self.mask, false)?;
                    counts.new += 1;
                }
            }
        }
        transaction.commit()?;
        Ok(counts)
    }
}
