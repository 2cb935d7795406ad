//! How often exceptions are used: counts by the day, kept beyond a restart.
//!
//! Answers come from memory. The file is written off the mail path, at most once a second, so a crash loses a second; a
//! disk that is slow, full or broken never delays mail: counting then goes on in memory, and the log says so.

mod book;
mod file;

pub use book::{Book, Use};
pub use file::{FILE, read};

use crate::policy::Lapse;
use file::Writer;
use jiff::Timestamp;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The counts of a daemon.
pub struct Usage {
    book: Arc<Mutex<Book>>,
    writer: Option<Writer>,
}

impl Usage {
    /// Counts that a restart forgets.
    pub fn in_memory() -> Self {
        Self { book: Arc::default(), writer: None }
    }

    /// Goes on with what the file in `directory` holds. What cannot be read is said in the log: a file that is none is set
    /// aside, and one that cannot be reached is left alone and counts stay in memory.
    pub fn open(directory: &Path, now: Timestamp) -> Self {
        let path = directory.join(FILE);
        let opened = file::open(&path, now).and_then(|book| {
            let book = Arc::new(Mutex::new(book));
            Ok(Self { writer: Some(Writer::start(path.clone(), Arc::clone(&book))?), book })
        });
        opened.unwrap_or_else(|error| {
            let file = path.display();
            tracing::error!(%file, %error, "uses of exceptions are counted in memory alone, and a restart forgets them");
            Self::in_memory()
        })
    }

    /// Takes note of the exceptions that there are, so that it is known since when they could have been used.
    pub fn know<'a>(&self, ids: impl Iterator<Item = &'a str>, now: Timestamp) {
        self.change(|book| book.know(ids, now));
    }

    /// How often the exception was used on the day of `now`, in UTC.
    pub fn today(&self, id: &str, now: Timestamp) -> u64 {
        self.lock().today(id, now)
    }

    /// Counts a use.
    pub fn used(&self, id: &str, now: Timestamp) {
        self.change(|book| book.used(id, now));
    }

    /// Whether it is news today that the exception did not apply: it is so once a day.
    pub fn is_news(&self, id: &str, lapse: Lapse, now: Timestamp) -> bool {
        let mut news = false;
        self.change(|book| news = book.is_news(id, lapse, now));
        news
    }

    fn change(&self, change: impl FnOnce(&mut Book)) {
        change(&mut self.lock());
        if let Some(writer) = &self.writer {
            writer.wake();
        }
    }

    fn lock(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
