//! Exchange on premises, Exchange Online and Outlook.com: loop headers, rule agents, journal.

use crate::detect::evidence::{Family, Mechanism};
use crate::detect::signal::{Bind, Body, Reads, Signal};

/// The rows.
pub(super) const SIGNALS: &[Signal] = &[
    Signal {
        id: "exchange.auto_forwarded",
        platform: "exchange",
        mechanism: Some(Mechanism::InboxRule),
        reads: Reads::Header("X-MS-Exchange-Organization-AutoForwarded", Body::Is(&["true"]), Bind::Nobody),
        about: "the mark that Exchange puts on what a rule forwards; it seldom passes the border, grommunio writes it without one",
        false_positives: "forged by an outsider where the border does not strip it; other automatic items",
        source: "MS-OXCMAIL 2.1.3.2.21; ATT&CK T1114.003",
        ..Signal::MARK
    },
    Signal {
        id: "exchange.forwarding_loop",
        platform: "exchange_online",
        mechanism: Some(Mechanism::MailboxForwarding),
        weight: 12.0,
        reads: Reads::Header("X-MS-Exchange-ForwardingLoop", Body::Any, Bind::Forwarder),
        about: "forwarding set on the mailbox (ForwardingSmtpAddress), naming the mailbox and the tenant",
        false_positives: "approved coexistence during a migration",
        source: "Microsoft Exchange team blog: Loop Prevention in Exchange Online Demystified",
        ..Signal::MARK
    },
    Signal {
        id: "exchange.inbox_rules_loop",
        platform: "exchange",
        mechanism: Some(Mechanism::InboxRule),
        weight: 8.0,
        reads: Reads::Header("X-MS-Exchange-Inbox-Rules-Loop", Body::Any, Bind::Forwarder),
        on_replies_too: true,
        about: "an inbox rule forwarded or redirected it; names the mailbox whose rule it was",
        false_positives: "out-of-office and template replies carry it too, and are told apart",
        source: "Microsoft Exchange team blog: Loop Prevention in Exchange Online Demystified",
        ..Signal::MARK
    },
    Signal {
        id: "exchange.rules_agent",
        platform: "exchange",
        mechanism: Some(Mechanism::InboxRule),
        weight: 6.0,
        reads: Reads::Header(
            "X-MS-Exchange-Generated-Message-Source",
            Body::Contains(&["Mailbox Rules Agent"]),
            Bind::Nobody,
        ),
        on_replies_too: true,
        about: "the mailbox rules agent made this message",
        false_positives: "out-of-office replies, told apart",
        source: "Microsoft Exchange team blog: Loop Prevention in Exchange Online Demystified",
        ..Signal::MARK
    },
    Signal {
        id: "exchange.parent_message_id",
        platform: "exchange",
        family: Family::Resubmission,
        weight: 2.0,
        mechanism: Some(Mechanism::InboxRule),
        reads: Reads::Header("X-MS-Exchange-Parent-Message-Id", Body::Any, Bind::Nobody),
        on_replies_too: true,
        about: "another message triggered this one",
        false_positives: "replies, journal reports, notices",
        source: "public Exchange messages",
        ..Signal::MARK
    },
    Signal {
        id: "exchange.transport_rule",
        platform: "exchange",
        mechanism: Some(Mechanism::TransportRule),
        weight: 5.0,
        reads: Reads::Header("X-MS-Exchange-Transport-Rules-Loop", Body::Any, Bind::Nobody),
        on_replies_too: true,
        about: "a transport rule redirected it or added a recipient",
        false_positives: "notices that a rule sends",
        source: "Microsoft Exchange team blog: Loop Prevention in Exchange Online Demystified",
        ..Signal::MARK
    },
    Signal {
        id: "exchange.transport_agent",
        platform: "exchange",
        mechanism: Some(Mechanism::TransportRule),
        weight: 3.0,
        reads: Reads::Header(
            "X-MS-Exchange-Generated-Message-Source",
            Body::Contains(&["Transport Rule Agent"]),
            Bind::Nobody,
        ),
        on_replies_too: true,
        about: "a transport rule made this message, as a report to whom the rule names, with the original in it",
        false_positives: "notices of rules to the sender, told apart",
        source: "Microsoft Exchange team blog: Loop Prevention in Exchange Online Demystified; public messages",
        ..Signal::MARK
    },
    Signal {
        id: "exchange.journal",
        platform: "exchange",
        mechanism: Some(Mechanism::Journal),
        weight: 10.0,
        reads: Reads::Header("X-MS-Journal-Report", Body::Any, Bind::Nobody),
        about: "a journal report: a copy of everything goes to an archive",
        false_positives: "an approved archive: make it an exception",
        source: "Microsoft Learn: Journaling in Exchange",
        ..Signal::MARK
    },
    Signal {
        id: "exchange.journal_agent",
        platform: "exchange",
        mechanism: Some(Mechanism::Journal),
        weight: 10.0,
        reads: Reads::Header(
            "X-MS-Exchange-Generated-Message-Source",
            Body::Contains(&["Journal Agent"]),
            Bind::Nobody,
        ),
        about: "the journal agent made this message",
        false_positives: "an approved archive: make it an exception",
        source: "Microsoft Learn: Journaling in Exchange",
        ..Signal::MARK
    },
    Signal {
        id: "exchange.external_forward",
        platform: "exchange_online",
        family: Family::Origin,
        weight: 1.0,
        mechanism: Some(Mechanism::MailboxForwarding),
        reads: Reads::Header("X-LD-Processed", Body::Contains(&["ExtFwd"]), Bind::Nobody),
        about: "Exchange Online handled some copy of it by a forwarding address",
        false_positives: "ordinary mail of which another recipient forwards: never proof alone",
        source: "Microsoft Exchange team blog: Loop Prevention in Exchange Online Demystified",
        ..Signal::MARK
    },
    Signal {
        id: "exchange.transport_forked",
        platform: "exchange_online",
        family: Family::Origin,
        weight: 0.5,
        reads: Reads::Header("X-MS-Exchange-Transport-Forked", Body::Is(&["True"]), Bind::Nobody),
        about: "Exchange Online split the message: one copy stays, another goes elsewhere",
        false_positives: "every message whose recipients are handled differently",
        source: "public Exchange Online messages",
        ..Signal::MARK
    },
    Signal {
        id: "exchange.originator_org",
        platform: "exchange_online",
        family: Family::Origin,
        weight: 1.5,
        reads: Reads::Header("X-OriginatorOrg", Body::Any, Bind::OwnDomain),
        about: "Exchange Online says that it left by our tenant, and somebody outside wrote it",
        false_positives: "applications that send for others through the tenant",
        source: "Microsoft Learn: anti-spam message headers",
        ..Signal::MARK
    },
];
