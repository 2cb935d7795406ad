//! Without a spool: events as lines, to files and to standard output, each encoded and written by a thread of its own.

use super::deliver::Appended;
use super::encode::{Context, Format};
use super::spool::DRAIN;
use super::{Output, Sink, Target};
use crate::event::{Body, Event, Loss};
use jiff::Timestamp;
use std::io::{self, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// How many events may wait for the disk. Past that they are dropped and counted: mail does not wait for a disk.
const QUEUE: usize = 10_000;

/// How long a failed write waits before it is tried again.
const RETRY: Duration = Duration::from_secs(1);

/// How often losses are told.
const REPORT: Duration = Duration::from_secs(60);

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
    lost: Arc<Lost>,
    thread: Option<JoinHandle<()>>,
}

/// What there was no room for, and nobody has been told of yet.
#[derive(Default)]
struct Lost(Mutex<Option<Loss>>);

impl Lost {
    /// Counts one. Whether it is the first.
    fn add(&self, output: &str, time: Timestamp) -> bool {
        let mut lost = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let first = lost.is_none();
        let loss = lost.get_or_insert_with(|| Loss {
            output: Some(output.to_owned()),
            reason: "queue_full".to_owned(),
            count: 0,
            first: time,
            last: time,
        });
        loss.count += 1;
        (loss.first, loss.last) = (loss.first.min(time), loss.last.max(time));
        first
    }

    fn take(&self) -> Option<Loss> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
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
        let (closing, lost) = (Arc::new(AtomicBool::new(false)), Arc::new(Lost::default()));
        let lines = Lines {
            place,
            format: output.format,
            name: output.name.clone(),
            sequence: 0,
            closing: Arc::clone(&closing),
            lost: Arc::clone(&lost),
        };
        let thread = std::thread::Builder::new().name("events".into()).spawn(move || lines.write_all(&events))?;
        Ok(Self { name: output.name.clone(), queue: Some(queue), closing, lost, thread: Some(thread) })
    }

    fn send(&self, event: &Arc<Event>) {
        let Some(queue) = &self.queue else { return };
        match queue.try_send(Told::Event(Arc::clone(event))) {
            Ok(()) => metrics::counter!(crate::metrics::EVENTS_QUEUED.name).increment(1),
            Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) => {
                dropped(&self.name, 1);
                if self.lost.add(&self.name, event.time) {
                    tracing::error!(output = %self.name, "events are dropped: the output cannot keep up");
                }
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

/// What the thread of an output has.
struct Lines {
    place: Place,
    format: &'static Format,
    name: String,
    sequence: u32,
    closing: Arc<AtomicBool>,
    lost: Arc<Lost>,
}

impl Lines {
    /// Writes until the last sender is gone, and tells of losses at most once a minute.
    fn write_all(mut self, events: &Receiver<Told>) {
        let (mut host, mut told) = (None, None::<Instant>);
        loop {
            match events.recv_timeout(REPORT) {
                Ok(Told::Event(event)) => {
                    if !self.write(&event, events) {
                        return;
                    }
                    host = Some(event.host.clone());
                }
                Ok(Told::Reopen) => {
                    if let Err(error) = self.place.reopen() {
                        tracing::error!(%error, output = %self.place.name(), "cannot be opened anew; trying again with the next event");
                    }
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => break,
            }
            if told.is_none_or(|at| at.elapsed() >= REPORT) && self.tell(host.as_deref(), events) {
                told = Some(Instant::now());
            }
        }
        self.tell(host.as_deref(), events);
    }

    /// Writes an event on what was lost. Whether there was something.
    fn tell(&mut self, host: Option<&str>, events: &Receiver<Told>) -> bool {
        // Before the first event there is nothing that could be lost.
        let Some(host) = host else { return false };
        let Some(loss) = self.lost.take() else { return false };
        tracing::error!(output = %self.name, count = loss.count, "events are lost");
        self.write(&Event::new(Timestamp::now(), host, Body::Loss(loss)), events)
    }

    /// A line is written whole or tried again; only at the end, when nobody waits for better times, is it given up, and all
    /// that come after it.
    fn write(&mut self, event: &Event, events: &Receiver<Told>) -> bool {
        // RFC 5424, 7.3.1: past 2147483647 it begins again with 1.
        self.sequence = self.sequence % i32::MAX.unsigned_abs() + 1;
        let mut line = Vec::new();
        let context = Context { process: std::process::id(), sequence: self.sequence };
        self.format.encode(event, context, &mut line);
        line.push(b'\n');
        let mut complained = false;
        while let Err(error) = self.place.write(&line) {
            if !complained {
                tracing::error!(%error, output = %self.place.name(), "event could not be written; trying again each second");
                complained = true;
            }
            if self.closing.load(Ordering::Acquire) {
                let lost = 1 + events.iter().filter(|told| matches!(told, Told::Event(_))).count();
                dropped(&self.name, lost as u64);
                tracing::error!(lost, "events are lost: the daemon ends and they cannot be written");
                return false;
            }
            std::thread::sleep(RETRY);
        }
        if complained {
            tracing::info!(output = %self.place.name(), "events are written again");
        }
        true
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
