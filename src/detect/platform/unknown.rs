//! Marks that nobody is known to write.

use crate::detect::evidence::Mechanism;
use crate::detect::signal::{Bind, Body, Reads, Signal};

/// The rows.
pub(super) const SIGNALS: &[Signal] = &[Signal {
    id: "generic.x_mailfwdby",
    mechanism: Some(Mechanism::Unknown),
    weight: 4.0,
    reads: Reads::Header("X-MailFwdBy", Body::Any, Bind::Nobody),
    about: "a mark the threat catalogue names; no program that writes it is known",
    false_positives: "none seen",
    source: "ATT&CK T1114.003",
    ..Signal::MARK
}];
