//! mailagent and GNU mailutils, filters of the delivery agent's kind.

use crate::detect::evidence::Mechanism;
use crate::detect::signal::{Bind, Body, Reads, Signal};

/// The rows.
pub(super) const SIGNALS: &[Signal] = &[
    Signal {
        id: "mailagent.filter",
        platform: "mailagent",
        mechanism: Some(Mechanism::MdaForward),
        weight: 8.0,
        reads: Reads::Header("X-Filter", Body::Begins(&["mailagent"]), Bind::Forwarder),
        on_replies_too: true,
        about: "mailagent sent it on; names the mailbox",
        false_positives: "answers that mailagent sends, told apart",
        source: "mailagent(1)",
        ..Signal::MARK
    },
    Signal {
        id: "mailutils.loop_prevention",
        platform: "mailutils",
        mechanism: Some(Mechanism::SieveRedirect),
        weight: 8.0,
        reads: Reads::Header("X-Loop-Prevention", Body::Any, Bind::Forwarder),
        about: "GNU mailutils Sieve redirect; names the mailbox",
        source: "GNU mailutils libsieve",
        ..Signal::MARK
    },
];
