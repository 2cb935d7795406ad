//! Approved forwards, with an owner and an end.

use super::Case;
use super::index::Gate;
use super::list::AddressList;
use crate::detect::Mechanism;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// An approved pair of forwarder and destination.
#[derive(Debug, Clone, Default)]
pub struct Exception {
    /// Its name in events.
    pub id: String,
    /// Who may forward. An unknown forwarder is never excepted.
    pub forwarder: AddressList,
    /// Where to.
    pub destination: AddressList,
    /// By what; empty means by anything.
    pub mechanism: Vec<Mechanism>,
    /// What people are told of it.
    pub card: Card,
    /// From when on it no longer applies.
    pub expires: Option<Timestamp>,
    /// How often it applies on one day, in UTC: once for each outside recipient.
    pub max_per_day: Option<u64>,
}

/// What people are told of an exception.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Card {
    /// Who may forward, as it is written.
    pub forwarder: Vec<String>,
    /// Where to, as it is written.
    pub destination: Vec<String>,
    /// Who answers for it.
    pub owner: Option<String>,
    /// Why it is there.
    pub reason: Option<String>,
    /// Where that was agreed.
    pub ticket: Option<String>,
    /// When it was made.
    pub created: Option<Timestamp>,
}

/// Why an exception stopped applying.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Lapse {
    /// Its end is past.
    Expired,
    /// It was used as often as a day allows.
    Overrun,
}

impl Lapse {
    /// The name in events and metrics.
    pub fn name(self) -> &'static str {
        match self {
            Self::Expired => "expired",
            Self::Overrun => "overrun",
        }
    }
}

/// What came of trying an exception, and why.
pub(super) enum Tried {
    /// It covers the case.
    Covers(String),
    /// It would, but no longer applies.
    Lapsed(Lapse, String),
    /// It is not about the case.
    Misses(String),
}

impl Exception {
    /// What must be so for it to cover anything.
    pub(super) fn gate(&self) -> Gate<'_> {
        Gate::of_lists(&self.forwarder, &self.destination)
    }

    /// Whether it covers the case. `used` is how often it applied today.
    pub(super) fn tries(&self, case: &Case<'_>, used: impl FnOnce() -> u64) -> Tried {
        let Some(forwarder) = &case.assessment.forwarder else {
            return Tried::Misses("the forwarder is not known".into());
        };
        if !self.forwarder.contains(forwarder) {
            return Tried::Misses(format!("forwarder {forwarder} is not in it"));
        }
        let destination = &case.assessment.destination;
        if !self.destination.contains(destination) {
            return Tried::Misses(format!("destination {destination} is not in it"));
        }
        if !self.mechanism.is_empty() && !case.assessment.mechanism.is_some_and(|by| self.mechanism.contains(&by)) {
            return Tried::Misses("the mechanism is not in it".into());
        }
        if let Some(expires) = self.expires.filter(|expires| *expires <= case.now) {
            return Tried::Lapsed(Lapse::Expired, format!("expired {expires}"));
        }
        if let Some(most) = self.max_per_day.filter(|most| used() >= *most) {
            return Tried::Lapsed(Lapse::Overrun, format!("used {most} times today, no more are allowed"));
        }
        Tried::Covers(format!("{forwarder} may forward to {destination}"))
    }
}
