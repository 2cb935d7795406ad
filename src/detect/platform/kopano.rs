//! Kopano, Zarafa and grommunio.

use crate::detect::evidence::{Family, Mechanism};
use crate::detect::signal::{Bind, Body, Reads, Signal};

/// The rows.
pub(super) const SIGNALS: &[Signal] = &[
    Signal {
        id: "kopano.rule_action",
        platform: "kopano",
        mechanism: Some(Mechanism::InboxRule),
        weight: 10.0,
        reads: Reads::Header("X-Kopano-Rule-Action", Body::Is(&["forward", "redirect"]), Bind::Nobody),
        about: "a Kopano rule forwarded or redirected it; the value reply is an answer",
        source: "Kopano spooler rules",
        ..Signal::MARK
    },
    Signal {
        id: "grommunio.delivered_to",
        platform: "grommunio",
        family: Family::Resubmission,
        weight: 4.0,
        reads: Reads::Header("Delivered-To", Body::Any, Bind::Destination),
        about: "grommunio writes the outside destination into Delivered-To of what its rules send on",
        false_positives: "a message that was delivered outside before and comes round again",
        source: "gromox exmdb rules",
        ..Signal::MARK
    },
];
