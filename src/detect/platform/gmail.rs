//! Gmail and Google Workspace. The envelope form `+caf_=` is with the other senders, in `envelope.rs`.

use crate::detect::evidence::Mechanism;
use crate::detect::signal::{Bind, Body, Reads, Signal};

/// The rows.
pub(super) const SIGNALS: &[Signal] = &[
    Signal {
        id: "gmail.x_forwarded_for",
        platform: "gmail",
        mechanism: Some(Mechanism::ProviderForwarding),
        weight: 11.0,
        reads: Reads::Header("X-Forwarded-For", Body::Contains(&["@"]), Bind::ForwarderThenDestinations),
        about: "names the forwarding mailbox, then where it forwards to",
        false_positives: "programs that copy the pair",
        source: "public Gmail messages",
        ..Signal::MARK
    },
    Signal {
        id: "gmail.x_forwarded_to",
        platform: "gmail",
        mechanism: Some(Mechanism::ProviderForwarding),
        weight: 7.0,
        reads: Reads::Header("X-Forwarded-To", Body::Contains(&["@"]), Bind::Destination),
        about: "names where it is forwarded to",
        false_positives: "local delivery tools write it for local users: those are not the recipient",
        source: "ATT&CK T1114.003; public Gmail messages",
        ..Signal::MARK
    },
];
