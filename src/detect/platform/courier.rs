//! Courier.

use crate::detect::evidence::Mechanism;
use crate::detect::signal::{Bind, Body, Reads, Signal};

/// The rows.
pub(super) const SIGNALS: &[Signal] = &[Signal {
    id: "courier.forwarded_by",
    platform: "courier",
    mechanism: Some(Mechanism::MtaForward),
    weight: 11.0,
    reads: Reads::Header("Received", Body::Contains(&["(forwarded by "]), Bind::Forwarder),
    about: ".courier forwarding; the trace names the mailbox",
    source: "Courier submit, local delivery",
    ..Signal::MARK
}];
