//! Where events go. A sink can neither slow nor fail mail: it takes an event at once, or counts it as dropped.

pub mod encode;
mod file;

pub use file::{Output, Target, Writers};

use crate::event::Event;

/// Takes events.
pub trait Sink: Send + Sync {
    /// Takes one event, without waiting.
    fn send(&self, event: Event);
}

/// Drops everything: for commands that print what they need themselves.
#[derive(Debug, Clone, Copy, Default)]
pub struct NullSink;

impl Sink for NullSink {
    fn send(&self, _event: Event) {}
}
