//! How long to wait before the next try: a random part of a span that doubles with each failure, so that many senders do
//! not come back at the same moment.

use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

/// The span after the first failure.
const FIRST: Duration = Duration::from_millis(500);
/// The longest.
const MOST: Duration = Duration::from_secs(60);
/// What a receiver may ask for at the most.
const ASKED: Duration = Duration::from_secs(3600);
/// Nothing is tried again sooner.
const LEAST: Duration = Duration::from_millis(50);

/// Counts failures in a row.
#[derive(Debug, Default)]
pub(super) struct Backoff {
    failures: u32,
}

impl Backoff {
    /// How long to wait now; at least what the receiver asked for.
    pub(super) fn next(&mut self, asked: Option<Duration>) -> Duration {
        let span = FIRST.saturating_mul(1 << self.failures.min(16)).min(MOST);
        self.failures = self.failures.saturating_add(1);
        let jitter = span.mul_f64(random());
        jitter.max(asked.unwrap_or_default().min(ASKED)).max(LEAST)
    }

    /// It went well.
    pub(super) fn reset(&mut self) {
        self.failures = 0;
    }
}

/// A number from 0 to 1: keys of hash maps are random, and nothing here must be secret.
fn random() -> f64 {
    (RandomState::new().hash_one(0_u8) >> 11) as f64 / (1_u64 << 53) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_grows_to_a_limit_and_never_falls_below_what_was_asked_for() {
        let mut backoff = Backoff::default();
        let waits: Vec<Duration> = (0..1000).map(|_| backoff.next(None)).collect();
        assert!(waits[0] <= FIRST && waits.iter().all(|wait| (LEAST..=MOST).contains(wait)));
        assert!(waits.iter().max() > Some(&(MOST / 2)), "it grows");
        assert!(waits.iter().min() < Some(&(MOST / 4)), "it is spread over the whole span");
        assert!(backoff.next(Some(Duration::from_secs(90))) >= Duration::from_secs(90));
        assert!(backoff.next(Some(Duration::from_secs(1_000_000))) <= ASKED);
        backoff.reset();
        assert!(backoff.next(None) <= FIRST);
    }
}
