//! The file of the counts: JSON, written whole by a thread of its own.

use super::Book;
use jiff::Timestamp;
use std::fs::OpenOptions;
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, SyncSender, TryRecvError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Its name.
pub const FILE: &str = "exceptions.json";

/// The largest file that is read: some 200 octets an exception.
const MAX_BYTES: u64 = 64 << 20;
/// How long changes are gathered: what a crash can lose.
const PAUSE: Duration = Duration::from_secs(1);
/// How often a standing fault is spoken of.
const COMPLAINT: Duration = Duration::from_secs(60);

/// Reads the file of a directory. `None` if there is none.
///
/// # Errors
/// It cannot be read, or it is none of ours (`InvalidData`).
pub fn read(directory: &Path) -> io::Result<Option<Book>> {
    load(&directory.join(FILE))
}

fn load(path: &Path) -> io::Result<Option<Book>> {
    let file = match std::fs::File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let mut bytes = Vec::new();
    if file.take(MAX_BYTES + 1).read_to_end(&mut bytes)? as u64 > MAX_BYTES {
        return Err(io::Error::new(io::ErrorKind::InvalidData, format!("has more than {MAX_BYTES} octets")));
    }
    serde_json::from_slice(&bytes).map(Some).map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))
}

/// What the file holds, to go on with it.
pub(super) fn open(path: &Path, now: Timestamp) -> io::Result<Book> {
    if let Some(directory) = path.parent() {
        std::fs::create_dir_all(directory)?;
    }
    match load(path) {
        Ok(book) => Ok(book.unwrap_or_default()),
        Err(error) if error.kind() == io::ErrorKind::InvalidData => {
            let aside = path.with_extension(format!("json.broken-{}", now.as_second()));
            std::fs::rename(path, &aside)?;
            tracing::error!(file = %path.display(), %error, aside = %aside.display(), "uses of exceptions cannot be read: set aside, counting begins anew");
            Ok(Book::default())
        }
        Err(error) => Err(error),
    }
}

/// Writes the whole file beside the old one, then puts it in its place: a crash leaves one or the other.
fn write(path: &Path, book: &Book) -> io::Result<()> {
    let new = path.with_extension("json.new");
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o640).open(&new)?;
    file.write_all(&serde_json::to_vec_pretty(book)?)?;
    file.sync_all()?;
    std::fs::rename(&new, path)?;
    // The name, too, must be on the disk.
    path.parent().map_or(Ok(()), |directory| std::fs::File::open(directory)?.sync_all())
}

/// The thread that writes. Dropping it writes what waits.
pub(super) struct Writer {
    changed: Option<SyncSender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Writer {
    pub(super) fn start(path: PathBuf, book: Arc<Mutex<Book>>) -> io::Result<Self> {
        // One waiting change stands for all that come before it is taken up.
        let (changed, changes) = sync_channel(1);
        let thread =
            std::thread::Builder::new().name("exceptions".into()).spawn(move || keep(&path, &book, &changes))?;
        Ok(Self { changed: Some(changed), thread: Some(thread) })
    }

    /// There is something to write.
    pub(super) fn wake(&self) {
        if let Some(changed) = &self.changed {
            let _ = changed.try_send(());
        }
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.changed = None;
        if let Some(thread) = self.thread.take() {
            thread.thread().unpark();
            let _ = thread.join();
        }
    }
}

/// Writes after each change, with a pause between; what fails is tried again with the next pause.
fn keep(path: &Path, book: &Mutex<Book>, changes: &Receiver<()>) {
    let mut complained: Option<Instant> = None;
    let mut failed = false;
    loop {
        let open = if failed { changes.try_recv() != Err(TryRecvError::Disconnected) } else { changes.recv().is_ok() };
        let now = book.lock().unwrap_or_else(PoisonError::into_inner).clone();
        match write(path, &now) {
            Ok(()) => {
                if complained.take().is_some() {
                    tracing::info!(file = %path.display(), "uses of exceptions are written again");
                }
                failed = false;
            }
            Err(error) => {
                failed = true;
                if complained.is_none_or(|last| last.elapsed() >= COMPLAINT) {
                    complained = Some(Instant::now());
                    tracing::error!(file = %path.display(), %error, "uses of exceptions cannot be written: they are counted in memory");
                }
            }
        }
        if !open {
            return;
        }
        std::thread::park_timeout(PAUSE);
    }
}

#[cfg(test)]
mod tests {
    use super::super::Usage;
    use super::*;

    fn now() -> Timestamp {
        "2026-11-24T12:00:00Z".parse().expect("a time")
    }

    #[test]
    fn counts_survive() {
        let folder = tempfile::tempdir().expect("a folder");
        let directory = folder.path().join("state");
        for before in 0..3 {
            let usage = Usage::open(&directory, now());
            assert_eq!(usage.today("audit", now()), before);
            usage.used("audit", now());
        }
        let book = read(&directory).expect("a file").expect("a book");
        assert_eq!(book.exceptions["audit"].total, 3);
    }

    #[test]
    fn a_file_that_is_none_is_set_aside() {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::write(folder.path().join(FILE), "{\"exceptions\": 7").expect("a file");
        assert_eq!(read(folder.path()).expect_err("no book").kind(), io::ErrorKind::InvalidData);
        Usage::open(folder.path(), now()).used("audit", now());
        assert_eq!(read(folder.path()).expect("a file").expect("a book").exceptions["audit"].total, 1);
        let aside = std::fs::read_dir(folder.path()).expect("a folder").filter_map(Result::ok);
        assert!(aside.into_iter().any(|entry| entry.file_name().to_string_lossy().contains("broken")));
    }

    /// A folder stands where the file should be: nothing can be written, and counting goes on.
    #[test]
    fn what_cannot_be_written_is_counted_all_the_same() {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::create_dir(folder.path().join("exceptions.json.new")).expect("a folder");
        let usage = Usage::open(folder.path(), now());
        usage.used("audit", now());
        assert_eq!(usage.today("audit", now()), 1);
        drop(usage);
        assert_eq!(read(folder.path()).expect("no file"), None);
        // One that is no folder at all.
        let usage = Usage::open(&folder.path().join("exceptions.json.new/x\0y"), now());
        usage.used("audit", now());
        assert_eq!(usage.today("audit", now()), 1);
    }
}
