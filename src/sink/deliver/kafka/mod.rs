//! Kafka: a record an event, its key the mailbox, so that the events of one mailbox stay in order.
//!
//! Messages and framing are rskafka's; when to ask, whom, how long and how often is decided here, since its own client tries
//! again for ever by itself, and sends again what was taken where a broker asks for patience.

#[cfg(feature = "kafka")]
mod cluster;
#[cfg(feature = "kafka")]
#[cfg(test)]
mod hostile;
#[cfg(feature = "kafka")]
mod partition;
#[cfg(feature = "kafka")]
mod produce;
#[cfg(feature = "kafka")]
mod sender;
mod spec;

#[cfg(feature = "kafka")]
pub(in crate::sink) use sender::Kafka;
pub use spec::{KafkaSpec, Mechanism, SaslSpec, password};
