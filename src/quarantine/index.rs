//! `index.db`: what is stored, for looking it up; what was released and has not passed; what was done by hand and has not
//! been reported. SQLite in WAL mode, so that the daemon reads while a command writes.

use super::files::{Damaged, Files};
use super::record::Record;
use crate::owned;
use jiff::Timestamp;
use rusqlite::{Connection, ErrorCode, OptionalExtension, params};
use serde::{Deserialize, Serialize};
use std::collections::HashSet;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// Its name.
pub const INDEX: &str = "index.db";

/// How long another process may hold the file.
const BUSY: Duration = Duration::from_secs(1);

const SCHEMA: &str = "
    CREATE TABLE IF NOT EXISTS stored (id TEXT PRIMARY KEY, record TEXT NOT NULL) STRICT;
    CREATE TABLE IF NOT EXISTS released (
        key TEXT NOT NULL, recipient TEXT NOT NULL, expires INTEGER NOT NULL, PRIMARY KEY (key, recipient)) STRICT;
    CREATE TABLE IF NOT EXISTS change (seq INTEGER PRIMARY KEY, body TEXT NOT NULL) STRICT;
";

/// What was done by hand.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    /// `released` or `deleted`.
    pub change: String,
    /// When.
    pub time: Timestamp,
    /// The user who did it.
    pub by: String,
    /// The id in our store; absent where the MTA held the message.
    pub id: Option<String>,
    /// The MTA's queue id.
    pub queue_id: Option<String>,
    /// The Message-ID, without brackets.
    pub message_id: Option<String>,
    /// The mailboxes that forward.
    pub forwarders: Vec<String>,
    /// Where it goes.
    pub destinations: Vec<String>,
}

/// The file, opened when it is first needed.
#[derive(Debug)]
pub(super) struct Index {
    path: PathBuf,
    connection: Mutex<Option<Opened>>,
    /// Releases that have passed, though the file could not be told: they do not pass again.
    spent: Mutex<HashSet<(String, String)>>,
    /// Files that were none and were set aside, until they are asked for.
    aside: Mutex<Vec<PathBuf>>,
}

impl Index {
    pub(super) fn new(directory: &Path) -> Self {
        Self {
            path: directory.join(INDEX),
            connection: Mutex::new(None),
            spent: Mutex::default(),
            aside: Mutex::default(),
        }
    }

    /// Opens the file, and makes it anew where it is none.
    pub(super) fn check(&self, files: &Files) -> io::Result<()> {
        let mut connection = self.connection.lock().unwrap_or_else(PoisonError::into_inner);
        match open(&self.path).and_then(|opened| reconcile(&opened.connection, files).map(|_| opened)) {
            Ok(opened) => {
                *connection = Some(opened);
                Ok(())
            }
            Err(error) if is_broken(&error) => {
                let aside = aside(&self.path)?;
                tracing::error!(aside = %aside.display(), "the index of the quarantine could not be read: set aside");
                self.aside.lock().unwrap_or_else(PoisonError::into_inner).push(aside);
                let opened = open(&self.path).map_err(io::Error::other)?;
                reconcile(&opened.connection, files).map_err(io::Error::other)?;
                *connection = Some(opened);
                Ok(())
            }
            Err(error) => Err(io::Error::other(error)),
        }
    }

    /// What was set aside since this was asked last.
    pub(super) fn set_aside(&self) -> Vec<PathBuf> {
        std::mem::take(&mut *self.aside.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Does something with the file. One that is none is set aside, and what is stored is read in anew from the messages.
    fn with<T>(&self, files: Option<&Files>, what: impl Fn(&Connection) -> rusqlite::Result<T>) -> io::Result<T> {
        for last in [false, true] {
            {
                let mut connection = self.connection.lock().unwrap_or_else(PoisonError::into_inner);
                let opened = match connection.take() {
                    // Somebody may have put another in its place, under an open connection.
                    Some(opened) if file_at(&self.path).is_some_and(|file| file == opened.file) => Ok(opened),
                    _ => open(&self.path),
                };
                match opened.and_then(|opened| Ok((what(&opened.connection)?, opened))) {
                    Ok((found, opened)) => {
                        *connection = Some(opened);
                        return Ok(found);
                    }
                    Err(error) if last || !is_broken(&error) || files.is_none() => return Err(io::Error::other(error)),
                    Err(_) => {}
                }
            }
            if let Some(files) = files {
                self.check(files)?;
            }
        }
        Err(io::Error::other("the index cannot be used"))
    }

    pub(super) fn add(&self, files: &Files, record: &Record) -> io::Result<()> {
        let json = serde_json::to_string(record)?;
        self.with(Some(files), |index| {
            index.execute("INSERT OR REPLACE INTO stored VALUES (?1, ?2)", params![record.id, json]).map(drop)
        })
    }

    pub(super) fn remove(&self, id: &str) -> io::Result<()> {
        self.with(None, |index| index.execute("DELETE FROM stored WHERE id = ?1", [id]).map(drop))
    }

    pub(super) fn list(&self, files: &Files) -> io::Result<(Vec<Record>, Vec<Damaged>)> {
        self.with(Some(files), |index| {
            let damaged = reconcile(index, files)?;
            let mut statement = index.prepare("SELECT record FROM stored ORDER BY id")?;
            let rows = statement.query_map([], |row| row.get::<_, String>(0))?;
            let mut records = Vec::new();
            for row in rows {
                records.extend(serde_json::from_str::<Record>(&row?));
            }
            Ok((records, damaged))
        })
    }

    pub(super) fn allow(
        &self,
        files: &Files,
        key: &str,
        recipients: &[String],
        now: Timestamp,
        expires: Timestamp,
    ) -> io::Result<()> {
        self.with(Some(files), |index| {
            let transaction = index.unchecked_transaction()?;
            transaction.execute("DELETE FROM released WHERE expires <= ?1", [now.as_second()])?;
            for recipient in recipients {
                transaction.execute(
                    "INSERT OR REPLACE INTO released VALUES (?1, ?2, ?3)",
                    params![key, recipient, expires.as_second()],
                )?;
            }
            transaction.commit()
        })
    }

    pub(super) fn is_released(&self, key: &str, recipient: &str, now: Timestamp) -> bool {
        let spent = self.spent.lock().unwrap_or_else(PoisonError::into_inner);
        if !self.path.exists() || spent.contains(&(key.to_owned(), recipient.to_owned())) {
            return false;
        }
        drop(spent);
        let query = "SELECT 1 FROM released WHERE key = ?1 AND recipient = ?2 AND expires > ?3";
        let found = self.with(None, |index| {
            index.query_row(query, params![key, recipient, now.as_second()], |_| Ok(())).optional()
        });
        match found {
            Ok(found) => found.is_some(),
            Err(error) => {
                tracing::error!(%error, "the list of released mail cannot be read: taken for not released");
                false
            }
        }
    }

    pub(super) fn spend(&self, key: &str, recipient: &str) {
        let delete = "DELETE FROM released WHERE key = ?1 AND recipient = ?2";
        if let Err(error) = self.with(None, |index| index.execute(delete, params![key, recipient]).map(drop)) {
            tracing::error!(%error, "a release could not be taken off the list: it is remembered until a restart");
            self.spent.lock().unwrap_or_else(PoisonError::into_inner).insert((key.to_owned(), recipient.to_owned()));
        }
    }

    pub(super) fn note(&self, files: &Files, change: &Change) -> io::Result<()> {
        let json = serde_json::to_string(change)?;
        self.with(Some(files), |index| index.execute("INSERT INTO change (body) VALUES (?1)", [&json]).map(drop))
    }

    pub(super) fn changes(&self) -> io::Result<Vec<Change>> {
        if !self.path.exists() {
            return Ok(Vec::new());
        }
        self.with(None, |index| {
            let some: bool = index.query_row("SELECT EXISTS (SELECT 1 FROM change)", [], |row| row.get(0))?;
            if !some {
                return Ok(Vec::new());
            }
            let mut statement = index.prepare("DELETE FROM change RETURNING body")?;
            let rows = statement.query_map([], |row| row.get::<_, String>(0))?;
            let mut changes = Vec::new();
            for row in rows {
                changes.extend(serde_json::from_str::<Change>(&row?));
            }
            changes.sort_by_key(|change| change.time);
            Ok(changes)
        })
    }
}

/// The file, and which it is: device and inode.
#[derive(Debug)]
struct Opened {
    connection: Connection,
    file: (u64, u64),
}

fn file_at(path: &Path) -> Option<(u64, u64)> {
    std::fs::metadata(path).ok().map(|metadata| (metadata.dev(), metadata.ino()))
}

fn open(path: &Path) -> rusqlite::Result<Opened> {
    // SQLite gives the files beside it the permissions of this one.
    let made = owned::make(path).and_then(|file| file.metadata());
    let made = made.map_err(|error| rusqlite::Error::ToSqlConversionFailure(Box::new(error)))?;
    let connection = Connection::open(path)?;
    connection.busy_timeout(BUSY)?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    // A confined daemon has no folder for temporary files.
    connection.pragma_update(None, "temp_store", "MEMORY")?;
    connection.execute_batch(SCHEMA)?;
    Ok(Opened { connection, file: (made.dev(), made.ino()) })
}

/// Makes the index say what the folder holds.
fn reconcile(index: &Connection, files: &Files) -> rusqlite::Result<Vec<Damaged>> {
    let present = files.list().map_err(|error| rusqlite::Error::ToSqlConversionFailure(Box::new(error)))?;
    let mut known: HashSet<String> =
        index.prepare("SELECT id FROM stored")?.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?;
    let mut damaged = Vec::new();
    let transaction = index.unchecked_transaction()?;
    for file in present {
        if known.remove(&file.id) {
            continue;
        }
        match files.record(&file.id).and_then(|record| Ok(serde_json::to_string(&record)?)) {
            Ok(json) => {
                transaction.execute("INSERT OR REPLACE INTO stored VALUES (?1, ?2)", params![file.id, json])?;
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => damaged.push(files.damaged(&file.id, &error)),
        }
    }
    for gone in known {
        transaction.execute("DELETE FROM stored WHERE id = ?1", [gone])?;
    }
    transaction.commit()?;
    Ok(damaged)
}

fn is_broken(error: &rusqlite::Error) -> bool {
    matches!(error.sqlite_error_code(), Some(ErrorCode::NotADatabase | ErrorCode::DatabaseCorrupt))
}

/// Renames a file that is no index, and what SQLite keeps beside it.
fn aside(path: &Path) -> io::Result<PathBuf> {
    let now = Timestamp::now().as_second();
    let to = path.with_file_name(format!("{INDEX}.broken-{now}"));
    std::fs::rename(path, &to)?;
    for ending in ["-wal", "-shm"] {
        let _ = std::fs::remove_file(path.with_file_name(format!("{INDEX}{ending}")));
    }
    Ok(to)
}
