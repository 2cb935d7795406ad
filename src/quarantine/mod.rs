//! The quarantine of our own: messages that were taken from the mail flow for some of their recipients.
//!
//! A message is a file, and the file is the truth: it is written whole, synced and named before the MTA is told that the
//! message was taken. The SQLite file beside it is an index for looking things up, made anew from the files where it is
//! lost, and the list of what was released. What fails with the index never fails a message.
//!
//! Everything here blocks: callers on the mail path put it onto a thread of its own.

mod control;
mod files;
mod held;
mod index;
mod postfix;
mod record;
mod sendmail;
pub mod smtp;

pub use files::Damaged;
pub use held::{Held, Holder};
pub use index::{Change, INDEX};
pub use record::{Party, Rcpt, Record, release_key, release_recipient};

use files::Files;
use index::Index;
use jiff::{SignedDuration, Timestamp};
use std::io;
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Where quarantined messages are kept, and how many.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Spec {
    /// The folder of the messages and of the index.
    pub directory: PathBuf,
    /// Octets of all messages together; the oldest make room.
    pub max_bytes: u64,
    /// How long a message is kept.
    pub max_age: SignedDuration,
    /// Octets that stay free on the file system: below that nothing is stored.
    pub min_free: u64,
    /// Octets of the largest message that is stored.
    pub max_message: usize,
    /// How messages go back.
    pub release: ReleaseSpec,
}

/// How released messages go on their way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReleaseSpec {
    /// The server, `host:port`, that takes them by SMTP.
    pub hop: Option<String>,
    /// How long a release lets its message pass.
    pub expires: SignedDuration,
    /// The folder of the configuration of the Postfix instance that holds mail; where there is none, held mail is not
    /// looked for.
    pub postfix: Option<PathBuf>,
    /// The `sendmail.cf` of the Sendmail that holds mail.
    pub sendmail: Option<PathBuf>,
}

impl ReleaseSpec {
    /// The mail servers that hold mail.
    pub fn holders(&self) -> Vec<Holder<'_>> {
        let postfix = self.postfix.as_deref().map(|config| Holder::Postfix(postfix::Postfix { config }));
        let sendmail = self.sendmail.as_deref().map(|config| Holder::Sendmail(sendmail::Sendmail { config }));
        postfix.into_iter().chain(sendmail).collect()
    }
}

/// How long the count of what is stored is believed: other processes take messages away.
const RECOUNT: Duration = Duration::from_secs(60);

/// The store.
#[derive(Debug)]
pub struct Quarantine {
    spec: Spec,
    files: Files,
    index: Index,
    /// Octets that are stored, and when they were counted.
    counted: Mutex<Option<(u64, Instant)>>,
}

/// What became of a message that was to be stored.
#[derive(Debug)]
pub struct Stored {
    /// Under which id it is kept.
    pub id: String,
    /// What made room for it.
    pub trimmed: Vec<Record>,
    /// Why the index does not know it yet. It is safe all the same, and the index learns of it later.
    pub index_error: Option<String>,
}

impl Quarantine {
    /// The store of that place. Nothing is touched yet: what is wrong with it is said when something is done with it.
    pub fn new(spec: Spec) -> Self {
        Self {
            files: Files::new(spec.directory.clone()),
            index: Index::new(&spec.directory),
            counted: Mutex::new(None),
            spec,
        }
    }

    /// Its settings.
    pub fn spec(&self) -> &Spec {
        &self.spec
    }

    /// Keeps a message. When this returns, it is on the disk, under its name.
    ///
    /// # Errors
    /// It is too large, there is no room, or the disk does not take it; nothing is left of it then.
    pub fn put(&self, record: &mut Record, message: &[u8], now: Timestamp) -> io::Result<Stored> {
        let size = message.len() as u64;
        if size > self.spec.max_message as u64 || size > self.spec.max_bytes {
            return Err(io::Error::other(format!("a message of {size} octets is larger than the store takes")));
        }
        let mut counted = self.lock();
        self.files.prepare()?;
        let free = self.files.free()?;
        if free < self.spec.min_free.saturating_add(size) {
            let text = format!("only {free} octets are free in {}", self.spec.directory.display());
            return Err(io::Error::new(io::ErrorKind::StorageFull, text));
        }
        record.size = size;
        let written = self.files.create(record, message, now)?;
        let believed = counted
            .filter(|(bytes, when)| when.elapsed() < RECOUNT && bytes.saturating_add(written) <= self.spec.max_bytes);
        // What is there now counts the new one; it is never the one that makes room.
        let trimmed = match believed {
            Some((bytes, when)) => {
                *counted = Some((bytes + written, when));
                Vec::new()
            }
            // The message is safe, whatever becomes of the others.
            None => self.count(&mut counted, now, Some(&record.id)).unwrap_or_else(|error| {
                tracing::error!(%error, "old messages in quarantine could not make room");
                Vec::new()
            }),
        };
        drop(counted);
        let indexed = self.index.add(&self.files, record);
        Ok(Stored { id: record.id.clone(), trimmed, index_error: indexed.err().map(|error| error.to_string()) })
    }

    /// Takes away what is older than messages are kept, what is too much, and what an interrupted write left.
    ///
    /// # Errors
    /// The folder cannot be read.
    pub fn tend(&self, now: Timestamp) -> io::Result<Vec<Record>> {
        let mut counted = self.lock();
        self.files.prepare()?;
        self.files.sweep(now)?;
        self.count(&mut counted, now, None)
    }

    fn count(
        &self,
        counted: &mut Option<(u64, Instant)>,
        now: Timestamp,
        spare: Option<&str>,
    ) -> io::Result<Vec<Record>> {
        *counted = None;
        let (bytes, trimmed) = self.trim(now, spare)?;
        *counted = Some((bytes, Instant::now()));
        Ok(trimmed)
    }

    /// The oldest go first, by age and then by size, but never `spare`. Returns what is left and what went.
    fn trim(&self, now: Timestamp, spare: Option<&str>) -> io::Result<(u64, Vec<Record>)> {
        let stored = self.files.list()?;
        let mut bytes: u64 = stored.iter().map(|file| file.bytes).sum();
        let mut trimmed = Vec::new();
        for file in &stored {
            let old = record::time_of(&file.id).is_some_and(|time| now.duration_since(time) > self.spec.max_age);
            if !(old || bytes > self.spec.max_bytes) {
                break;
            }
            if Some(file.id.as_str()) == spare {
                continue;
            }
            let record = self.files.record(&file.id);
            self.remove(&file.id)?;
            bytes = bytes.saturating_sub(file.bytes);
            trimmed.extend(record);
        }
        Ok((bytes, trimmed))
    }

    /// Everything that is kept, oldest first, and the files that are none of ours.
    ///
    /// # Errors
    /// The folder cannot be read. Without the index every file is looked into.
    pub fn list(&self) -> io::Result<(Vec<Record>, Vec<Damaged>)> {
        self.files.prepare()?;
        match self.index.list(&self.files) {
            Ok(found) => Ok(found),
            Err(error) => {
                tracing::warn!(%error, "the index of the quarantine cannot be used: reading every message");
                self.files.read_all()
            }
        }
    }

    /// A message that is kept: what is known of it, and the message as the MTA sent it.
    ///
    /// # Errors
    /// There is none of that id, or it cannot be read.
    pub fn get(&self, id: &str) -> io::Result<(Record, Vec<u8>)> {
        self.files.read(id)
    }

    /// Forgets a message.
    ///
    /// # Errors
    /// It cannot be taken away.
    pub fn remove(&self, id: &str) -> io::Result<()> {
        self.files.remove(id)?;
        if let Err(error) = self.index.remove(id) {
            tracing::debug!(%error, id, "the index forgets it later");
        }
        Ok(())
    }

    /// Keeps a message for these recipients only.
    ///
    /// # Errors
    /// It cannot be written; then all stay as they were.
    pub fn keep_for(&self, record: &Record, message: &[u8]) -> io::Result<()> {
        self.files.replace(record, message)?;
        if let Err(error) = self.index.add(&self.files, record) {
            tracing::debug!(%error, id = record.id, "the index learns of it later");
        }
        Ok(())
    }

    /// Lets a message pass to this recipient once.
    ///
    /// # Errors
    /// It cannot be noted down.
    pub fn allow(&self, key: &str, recipients: &[String], now: Timestamp) -> io::Result<()> {
        let expires = now.checked_add(self.spec.release.expires).unwrap_or(Timestamp::MAX);
        self.files.prepare()?;
        self.index.allow(&self.files, key, recipients, now, expires)
    }

    /// Whether a message was released for this recipient and has not passed yet. What cannot be looked up was not released:
    /// the message then meets the policy again.
    pub fn is_released(&self, key: &str, recipient: &str, now: Timestamp) -> bool {
        self.index.is_released(key, recipient, now)
    }

    /// A released message has passed.
    pub fn spend(&self, key: &str, recipient: &str) {
        self.index.spend(key, recipient);
    }

    /// Notes down what was done by hand, for the daemon to report.
    ///
    /// # Errors
    /// It cannot be noted down.
    pub fn note(&self, change: &Change) -> io::Result<()> {
        self.index.note(&self.files, change)
    }

    /// What was done by hand and has not been reported yet; each is given once.
    pub fn changes(&self) -> Vec<Change> {
        self.index.changes().unwrap_or_default()
    }

    /// Opens the index, so that what is wrong with it is known before it is needed. A file that is none is made anew.
    ///
    /// # Errors
    /// It cannot be opened.
    pub fn check(&self) -> io::Result<()> {
        self.files.prepare()?;
        self.index.check(&self.files)
    }

    /// Where files went that were no index, each told once: what was released and had not passed is forgotten with them.
    pub fn set_aside(&self) -> Vec<PathBuf> {
        self.index.set_aside()
    }

    fn lock(&self) -> MutexGuard<'_, Option<(u64, Instant)>> {
        self.counted.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
