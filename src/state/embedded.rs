//! The state of the daemon: answers from memory, and a SQLite file that a thread of its own writes in batches. A crash
//! loses a second at most; a file that is no longer one is set aside, and the daemon goes on.

use super::index::Thresholds;
use super::memory::Memory;
use super::prints::{Kind, Print};
use super::{Arrival, Behaviour, Departure, Facts, Key, Pair, Prints, Store, Twin};
use crate::message::Address;
use crate::metrics;
use crate::owned;
use crate::privacy::Mask;
use jiff::Timestamp;
use rusqlite::{Connection, OpenFlags, params};
use std::io;
use std::path::{Path, PathBuf};

use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Where the state is kept, and for how long.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Spec {
    /// The folder of `state.db` and `state.key`.
    pub directory: PathBuf,
    /// When what is remarkable is.
    pub thresholds: Thresholds,
    /// How many days a pair is remembered after its last forward.
    pub keep_days: i64,
}

/// What opening brought.
pub struct Opened {
    /// The state.
    pub store: Embedded,
    /// Where a file went that could not be read.
    pub set_aside: Option<PathBuf>,
}

/// How many writes may wait. A million forwards an hour fill it in six minutes without a disk.
const QUEUE: usize = 100_000;
/// How long a write waits for others at the most: what a crash can lose.
const BATCH_TIME: Duration = Duration::from_secs(1);
/// How many writes share a transaction at the most.
const BATCH_SIZE: usize = 5_000;
/// How long another process may hold the file before a batch is put off.
const BUSY: Duration = Duration::from_millis(500);
/// How often a standing fault is spoken of.
const COMPLAINT: Duration = Duration::from_secs(60);

/// The version of the schema.
pub(super) const VERSION: i64 = 2;

/// What the writer is told.
enum Write {
    Arrival(Arrival),
    Departure(Departure),
    ByHand(Address, Timestamp),
}

/// The state of the daemon.
pub struct Embedded {
    memory: Memory,
    queue: Option<SyncSender<Write>>,
    writer: Option<JoinHandle<()>>,
}

impl Embedded {
    /// Opens the file, or makes it, and reads what it holds.
    ///
    /// # Errors
    /// The folder cannot be used, or the key cannot be read.
    pub fn open(spec: &Spec, now: Timestamp) -> io::Result<Opened> {
        Self::open_masked(spec, Mask::clear(), now)
    }

    /// As [`open`](Self::open); `mask` says what the file shows of addresses. Arrivals, whose mailboxes must be known as they
    /// are, are then not written.
    ///
    /// # Errors
    /// The folder cannot be used, or the key cannot be read.
    pub fn open_masked(spec: &Spec, mask: Mask, now: Timestamp) -> io::Result<Opened> {
        std::fs::create_dir_all(&spec.directory)?;
        let key = Key::load(&spec.directory.join("state.key"))?;
        let path = spec.directory.join("state.db");
        let memory = Memory::masked(key, spec.thresholds.clone(), mask.clone());
        let mut set_aside = None;
        let connection =
            match open(&path).and_then(|connection| recall(&connection, &memory, spec, now).map(|()| connection)) {
                Ok(connection) => connection,
                Err(error) if is_locked(&error) => return Err(io::Error::new(io::ErrorKind::WouldBlock, error)),
                Err(rusqlite::Error::ToSqlConversionFailure(newer)) => return Err(io::Error::other(newer)),
                Err(_) if path.exists() => {
                    set_aside = Some(owned::aside(&path, now.as_second())?);
                    open(&path).map_err(io::Error::other)?
                }
                Err(error) => return Err(io::Error::other(error)),
            };
        let (queue, writes) = sync_channel(QUEUE);
        let keep = spec.clone();
        let writer = std::thread::Builder::new()
            .name("state".into())
            .spawn(move || Writer::new(connection, keep, mask).run(&writes))?;
        Ok(Opened { store: Self { memory, queue: Some(queue), writer: Some(writer) }, set_aside })
    }

    fn write(&self, write: Write) {
        let taken = self.queue.as_ref().is_some_and(|queue| queue.try_send(write).is_ok());
        if !taken {
            ::metrics::counter!(metrics::STATE_LOST.name).increment(1);
        }
    }
}

impl Drop for Embedded {
    /// Writes what waits.
    fn drop(&mut self) {
        self.queue = None;
        if let Some(writer) = self.writer.take() {
            let _ = writer.join();
        }
    }
}

impl Store for Embedded {
    fn key(&self) -> &Key {
        self.memory.key()
    }

    fn arrived(&self, arrival: Arrival) {
        self.memory.arrived(arrival.clone());
        self.write(Write::Arrival(arrival));
    }

    fn twins(&self, prints: &Prints, now: Timestamp) -> Option<Vec<Twin>> {
        self.memory.twins(prints, now)
    }

    fn facts(&self, pair: Pair<'_>, now: Timestamp) -> Option<Facts> {
        self.memory.facts(pair, now)
    }

    fn departed(&self, departure: Departure) -> Vec<Behaviour> {
        let found = self.memory.departed(departure.clone());
        self.write(Write::Departure(departure));
        found
    }

    fn sent_on_by_hand(&self, mailbox: &Address, now: Timestamp) {
        self.memory.sent_on_by_hand(mailbox, now);
        self.write(Write::ByHand(mailbox.clone(), now));
    }
}

/// Opens or makes the file, readable by its owner alone.
pub(super) fn open(path: &Path) -> rusqlite::Result<Connection> {
    // SQLite would make it by the umask.
    let _ = owned::make(path);
    let mut connection =
        Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
    connection.busy_timeout(BUSY)?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    // What is sorted stays in memory: a confined daemon has no folder for temporary files.
    connection.pragma_update(None, "temp_store", "MEMORY")?;
    connection.pragma_update(None, "synchronous", "NORMAL")?;
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
            let text = format!(
                "state.db has version {version}, this program knows version {VERSION}: a newer forwarden wrote it; \
                 upgrade, or move the file away"
            );
            return Err(rusqlite::Error::ToSqlConversionFailure(text.into()));
        }
    }
    Ok(connection)
}

fn is_locked(error: &rusqlite::Error) -> bool {
    matches!(error.sqlite_error_code(), Some(rusqlite::ErrorCode::DatabaseBusy | rusqlite::ErrorCode::DatabaseLocked))
}

/// Reads into memory what the file remembers.
fn recall(connection: &Connection, memory: &Memory, spec: &Spec, now: Timestamp) -> rusqlite::Result<()> {
    let mut index = memory.index();
    let mut pairs = connection.prepare(
        "SELECT forwarder, destination, min(first_seen), sum(latencies), max(latency_mean), max(latency_sum2)
         FROM pair GROUP BY forwarder, destination",
    )?;
    let mut rows = pairs.query([])?;
    while let Some(row) = rows.next()? {
        let (forwarder, destination): (String, String) = (row.get(0)?, row.get(1)?);
        let (Some(forwarder), Some(destination)) = (Address::parse(&forwarder), Address::parse(&destination)) else {
            continue;
        };
        let since = Timestamp::from_second(row.get(2)?).unwrap_or(now);
        let latencies = (row.get(3)?, row.get(4)?, row.get(5)?);
        index.recall(Pair { forwarder: &forwarder, destination: &destination }, since, latencies);
    }
    let oldest = now.as_millisecond() - i64::try_from(spec.thresholds.window.as_millis()).unwrap_or(i64::MAX);
    let mut arrivals = connection.prepare("SELECT at, kind, hash, mailbox FROM arrival WHERE at >= ?1 ORDER BY at")?;
    let mut rows = arrivals.query([oldest])?;
    while let Some(row) = rows.next()? {
        let mailbox: String = row.get(3)?;
        let (Some(mailbox), Some(kind)) = (Address::parse(&mailbox), Kind::from_number(row.get(1)?)) else { continue };
        let print = Print { kind, hash: row.get::<_, i64>(2)?.cast_unsigned() };
        let at = Timestamp::from_millisecond(row.get(0)?).unwrap_or(now);
        index.arrived(&mailbox, std::iter::once(print), at, false);
    }
    Ok(())
}

/// The thread that owns the file.
struct Writer {
    connection: Connection,
    spec: Spec,
    mask: Mask,
    /// What could not be written yet.
    waiting: Vec<Write>,
    cleaned: Option<Instant>,
    complained: Option<Instant>,
}

impl Writer {
    fn new(connection: Connection, spec: Spec, mask: Mask) -> Self {
        Self { connection, spec, mask, waiting: Vec::new(), cleaned: None, complained: None }
    }

    /// Writes batches until there is nobody left to tell it anything.
    fn run(mut self, writes: &Receiver<Write>) {
        loop {
            let ended = self.gather(writes);
            self.flush();
            if ended {
                return;
            }
        }
    }

    /// Takes what comes within the time of a batch; `true` where nothing will come any more.
    fn gather(&mut self, writes: &Receiver<Write>) -> bool {
        let begun = Instant::now();
        while self.waiting.len() < BATCH_SIZE {
            match writes.recv_timeout(BATCH_TIME.saturating_sub(begun.elapsed())) {
                Ok(write) => self.waiting.push(write),
                Err(RecvTimeoutError::Timeout) => return false,
                Err(RecvTimeoutError::Disconnected) => return true,
            }
        }
        false
    }

    fn flush(&mut self) {
        let clean = self.cleaned.is_none_or(|cleaned| cleaned.elapsed() > COMPLAINT);
        if self.waiting.is_empty() && !clean {
            return;
        }
        match self.commit(clean) {
            Ok(()) => {
                self.waiting.clear();
                if clean {
                    self.cleaned = Some(Instant::now());
                }
            }
            Err(error) => {
                ::metrics::counter!(metrics::STATE_FAULTS.name).increment(1);
                if self.complained.is_none_or(|complained| complained.elapsed() > COMPLAINT) {
                    self.complained = Some(Instant::now());
                    tracing::error!(%error, waiting = self.waiting.len(), "the state cannot be written; mail goes on, trying again");
                }
                // Full: the oldest make room, since newer counts say more.
                if let Some(over) = self.waiting.len().checked_sub(QUEUE).filter(|over| *over > 0) {
                    self.waiting.drain(..over);
                    ::metrics::counter!(metrics::STATE_LOST.name).increment(over as u64);
                }
                std::thread::sleep(BATCH_TIME / 4);
            }
        }
    }

    /// Writes all that waits in one transaction: all of it, or nothing.
    fn commit(&mut self, clean: bool) -> rusqlite::Result<()> {
        let transaction = self.connection.transaction()?;
        for write in &self.waiting {
            match write {
                // Their mailboxes must be known as they are.
                Write::Arrival(_) if !self.mask.is_clear() => {}
                Write::Arrival(arrival) => {
                    let mut insert = transaction
                        .prepare_cached("INSERT INTO arrival (at, kind, hash, mailbox) VALUES (?1, ?2, ?3, ?4)")?;
                    for print in arrival.prints.iter() {
                        let (at, mailbox) = (arrival.time.as_millisecond(), arrival.mailbox.mailbox().key());
                        insert.execute(params![at, print.kind as u8, print.hash.cast_signed(), mailbox])?;
                    }
                }
                Write::Departure(departure) => {
                    transaction
                        .prepare_cached("INSERT OR IGNORE INTO meta (name, value) VALUES ('observed_since', ?1)")?
                        .execute([departure.time.as_second()])?;
                    departed(&transaction, departure, &self.mask, true)?;
                }
                Write::ByHand(mailbox, time) => {
                    transaction
                        .prepare_cached(
                            "INSERT INTO day (day, forwarder, destination, count, bytes, look_forwarded) VALUES (?1, ?2, '', 0, 0, 1)
                             ON CONFLICT DO UPDATE SET look_forwarded = look_forwarded + 1",
                        )?
                        .execute(params![day(*time), self.mask.key(&mailbox.mailbox())])?;
                }
            }
        }
        if clean {
            let now = Timestamp::now();
            let window = i64::try_from(self.spec.thresholds.window.as_millis()).unwrap_or(i64::MAX);
            transaction.execute("DELETE FROM arrival WHERE at < ?1", [now.as_millisecond() - window])?;
            transaction
                .execute("DELETE FROM pair WHERE last_seen < ?1", [now.as_second() - self.spec.keep_days * 86_400])?;
            for table in ["day", "imported"] {
                transaction
                    .execute(&format!("DELETE FROM {table} WHERE day < ?1"), [day(now) - self.spec.keep_days])?;
            }
        }
        transaction.commit()
    }
}

pub(super) fn day(time: Timestamp) -> i64 {
    time.as_second().div_euclid(86_400)
}

/// How many Message-IDs of a pair are kept.
const MESSAGE_IDS: usize = 5;

/// Counts a forward. `seen`: the message was seen, so that it is known how it looks.
pub(super) fn departed(
    transaction: &rusqlite::Transaction<'_>,
    departure: &Departure,
    mask: &Mask,
    seen: bool,
) -> rusqlite::Result<()> {
    let (forwarder, destination) = (mask.key(&departure.forwarder.mailbox()), mask.key(&departure.destination));
    let known = transaction
        .prepare_cached(
            "SELECT message_ids, latencies, latency_mean, latency_sum2, last_seen FROM pair
             WHERE forwarder = ?1 AND destination = ?2 AND mechanism = ?3",
        )?
        .query_row(params![forwarder, destination, departure.mechanism], |row| {
            Ok((
                row.get::<_, String>(0)?,
                row.get::<_, u32>(1)?,
                row.get::<_, f64>(2)?,
                row.get::<_, f64>(3)?,
                row.get(4)?,
            ))
        });
    let (ids, mut number, mut mean, mut squares, last) = match known {
        Ok(known) => known,
        Err(rusqlite::Error::QueryReturnedNoRows) => (String::new(), 0, 0.0, 0.0, i64::MIN),
        Err(error) => return Err(error),
    };
    // A Message-ID has the sender's domain.
    let id = departure.message_id.as_deref();
    let id = id.map(|id| if mask.keeps_domains() { id.to_owned() } else { mask.text(id) });
    let this = id.map(|id| id.replace(char::is_whitespace, ""));
    // Logs tell of earlier ones later.
    let (newest, oldest) = if departure.time.as_second() >= last { (this, None) } else { (None, this) };
    let ids: Vec<&str> = (newest.as_deref().into_iter())
        .chain(ids.split_whitespace())
        .chain(oldest.as_deref())
        .take(MESSAGE_IDS)
        .collect();
    if let Some(latency) = departure.latency {
        let difference = latency.as_secs_f64() - mean;
        number += 1;
        mean += difference / f64::from(number);
        squares += difference * (latency.as_secs_f64() - mean);
    }
    let (time, size) = (departure.time.as_second(), i64::try_from(departure.size).unwrap_or(i64::MAX));
    transaction
        .prepare_cached(
            "INSERT INTO pair (forwarder, destination, mechanism, first_seen, last_seen, count, bytes, message_ids,
                               latencies, latency_mean, latency_sum2, rule)
             VALUES (?1, ?2, ?3, ?4, ?4, 1, ?5, ?6, ?7, ?8, ?9, ?10)
             ON CONFLICT DO UPDATE SET first_seen = min(first_seen, ?4), last_seen = max(last_seen, ?4), count = count + 1,
                 bytes = bytes + ?5, message_ids = ?6, latencies = ?7, latency_mean = ?8, latency_sum2 = ?9,
                 rule = CASE WHEN ?4 >= last_seen THEN ?10 ELSE rule END",
        )?
        .execute(params![
            forwarder,
            destination,
            departure.mechanism,
            time,
            size,
            ids.join(" "),
            number,
            mean,
            squares,
            departure.rule
        ])?;
    transaction
        .prepare_cached(
            "INSERT INTO day (day, forwarder, destination, count, bytes, look_forwarded, unseen) VALUES (?1, ?2, ?3, 1, ?4, ?5, ?6)
             ON CONFLICT DO UPDATE SET count = count + 1, bytes = bytes + ?4, look_forwarded = look_forwarded + ?5,
                 unseen = unseen + ?6",
        )?
        .execute(params![day(departure.time), forwarder, destination, size, departure.looks_forwarded, !seen])?;
    Ok(())
}
