//! Gmail, Google Workspace, and HEY, which copies its marks. The envelope form `+caf_=` is in `envelope.rs`.

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
    Signal {
        id: "gmail.routed",
        platform: "gmail",
        mechanism: Some(Mechanism::TransportRule),
        weight: 6.0,
        reads: Reads::Header("X-Gm-Original-To", Body::Contains(&["@"]), Bind::Forwarder),
        about: "a Workspace routing rule changed the recipient; names the original one",
        false_positives: "split delivery that an administrator set up",
        source: "Google Workspace Admin Help: routing settings",
        ..Signal::MARK
    },
];
