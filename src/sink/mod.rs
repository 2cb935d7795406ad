//! Where events go. A sink can neither slow nor fail mail: it takes an event at once, or counts it as dropped.

mod deliver;
mod direct;
pub mod encode;
mod masked;
mod retry;
pub mod spool;
mod target;
mod trial;
mod worker;

pub use deliver::{
    Auth, Chunks, Framing, Grant, HttpSpec, KafkaSpec, KeyFile, Mechanism, OauthSpec, Rotation, SaslSpec, TlsSpec,
    fingerprint, password, secret,
};
pub use direct::Writers;
pub use masked::Masked;
pub use spool::Spool;
pub use target::{Batch, Endpoint, Output, Target};
pub use trial::try_out;

use crate::event::Event;

/// Takes events.
pub trait Sink: Send + Sync {
    /// Takes one event, without waiting.
    fn send(&self, event: Event);

    /// Lets go of files that were moved away, and makes them anew, without waiting for an event.
    fn reopen(&self) {}
}

/// Drops everything: for commands that print what they need themselves.
#[derive(Debug, Clone, Copy, Default)]
pub struct NullSink;

impl Sink for NullSink {
    fn send(&self, _event: Event) {}
}
