//! Approved forwards, with an owner and an end.

use super::Case;
use super::list::AddressList;
use crate::detect::Mechanism;
use jiff::Timestamp;

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
    /// Who answers for it.
    pub owner: Option<String>,
    /// Why it is there.
    pub reason: Option<String>,
    /// Where that was agreed.
    pub ticket: Option<String>,
    /// From when on it no longer applies.
    pub expires: Option<Timestamp>,
}

impl Exception {
    /// Whether it covers the case: what made it match, or the first thing that did not.
    pub(super) fn matches(&self, case: &Case<'_>) -> Result<String, String> {
        if let Some(expires) = self.expires.filter(|expires| *expires <= case.now) {
            return Err(format!("expired {expires}"));
        }
        let Some(forwarder) = &case.assessment.forwarder else {
            return Err("the forwarder is not known".into());
        };
        if !self.forwarder.contains(forwarder) {
            return Err(format!("forwarder {forwarder} is not in it"));
        }
        let destination = &case.assessment.destination;
        if !self.destination.contains(destination) {
            return Err(format!("destination {destination} is not in it"));
        }
        if !self.mechanism.is_empty() && !case.assessment.mechanism.is_some_and(|by| self.mechanism.contains(&by)) {
            return Err("the mechanism is not in it".into());
        }
        Ok(format!("{forwarder} may forward to {destination}"))
    }
}
