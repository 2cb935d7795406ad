//! An output at work: it reads what comes after its cursor, encodes it, hands it to its transport, and moves the cursor when
//! it was taken. What cannot be taken now is tried again for ever; what is refused for good is halved until the one event is
//! found that is to blame, which is put aside with what the receiver said.
//!
//! Each output is a thread with a runtime of its own, so that none can hold up another, or mail.

use super::deliver::{Item, Label, Piece, Sent, Transport};
use super::encode::Context;
use super::retry::Backoff;
use super::spool::{Claims, DRAIN, Dead, Entry, Position, Progress, Queue, Reader, Said, is_broken};
use super::{Output, encode};
use crate::event::{Body, Event, Loss};
use crate::metrics;
use std::collections::VecDeque;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::watch;

/// How long what was sent to a receiver that confirms nothing counts as on its way: if the connection breaks within it, it
/// is sent again.
const UNCONFIRMED: Duration = Duration::from_secs(2);
/// How long a receiver that does not let us in is left alone.
const HELD: Duration = Duration::from_secs(60);
/// How often a standing fault is spoken of.
const COMPLAINT: Duration = Duration::from_secs(60);

/// Starts an output.
///
/// # Errors
/// The thread cannot be started, or what the transport needs cannot be read.
pub(super) fn start(
    index: usize,
    output: &Output,
    file: PathBuf,
    queue: Arc<Queue>,
    claims: Arc<Claims>,
    position: watch::Receiver<Position>,
    reopen: watch::Receiver<()>,
) -> io::Result<()> {
    let transport = Transport::new(output)?;
    let output = output.clone();
    std::thread::Builder::new().name(format!("output {}", output.name)).spawn(move || {
        let worker = Worker {
            index,
            output,
            file,
            queue: Arc::clone(&queue),
            claims,
            position,
            reopen,
            transport,
            reader: None,
            epoch: 0,
            sent: 0,
            confirmed: 0,
            on_their_way: VecDeque::new(),
            delivered: 0,
            lost: 0,
            untold: Vec::new(),
            dead: Vec::new(),
            sequence: 0,
            backoff: Backoff::default(),
            state: "idle",
            complained: None,
        };
        match runtime() {
            Ok(runtime) => runtime.block_on(worker.run()),
            Err(error) => tracing::error!(%error, "the runtime of an output cannot be started"),
        }
        queue.say(Said::Ended);
    })?;
    Ok(())
}

/// A runtime for one output.
pub(super) fn runtime() -> io::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_current_thread().enable_all().build()
}

struct Worker {
    index: usize,
    output: Output,
    file: PathBuf,
    queue: Arc<Queue>,
    claims: Arc<Claims>,
    position: watch::Receiver<Position>,
    reopen: watch::Receiver<()>,
    transport: Transport,
    reader: Option<(u64, Reader)>,
    epoch: u64,
    /// The last event that was sent.
    sent: i64,
    /// The last that counts as taken.
    confirmed: i64,
    /// What was sent and may yet be lost with the connection: up to which event, how many, when.
    on_their_way: VecDeque<(i64, u64, Instant)>,
    /// What is to be reported with the next progress.
    delivered: u64,
    lost: u64,
    untold: Vec<Loss>,
    dead: Vec<Dead>,
    sequence: u32,
    backoff: Backoff,
    state: &'static str,
    complained: Option<Instant>,
}

/// A record to be sent.
struct Record {
    entry: Entry,
    bytes: Vec<u8>,
    label: Option<Label>,
}

impl Record {
    fn piece(&self) -> Piece<'_> {
        Piece { octets: &self.bytes, label: self.label.as_ref() }
    }
}

/// What an event says of a loss, if it is one that does.
fn loss(entry: &Entry) -> Option<Loss> {
    let event = entry.body.contains(r#""kind":"loss""#).then(|| serde_json::from_str::<Event>(&entry.body).ok())??;
    match event.body {
        Body::Loss(loss) => Some(loss),
        _ => None,
    }
}

/// How sending a batch ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ended {
    /// All of it was taken or put aside.
    Done,
    /// The connection broke: what was on its way is to be sent again.
    Broken,
    /// The daemon ends, or the cursors were moved.
    Stopped,
}

impl Worker {
    async fn run(mut self) {
        let mut drain: Option<Instant> = None;
        loop {
            let now = *self.position.borrow_and_update();
            if now.ending && drain.is_none() {
                drain = Some(Instant::now() + DRAIN);
            }
            if now.generation > 0 && !self.turn_to(now) {
                tokio::time::sleep(Duration::from_secs(1)).await;
                continue;
            }
            self.confirm(Instant::now());
            let behind = now.generation > 0 && self.sent < now.last;
            match drain {
                Some(until) if !behind || Instant::now() >= until => break,
                None if !behind => {
                    self.wait().await;
                    continue;
                }
                _ => {}
            }
            if drain.is_none() && !self.output.batch.linger.is_zero() {
                self.linger(now).await;
            }
            match self.batch(now, drain).await {
                Ended::Done => {}
                Ended::Broken => self.rewind(),
                // Who cannot be reached when the daemon ends is not waited for.
                Ended::Stopped if drain.is_some() => break,
                Ended::Stopped => {}
            }
        }
        if self.transport.finish().await {
            self.confirm(Instant::now() + UNCONFIRMED);
        }
        self.report();
        self.note("stopped", None);
    }

    /// Reads the file and the cursors that are valid now. Whether that went well.
    fn turn_to(&mut self, now: Position) -> bool {
        let known = self.reader.as_ref().map(|(generation, _)| *generation);
        if known == Some(now.generation) && self.epoch == now.epoch {
            return true;
        }
        let opened =
            Reader::open(&self.file).and_then(|reader| reader.cursor(&self.output.name).map(|seq| (reader, seq)));
        match opened {
            Ok((reader, seq)) => {
                // In a new file the numbers go on; only cursors moved by hand count for more than what is known here.
                if known.is_none() {
                    self.queue.say(Said::State(self.index, "idle", None));
                }
                if known.is_none() || self.epoch != now.epoch {
                    (self.sent, self.confirmed) = (seq, seq);
                    self.on_their_way.clear();
                    self.delivered = 0;
                }
                self.epoch = now.epoch;
                self.reader = Some((now.generation, reader));
                true
            }
            Err(error) => {
                self.unreadable(&error, now.generation);
                false
            }
        }
    }

    /// Waits until there is something to do: new events, the end, a connection that breaks, or the time at which what was
    /// sent counts as taken.
    async fn wait(&mut self) {
        self.note("idle", None);
        let settles = self.on_their_way.front().map(|(_, _, at)| *at + UNCONFIRMED);
        let settled = async {
            match settles {
                Some(at) => tokio::time::sleep_until(at.into()).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            changed = self.position.changed() => if changed.is_err() {
                // The writer is gone, and with it the daemon.
                tokio::time::sleep(Duration::from_secs(1)).await;
            },
            why = self.transport.broken() => {
                let lost = !self.on_their_way.is_empty();
                self.rewind();
                // A receiver that takes connections and ends them at once is not asked over and over.
                if lost {
                    self.pause(&why, None, false, None).await;
                }
            }
            () = settled => {}
            () = told(&mut self.reopen) => self.open_anew(),
        }
    }

    /// What was moved away is let go.
    fn open_anew(&mut self) {
        self.reopen.mark_unchanged();
        if let Err(error) = self.transport.reopen() {
            tracing::error!(output = %self.output.name, %error, "cannot be opened anew; trying again with the next event");
        }
    }

    /// Waits a little for more, so that a request is worth its while.
    async fn linger(&mut self, now: Position) {
        let enough = self.sent.saturating_add(i64::try_from(self.output.batch.events).unwrap_or(i64::MAX));
        if now.last >= enough {
            return;
        }
        let mut position = self.position.clone();
        let filled = position.wait_for(|position| position.last >= enough || position.ending);
        let _ = tokio::time::timeout(self.output.batch.linger, filled).await;
    }

    /// Reads a batch and sends it.
    async fn batch(&mut self, now: Position, drain: Option<Instant>) -> Ended {
        let Some((generation, reader)) = &self.reader else { return Ended::Stopped };
        let batch = self.output.batch;
        let read = {
            let mut claim = self.claims.of(self.index);
            let read = reader.after(&self.output.name, self.sent, batch.events, batch.bytes);
            if let (Some(claim), Ok((_, last))) = (&mut claim, &read) {
                **claim = *last;
            }
            read
        };
        let (entries, last) = match read {
            Ok(found) => found,
            Err(error) => {
                let generation = *generation;
                self.unreadable(&error, generation);
                tokio::time::sleep(Duration::from_secs(1)).await;
                return Ended::Stopped;
            }
        };
        // Nothing is there: those events had to go meanwhile. What came since is for the next look.
        let last = if last == self.sent { now.last.max(self.sent) } else { last };
        let records: Vec<Record> = entries.into_iter().filter_map(|entry| self.encode(entry)).collect();
        let mut ended = Ended::Done;
        let mut taken = 0;
        for part in parts(&records, batch.bytes) {
            let (end, count) = self.deliver(part, drain).await;
            taken += count;
            if end != Ended::Done {
                ended = end;
                break;
            }
        }
        match ended {
            Ended::Done => {
                self.sent = last;
                if self.transport.confirms() {
                    self.delivered += taken;
                    self.confirmed = last;
                    self.report();
                } else {
                    self.on_their_way.push_back((last, taken, Instant::now()));
                    if !self.dead.is_empty() {
                        self.report();
                    }
                }
            }
            Ended::Broken | Ended::Stopped => {
                // They will be met again.
                self.dead.clear();
                self.abandon(&records);
            }
        }
        ended
    }

    /// Gives back what was read and not delivered. What has left the file meanwhile will not be met again.
    fn abandon(&mut self, records: &[Record]) {
        let mut claim = self.claims.of(self.index);
        if let Some(claim) = &mut claim {
            **claim = self.confirmed;
        }
        let moved_by_hand = self.position.borrow().epoch != self.epoch;
        let Some((_, reader)) = self.reader.as_ref().filter(|_| !moved_by_hand) else { return };
        let Ok(seq) = reader.cursor(&self.output.name) else { return };
        if seq > self.sent {
            let mut gone = 0;
            for record in records.iter().filter(|record| record.entry.seq <= seq) {
                match loss(&record.entry) {
                    Some(loss) => self.untold.push(loss),
                    None => gone += 1,
                }
            }
            super::spool::lost_metric(&self.output.name, "spool_full", gone);
            self.lost += gone;
            (self.sent, self.confirmed) = (seq, seq);
            self.on_their_way.clear();
        }
    }

    /// One record; `None` where the event cannot be read, which is then put aside.
    fn encode(&mut self, entry: Entry) -> Option<Record> {
        let mut bytes = Vec::with_capacity(entry.body.len() * 2);
        let native = self.output.format.name == encode::NATIVE;
        if native {
            bytes.extend_from_slice(entry.body.as_bytes());
        }
        if native && !self.transport.wants_labels() {
            return Some(Record { entry, bytes, label: None });
        }
        match serde_json::from_str::<Event>(&entry.body) {
            Ok(event) => {
                // RFC 5424, 7.3.1: past 2147483647 it begins again with 1.
                self.sequence = self.sequence % i32::MAX.unsigned_abs() + 1;
                let context = Context { process: std::process::id(), sequence: self.sequence };
                if !native {
                    self.output.format.encode(&event, context, &mut bytes);
                }
                let label = self.transport.wants_labels().then(|| Label::of(&event));
                Some(Record { entry, bytes, label })
            }
            Err(error) => {
                self.put_aside(&entry, format!("cannot be read by this version: {error}"));
                None
            }
        }
    }

    /// Sends records until all are taken or put aside. How it ended, and how many were taken.
    async fn deliver(&mut self, records: &[Record], drain: Option<Instant>) -> (Ended, u64) {
        let mut taken = 0;
        // What is to be sent, the first on top.
        let mut left: Vec<Vec<&Record>> = vec![records.iter().collect()];
        while let Some(part) = left.pop() {
            if part.is_empty() {
                continue;
            }
            if self.reopen.has_changed().unwrap_or(false) {
                self.open_anew();
            }
            let pieces: Vec<Piece<'_>> = part.iter().map(|record| record.piece()).collect();
            let begun = Instant::now();
            let sent = match tokio::time::timeout(self.output.batch.timeout, self.transport.send(&pieces)).await {
                Ok(sent) => sent,
                Err(_) => {
                    self.transport.reset();
                    Sent::broken(format!("no answer within {} s", self.output.batch.timeout.as_secs()))
                }
            };
            ::metrics::histogram!(metrics::DELIVERY_SECONDS.name, "output" => self.output.name.clone())
                .record(begun.elapsed().as_secs_f64());
            match sent {
                Sent::Taken => {
                    taken += part.len() as u64;
                    self.well();
                }
                Sent::Some(count, error) => {
                    taken += count as u64;
                    left.push(part.get(count..).unwrap_or_default().to_vec());
                    if !self.pause(&error, None, false, drain).await {
                        return (Ended::Stopped, taken);
                    }
                }
                Sent::Each(items) => {
                    let mut again = Vec::new();
                    let mut refused = 0;
                    for (item, record) in items.into_iter().zip(part) {
                        match item {
                            Item::Taken => taken += 1,
                            Item::Later => again.push(record),
                            Item::Refused(error) => {
                                refused += 1;
                                self.put_aside(&record.entry, error);
                            }
                        }
                    }
                    if again.is_empty() {
                        self.well();
                    } else {
                        let text = format!("{} of {} events are to be sent again", again.len(), again.len() + refused);
                        left.push(again);
                        if !self.pause(&text, None, false, drain).await {
                            return (Ended::Stopped, taken);
                        }
                    }
                }
                Sent::Refused(error) if part.len() == 1 => {
                    self.put_aside(&part[0].entry, error);
                    self.well();
                }
                Sent::Refused(_) => {
                    let (first, second) = part.split_at(part.len() / 2);
                    left.extend([second.to_vec(), first.to_vec()]);
                }
                Sent::Later { error, after, broken } => {
                    left.push(part);
                    let went_on = self.pause(&error, after, false, drain).await;
                    if broken && !self.on_their_way.is_empty() {
                        return (Ended::Broken, taken);
                    }
                    if !went_on {
                        return (Ended::Stopped, taken);
                    }
                }
                Sent::Held(error) => {
                    left.push(part);
                    if !self.pause(&error, Some(HELD), true, drain).await {
                        return (Ended::Stopped, taken);
                    }
                }
            }
        }
        (Ended::Done, taken)
    }

    /// Waits before the next try. `false` where there is none: the daemon ends, or the cursors were moved.
    async fn pause(&mut self, error: &str, after: Option<Duration>, held: bool, drain: Option<Instant>) -> bool {
        ::metrics::counter!(metrics::DELIVERY_RETRIES.name, "output" => self.output.name.clone()).increment(1);
        self.complain(error, if held { "the receiver does not let us in" } else { "events cannot be delivered" });
        self.note(if held { "held" } else { "retrying" }, Some(error));
        if drain.is_some() {
            return false;
        }
        let wait = if held { HELD } else { self.backoff.next(after) };
        let epoch = self.epoch;
        let mut position = self.position.clone();
        let moved = position.wait_for(|position| position.epoch != epoch || position.ending);
        // A new epoch or the end: the caller looks at what is to be done.
        let is_file = matches!(self.transport, Transport::File(_));
        tokio::select! {
            _ = moved => false,
            () = tokio::time::sleep(wait) => true,
            // A file may be where it should be again.
            () = told(&mut self.reopen), if is_file => {
                self.reopen.mark_changed();
                true
            }
        }
    }

    /// What was sent long enough ago counts as taken.
    fn confirm(&mut self, now: Instant) {
        let mut moved = false;
        while let Some((seq, count, at)) = self.on_their_way.front().copied() {
            if now.saturating_duration_since(at) < UNCONFIRMED {
                break;
            }
            self.on_their_way.pop_front();
            self.confirmed = seq;
            self.delivered += count;
            moved = true;
        }
        if moved {
            self.is_well();
            self.report();
        }
    }

    /// Goes back to what counts as taken.
    fn rewind(&mut self) {
        if !self.on_their_way.is_empty() {
            let again = self.sent - self.confirmed;
            tracing::info!(output = %self.output.name, events = again, "the connection broke: the last events are sent again");
        }
        self.on_their_way.clear();
        self.sent = self.confirmed;
        if let Some(mut claim) = self.claims.of(self.index) {
            *claim = self.confirmed;
        }
    }

    fn report(&mut self) {
        let (delivered, dead) = (std::mem::take(&mut self.delivered), std::mem::take(&mut self.dead));
        let name = || self.output.name.clone();
        ::metrics::counter!(metrics::EVENTS_DELIVERED.name, "output" => name()).increment(delivered);
        if delivered > 0 {
            let now = jiff::Timestamp::now().as_second();
            ::metrics::gauge!(metrics::DELIVERED_AT.name, "output" => name()).set(now as f64);
        }
        if !dead.is_empty() {
            ::metrics::counter!(metrics::EVENTS_DROPPED.name, "output" => name(), "reason" => "refused")
                .increment(dead.len() as u64);
        }
        let (lost, untold) = (std::mem::take(&mut self.lost), std::mem::take(&mut self.untold));
        let report =
            Progress { output: self.index, epoch: self.epoch, seq: self.confirmed, delivered, lost, untold, dead };
        self.queue.say(Said::Progress(report));
    }

    fn put_aside(&mut self, entry: &Entry, error: String) {
        tracing::error!(output = %self.output.name, event = %entry.id, %error, "an event was refused for good; `forwarden spool list --refused` shows it");
        self.dead.push(Dead { id: entry.id.clone(), body: entry.body.clone(), error });
    }

    fn well(&mut self) {
        // Without confirmation, only time shows that it was well.
        if !self.transport.confirms() {
            return self.note("delivering", None);
        }
        self.is_well();
    }

    fn is_well(&mut self) {
        self.backoff.reset();
        if self.complained.take().is_some() {
            tracing::info!(output = %self.output.name, "events are delivered again");
        }
        self.note("delivering", None);
    }

    fn note(&mut self, state: &'static str, error: Option<&str>) {
        // From batch to batch it is the same, and nobody need write it down.
        if state != self.state
            && !(state == "delivering" && self.state == "idle")
            && !(state == "idle" && self.state == "delivering")
        {
            self.queue.say(Said::State(self.index, state, error.map(str::to_owned)));
        }
        self.state = state;
    }

    fn unreadable(&mut self, error: &rusqlite::Error, generation: u64) {
        self.complain(&error.to_string(), "the spool cannot be read");
        if is_broken(error) {
            self.queue.say(Said::Damaged(generation));
        }
    }

    fn complain(&mut self, error: &str, what: &str) {
        if self.complained.is_none_or(|last| last.elapsed() >= COMPLAINT) {
            tracing::error!(output = %self.output.name, %error, "{what}; trying again");
            self.complained = Some(Instant::now());
        }
    }
}

/// Returns when files are to be opened anew.
async fn told(reopen: &mut watch::Receiver<()>) {
    if reopen.changed().await.is_err() {
        std::future::pending::<()>().await;
    }
}

/// Groups of records whose octets a receiver takes at once; at least one each.
fn parts(records: &[Record], octets: usize) -> Vec<&[Record]> {
    let mut parts = Vec::new();
    let (mut start, mut size) = (0, 0);
    for (index, record) in records.iter().enumerate() {
        if index > start && size + record.bytes.len() > octets {
            parts.push(&records[start..index]);
            (start, size) = (index, 0);
        }
        size += record.bytes.len() + 1;
    }
    if start < records.len() {
        parts.push(&records[start..]);
    }
    parts
}
