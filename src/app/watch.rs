//! Notices that a file of a list has changed. SQLite keeps what was written last in a file of its own beside it.

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// How often is looked: a change is noticed within this time, and lists that change more often are read no more often.
pub(super) const EVERY: Duration = Duration::from_secs(1);

/// What tells one state of a file from another: file system, file, size, and time of change to the nanosecond.
type Print = (u64, u64, u64, i64, i64);

/// After what time lists that could not be read are tried again: what was in the way (a lock, a half-written file) may be gone.
const RETRY: Duration = Duration::from_secs(60);

/// The files, as they were when they were looked at last.
#[derive(Debug, Default)]
pub(super) struct Watch {
    files: Vec<(PathBuf, Option<Print>)>,
    retry: Option<Instant>,
}

impl Watch {
    /// Watches these from now on. Of those that were watched before it stays known how they were: what changes while they
    /// are being read is not missed.
    pub(super) fn follow(&mut self, files: &[PathBuf]) {
        let before = std::mem::take(&mut self.files);
        let known = |path: &PathBuf| before.iter().find(|(known, _)| known == path).map(|(_, print)| *print);
        let files = files.iter().flat_map(|path| with_log(path));
        self.files =
            files.map(|path| (known(&path).unwrap_or_else(|| print(&path)), path)).map(|(p, path)| (path, p)).collect();
        self.retry = None;
    }

    /// What was read last could not be used.
    pub(super) fn failed(&mut self) {
        self.retry = Some(Instant::now() + RETRY);
    }

    /// Why the lists are to be read again, if they are.
    pub(super) fn due(&mut self) -> Option<String> {
        let mut why = None;
        for (path, known) in &mut self.files {
            let now = print(path);
            if now != *known {
                *known = now;
                why.get_or_insert_with(|| format!("{} has changed", path.display()));
            }
        }
        if why.is_none() && self.retry.is_some_and(|at| at <= Instant::now()) {
            self.retry = None;
            why = Some("trying again".to_owned());
        }
        why
    }
}

/// A file, and what SQLite would keep beside it.
fn with_log(path: &Path) -> [PathBuf; 2] {
    let mut log = path.as_os_str().to_owned();
    log.push("-wal");
    [path.to_owned(), PathBuf::from(log)]
}

/// `None` where there is no file.
fn print(path: &Path) -> Option<Print> {
    let metadata = std::fs::metadata(path).ok()?;
    Some((metadata.dev(), metadata.ino(), metadata.size(), metadata.mtime(), metadata.mtime_nsec()))
}
