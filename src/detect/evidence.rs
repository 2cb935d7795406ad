//! What a detector saw: reported, never judged.

use super::row::Row;
use crate::message::Address;
use serde::{Deserialize, Serialize};
use std::fmt;

/// Whether evidence speaks for an automatic forward or against one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Polarity {
    /// For a forward.
    For,
    /// Against one.
    Against,
}

/// Evidence that stems from one cause. Of a family only the strongest counts, so that one cause is not counted twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Family {
    /// The delivery status parameters of RCPT (RFC 3461).
    Dsn,
    /// A mark that a forwarding product leaves.
    Platform,
    /// Own mailbox in the trace of the message.
    Delivered,
    /// How the message came in.
    Entry,
    /// Who wrote it.
    Author,
    /// Whom the message itself names as addressees.
    Addressing,
    /// An envelope sender that was rewritten, or left out.
    Sender,
    /// Resent fields (RFC 5322 §3.6.6).
    Resent,
    /// Verdicts of our own filters on mail that leaves.
    Verdict,
    /// Handed in again on a host where it had been delivered.
    Resubmission,
    /// Traces of a foreign origin: Message-ID, DKIM.
    Origin,
    /// The body.
    Body,
    /// The same message came in before.
    Correlation,
    /// The same text came in before.
    Content,
    /// Known innocent causes.
    Innocent,
    /// The examination itself.
    Examination,
}

/// What set a forward up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Mechanism {
    /// A server-side rule of the mailbox.
    InboxRule,
    /// Forwarding set on the mailbox.
    MailboxForwarding,
    /// The mail server expanded an address: `.forward`, alias, virtual alias.
    MtaForward,
    /// A Sieve script's `redirect` (RFC 5228 §4.2).
    SieveRedirect,
    /// A delivery agent sent it on: procmail, maildrop, a pipe.
    MdaForward,
    /// A blind copy map of the mail server.
    BccMap,
    /// A rule of the transport, set by an administrator.
    TransportRule,
    /// A mailbox provider's own forwarding.
    ProviderForwarding,
    /// An alias or masking service.
    AliasService,
    /// A mail client or a script fetched it and sent it again.
    ClientRule,
    /// Journaling.
    Journal,
    /// A forward, by what is not known.
    Unknown,
}

impl Mechanism {
    /// All, in the order of the documentation.
    pub const ALL: [Self; 12] = [
        Self::InboxRule,
        Self::MailboxForwarding,
        Self::MtaForward,
        Self::SieveRedirect,
        Self::MdaForward,
        Self::BccMap,
        Self::TransportRule,
        Self::ProviderForwarding,
        Self::AliasService,
        Self::ClientRule,
        Self::Journal,
        Self::Unknown,
    ];

    /// The name in events and in the configuration.
    pub fn name(self) -> &'static str {
        match self {
            Self::InboxRule => "inbox_rule",
            Self::MailboxForwarding => "mailbox_forwarding",
            Self::MtaForward => "mta_forward",
            Self::SieveRedirect => "sieve_redirect",
            Self::MdaForward => "mda_forward",
            Self::BccMap => "bcc_map",
            Self::TransportRule => "transport_rule",
            Self::ProviderForwarding => "provider_forwarding",
            Self::AliasService => "alias_service",
            Self::ClientRule => "client_rule",
            Self::Journal => "journal",
            Self::Unknown => "unknown",
        }
    }
}

impl fmt::Display for Mechanism {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Whom a piece of evidence names.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Names {
    /// The mailbox that forwards.
    pub forwarder: Option<Address>,
    /// Where it forwards to.
    pub destination: Option<Address>,
    /// Who wrote the message.
    pub original_sender: Option<Address>,
}

impl Names {
    /// Names the forwarding mailbox alone.
    pub fn forwarder(address: Address) -> Self {
        Self { forwarder: Some(address), ..Self::default() }
    }
}

/// One observation.
#[derive(Debug, Clone)]
pub struct Evidence {
    /// The catalogue's row that saw it.
    pub signal: Row,
    /// Its weight in bits: the row's, or less where the place it was found in may be forged.
    pub weight: f64,
    /// Where: `RCPT`, `MAIL`, `header 7 (X-Sieve-Redirected-From)`.
    pub place: String,
    /// What stood there, cut to [`Evidence::VALUE_CHARS`] characters.
    pub value: String,
    /// Whom it names.
    pub names: Names,
    /// The recipient it is about, by its index; `None` where it is about the whole message.
    pub recipient: Option<usize>,
    /// Whether the place was written on our side.
    pub trusted: bool,
    /// The innocent cause it stands for.
    pub excuse: Option<Excuse>,
}

impl Evidence {
    /// How much of a value is kept.
    pub const VALUE_CHARS: usize = 200;

    /// The most that a field counts which came with a message from outside.
    const UNTRUSTED_BITS: f64 = 3.5;

    /// Evidence about the whole message, by the row's own weight.
    pub fn new(signal: impl Into<Row>, place: impl Into<String>, value: &str) -> Self {
        let signal = signal.into();
        Self {
            weight: signal.weight(),
            signal,
            place: place.into(),
            value: value.chars().take(Self::VALUE_CHARS).collect(),
            names: Names::default(),
            recipient: None,
            trusted: true,
            excuse: None,
        }
    }

    /// About one recipient only.
    pub fn of_recipient(mut self, index: usize) -> Self {
        self.recipient = Some(index);
        self
    }

    /// With a weight of its own, where the row's does not fit the circumstances.
    pub fn weighing(mut self, weight: f64) -> Self {
        self.weight = weight;
        self
    }

    /// Found where an outsider may have written it: no more than supporting.
    pub fn untrusted(mut self) -> Self {
        self.trusted = false;
        self.weight = (self.weight / 2.0).min(Self::UNTRUSTED_BITS);
        self
    }

    /// Stands for an innocent cause.
    pub fn excusing(mut self, excuse: Excuse) -> Self {
        self.excuse = Some(excuse);
        self
    }

    /// Names somebody.
    pub fn naming(mut self, names: Names) -> Self {
        self.names = names;
        self
    }
}

/// An innocent cause, and what it explains. Evidence for a forward that has such a cause is explained away, not outweighed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Excuse {
    /// A list of ours distributed it.
    List {
        /// The list's own addresses.
        addresses: Vec<Address>,
        /// Whether the list's software addressed this very recipient, so that no subscriber can have forwarded it.
        directly: bool,
    },
    /// A report on delivery or disposition, made here.
    Report,
    /// An automatic reply or notice, made here.
    AutoReply,
    /// Calendar traffic of an own mailbox.
    Meeting,
    /// A person of ours sent it on by hand; the mailbox it was delivered to before.
    Manual(Vec<Address>),
    /// We relay for the recipient's domain.
    Relay,
    /// A new message of an own mailbox or program, whatever its author is called and wherever it was handed in.
    OwnMessage,
}
