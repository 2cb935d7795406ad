//! Alias and masking services, where one is run for an own domain.

use crate::detect::evidence::Mechanism;
use crate::detect::signal::{Bind, Body, Reads, Signal};

/// The rows.
pub(super) const SIGNALS: &[Signal] = &[
    Signal {
        id: "improvmx.service",
        platform: "improvmx",
        mechanism: Some(Mechanism::AliasService),
        weight: 9.0,
        reads: Reads::Header("X-Forwarding-Service", Body::Begins(&["ImprovMX"]), Bind::Nobody),
        about: "ImprovMX forwarded it",
        source: "ImprovMX messages",
        ..Signal::MARK
    },
    Signal {
        id: "simplelogin.alias",
        platform: "simplelogin",
        mechanism: Some(Mechanism::AliasService),
        weight: 9.0,
        reads: Reads::Header("X-SimpleLogin-Envelope-To", Body::Contains(&["@"]), Bind::Forwarder),
        about: "SimpleLogin forwarded it; names the alias",
        source: "SimpleLogin email_handler.py",
        ..Signal::MARK
    },
    Signal {
        id: "addy.original_to",
        platform: "addy",
        mechanism: Some(Mechanism::AliasService),
        weight: 9.0,
        reads: Reads::Header("X-AnonAddy-Original-To", Body::Contains(&["@"]), Bind::Forwarder),
        about: "addy.io forwarded it; names the alias",
        source: "addy.io source",
        ..Signal::MARK
    },
    Signal {
        id: "unsend.hops",
        platform: "unsend",
        mechanism: Some(Mechanism::AliasService),
        weight: 6.0,
        reads: Reads::Header("X-Unsend-Forwarding-Hops", Body::Any, Bind::Nobody),
        about: "useSend forwarded it",
        source: "useSend source",
        ..Signal::MARK
    },
];
