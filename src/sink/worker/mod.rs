//! An output at work: it reads what comes after its cursor, encodes it, hands it to its transport, and moves the cursor when
//! it was taken. What cannot be taken now is tried again for ever; what is refused for good is halved until the one event is
//! found that is to blame, which is put aside with what the receiver said.
//!
//! Each output is a thread with a runtime of its own, so that none can hold up another, or mail.

mod batch;
mod standing;

use super::Output;
use super::deliver::Transport;
use super::retry::Backoff;
use super::spool::{Claims, DRAIN, Dead, Position, Queue, Reader, Said};
use crate::event::Loss;
use batch::Ended;
use std::collections::VecDeque;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::watch;

/// How long what was sent to a receiver that confirms nothing counts as on its way: if the connection breaks within it, it
/// is sent again.
const UNCONFIRMED: Duration = Duration::from_secs(2);

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
    // What is wrong is known before the daemon takes mail.
    let mut transport = Some(Transport::new(output)?);
    let output = output.clone();
    let name = output.name.clone();
    std::thread::Builder::new().name(format!("output {name}")).spawn(move || {
        let work = || {
            let transport = match transport.take() {
                Some(transport) => transport,
                None => Transport::new(&output)?,
            };
            let worker = Worker {
                index,
                output: output.clone(),
                file: file.clone(),
                queue: Arc::clone(&queue),
                claims: Arc::clone(&claims),
                position: position.clone(),
                reopen: reopen.clone(),
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
            runtime()?.block_on(worker.run());
            Ok(())
        };
        until_done(&name, Duration::from_secs(1), work);
        queue.say(Said::Ended);
    })?;
    Ok(())
}

/// Does it again where a defect ended it: from the cursor on, as after a start of the daemon, so nothing is lost by it.
fn until_done(name: &str, pause: Duration, mut work: impl FnMut() -> io::Result<()>) {
    loop {
        match catch_unwind(AssertUnwindSafe(&mut work)) {
            Ok(Ok(())) => return,
            Ok(Err(error)) => tracing::error!(output = %name, %error, "an output cannot be started; trying again"),
            Err(_) => tracing::error!(output = %name, "a defect ended an output, which begins again: please report it"),
        }
        std::thread::sleep(pause);
    }
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
}

/// Returns when files are to be opened anew.
async fn told(reopen: &mut watch::Receiver<()>) {
    if reopen.changed().await.is_err() {
        std::future::pending::<()>().await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_defect_does_not_end_an_output() {
        let mut runs = 0;
        until_done("siem", Duration::ZERO, || {
            runs += 1;
            match runs {
                1 => panic!("a defect"),
                2 => Err(io::Error::other("no more threads")),
                _ => Ok(()),
            }
        });
        assert_eq!(runs, 3);
    }
}
