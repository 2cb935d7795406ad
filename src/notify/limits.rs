//! How often people are told.

use crate::message::Address;
use jiff::{SignedDuration, Timestamp};
use std::collections::{HashMap, VecDeque};
use std::time::Duration;

/// Who forwards where.
type Pair = (Option<Address>, Address);

/// How many pairs are remembered at the most.
const PAIRS: usize = 100_000;

/// What was told, and when.
#[derive(Debug)]
pub(super) struct Limits {
    per_pair: SignedDuration,
    per_hour: usize,
    pairs: HashMap<Pair, Timestamp>,
    recent: VecDeque<Timestamp>,
}

impl Limits {
    pub(super) fn new(per_pair: Duration, per_hour: u32) -> Self {
        let per_pair = SignedDuration::try_from(per_pair).unwrap_or(SignedDuration::MAX);
        Self { per_pair, per_hour: per_hour as usize, pairs: HashMap::new(), recent: VecDeque::new() }
    }

    /// Whether a pair may be spoken of now; if so, it has been.
    pub(super) fn allow(&mut self, pair: &Pair, now: Timestamp) -> bool {
        let hour = SignedDuration::from_hours(1);
        while self.recent.front().is_some_and(|told| now.duration_since(*told) >= hour) {
            self.recent.pop_front();
        }
        let lately = self.pairs.get(pair).is_some_and(|told| now.duration_since(*told) < self.per_pair);
        if lately || self.recent.len() >= self.per_hour {
            return false;
        }
        if self.pairs.len() >= PAIRS {
            self.pairs.retain(|_, told| now.duration_since(*told) < self.per_pair);
        }
        if self.pairs.len() < PAIRS {
            self.pairs.insert(pair.clone(), now);
        }
        self.recent.push_back(now);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn once_a_pair_and_not_too_many() {
        let mut limits = Limits::new(Duration::from_secs(86_400), 3);
        let pair =
            |n: usize| (Address::new("alice", "corp.example"), Address::new(&format!("x{n}"), "ext.example").unwrap());
        let at = |seconds: i64| Timestamp::from_second(1_800_000_000 + seconds).unwrap();
        assert!(limits.allow(&pair(1), at(0)));
        assert!(!limits.allow(&pair(1), at(3_000)), "the pair was spoken of");
        assert!(limits.allow(&pair(2), at(1)) && limits.allow(&pair(3), at(2)));
        assert!(!limits.allow(&pair(4), at(3)), "three in an hour");
        assert!(limits.allow(&pair(4), at(3_601)));
        assert!(limits.allow(&pair(1), at(86_400)));
    }
}
