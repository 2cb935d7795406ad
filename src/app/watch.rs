//! Notices that a file of a list has changed.

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How often is looked: a change is noticed within this time, and lists that change more often are read no more often.
pub(super) const EVERY: Duration = Duration::from_secs(1);

/// What tells one state of a file from another: file system, file, size, and time of change to the nanosecond.
type Print = (u64, u64, u64, i64, i64);

/// The files, as they were when they were read.
#[derive(Debug, Default)]
pub(super) struct Watch(Vec<(PathBuf, Option<Print>)>);

impl Watch {
    /// Watches these from now on.
    pub(super) fn new(files: &[PathBuf]) -> Self {
        Self(files.iter().map(|path| (path.clone(), print(path))).collect())
    }

    /// A file that is not as it was, if there is one. Each change is told once.
    pub(super) fn changed(&mut self) -> Option<PathBuf> {
        let mut first = None;
        for (path, known) in &mut self.0 {
            let now = print(path);
            if now != *known {
                *known = now;
                first.get_or_insert_with(|| path.clone());
            }
        }
        first
    }
}

/// `None` where there is no file.
fn print(path: &Path) -> Option<Print> {
    let metadata = std::fs::metadata(path).ok()?;
    Some((metadata.dev(), metadata.ino(), metadata.size(), metadata.mtime(), metadata.mtime_nsec()))
}
