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
        id: "improvmx.session",
        platform: "improvmx",
        mechanism: Some(Mechanism::AliasService),
        weight: 3.0,
        reads: Reads::Header("X-Improvmx-Session-Id", Body::Any, Bind::Nobody),
        about: "passed through ImprovMX, which forwards and seldom does anything else",
        false_positives: "mail that was submitted through the service; mail that somebody forwards to us",
        source: "public messages",
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
        id: "simplelogin.forward",
        platform: "simplelogin",
        mechanism: Some(Mechanism::AliasService),
        weight: 5.0,
        reads: Reads::Header("X-SimpleLogin-Type", Body::Is(&["Forward"]), Bind::Nobody),
        about: "SimpleLogin says that it forwards; the value Reply is an answer",
        false_positives: "mail that somebody forwards to us",
        source: "SimpleLogin, app/email/headers.py",
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
    Signal {
        id: "duck.original_to",
        platform: "duckduckgo",
        mechanism: Some(Mechanism::AliasService),
        weight: 6.0,
        reads: Reads::Header("Duck-Original-To", Body::Contains(&["@"]), Bind::Nobody),
        about: "DuckDuckGo Email Protection forwarded it",
        false_positives: "mail to an alias of somebody else, on its way to us",
        source: "public messages",
        ..Signal::MARK
    },
    Signal {
        id: "firefox_relay.via",
        platform: "firefox_relay",
        mechanism: Some(Mechanism::AliasService),
        weight: 5.0,
        reads: Reads::Header("From", Body::Contains(&["[via Relay]"]), Bind::Nobody),
        about: "Firefox Relay forwarded it under its own name",
        false_positives: "a name that somebody gave himself",
        source: "Firefox Relay source",
        ..Signal::MARK
    },
    Signal {
        id: "cloudflare.trace",
        platform: "cloudflare",
        mechanism: Some(Mechanism::AliasService),
        weight: 5.0,
        reads: Reads::Header("Received", Body::Contains(&[".cloudflare-email.net"]), Bind::Nobody),
        about: "Cloudflare Email Routing forwarded it",
        false_positives: "mail for a domain of somebody else that is routed to us",
        source: "public messages",
        ..Signal::MARK
    },
    Signal {
        id: "hey.trace",
        platform: "hey",
        mechanism: Some(Mechanism::ProviderForwarding),
        weight: 6.0,
        reads: Reads::Header("Received", Body::Contains(&[".forward.hey.com"]), Bind::Nobody),
        about: "a HEY mailbox forwarded it",
        false_positives: "mail that somebody forwards to us",
        source: "public messages",
        ..Signal::MARK
    },
];
