//! The one writer: events and progress in groups, and once a second what the spool must not hold any longer. Whatever fails
//! is tried again; a file that is no longer one is set aside.

use super::loss::Untold;
use super::queue::{Queue, Said};
use super::salvage::salvage;
use super::store::{FILE, Progress, Store, is_broken};
use super::{Claims, DRAIN, Pending, Position, Refused, Spec, request, reserve};
use crate::event::{Body, Event, Fault};
use crate::metrics;
use crate::owned;
use jiff::Timestamp;
use nix::fcntl::{Flock, FlockArg};
use rusqlite::ErrorCode;
use std::fs::File;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};
use tokio::sync::watch;

/// How long an event waits for others to share its transaction: what the end of the process can lose.
const GROUP: Duration = Duration::from_millis(20);
/// How many share one at the most.
const GROUP_SIZE: usize = 2_000;
/// And how many octets.
const GROUP_OCTETS: usize = 1 << 20;
/// How often the rest is looked after, and what failed tried again.
const TEND: Duration = Duration::from_secs(1);
/// How often losses are reported and standing faults spoken of.
const REPORT: Duration = Duration::from_secs(60);

pub(super) struct Writer {
    spec: Spec,
    names: Vec<String>,
    queue: Arc<Queue>,
    refused: Arc<Refused>,
    claims: Arc<Claims>,
    publish: watch::Sender<Position>,
    host: String,
    lock: Option<Flock<File>>,
    store: Option<Store>,
    position: Position,
    /// Taken from the queue, and not yet on the disk.
    pending: Vec<Pending>,
    /// How many of them go into one transaction: fewer where the disk is full.
    group: usize,
    /// What the file may hold while the disk is full.
    most: Option<u64>,
    progress: Vec<Progress>,
    complained: Option<Instant>,
    reported: Option<Instant>,
    /// Outputs that have not come to their end.
    running: usize,
}

impl Writer {
    pub(super) fn new(
        spec: Spec,
        names: Vec<String>,
        (queue, refused, claims): (Arc<Queue>, Arc<Refused>, Arc<Claims>),
        publish: watch::Sender<Position>,
        host: String,
    ) -> Self {
        let running = names.len();
        Self {
            spec,
            names,
            queue,
            refused,
            claims,
            publish,
            host,
            lock: None,
            store: None,
            position: Position::default(),
            pending: Vec::new(),
            group: GROUP_SIZE,
            most: None,
            progress: Vec::new(),
            complained: None,
            reported: None,
            running,
        }
    }

    pub(super) fn run(mut self) {
        let mut tend = Instant::now();
        let mut until: Option<Instant> = None;
        loop {
            let failing = self.refused.failing.load(Ordering::Relaxed);
            if self.gather(tend, failing) && until.is_none() {
                until = Some(Instant::now() + DRAIN + TEND);
            }
            let due = Instant::now() >= tend;
            // What failed is not tried again at once.
            if !failing || due || until.is_some() {
                self.write();
            }
            if due {
                self.tend();
                tend = Instant::now() + TEND;
            }
            let Some(until) = until else { continue };
            let written = self.pending.is_empty() && self.queue.len() == 0;
            if written && !self.position.ending {
                self.report_losses();
                self.position.ending = true;
                self.publish.send_replace(self.position);
            }
            if (written && self.running == 0 && self.progress.is_empty()) || Instant::now() >= until {
                break;
            }
        }
        let lost = self.pending.len() + self.queue.len();
        if lost > 0 {
            super::lost_metric("", "unwritable", lost as u64);
            tracing::error!(lost, "events are lost: the daemon ends and the spool cannot be written");
        }
    }

    /// Takes what comes, until a group is full or its time is over. Whether the daemon is to end.
    fn gather(&mut self, tend: Instant, failing: bool) -> bool {
        let mut until = tend;
        let mut stop = false;
        let mut octets = 0;
        loop {
            let room = GROUP_SIZE.saturating_sub(self.pending.len());
            let (events, said) = self.queue.take(until, room);
            let nothing = events.is_empty() && said.is_empty();
            for event in &events {
                match Pending::of(event) {
                    Ok(pending) => {
                        octets += pending.body.len();
                        self.pending.push(pending);
                    }
                    Err(error) => tracing::error!(%error, "event could not be written"),
                }
            }
            for said in said {
                stop |= matches!(said, Said::Stop);
                self.hear(said);
            }
            if nothing || stop || self.pending.len() >= GROUP_SIZE || octets >= GROUP_OCTETS {
                break;
            }
            if !failing {
                until = until.min(Instant::now() + GROUP);
            }
        }
        if self.pending.len() >= GROUP_SIZE && failing {
            // There is no room to take more, and nothing to be done before the next try.
            std::thread::sleep(tend.saturating_duration_since(Instant::now()).min(Duration::from_millis(200)));
        }
        stop
    }

    fn hear(&mut self, said: Said) {
        match said {
            Said::Progress(report) if report.epoch == self.position.epoch => self.progress.push(report),
            // Its cursor was moved by hand meanwhile.
            Said::Progress(_) => {}
            Said::State(output, state, error) => {
                if let (Some(store), Some(name)) = (&self.store, self.names.get(output)) {
                    let noted = store.note(name, state, error.as_deref(), Timestamp::now().as_millisecond());
                    if let Err(error) = noted {
                        tracing::debug!(%error, "state of an output");
                    }
                }
            }
            Said::Damaged(generation) if generation == self.position.generation => {
                self.set_aside("an output cannot read it");
            }
            Said::Damaged(_) | Said::Stop => {}
            Said::Ended => self.running = self.running.saturating_sub(1),
        }
    }

    /// Writes what was taken.
    fn write(&mut self) {
        if self.pending.is_empty() && self.progress.is_empty() && self.store.is_some() {
            return;
        }
        if self.store.is_none()
            && let Err(error) = self.open()
        {
            return self.complain(&error.to_string());
        }
        // Progress alone is written, too.
        while self.write_group() && !self.pending.is_empty() {}
    }

    /// Writes as many as a transaction may have. Whether it is worth going on at once.
    fn write_group(&mut self) -> bool {
        let Some(store) = self.store.as_mut() else { return false };
        let count = self.pending.len().min(self.group);
        let keep = Timestamp::now().as_millisecond().saturating_sub(self.spec.limits().keep);
        match store.commit(&self.pending[..count], self.position.last, &self.progress, &self.names, keep) {
            Ok(()) => {
                self.position.last += i64::try_from(count).unwrap_or_default();
                self.pending.drain(..count);
                self.progress.clear();
                self.group = self.group.saturating_mul(2).min(GROUP_SIZE);
                self.publish.send_replace(self.position);
                self.refused.failing.store(false, Ordering::Relaxed);
                // What was kept for this moment is used up: until there is room again, the file does not grow.
                let fitted = self.most.map(|most| store.fit(most, "disk_full", &self.claims.all()));
                if let Some(Err(error)) = fitted {
                    tracing::debug!(%error, "no room could be made in the spool");
                }
                if self.complained.take().is_some() {
                    tracing::info!("the spool is written again");
                }
                true
            }
            Err(error) if is_broken(&error) => {
                self.set_aside(&error.to_string());
                false
            }
            // What is too much for the room that is left may go in parts, and the oldest make room.
            Err(error) if error.sqlite_error_code() == Some(ErrorCode::DiskFull) && count > 1 => {
                self.most = make_room(store, &self.claims, &self.spec.directory);
                self.group = count / 2;
                true
            }
            Err(error) => {
                if error.sqlite_error_code() == Some(ErrorCode::DiskFull) {
                    self.most = make_room(store, &self.claims, &self.spec.directory);
                }
                // What was delivered can be forgotten all the same.
                if store.commit(&[], self.position.last, &self.progress, &self.names, keep).is_ok() {
                    self.progress.clear();
                }
                self.complain(&error.to_string());
                false
            }
        }
    }

    fn open(&mut self) -> io::Result<()> {
        use std::os::unix::fs::DirBuilderExt;
        let directory = &self.spec.directory;
        std::fs::DirBuilder::new().recursive(true).mode(0o700).create(directory)?;
        if self.lock.is_none() {
            self.lock = Some(lock(directory)?.ok_or_else(|| io::Error::other("another forwarden uses it"))?);
        }
        let path = directory.join(FILE);
        match Store::open(&path).and_then(|mut store| self.take(&mut store).map(|()| store)) {
            Ok(store) => self.store = Some(store),
            Err(error) if is_broken(&error) => self.set_aside(&error.to_string()),
            Err(error) => return Err(io::Error::other(error)),
        }
        Ok(())
    }

    fn take(&mut self, store: &mut Store) -> rusqlite::Result<()> {
        for gone in store.register(&self.names)? {
            tracing::warn!(output = %gone, "is no longer configured: its place in the spool is forgotten");
        }
        self.position.last = self.position.last.max(store.last()?);
        self.position.generation += 1;
        self.publish.send_replace(self.position);
        Ok(())
    }

    /// Renames the file and begins anew, with what can still be read of it.
    fn set_aside(&mut self, why: &str) {
        self.store.take().iter().for_each(Store::settle);
        let path = self.spec.directory.join(FILE);
        let now = Timestamp::now();
        ::metrics::counter!(metrics::SPOOL_FAULTS.name).increment(1);
        let begun = owned::aside(&path, now.as_millisecond()).map_err(|error| error.to_string()).and_then(|aside| {
            let mut store = Store::open(&path).map_err(|error| error.to_string())?;
            let kept = salvage(&aside, &mut store);
            self.take(&mut store).map_err(|error| error.to_string())?;
            Ok((store, aside, kept))
        });
        match begun {
            Ok((store, aside, kept)) => {
                self.store = Some(store);
                let kept = kept.map_or_else(
                    |_| "nothing in it could be read".to_owned(),
                    |kept| format!("{kept} events in it could be read and are sent"),
                );
                let error = format!("{}: {why}; it is now {}, {kept}", path.display(), aside.display());
                tracing::error!(%error, "spool");
                let fault =
                    Fault { fault: "spool", error, action: "set_aside", listener: String::new(), queue_id: None };
                self.pending.extend(Pending::of(&Event::new(now, &self.host, Body::Fault(fault))).ok());
            }
            Err(error) => self.complain(&error),
        }
    }

    /// Says what is wrong, and not again for a while.
    fn complain(&mut self, error: &str) {
        self.refused.failing.store(true, Ordering::Relaxed);
        ::metrics::counter!(metrics::SPOOL_FAULTS.name).increment(1);
        if self.complained.is_none_or(|last| last.elapsed() >= REPORT) {
            let directory = self.spec.directory.display();
            tracing::error!(%directory, %error, "the spool cannot be written; trying again each second");
            self.complained = Some(Instant::now());
        }
    }

    /// What is due once a second.
    fn tend(&mut self) {
        let (limits, now) = (self.spec.limits(), Timestamp::now().as_millisecond());
        let Some(store) = self.store.as_mut() else { return };
        let tended = (|| {
            for (counter, reason) in
                [(&self.refused.queue_full, "queue_full"), (&self.refused.unwritable, "unwritable")]
            {
                let count = counter.load(Ordering::Relaxed);
                if count > 0 {
                    store.lost("", reason, count, now)?;
                    counter.fetch_sub(count, Ordering::Relaxed);
                }
            }
            if request::carry_out(store)? {
                self.position.epoch += 1;
                self.position.last = self.position.last.max(store.last()?);
                // What the outputs said of the cursors before is void.
                self.progress.clear();
                self.publish.send_replace(self.position);
            }
            store.tend(&limits, &self.spec.directory, now, &self.claims)?;
            measure(store, self.position.last)
        })();
        match tended {
            Ok(()) => {
                if reserve::take(&self.spec.directory) {
                    self.most = None;
                }
                if self.reported.is_none_or(|last| last.elapsed() >= REPORT) {
                    self.report_losses();
                }
            }
            Err(error) if is_broken(&error) => self.set_aside(&error.to_string()),
            Err(error) => self.complain(&error.to_string()),
        }
    }

    /// Turns what was lost into events, each once.
    fn report_losses(&mut self) {
        let Some(store) = self.store.as_mut() else { return };
        let reported = (|| {
            let losses = store.untold()?;
            if losses.is_empty() {
                return Ok(0);
            }
            let now = Timestamp::now();
            // What is told again stands in the log already.
            for Untold { loss, .. } in losses.iter().filter(|untold| untold.tell.is_empty()) {
                let output = loss.output.as_deref().unwrap_or("all");
                tracing::error!(output, reason = %loss.reason, count = loss.count, "events are lost");
            }
            let event =
                |untold: &Untold| Pending::of(&Event::new(now, &self.host, Body::Loss(untold.loss.clone()))).ok();
            let losses: Vec<(Untold, Pending)> =
                losses.into_iter().filter_map(|untold| event(&untold).map(|event| (untold, event))).collect();
            store.report(&losses, self.position.last)?;
            Ok::<usize, rusqlite::Error>(losses.len())
        })();
        match reported {
            Ok(0) => {}
            Ok(count) => {
                self.reported = Some(Instant::now());
                self.position.last += i64::try_from(count).unwrap_or_default();
                self.publish.send_replace(self.position);
            }
            Err(error) => self.complain(&error.to_string()),
        }
    }
}

/// Takes the folder for this process alone; `None` where another has it.
pub(super) fn lock(directory: &Path) -> io::Result<Option<Flock<File>>> {
    let file = owned::make(&directory.join("spool.lock"))?;
    Ok(Flock::lock(file, FlockArg::LockExclusiveNonblock).ok())
}

/// The oldest make room for the new where the file can no longer grow.
fn make_room(store: &mut Store, claims: &Claims, directory: &Path) -> Option<u64> {
    reserve::give(directory);
    // First of all what SQLite keeps beside the file.
    store.settle();
    let most = store.size().map(|size| size.used - size.used / 5);
    let made = most.and_then(|most| store.fit(most, "disk_full", &claims.all()).map(|()| most));
    let given = store.give_back();
    store.settle();
    if let Some(error) = made.as_ref().err().or(given.as_ref().err()) {
        tracing::debug!(%error, "no room could be made in the spool");
    }
    made.ok()
}

fn measure(store: &Store, last: i64) -> rusqlite::Result<()> {
    let size = store.size()?;
    ::metrics::gauge!(metrics::SPOOL_BYTES.name).set(size.used as f64);
    for (name, seq) in store.cursors()? {
        ::metrics::gauge!(metrics::SPOOL_EVENTS.name, "output" => name).set((last - seq).max(0) as f64);
    }
    Ok(())
}
