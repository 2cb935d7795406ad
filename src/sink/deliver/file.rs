//! A file that is appended to, and may be moved away at any time: it is then made anew, with the next record or when the
//! daemon is told to.

use super::Sent;
use super::rotate::{Rotation, Rotator};
use nix::errno::Errno;
use nix::fcntl::{FcntlArg, OFlag, fcntl};
use std::fs::{File, Metadata, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{FileExt, FileTypeExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// An open file, mode 0640.
#[derive(Debug)]
pub(in crate::sink) struct Appended {
    path: PathBuf,
    file: Option<File>,
    rotator: Option<Rotator>,
}

impl Appended {
    pub(in crate::sink) fn new(path: &Path, rotation: Option<Rotation>) -> Self {
        Self { path: path.to_owned(), file: None, rotator: rotation.map(Rotator::new) }
    }

    /// Opens it.
    ///
    /// # Errors
    /// It cannot be opened for appending.
    pub(in crate::sink) fn open(path: &Path, rotation: Option<Rotation>) -> io::Result<Self> {
        Ok(Self { file: Some(append(path)?), ..Self::new(path, rotation) })
    }

    /// Lets go of a file that was moved away, and makes another one at once.
    ///
    /// # Errors
    /// It cannot be opened for appending; that is tried again with the next record.
    pub(in crate::sink) fn reopen(&mut self) -> io::Result<()> {
        if let Some(rotator) = &mut self.rotator {
            rotator.try_again();
        }
        self.file = Some(self.current()?);
        Ok(())
    }

    /// Writes lines, each whole or not at all; they are on the disk when they count as taken.
    pub(super) fn write(&mut self, records: &[&[u8]]) -> Sent {
        let mut taken = 0;
        while let Some(left) = records.get(taken..).filter(|left| !left.is_empty()) {
            match self.write_some(left) {
                Ok(count) => taken += count,
                Err(error) => return Sent::Some(taken, format!("{}: {error}", self.path.display())),
            }
        }
        Sent::Taken
    }

    /// Writes as many as go into the file that is open now. How many.
    fn write_some(&mut self, records: &[&[u8]]) -> io::Result<usize> {
        let (file, before) = self.ready(records.first().map_or(0, |first| first.len() as u64 + 1))?;
        let count = self.rotator.as_ref().map_or(records.len(), |rotator| rotator.fitting(before, records));
        let records = records.iter().take(count);
        let mut lines = Vec::with_capacity(records.clone().map(|record| record.len() + 1).sum());
        for record in records {
            lines.extend_from_slice(record);
            lines.push(b'\n');
        }
        let file = self.put(file, before, &lines)?;
        synced(file)?;
        Ok(count)
    }

    /// Appends whole lines.
    ///
    /// # Errors
    /// None of them was written, or, where nothing could be taken back, nobody knows.
    pub(in crate::sink) fn append(&mut self, lines: &[u8]) -> io::Result<()> {
        let (file, before) = self.ready(lines.len() as u64)?;
        self.put(file, before, lines).map(drop)
    }

    /// The file to write so many octets to, and how large it is.
    fn ready(&mut self, coming: u64) -> io::Result<(File, u64)> {
        let file = self.current()?;
        let metadata = file.metadata()?;
        let turned = self.rotator.as_mut().and_then(|rotator| rotator.turn(&self.path, &metadata, coming));
        match turned {
            Some(turned) => {
                let size = turned.metadata()?.len();
                Ok((turned, size))
            }
            None => Ok((file, metadata.len())),
        }
    }

    /// The file that is at the path now.
    fn current(&mut self) -> io::Result<File> {
        // Rotation moves the file away: the path then names another file, or none.
        match self.file.take() {
            Some(file) if is_at(&self.path, &file.metadata()?) => Ok(file),
            _ => append(&self.path),
        }
    }

    fn put(&mut self, mut file: File, before: u64, lines: &[u8]) -> io::Result<&File> {
        if let Err(error) = file.write_all(lines) {
            // Half a line would spoil the next one. Where it cannot be taken back, it is ended when the file is opened anew.
            self.file = file.set_len(before).is_ok().then_some(file);
            return Err(error);
        }
        Ok(self.file.insert(file))
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

/// Whether that open file is the one at the path.
pub(super) fn is_at(path: &Path, open: &Metadata) -> bool {
    std::fs::metadata(path).is_ok_and(|there| (there.dev(), there.ino()) == (open.dev(), open.ino()))
}

/// Opens a file to append to it.
pub(super) fn append(path: &Path) -> io::Result<File> {
    if std::fs::metadata(path).is_ok_and(|there| there.file_type().is_fifo()) {
        return pipe(path);
    }
    let mut file = OpenOptions::new().append(true).create(true).mode(0o640).open(path)?;
    let metadata = file.metadata()?;
    if metadata.is_file() && metadata.len() > 0 && is_torn(path, &metadata) {
        file.write_all(b"\n")?;
    }
    Ok(file)
}

/// Opens a named pipe, without waiting for somebody to read it.
fn pipe(path: &Path) -> io::Result<File> {
    let file = OpenOptions::new().write(true).custom_flags(OFlag::O_NONBLOCK.bits()).open(path);
    let file = file.map_err(|error| match error.raw_os_error() {
        Some(code) if code == Errno::ENXIO as i32 => io::Error::new(error.kind(), "nobody reads this pipe"),
        _ => error,
    })?;
    fcntl(&file, FcntlArg::F_SETFL(OFlag::empty()))?;
    Ok(file)
}

/// Whether the last line was not ended: the daemon, or the machine, stopped in the middle of it. The next one must not be
/// lost with it. It is not cut off: who follows the file would take it for a new one.
fn is_torn(path: &Path, open: &Metadata) -> bool {
    let last = || {
        let reader = File::open(path)?;
        let mut last = [0];
        reader.read_exact_at(&mut last, open.len() - 1)?;
        Ok::<bool, io::Error>(is_at(path, open) && last != *b"\n")
    };
    // What may not be read is left as it is.
    last().unwrap_or(false)
}
