//! Zimbra.

use crate::detect::evidence::Mechanism;
use crate::detect::signal::{Bind, Body, Reads, Signal};

/// The rows.
pub(super) const SIGNALS: &[Signal] = &[Signal {
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
}];
