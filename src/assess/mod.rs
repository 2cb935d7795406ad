//! Evidence → assessment, one per external recipient. Pure; the only place with thresholds.

mod verdict;
mod weights;

pub use verdict::assess;
pub use weights::Weights;

use crate::detect::{Evidence, Mechanism};
use crate::message::Address;
use serde::Serialize;
use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

/// What a message is to one external recipient.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Software, not a person, sent on what a mailbox of ours received or sent.
    AutoForward,
    /// Everything of a mailbox or site is copied: journaling, blind copy maps.
    BulkCopy,
    /// A person sent it on.
    ManualForward,
    /// A mailing list or group of ours distributed it.
    List,
    /// An automatic reply or notice.
    AutoReply,
    /// A report on delivery or disposition (RFC 3464, RFC 8098).
    Bounce,
    /// Calendar traffic.
    Meeting,
    /// None of these.
    Ordinary,
}

impl Verdict {
    /// All, in the order of the documentation.
    pub const ALL: [Self; 8] = [
        Self::AutoForward,
        Self::BulkCopy,
        Self::ManualForward,
        Self::List,
        Self::AutoReply,
        Self::Bounce,
        Self::Meeting,
        Self::Ordinary,
    ];

    /// The name in events and in the configuration.
    pub fn name(self) -> &'static str {
        match self {
            Self::AutoForward => "auto_forward",
            Self::BulkCopy => "bulk_copy",
            Self::ManualForward => "manual_forward",
            Self::List => "list",
            Self::AutoReply => "auto_reply",
            Self::Bounce => "bounce",
            Self::Meeting => "meeting",
            Self::Ordinary => "ordinary",
        }
    }

    /// Whether this is what the filter exists to find.
    pub fn is_forward(self) -> bool {
        matches!(self, Self::AutoForward | Self::BulkCopy)
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The judgement on one external recipient.
#[derive(Debug, Clone)]
pub struct Assessment {
    /// The recipient, by its index in the message.
    pub recipient: usize,
    /// The recipient's address: where a forward goes.
    pub destination: Address,
    /// What the message is to it.
    pub verdict: Verdict,
    /// How sure it is that this is an automatic forward, 0 to 1.
    pub confidence: f64,
    /// By what it was forwarded; `None` where it was not.
    pub mechanism: Option<Mechanism>,
    /// The software that left its mark.
    pub platform: Option<Cow<'static, str>>,
    /// The mailbox that forwards: never simply the author.
    pub forwarder: Option<Address>,
    /// Whether the forwarder is concluded from the addressees alone.
    pub forwarder_guessed: bool,
    /// Who wrote the message.
    pub original_sender: Option<Address>,
    /// All evidence on this recipient, strongest first. Weights are those that counted.
    pub evidence: Vec<Weighed>,
}

/// Evidence, and how it entered the sum.
#[derive(Debug, Clone)]
pub struct Weighed {
    /// What was seen, by the weight that an administrator may have given it. Recipients share what is common to them.
    pub evidence: Arc<Evidence>,
    /// The bits it brought; 0 where a stronger one of its family counted, or an innocent cause explains it.
    pub counted: f64,
    /// The innocent cause that explains it away, by its evidence id.
    pub explained_by: Option<Cow<'static, str>>,
}
