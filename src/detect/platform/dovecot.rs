//! Dovecot with Pigeonhole Sieve.

use crate::detect::evidence::{Family, Mechanism};
use crate::detect::signal::{Bind, Body, Reads, Signal};

/// The rows.
pub(super) const SIGNALS: &[Signal] = &[
    Signal {
        id: "dovecot.redirected_from",
        platform: "dovecot",
        mechanism: Some(Mechanism::SieveRedirect),
        weight: 12.0,
        reads: Reads::Header("X-Sieve-Redirected-From", Body::Any, Bind::Forwarder),
        about: "Sieve redirect; names the owner of the script",
        source: "Pigeonhole cmd-redirect.c",
        ..Signal::MARK
    },
    Signal {
        id: "dovecot.sieve",
        platform: "dovecot",
        mechanism: Some(Mechanism::SieveRedirect),
        family: Family::Resubmission,
        weight: 4.0,
        reads: Reads::Header("X-Sieve", Body::Begins(&["Pigeonhole"]), Bind::Nobody),
        on_replies_too: true,
        about: "Pigeonhole sent it; plain delivery does not write it",
        false_positives: "vacation and notify",
        source: "Pigeonhole",
        ..Signal::MARK
    },
];
