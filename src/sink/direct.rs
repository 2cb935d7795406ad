//! Without a spool: events as lines, to files and to standard output, each encoded and written by a thread of its own.

use super::deliver::Appended;
use super::encode::{Context, Format};
use super::spool::DRAIN;
use super::{Output, Sink, Target};
use crate::event::Event;
use std::io::{self, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// How many events may wait for the disk. Past that they are dropped and counted: mail does not wait for a disk.
const QUEUE: usize = 10_000;

/// How long a failed write waits before it is tried again.
const RETRY: Duration = Duration::from_secs(1);

/// One writer for each output. Dropping it writes what is waiting, for a few seconds at most,
/// then ends the threads.
pub struct Writers(Vec<Writer>);

impl Writers {
    /// Opens the outputs and starts the threads.
    ///
    /// # Errors
    /// A file cannot be opened for appending: which, and why.
    pub fn start(outputs: &[Output]) -> io::Result<Self> {
        outputs.iter().map(Writer::start).collect::<io::Result<_>>().map(Self)
    }
}

impl Sink for Writers {
    fn send(&self, event: Event) {
        let event = Arc::new(event);
        self.0.iter().for_each(|writer| writer.send(&event));
    }

    fn reopen(&self) {
        for queue in self.0.iter().filter_map(|writer| writer.queue.as_ref()) {
            // Where the queue is full, the next of the events will notice that a file was moved.
            let _ = queue.try_send(Told::Reopen);
        }
    }
}

/// What a writer is told.
enum Told {
    /// To write an event.
    Event(Arc<Event>),
    /// To look where its file is.
    Reopen,
}

struct Writer {
    name: String,
    queue: Option<SyncSender<Told>>,
    closing: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Writer {
    fn start(output: &Output) -> io::Result<Self> {
        let place = Place::open(output).map_err(|error| {
            let name = match &output.target {
                Target::File(path) => path.display().to_string(),
                _ => "standard output".to_owned(),
            };
            io::Error::new(error.kind(), format!("events cannot be written to {name}: {error}"))
        })?;
        // An alert compares with what was: a series that begins with its first loss would not tell of it.
        dropped(&output.name, 0);
        let (queue, events) = sync_channel(QUEUE);
        let closing = Arc::new(AtomicBool::new(false));
        let (told, format, name) = (Arc::clone(&closing), output.format, output.name.clone());
        let thread = std::thread::Builder::new()
            .name("events".into())
            .spawn(move || write_all(place, format, &name, &events, &told))?;
        Ok(Self { name: output.name.clone(), queue: Some(queue), closing, thread: Some(thread) })
    }

    fn send(&self, event: &Arc<Event>) {
        let Some(queue) = &self.queue else { return };
        match queue.try_send(Told::Event(Arc::clone(event))) {
            Ok(()) => metrics::counter!(crate::metrics::EVENTS_QUEUED.name).increment(1),
            Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) => {
                dropped(&self.name, 1);
                tracing::warn!("event dropped: the output cannot keep up");
            }
        }
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.queue.take();
        self.closing.store(true, Ordering::Release);
        let Some(thread) = self.thread.take() else { return };
        let until = Instant::now() + DRAIN;
        while !thread.is_finished() && Instant::now() < until {
            std::thread::sleep(Duration::from_millis(5));
        }
        if !thread.is_finished() {
            tracing::error!(output = %self.name, "events are lost: the daemon ends and what reads them does not take them");
        }
    }
}

/// Writes until the last sender is gone. A line is written whole or tried again; only at the end, when nobody waits for
/// better times, is a line given up.
fn write_all(mut target: Place, format: &Format, name: &str, events: &Receiver<Told>, closing: &AtomicBool) {
    let process = std::process::id();
    let mut sequence = 0_u32;
    while let Ok(told) = events.recv() {
        let Told::Event(event) = told else {
            if let Err(error) = target.reopen() {
                tracing::error!(%error, output = %target.name(), "cannot be opened anew; trying again with the next event");
            }
            continue;
        };
        // RFC 5424, 7.3.1: past 2147483647 it begins again with 1.
        sequence = sequence % i32::MAX.unsigned_abs() + 1;
        let mut line = Vec::new();
        format.encode(&event, Context { process, sequence }, &mut line);
        line.push(b'\n');
        let mut complained = false;
        while let Err(error) = target.write(&line) {
            if !complained {
                tracing::error!(%error, output = %target.name(), "event could not be written; trying again each second");
                complained = true;
            }
            if closing.load(Ordering::Acquire) {
                let lost = 1 + events.iter().filter(|told| matches!(told, Told::Event(_))).count();
                dropped(name, lost as u64);
                tracing::error!(lost, "events are lost: the daemon ends and they cannot be written");
                return;
            }
            std::thread::sleep(RETRY);
        }
        if complained {
            tracing::info!(output = %target.name(), "events are written again");
        }
    }
}

fn dropped(output: &str, count: u64) {
    let output = output.to_owned();
    metrics::counter!(crate::metrics::EVENTS_DROPPED.name, "output" => output, "reason" => "queue_full")
        .increment(count);
}

enum Place {
    Stdout,
    File(Appended),
}

impl Place {
    fn open(output: &Output) -> io::Result<Self> {
        match &output.target {
            Target::Stdout => Ok(Self::Stdout),
            Target::File(path) => Appended::open(path, output.rotation).map(Self::File),
            _ => Err(io::Error::other("a receiver needs the spool")),
        }
    }

    fn reopen(&mut self) -> io::Result<()> {
        match self {
            Self::Stdout => Ok(()),
            Self::File(file) => file.reopen(),
        }
    }

    fn write(&mut self, line: &[u8]) -> io::Result<()> {
        match self {
            Self::Stdout => {
                let mut stdout = io::stdout().lock();
                stdout.write_all(line)?;
                stdout.flush()
            }
            Self::File(file) => file.append(line),
        }
    }

    fn name(&self) -> String {
        match self {
            Self::Stdout => "stdout".into(),
            Self::File(file) => file.path().display().to_string(),
        }
    }
}
