//! The files: `ID.mail`, one a message. The first line is its [`Record`], everything behind it the message, byte for byte.

use super::record::{Record, VERSION, new_id, time_of};
use crate::owned;
use jiff::Timestamp;
use nix::sys::statvfs::statvfs;
use std::fs::{DirBuilder, File, OpenOptions, Permissions};
use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

const ENDING: &str = ".mail";
/// A file that is being written. A crash leaves it; the MTA was not told that the message was taken.
const UNFINISHED: &str = ".new";
/// How old an unfinished file must be to be taken for left over, in seconds.
const LEFT_OVER: i64 = 3600;
/// The longest first line that is read: ten thousand recipients with all their parameters.
const MAX_RECORD: u64 = 32 << 20;

/// A file that is there.
#[derive(Debug)]
pub(super) struct Present {
    pub(super) id: String,
    pub(super) bytes: u64,
}

/// A file that is none of ours, or not any more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Damaged {
    /// Where it is.
    pub path: PathBuf,
    /// What is wrong with it.
    pub error: String,
}

/// The folder.
#[derive(Debug)]
pub(super) struct Files {
    directory: PathBuf,
}

impl Files {
    pub(super) fn new(directory: PathBuf) -> Self {
        Self { directory }
    }

    /// Makes the folder, for nobody else's eyes.
    pub(super) fn prepare(&self) -> io::Result<()> {
        if !self.directory.is_dir() {
            let missing: Vec<&Path> = self.directory.ancestors().take_while(|folder| !folder.exists()).collect();
            DirBuilder::new().recursive(true).mode(0o700).create(&self.directory)?;
            std::fs::set_permissions(&self.directory, Permissions::from_mode(0o700))?;
            missing.into_iter().rev().try_for_each(owned::give)?;
        }
        Ok(())
    }

    /// Octets that are free for us.
    pub(super) fn free(&self) -> io::Result<u64> {
        let file_system = statvfs(&self.directory)?;
        Ok(file_system.blocks_available().saturating_mul(file_system.fragment_size()))
    }

    /// Writes a message under an id of its own; the record learns it. Returns the octets of the file.
    pub(super) fn create(&self, record: &mut Record, message: &[u8], now: Timestamp) -> io::Result<u64> {
        record.time = now;
        record.id = new_id(now);
        while self.path(&record.id).exists() {
            record.id = new_id(now);
        }
        self.replace(record, message)
    }

    /// Writes a message, in the place of the one of its id. It has its name only when it is on the disk as a whole.
    pub(super) fn replace(&self, record: &Record, message: &[u8]) -> io::Result<u64> {
        let unfinished = self.directory.join(format!("{}{UNFINISHED}", record.id));
        let written = write(&unfinished, record, message)
            .and_then(|bytes| std::fs::rename(&unfinished, self.path(&record.id)).map(|()| bytes))
            .and_then(|bytes| self.sync().map(|()| bytes));
        if written.is_err() {
            let _ = std::fs::remove_file(&unfinished);
        }
        written
    }

    /// The names of the folder, on the disk.
    fn sync(&self) -> io::Result<()> {
        File::open(&self.directory)?.sync_all()
    }

    /// The messages, oldest first.
    pub(super) fn list(&self) -> io::Result<Vec<Present>> {
        let mut found = Vec::new();
        for entry in std::fs::read_dir(&self.directory)? {
            let entry = entry?;
            let name = entry.file_name();
            let id = name.to_str().and_then(|name| name.strip_suffix(ENDING)).filter(|id| time_of(id).is_some());
            // One that was taken away in the meantime is none.
            if let (Some(id), Ok(metadata)) = (id, entry.metadata()) {
                found.push(Present { id: id.to_owned(), bytes: metadata.len() });
            }
        }
        found.sort_by(|a, b| a.id.cmp(&b.id));
        Ok(found)
    }

    /// Takes away what interrupted writes left.
    pub(super) fn sweep(&self, now: Timestamp) -> io::Result<()> {
        for entry in std::fs::read_dir(&self.directory)? {
            let entry = entry?;
            let name = entry.file_name();
            let begun = name.to_str().and_then(|name| name.strip_suffix(UNFINISHED)).and_then(time_of);
            if begun.is_some_and(|begun| now.duration_since(begun).as_secs() > LEFT_OVER) {
                std::fs::remove_file(entry.path())?;
            }
        }
        Ok(())
    }

    /// What is known of a message.
    pub(super) fn record(&self, id: &str) -> io::Result<Record> {
        self.open(id).map(|(record, _)| record)
    }

    /// A message.
    pub(super) fn read(&self, id: &str) -> io::Result<(Record, Vec<u8>)> {
        let (record, mut rest) = self.open(id)?;
        let mut message = Vec::new();
        rest.read_to_end(&mut message)?;
        if message.len() as u64 != record.size {
            let text = format!("has {} octets instead of {}: it was changed", message.len(), record.size);
            return Err(io::Error::new(io::ErrorKind::InvalidData, text));
        }
        Ok((record, message))
    }

    /// All messages, by looking into each file.
    pub(super) fn read_all(&self) -> io::Result<(Vec<Record>, Vec<Damaged>)> {
        let (mut records, mut damaged) = (Vec::new(), Vec::new());
        for file in self.list()? {
            match self.record(&file.id) {
                Ok(record) => records.push(record),
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => damaged.push(self.damaged(&file.id, &error)),
            }
        }
        Ok((records, damaged))
    }

    pub(super) fn damaged(&self, id: &str, error: &io::Error) -> Damaged {
        Damaged { path: self.path(id), error: error.to_string() }
    }

    pub(super) fn remove(&self, id: &str) -> io::Result<()> {
        std::fs::remove_file(self.checked_path(id)?)?;
        self.sync()
    }

    fn open(&self, id: &str) -> io::Result<(Record, BufReader<File>)> {
        let mut reader = BufReader::new(File::open(self.checked_path(id)?)?);
        let mut line = Vec::new();
        (&mut reader).take(MAX_RECORD).read_until(b'\n', &mut line)?;
        let record: Record = serde_json::from_slice(&line)
            .map_err(|error| io::Error::new(io::ErrorKind::InvalidData, format!("is no stored message: {error}")))?;
        if record.version != VERSION || record.id != id {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "is of another version, or was renamed"));
        }
        Ok((record, reader))
    }

    fn path(&self, id: &str) -> PathBuf {
        self.directory.join(format!("{id}{ENDING}"))
    }

    /// The path of an id that somebody typed.
    fn checked_path(&self, id: &str) -> io::Result<PathBuf> {
        let text = || io::Error::new(io::ErrorKind::NotFound, "is no id of a stored message");
        time_of(id).map(|_| self.path(id)).ok_or_else(text)
    }
}

fn write(path: &Path, record: &Record, message: &[u8]) -> io::Result<u64> {
    let mut head = serde_json::to_vec(record)?;
    head.push(b'\n');
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    owned::give(path)?;
    file.write_all(&head)?;
    file.write_all(message)?;
    file.sync_all()?;
    Ok((head.len() + message.len()) as u64)
}
