//! Zimbra, Kopano and grommunio.

use crate::detect::evidence::Mechanism;
use crate::detect::signal::{Bind, Body, Reads, Signal};

/// The rows.
pub(super) const SIGNALS: &[Signal] = &[
    Signal {
        id: "zimbra.forwarded",
        platform: "zimbra",
        mechanism: Some(Mechanism::SieveRedirect),
        weight: 9.0,
        reads: Reads::Header("X-Zimbra-Forwarded", Body::Any, Bind::Forwarder),
        on_replies_too: true,
        about: "Zimbra sent it on by filter or preference; names the account",
        false_positives: "replies and notices of filters, told apart",
        source: "Zimbra store",
        ..Signal::MARK
    },
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
];
