//! A file that is appended to, and may be moved away at any time: it is then made anew with the next record.

use super::Sent;
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// An open file, mode 0640.
#[derive(Debug)]
pub(in crate::sink) struct Appended {
    path: PathBuf,
    file: Option<File>,
}

impl Appended {
    pub(in crate::sink) fn new(path: &Path) -> Self {
        Self { path: path.to_owned(), file: None }
    }

    /// Opens it.
    ///
    /// # Errors
    /// It cannot be opened for appending.
    pub(in crate::sink) fn open(path: &Path) -> io::Result<Self> {
        Ok(Self { path: path.to_owned(), file: Some(append(path)?) })
    }

    /// Writes lines, whole or not at all; they are on the disk when they count as taken.
    pub(super) fn write(&mut self, records: &[&[u8]]) -> Sent {
        let mut lines = Vec::with_capacity(records.iter().map(|record| record.len() + 1).sum());
        for record in records {
            lines.extend_from_slice(record);
            lines.push(b'\n');
        }
        let written = self.append(&lines).and_then(|()| match &self.file {
            Some(file) => synced(file),
            None => Ok(()),
        });
        match written {
            Ok(()) => Sent::Taken,
            Err(error) => Sent::unreachable(format!("{}: {error}", self.path.display())),
        }
    }

    /// Appends whole lines.
    ///
    /// # Errors
    /// None of them was written, or, where nothing could be taken back, nobody knows.
    pub(in crate::sink) fn append(&mut self, lines: &[u8]) -> io::Result<()> {
        // Rotation moves the file away: the path then names another file, or none.
        let same = self.file.as_ref().and_then(|file| {
            let (at_path, open) = (std::fs::metadata(&self.path).ok()?, file.metadata().ok()?);
            Some(at_path.ino() == open.ino() && at_path.dev() == open.dev())
        });
        let mut file = match self.file.take().filter(|_| same == Some(true)) {
            Some(file) => file,
            None => append(&self.path)?,
        };
        let before = file.metadata()?.len();
        let written = file.write_all(lines);
        if written.is_err() {
            // Half a line would spoil the next one.
            let _ = file.set_len(before);
        }
        self.file = Some(file);
        written
    }

    pub(in crate::sink) fn path(&self) -> &Path {
        &self.path
    }
}

/// Pipes and terminals have nothing to write to a disk.
fn synced(file: &File) -> io::Result<()> {
    match file.sync_data() {
        Err(error) if error.kind() == io::ErrorKind::InvalidInput => Ok(()),
        synced => synced,
    }
}

fn append(path: &Path) -> io::Result<File> {
    OpenOptions::new().append(true).create(true).mode(0o640).open(path)
}
