//! What is sent at once: read, encoded, handed to the transport, until all of it is taken or put aside.

use super::super::deliver::{Item, Label, Piece, Sent};
use super::super::encode::{self, Context};
use super::super::spool::{Entry, Position, lost_metric};
use super::Worker;
use super::standing::HELD;
use crate::event::{Body, Event, Loss};
use crate::metrics;
use std::time::{Duration, Instant};

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
pub(super) enum Ended {
    /// All of it was taken or put aside.
    Done,
    /// The connection broke: what was on its way is to be sent again.
    Broken,
    /// The daemon ends, or the cursors were moved.
    Stopped,
}

impl Worker {
    /// Reads a batch and sends it.
    pub(super) async fn batch(&mut self, now: Position, drain: Option<Instant>) -> Ended {
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
            lost_metric(&self.output.name, "spool_full", gone);
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
