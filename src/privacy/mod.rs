//! What of persons leaves the process or stays on a disk: addresses and subjects as they are, as keyed pseudonyms, or not
//! at all. Judging and policy work on what was really there; only what is written down or sent away is masked.
//!
//! A pseudonym is an HMAC-SHA-256, so the same mailbox has the same one everywhere, and who has the key can try a name on
//! it, but nobody can read a name out of it.

mod key;
mod mask;
mod text;
mod unmask;

pub use key::Key;
pub use mask::{Mask, is_pseudonym};
pub use text::{addresses, replace};
pub use unmask::Names;

use std::path::PathBuf;

/// How something is shown.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Show {
    /// As it is.
    #[default]
    Clear,
    /// As a keyed pseudonym.
    Pseudonym,
    /// Not at all.
    Absent,
}

/// What is shown where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Spec {
    /// The file of the key; needed where anything is a pseudonym.
    pub key: Option<PathBuf>,
    /// Whether pseudonyms keep the domain.
    pub keep_domain: bool,
    /// Addresses in events and in the log.
    pub event_addresses: Show,
    /// Subjects in events.
    pub event_subjects: Show,
    /// Addresses in the state.
    pub state_addresses: Show,
}

impl Default for Spec {
    fn default() -> Self {
        Self {
            key: None,
            keep_domain: true,
            event_addresses: Show::Clear,
            event_subjects: Show::Clear,
            state_addresses: Show::Clear,
        }
    }
}

impl Spec {
    /// Whether something is a pseudonym.
    pub fn needs_key(&self) -> bool {
        [self.event_addresses, self.event_subjects, self.state_addresses].contains(&Show::Pseudonym)
    }

    /// What is needed to mask, with the key read.
    ///
    /// # Errors
    /// The key is needed and cannot be used: why, and what to do.
    pub fn masks(&self) -> Result<Masks, String> {
        let key = match &self.key {
            Some(path) if self.needs_key() => Some(Key::read(path)?),
            _ => None,
        };
        let mask = |show| Mask::new(show, self.keep_domain, key.clone());
        Ok(Masks {
            events: mask(self.event_addresses),
            subjects: mask(self.event_subjects),
            state: mask(self.state_addresses),
        })
    }
}

/// How each place is masked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Masks {
    /// Addresses in events and in the log.
    pub events: Mask,
    /// Subjects in events.
    pub subjects: Mask,
    /// Addresses in the state.
    pub state: Mask,
}
