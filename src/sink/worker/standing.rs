//! How an output stands: what it has delivered, what it has to say, and how long it waits before it tries again.

use super::super::deliver::Transport;
use super::super::spool::{Dead, Entry, Progress, Said, is_broken, lost_metric};
use super::{UNCONFIRMED, Worker, told};
use crate::metrics;
use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// How long a receiver that does not let us in is left alone.
pub(super) const HELD: Duration = Duration::from_secs(60);
/// How often a standing fault is spoken of.
const COMPLAINT: Duration = Duration::from_secs(60);

impl Worker {
    /// Waits before the next try. `false` where there is none: the daemon ends, or the cursors were moved.
    pub(super) async fn pause(
        &mut self,
        error: &str,
        after: Option<Duration>,
        held: bool,
        drain: Option<Instant>,
    ) -> bool {
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
    pub(super) fn confirm(&mut self, now: Instant) {
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
    pub(super) fn rewind(&mut self) {
        if !self.on_their_way.is_empty() {
            let again = self.sent - self.confirmed;
            tracing::info!(output = %self.output.name, events = again, "the connection broke: the last events are sent again");
        }
        if let Some(mut claim) = self.claims.of(self.index) {
            *claim = self.confirmed;
            // What had to make room since it was sent cannot be sent again, and nobody knows whether it came.
            let moved_by_hand = self.position.borrow().epoch != self.epoch;
            let cursor = self.reader.as_ref().and_then(|(_, reader)| reader.cursor(&self.output.name).ok());
            if let Some(seq) = cursor.filter(|seq| !moved_by_hand && *seq > self.confirmed) {
                let gone = up_to(seq, self.confirmed, &self.on_their_way);
                lost_metric(&self.output.name, "spool_full", gone);
                self.lost += gone;
                self.confirmed = seq;
            }
        }
        self.on_their_way.clear();
        self.sent = self.confirmed;
    }

    pub(super) fn report(&mut self) {
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

    pub(super) fn put_aside(&mut self, entry: &Entry, error: String) {
        tracing::error!(output = %self.output.name, event = %entry.id, %error, "an event was refused for good; `forwarden spool list --refused` shows it");
        self.dead.push(Dead { id: entry.id.clone(), body: entry.body.clone(), error });
    }

    pub(super) fn well(&mut self) {
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

    pub(super) fn note(&mut self, state: &'static str, error: Option<&str>) {
        // From batch to batch it is the same, and nobody need write it down.
        if state != self.state
            && !(state == "delivering" && self.state == "idle")
            && !(state == "idle" && self.state == "delivering")
        {
            self.queue.say(Said::State(self.index, state, error.map(str::to_owned)));
        }
        self.state = state;
    }

    pub(super) fn unreadable(&mut self, error: &rusqlite::Error, generation: u64) {
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

/// How many of what is on its way came up to `seq`: batches by their last event, the first behind `from`.
fn up_to(seq: i64, mut from: i64, on_their_way: &VecDeque<(i64, u64, Instant)>) -> u64 {
    let mut count = 0;
    for (last, events, _) in on_their_way {
        count += u64::try_from(seq - from).unwrap_or_default().min(*events);
        from = *last;
    }
    count
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_had_to_go_is_counted_batch_by_batch() {
        let now = Instant::now();
        // The second batch holds fewer events than numbers: others are for another output.
        let sent = VecDeque::from([(10, 10, now), (20, 4, now)]);
        for (seq, count) in [(0, 0), (3, 3), (10, 10), (12, 12), (20, 14), (99, 14)] {
            assert_eq!(up_to(seq, 0, &sent), count, "{seq}");
        }
        assert_eq!(up_to(12, 5, &VecDeque::from([(10, 5, now)])), 5);
    }
}
