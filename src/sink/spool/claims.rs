//! What the outputs have in their hands. Events that were read to be delivered are not lost when they must make room in the
//! file: the output still delivers them, or says that it never did.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Up to which event each output has read.
#[derive(Debug)]
pub(crate) struct Claims(Vec<(String, Mutex<i64>)>);

impl Claims {
    pub(super) fn new(names: &[String]) -> Self {
        Self(names.iter().map(|name| (name.clone(), Mutex::new(0))).collect())
    }

    /// Held by an output while it reads, so that nothing goes between reading and claiming.
    pub(crate) fn of(&self, output: usize) -> Option<MutexGuard<'_, i64>> {
        self.0.get(output).map(|(_, claim)| locked(claim))
    }

    /// Held by the writer while events make room.
    pub(super) fn all(&self) -> Held<'_> {
        Held(self.0.iter().map(|(name, claim)| (name.as_str(), locked(claim))).collect())
    }
}

fn locked(claim: &Mutex<i64>) -> MutexGuard<'_, i64> {
    claim.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Every claim, while none can change.
#[derive(Debug, Default)]
pub(super) struct Held<'a>(BTreeMap<&'a str, MutexGuard<'a, i64>>);

impl Held<'_> {
    /// Up to which event this output has read.
    pub(super) fn by(&self, output: &str) -> i64 {
        self.0.get(output).map_or(0, |claim| **claim)
    }
}
