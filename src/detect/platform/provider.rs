//! Mailbox providers: evidence about us where our own mail is with them.

use crate::detect::evidence::{Family, Mechanism};
use crate::detect::signal::{Bind, Body, Reads, Signal};

/// The rows.
pub(super) const SIGNALS: &[Signal] = &[
    Signal {
        id: "mailru.forward",
        platform: "mailru",
        mechanism: Some(Mechanism::ProviderForwarding),
        weight: 9.0,
        reads: Reads::Header("X-MailRu-Forward", Body::Any, Bind::Nobody),
        about: "a Mail.ru mailbox forwarded it",
        source: "public Mail.ru messages",
        ..Signal::MARK
    },
    Signal {
        id: "mailru.resent_from",
        platform: "mailru",
        mechanism: Some(Mechanism::ProviderForwarding),
        weight: 10.0,
        reads: Reads::Header("X-ResentFrom", Body::Any, Bind::Forwarder),
        about: "Mail.ru forwarded it; names the mailbox",
        source: "public Mail.ru messages",
        ..Signal::MARK
    },
    Signal {
        id: "yahoo.forwarded",
        platform: "yahoo",
        mechanism: Some(Mechanism::ProviderForwarding),
        weight: 10.0,
        reads: Reads::Header("X-Yahoo-Forwarded", Body::Begins(&["from "]), Bind::Forwarder),
        about: "Yahoo forwarded it; names the mailbox (obsolete)",
        source: "public Yahoo messages",
        ..Signal::MARK
    },
    Signal {
        id: "ionos.loop",
        platform: "ionos",
        mechanism: Some(Mechanism::MailboxForwarding),
        family: Family::Resubmission,
        weight: 3.0,
        reads: Reads::Header("UI-Loop", Body::Begins(&["V01"]), Bind::Nobody),
        about: "IONOS, GMX or WEB.DE sent it on",
        source: "public IONOS messages",
        ..Signal::MARK
    },
    Signal {
        id: "xinnet.auto_forward",
        platform: "xinnet",
        mechanism: Some(Mechanism::ProviderForwarding),
        weight: 9.0,
        reads: Reads::Header("X-Ce-Autoforward", Body::Any, Bind::Nobody),
        about: "a Xinnet mailbox forwarded it",
        source: "public messages",
        ..Signal::MARK
    },
    Signal {
        id: "mtx.forward_group",
        platform: "mtx",
        mechanism: Some(Mechanism::MailboxForwarding),
        weight: 6.0,
        reads: Reads::Header("Resent-From", Body::Contains(&["<fwdgrp_"]), Bind::Forwarder),
        about: "a forward group of the MTX hoster",
        source: "public messages",
        ..Signal::MARK
    },
];
