//! What waits for the writer: events, of which there may only be so many, and what the outputs have to say, which is little
//! and never refused.

use super::store::Progress;
use crate::event::Event;
use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// How many events may wait. Past that they are dropped and counted: mail does not wait for a disk.
const EVENTS: usize = 10_000;

/// What an output has to say.
#[derive(Debug)]
pub(crate) enum Said {
    /// How far it has come.
    Progress(Progress),
    /// What it is at: output, state, error.
    State(usize, &'static str, Option<String>),
    /// It could not read the file of this generation.
    Damaged(u64),
    /// It has come to its end.
    Ended,
    /// The daemon ends: write what is there, and let the outputs finish.
    Stop,
}

#[derive(Debug, Default)]
struct Waiting {
    events: VecDeque<Event>,
    said: Vec<Said>,
}

/// The queue.
#[derive(Debug, Default)]
pub(crate) struct Queue {
    waiting: Mutex<Waiting>,
    filled: Condvar,
}

impl Queue {
    /// Takes an event unless there are too many: then it is given back.
    pub(super) fn offer(&self, event: Event) -> Result<(), Box<Event>> {
        let mut waiting = self.lock();
        if waiting.events.len() >= EVENTS {
            return Err(Box::new(event));
        }
        waiting.events.push_back(event);
        drop(waiting);
        self.filled.notify_one();
        Ok(())
    }

    /// Takes what an output says.
    pub(crate) fn say(&self, said: Said) {
        self.lock().said.push(said);
        self.filled.notify_one();
    }

    /// Waits for something, until then; and hands out at most so many events.
    pub(super) fn take(&self, until: Instant, events: usize) -> (Vec<Event>, Vec<Said>) {
        let mut waiting = self.lock();
        loop {
            let count = events.min(waiting.events.len());
            let left = until.saturating_duration_since(Instant::now());
            if count > 0 || !waiting.said.is_empty() || left.is_zero() {
                return (waiting.events.drain(..count).collect(), std::mem::take(&mut waiting.said));
            }
            // A lock that is poisoned holds no half-made value.
            waiting = self
                .filled
                .wait_timeout(waiting, left.min(Duration::from_secs(1)))
                .unwrap_or_else(PoisonError::into_inner)
                .0;
        }
    }

    /// How many events wait.
    pub(super) fn len(&self) -> usize {
        self.lock().events.len()
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
