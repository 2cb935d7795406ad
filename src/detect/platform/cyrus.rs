//! Cyrus IMAP and Fastmail.

use crate::detect::evidence::Mechanism;
use crate::detect::signal::{Bind, Body, Reads, Signal};

/// The rows.
pub(super) const SIGNALS: &[Signal] = &[Signal {
    id: "cyrus.sieve_action",
    platform: "cyrus",
    mechanism: Some(Mechanism::SieveRedirect),
    weight: 12.0,
    reads: Reads::Header("X-Sieve-Action", Body::Is(&["redirect"]), Bind::Nobody),
    about: "Sieve redirect; other values are vacation and reject",
    source: "Cyrus IMAP lmtp_sieve.c",
    ..Signal::MARK
}];
