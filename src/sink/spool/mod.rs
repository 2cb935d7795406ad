//! The one durable queue between the mail path and the outputs. The mail path hands an event over and goes on; one thread
//! writes events to `spool.db` in groups; each output reads from its own cursor and moves it when a receiver has taken what
//! it was sent. So an event is delivered at least once to each output, whatever ends in between.

mod claims;
mod loss;
mod queue;
mod reader;
mod request;
mod reserve;
mod salvage;
mod store;
mod trim;
mod writer;

pub use request::{Asked, DeadEvent, OutputStatus, Status, Waits, act, dead, list, status, verify};

pub(crate) use claims::Claims;
pub(crate) use queue::{Queue, Said};
pub(crate) use reader::{Entry, Reader};
pub(crate) use store::{Dead, FILE, Progress, is_broken};

use super::{Output, Sink};
use crate::event::Event;
use crate::metrics;
use jiff::SignedDuration;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::sync::watch;
use writer::Writer;

/// Where events wait, and how many.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Spec {
    /// The folder of `spool.db`.
    pub directory: PathBuf,
    /// What it may hold, in octets.
    pub max_bytes: u64,
    /// How long an event may wait.
    pub max_age: SignedDuration,
    /// What stays free on the file system, in octets.
    pub min_free: u64,
    /// How long what was delivered is kept, to be sent again on demand.
    pub keep: SignedDuration,
}

impl Spec {
    /// The file.
    pub fn file(&self) -> PathBuf {
        self.directory.join(FILE)
    }

    fn limits(&self) -> Limits {
        let milliseconds = |span: SignedDuration| i64::try_from(span.as_millis()).unwrap_or(i64::MAX);
        Limits {
            max_bytes: self.max_bytes,
            max_age: milliseconds(self.max_age),
            min_free: self.min_free,
            keep: milliseconds(self.keep),
        }
    }
}

/// The same in octets and milliseconds.
#[derive(Debug, Clone, Copy)]
struct Limits {
    max_bytes: u64,
    max_age: i64,
    min_free: u64,
    keep: i64,
}

/// An event as it is written.
#[derive(Debug)]
struct Pending {
    time: i64,
    id: String,
    body: String,
}

impl Pending {
    fn of(event: &Event) -> serde_json::Result<Self> {
        let body = serde_json::to_string(event)?;
        Ok(Self { time: event.time.as_millisecond(), id: event.id.to_string(), body })
    }
}

/// How far the writer is, as the outputs see it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Position {
    /// Which file it is; 0 while there is none.
    pub(crate) generation: u64,
    /// Which cursors they are: a new number when they were moved by hand.
    pub(crate) epoch: u64,
    /// The last event that was written.
    pub(crate) last: i64,
    /// Whether the daemon ends.
    pub(crate) ending: bool,
}

/// What the mail path could not hand over.
#[derive(Debug, Default)]
struct Refused {
    queue_full: AtomicU64,
    unwritable: AtomicU64,
    /// Whether the file cannot be written at the moment.
    failing: AtomicBool,
}

/// The spool, as the mail path sees it.
pub struct Spool {
    queue: Arc<Queue>,
    refused: Arc<Refused>,
    reopen: watch::Sender<()>,
    writer: Option<JoinHandle<()>>,
}

impl Spool {
    /// Starts the writer and the outputs. Where the file cannot be used at the moment, that is tried again, and mail goes on.
    ///
    /// # Errors
    /// A thread cannot be started, or what an output needs to start is wrong: a certificate that cannot be read, say.
    pub fn start(spec: &Spec, outputs: &[Output], host: &str) -> io::Result<Self> {
        let queue = Arc::new(Queue::default());
        let refused = Arc::new(Refused::default());
        let (publish, position) = watch::channel(Position::default());
        let (reopen, told) = watch::channel(());
        // An alert compares with what was: a series that begins with its first loss would not tell of it.
        for output in outputs.iter().map(|output| output.name.as_str()).chain([""]) {
            REASONS.iter().for_each(|reason| lost_metric(output, reason, 0));
        }
        let names: Vec<String> = outputs.iter().map(|output| output.name.clone()).collect();
        let claims = Arc::new(Claims::new(&names));
        for (index, output) in outputs.iter().enumerate() {
            super::worker::start(
                index,
                output,
                spec.file(),
                Arc::clone(&queue),
                Arc::clone(&claims),
                position.clone(),
                told.clone(),
            )?;
        }
        let writer = Writer::new(
            spec.clone(),
            names,
            (Arc::clone(&queue), Arc::clone(&refused), claims),
            publish,
            host.to_owned(),
        );
        let writer = std::thread::Builder::new().name("spool".into()).spawn(move || writer.run())?;
        Ok(Self { queue, refused, reopen, writer: Some(writer) })
    }
}

impl Sink for Spool {
    fn send(&self, event: Event) {
        if self.queue.offer(event).is_ok() {
            ::metrics::counter!(metrics::EVENTS_QUEUED.name).increment(1);
            return;
        }
        let (counter, reason) = if self.refused.failing.load(Ordering::Relaxed) {
            (&self.refused.unwritable, "unwritable")
        } else {
            (&self.refused.queue_full, "queue_full")
        };
        if counter.fetch_add(1, Ordering::Relaxed) == 0 {
            tracing::error!(reason, "events are dropped: the spool cannot keep up");
        }
        lost_metric("", reason, 1);
    }

    fn reopen(&self) {
        self.reopen.send_replace(());
    }
}

impl Drop for Spool {
    /// Writes what waits, and gives the outputs a few seconds to deliver it.
    fn drop(&mut self) {
        self.queue.say(Said::Stop);
        if let Some(writer) = self.writer.take() {
            let _ = writer.join();
        }
    }
}

/// How long the outputs may go on delivering when the daemon ends. What is left is delivered after the next start.
pub(crate) const DRAIN: Duration = Duration::from_secs(5);

/// Why events are lost.
const REASONS: [&str; 7] = ["too_old", "spool_full", "disk_full", "queue_full", "unwritable", "damaged", "refused"];

pub(crate) fn lost_metric(output: &str, reason: &'static str, count: u64) {
    let output = if output.is_empty() { "all" } else { output }.to_owned();
    ::metrics::counter!(metrics::EVENTS_DROPPED.name, "output" => output, "reason" => reason).increment(count);
}
