//! The answers, in memory: arrivals of the last hours, and counts of who forwards where. Bounded: the oldest arrivals make
//! room, and are counted.

use super::prints::{Kind, Print};
use super::{Behaviour, Departure, Facts, Pair, Prints, Twin};
use crate::message::Address;
use crate::privacy::Mask;
use jiff::{SignedDuration, Timestamp};
use std::collections::{HashMap, HashSet, VecDeque};
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;

/// When what is remarkable is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Thresholds {
    /// How long an arrival is remembered.
    pub window: SignedDuration,
    /// How many arrivals are, at the most.
    pub arrivals: usize,
    /// How long after the first observation nothing counts as never seen.
    pub learning: SignedDuration,
    /// From how many mailboxes on an address is fed by many.
    pub fan_in: usize,
    /// From how many forwards in an hour on a mailbox has a burst.
    pub burst: u32,
    /// From how many forwards in 24 hours on an imbalance is spoken of.
    pub imbalance: u32,
}

impl Default for Thresholds {
    fn default() -> Self {
        Self {
            window: SignedDuration::from_hours(24),
            arrivals: 1_000_000,
            learning: SignedDuration::from_hours(24 * 7),
            fan_in: 3,
            burst: 100,
            imbalance: 20,
        }
    }
}

/// Events of the last 24 hours, by the hour.
#[derive(Debug, Clone, Copy, Default)]
struct Hourly {
    hour: i64,
    counts: [u16; 24],
}

impl Hourly {
    fn add(&mut self, hour: i64) {
        self.forget_before(hour);
        if let Some(count) = self.slot(hour) {
            *count = count.saturating_add(1);
        }
    }

    fn slot(&mut self, hour: i64) -> Option<&mut u16> {
        self.counts.get_mut(hour.rem_euclid(24) as usize)
    }

    fn forget_before(&mut self, hour: i64) {
        let passed = (hour - self.hour).clamp(0, 24);
        for step in 0..passed {
            if let Some(count) = self.slot(hour - step) {
                *count = 0;
            }
        }
        self.hour = self.hour.max(hour);
    }

    fn sum(&self, hour: i64) -> u32 {
        let mut now = *self;
        now.forget_before(hour);
        now.counts.iter().map(|count| u32::from(*count)).sum()
    }

    fn last(&self, hour: i64) -> u32 {
        if self.hour == hour { u32::from(self.counts[hour.rem_euclid(24) as usize]) } else { 0 }
    }
}

/// An arrival.
#[derive(Debug, Clone)]
struct Seen {
    mailbox: Arc<Address>,
    at: Timestamp,
}

#[derive(Debug, Clone, Default)]
struct PairCount {
    since: Timestamp,
    /// Latencies, by Welford's method: number, mean, sum of squared differences, in seconds.
    latencies: (u32, f32, f32),
}

/// The last 24 hours of a mailbox.
#[derive(Debug, Clone, Default)]
struct MailboxCount {
    forwards: Hourly,
    look_forwarded: Hourly,
    arrivals: Hourly,
    /// The hour in which an imbalance was spoken of last.
    spoken: Option<i64>,
}

#[derive(Debug, Clone, Default)]
struct DestinationCount {
    since: Timestamp,
    /// Hashes of the mailboxes that feed it.
    forwarders: Vec<u64>,
}

/// How many mailboxes that feed one address are told apart; beyond, it is simply "that many".
const MAX_FORWARDERS: usize = 1_000;

/// From how many latencies on their regularity says something.
const LATENCIES: u32 = 20;

/// The tables.
pub(super) struct Index {
    thresholds: Thresholds,
    /// What a restart knows mailboxes by: what the file shows of them.
    mask: Mask,
    hasher: RandomState,
    first: Option<Timestamp>,
    arrivals: HashMap<u64, Vec<Seen>>,
    order: VecDeque<(Timestamp, u64)>,
    mailboxes: HashSet<Arc<Address>>,
    pairs: HashMap<u64, PairCount>,
    /// Since when mailboxes forward.
    forwarders: HashMap<u64, Timestamp>,
    /// What was busy in the last 24 hours: of all that is known, the small part that has to be gone through every hour.
    recent: HashMap<u64, Hourly>,
    counts: HashMap<u64, MailboxCount>,
    destinations: HashMap<u64, DestinationCount>,
    site: MailboxCount,
    swept: i64,
    /// Arrivals that were forgotten before their time.
    pub(super) lost: u64,
}

fn hour(time: Timestamp) -> i64 {
    time.as_second().div_euclid(3600)
}

impl Index {
    pub(super) fn new(thresholds: Thresholds, mask: Mask) -> Self {
        Self {
            thresholds,
            mask,
            hasher: RandomState::new(),
            first: None,
            arrivals: HashMap::new(),
            order: VecDeque::new(),
            mailboxes: HashSet::new(),
            pairs: HashMap::new(),
            forwarders: HashMap::new(),
            recent: HashMap::new(),
            counts: HashMap::new(),
            destinations: HashMap::new(),
            site: MailboxCount::default(),
            swept: 0,
            lost: 0,
        }
    }

    fn hash(&self, address: &Address) -> u64 {
        self.hasher.hash_one(self.mask.key(address))
    }

    fn hash_pair(&self, pair: Pair<'_>) -> u64 {
        self.hasher.hash_one((self.mask.key(pair.forwarder), self.mask.key(pair.destination)))
    }

    fn began(&mut self, time: Timestamp) {
        self.first = Some(self.first.map_or(time, |first| first.min(time)));
    }

    /// Remembers an arrival; whether it counts as incoming mail of the mailbox, or only comes back from disk.
    pub(super) fn arrived(
        &mut self,
        mailbox: &Address,
        prints: impl Iterator<Item = Print>,
        at: Timestamp,
        fresh: bool,
    ) {
        self.began(at);
        let mailbox = mailbox.mailbox();
        if fresh {
            let hash = self.hash(&mailbox);
            self.counts.entry(hash).or_default().arrivals.add(hour(at));
        }
        let mailbox = match self.mailboxes.get(&mailbox) {
            Some(known) => Arc::clone(known),
            None => {
                let mailbox = Arc::new(mailbox);
                self.mailboxes.insert(Arc::clone(&mailbox));
                mailbox
            }
        };
        for print in prints.filter(|print| print.kind != Kind::Reference) {
            let seen = self.arrivals.entry(print.hash).or_default();
            match seen.iter_mut().find(|seen| seen.mailbox == mailbox) {
                // The newest counts; its place in the order of forgetting comes again below.
                Some(known) => known.at = known.at.max(at),
                None => {
                    // Most messages come in once: there are a million of these lists, and none is longer than it must be.
                    seen.reserve_exact(1);
                    seen.push(Seen { mailbox: Arc::clone(&mailbox), at });
                }
            }
            self.order.push_back((at, print.hash));
        }
        self.forget(at);
    }

    fn forget(&mut self, now: Timestamp) {
        while let Some((at, hash)) = self.order.front().copied() {
            let old = now.duration_since(at) > self.thresholds.window;
            if !old && self.order.len() <= self.thresholds.arrivals {
                break;
            }
            self.lost += u64::from(!old);
            self.order.pop_front();
            if let Some(seen) = self.arrivals.get_mut(&hash) {
                seen.retain(|seen| seen.at > at);
                if seen.is_empty() {
                    self.arrivals.remove(&hash);
                }
            }
        }
        if hour(now) > self.swept {
            self.swept = hour(now);
            self.mailboxes.retain(|mailbox| Arc::strong_count(mailbox) > 1);
            self.counts.retain(|_, count| !count.is_idle(hour(now)));
            self.recent.retain(|_, recent| recent.sum(hour(now)) > 0);
        }
    }

    pub(super) fn twins(&self, prints: &Prints, now: Timestamp) -> Vec<Twin> {
        let mut found: Vec<Twin> = Vec::new();
        for print in prints.iter() {
            for seen in self.arrivals.get(&print.hash).into_iter().flatten() {
                let latency = now.duration_since(seen.at);
                if latency > self.thresholds.window || latency.is_negative() {
                    continue;
                }
                let twin = Twin { mailbox: (*seen.mailbox).clone(), by: print.kind, latency };
                match found.iter_mut().find(|known| known.mailbox == twin.mailbox) {
                    Some(known) if (known.by, known.latency) > (twin.by, twin.latency) => *known = twin,
                    Some(_) => {}
                    None => found.push(twin),
                }
            }
        }
        found.sort_by(|a, b| (a.by, a.latency, &a.mailbox).cmp(&(b.by, b.latency, &b.mailbox)));
        found
    }

    pub(super) fn facts(&self, pair: Pair<'_>, now: Timestamp) -> Facts {
        let hour = hour(now);
        let (key, forwarder) = (self.hash_pair(pair), self.hash(pair.forwarder));
        let known = self.pairs.get(&key);
        let mailbox = self.counts.get(&forwarder);
        let destination = self.destinations.get(&self.hash(pair.destination));
        let pair_count_24h = self.recent.get(&key).map_or(0, |recent| recent.sum(hour));
        let arrivals = mailbox.map_or(0, |mailbox| mailbox.arrivals.sum(hour));
        Facts {
            pair_since: known.map(|known| known.since),
            forwarder_since: self.forwarders.get(&forwarder).copied(),
            destination_since: destination.map(|destination| destination.since),
            learning: self.first.is_none_or(|first| now.duration_since(first) < self.thresholds.learning),
            pair_count_24h,
            forwards_24h: mailbox.map_or(0, |mailbox| mailbox.forwards.sum(hour)),
            fan_in: destination.map_or(0, |destination| destination.forwarders.len()),
            coverage: (arrivals > 0).then(|| (f64::from(pair_count_24h) / f64::from(arrivals)).min(1.0)),
            latency: None,
        }
    }

    /// What is known of a pair from before a restart.
    pub(super) fn recall(&mut self, pair: Pair<'_>, since: Timestamp, latencies: (u32, f32, f32)) {
        self.began(since);
        let key = self.hash_pair(pair);
        let known = self.pairs.entry(key).or_insert_with(|| PairCount { since, ..PairCount::default() });
        known.since = known.since.min(since);
        known.latencies = latencies;
        let (forwarder, destination) = (self.hash(pair.forwarder), self.hash(pair.destination));
        let known = self.forwarders.entry(forwarder).or_insert(since);
        *known = since.min(*known);
        let entry =
            self.destinations.entry(destination).or_insert_with(|| DestinationCount { since, ..Default::default() });
        entry.since = entry.since.min(since);
        if !entry.forwarders.contains(&forwarder) && entry.forwarders.len() < MAX_FORWARDERS {
            if entry.forwarders.is_empty() {
                entry.forwarders.reserve_exact(1);
            }
            entry.forwarders.push(forwarder);
        }
    }

    pub(super) fn departed(&mut self, departure: &Departure) -> Vec<Behaviour> {
        let now = departure.time;
        let hour = hour(now);
        let pair = Pair { forwarder: &departure.forwarder, destination: &departure.destination };
        let before = self.facts(pair, now);
        let (pair_latencies, mut found) =
            (self.pairs.get(&self.hash_pair(pair)).map(|known| known.latencies), Vec::new());
        self.recall(pair, now, pair_latencies.unwrap_or_default());
        let new = [
            ("destination", before.destination_since.is_none() && before.forwarder_since.is_some()),
            ("forwarder", before.forwarder_since.is_none()),
            ("pair", before.pair_since.is_none()),
        ];
        if !before.learning
            && let Some((what, _)) = new.into_iter().find(|(_, new)| *new)
        {
            found.push(Behaviour::FirstSeen { what });
        }
        let forwarders = self.destinations.get(&self.hash(pair.destination)).map_or(0, |entry| entry.forwarders.len());
        if forwarders > before.fan_in && forwarders >= self.thresholds.fan_in {
            found.push(Behaviour::FanIn { forwarders });
        }
        let key = self.hash_pair(pair);
        self.recent.entry(key).or_default().add(hour);
        if let Some(known) = self.pairs.get_mut(&key) {
            found.extend(departure.latency.and_then(|latency| regular(&mut known.latencies, latency)));
        }
        let key = self.hash(pair.forwarder);
        let thresholds = self.thresholds.clone();
        let mailbox = self.counts.entry(key).or_default();
        for (scope, count) in [("forwarder", mailbox), ("site", &mut self.site)] {
            count.forwards.add(hour);
            if departure.looks_forwarded {
                count.look_forwarded.add(hour);
            }
            if scope == "forwarder" && count.forwards.last(hour) == thresholds.burst {
                found.push(Behaviour::Burst { forwards: thresholds.burst });
            }
            found.extend(count.imbalance(scope, hour, thresholds.imbalance));
        }
        self.forget(now);
        found
    }

    pub(super) fn sent_on_by_hand(&mut self, mailbox: &Address, now: Timestamp) {
        let key = self.hash(&mailbox.mailbox());
        self.counts.entry(key).or_default().look_forwarded.add(hour(now));
        self.site.look_forwarded.add(hour(now));
    }
}

impl MailboxCount {
    /// Whether nothing of it lies in the last 24 hours.
    fn is_idle(&self, hour: i64) -> bool {
        let busy =
            [&self.forwards, &self.look_forwarded, &self.arrivals].into_iter().any(|counts| counts.sum(hour) > 0);
        !busy && self.spoken.is_none_or(|spoken| hour - spoken >= 24)
    }

    /// Many forwards, and a tenth of them or less look forwarded: nobody's rule writes `Fwd:`, so it is set elsewhere.
    fn imbalance(&mut self, scope: &'static str, hour: i64, threshold: u32) -> Option<Behaviour> {
        let forwards = self.forwards.sum(hour);
        if forwards < threshold || self.spoken.is_some_and(|spoken| hour - spoken < 24) {
            return None;
        }
        self.spoken = Some(hour);
        let look_forwarded = self.look_forwarded.sum(hour);
        let look_at = if look_forwarded * 10 <= forwards { "administrator_level" } else { "user_level" };
        Some(Behaviour::Imbalance { scope, forwards, look_forwarded, hours: 24, look_at })
    }
}

/// Takes a latency in, and tells once when they have turned out to be regular: their spread is a fifth of the mean or two
/// seconds, whichever is more.
fn regular(latencies: &mut (u32, f32, f32), latency: SignedDuration) -> Option<Behaviour> {
    let (number, mean, squares) = latencies;
    let seconds = latency.as_secs_f32();
    let difference = seconds - *mean;
    *number += 1;
    *mean += difference / (*number as f32);
    *squares += difference * (seconds - *mean);
    let spread = (*squares / (*number as f32)).max(0.0).sqrt();
    (*number == LATENCIES && spread <= (*mean / 5.0).max(2.0)).then(|| Behaviour::RegularLatency {
        forwards: *number,
        mean: f64::from(*mean),
        spread: f64::from(spread),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// MiB of this process in memory.
    fn resident() -> u64 {
        let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap_or_default();
        line.split_whitespace().next().and_then(|kib| kib.parse::<u64>().ok()).expect("a number of KiB") / 1024
    }

    #[test]
    fn a_million_arrivals_fit_into_200_mib() {
        let before = resident();
        let most = Thresholds::default().arrivals;
        let mut index = Index::new(Thresholds::default(), Mask::clear());
        let mailboxes: Vec<Address> =
            (0..10_000).filter_map(|n| Address::new(&format!("user{n}"), "corp.example")).collect();
        let arrivals = most + most / 10;
        for n in 0..arrivals {
            let hash = (n as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
            let at = Timestamp::from_second(1_800_000_000 + (n / 1000) as i64).expect("a time");
            let print = std::iter::once(Print { kind: Kind::MessageId, hash });
            index.arrived(&mailboxes[n % mailboxes.len()], print, at, true);
        }
        let took = resident().saturating_sub(before);
        assert_eq!((index.order.len(), index.lost), (most, (arrivals - most) as u64), "the oldest made room, counted");
        assert!(took <= 200, "{took} MiB");
    }
}
