//! What happened, in the one form that leaves the process. Versioned; changes are additive, or a new version.

mod exception;
mod judged;
mod loss;
mod mask;
mod quarantine;
mod schema;

pub use exception::ExceptionEvent;
pub use judged::{Judged, judged};
pub use loss::Loss;
pub use quarantine::QuarantineEvent;
pub use schema::schema;

use crate::message::Message;
use crate::policy::{HeldBack, Mode, Step};
use crate::state::{Behaviour, Pair};
use crate::word::{self, Word};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::sync::Arc;
use uuid::Uuid;

/// The version of the schema that [`schema`] describes.
pub const SCHEMA_VERSION: u32 = 1;

/// One line of the event stream.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Event {
    /// Version of the schema.
    pub schema_version: u32,
    /// Unique, ordered by time (UUIDv7).
    pub id: Uuid,
    /// When it happened, UTC, to the millisecond.
    pub time: Timestamp,
    /// The host that saw it.
    pub host: String,
    /// What it tells.
    #[serde(flatten)]
    pub body: Body,
}

impl Event {
    /// Mints an event.
    pub fn new(time: Timestamp, host: &str, body: Body) -> Self {
        let milliseconds = time.as_millisecond();
        let time = Timestamp::from_millisecond(milliseconds).unwrap_or(time);
        Self { schema_version: SCHEMA_VERSION, id: Uuid::now_v7(), time, host: host.to_owned(), body }
    }
}

/// What an event tells.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Body {
    /// A message was judged, for one or more recipients that share forwarder, verdict and outcome.
    Message(Box<MessageEvent>),
    /// Something went wrong while a message was judged or edited.
    Fault(Fault),
    /// An exception would have covered a forward, but no longer applies.
    Exception(Box<ExceptionEvent>),
    /// Something remarkable about who forwards where, seen over many messages.
    Behaviour(BehaviourEvent),
    /// A message left the quarantine.
    Quarantine(Box<QuarantineEvent>),
    /// Events did not reach an output.
    Loss(Loss),
}

/// A message, judged.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct MessageEvent {
    /// One for all events of the same message.
    pub message_uid: Uuid,
    /// The listener that saw it.
    pub listener: String,
    /// `observe` or `enforce`.
    pub mode: Mode,
    /// What it is to these recipients.
    #[serde(deserialize_with = "word::one")]
    pub verdict: Word,
    /// How sure it is that this is an automatic forward, 0 to 1.
    pub confidence: f64,
    /// By what it was forwarded.
    #[serde(deserialize_with = "word::maybe")]
    pub mechanism: Option<Word>,
    /// The software that left its mark.
    pub platform: Option<Cow<'static, str>>,
    /// The mailbox that forwards.
    pub forwarder: Option<String>,
    /// Whether the forwarder is concluded from the addressees alone.
    pub forwarder_guessed: bool,
    /// Where it goes, at most 100.
    pub destinations: Vec<String>,
    /// How many destinations there are.
    pub destination_count: usize,
    /// The registrable domains it goes to, at most 100.
    pub destination_domains: Vec<String>,
    /// What these domains are to the organisation.
    #[serde(deserialize_with = "word::list")]
    pub destination_classes: Vec<Word>,
    /// Who wrote it.
    pub original_sender: Option<String>,
    /// What was done.
    #[serde(deserialize_with = "word::one")]
    pub action: Word,
    /// What policy asks for.
    #[serde(deserialize_with = "word::list")]
    pub actions: Vec<Word>,
    /// What would have been done, were nothing held back; empty where that is what was done.
    #[serde(deserialize_with = "word::list")]
    pub would: Vec<Word>,
    /// The rule by which.
    pub would_rule: Option<String>,
    /// What held it back.
    pub held_back: Option<HeldBack>,
    /// Whether all that was to be done was done.
    pub outcome: Outcome,
    /// What went wrong, where it did.
    pub error: Option<String>,
    /// What became of the message then: `accept`, `tempfail`, `quarantine`.
    #[serde(deserialize_with = "word::maybe")]
    pub on_error: Option<Word>,
    /// The rule that matched.
    pub rule: Option<String>,
    /// The exception that matched.
    pub exception: Option<String>,
    /// What policy tried.
    pub trace: Vec<Step>,
    /// What was seen, strongest first, at most 100.
    pub evidence: Vec<EvidenceItem>,
    /// How many pieces of evidence there are.
    pub evidence_count: usize,
    /// The envelope, shared by the events of a message.
    pub envelope: Arc<Envelope>,
    /// The header fields that identify it, shared likewise.
    pub headers: Arc<HeaderSummary>,
    /// The Message-ID, without brackets.
    pub message_id: Option<String>,
    /// The MTA's queue id.
    pub queue_id: Option<String>,
    /// The id in our own store, where the message was stored.
    pub quarantine_id: Option<String>,
    /// Octets.
    pub size: u64,
    /// Who handed it over.
    pub client: Client,
    /// ATT&CK tags; absent where the verdict is no forward.
    pub threat: Option<Threat>,
}

/// Whether what was to be done was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It was.
    Success,
    /// It was not; `error` says why.
    Failure,
}

/// An edit that failed.
#[derive(Debug, Clone, Copy)]
pub struct Failure<'a> {
    /// What went wrong.
    pub error: &'a str,
    /// What was done with the message instead: `accept`, `tempfail`, `quarantine`.
    pub on_error: &'static str,
}

/// One piece of evidence.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct EvidenceItem {
    /// The catalogue's id.
    pub id: Cow<'static, str>,
    /// Its weight in bits.
    pub weight: f64,
    /// What of it counted, in bits.
    pub counted: f64,
    /// `for` or `against`.
    pub polarity: crate::detect::Polarity,
    /// Where it was seen.
    #[serde(rename = "where")]
    pub place: String,
    /// What stood there.
    pub value: String,
    /// The innocent cause that explains it away.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub explained_by: Option<Cow<'static, str>>,
}

/// The envelope of the message.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Envelope {
    /// MAIL FROM without brackets; empty for the null sender.
    pub mail_from: String,
    /// Every RCPT TO of the message without brackets, at most 100.
    pub rcpt_to: Vec<String>,
    /// How many there are.
    pub rcpt_count: usize,
}

/// What the header section says of itself.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct HeaderSummary {
    /// `From`.
    pub from: Vec<String>,
    /// `To` and `Cc`, at most 100.
    pub to: Vec<String>,
    /// `Subject`, decoded, at most 320 characters.
    pub subject: Option<String>,
}

/// The client.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Client {
    /// Its address.
    pub ip: Option<String>,
    /// Its name, looked up by the MTA.
    pub name: Option<String>,
    /// The name it gave itself.
    pub helo: Option<String>,
    /// The user who logged in.
    pub auth_user: Option<String>,
}

/// MITRE ATT&CK.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub struct Threat {
    /// `MITRE ATT&CK`.
    #[serde(deserialize_with = "word::one")]
    pub framework: Word,
    /// `TA0009`, Collection.
    #[serde(deserialize_with = "word::one")]
    pub tactic: Word,
    /// `T1114`, Email Collection.
    #[serde(deserialize_with = "word::one")]
    pub technique: Word,
    /// `T1114.003`, Email Forwarding Rule.
    #[serde(deserialize_with = "word::one")]
    pub subtechnique: Word,
}

/// The tags of every forward.
pub const EMAIL_FORWARDING_RULE: Threat =
    Threat { framework: "MITRE ATT&CK", tactic: "TA0009", technique: "T1114", subtechnique: "T1114.003" };

/// Something remarkable.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct BehaviourEvent {
    /// What it is, with its figures.
    #[serde(flatten)]
    pub behaviour: Behaviour,
    /// The listener that saw the message which tipped the scales.
    pub listener: String,
    /// The mailbox that forwards; absent where it is about the whole site.
    pub forwarder: Option<String>,
    /// Where it forwards to; absent where it is about the mailbox or the whole site.
    pub destination: Option<String>,
    /// The MTA's queue id of that message.
    pub queue_id: Option<String>,
    /// ATT&CK tags.
    pub threat: Threat,
}

impl BehaviourEvent {
    /// What was seen when this message of a pair left.
    pub fn new(behaviour: Behaviour, message: &Message, pair: Pair<'_>) -> Self {
        let (of_forwarder, of_destination) = match behaviour {
            Behaviour::Imbalance { scope, .. } => (scope == "forwarder", false),
            Behaviour::Burst { .. } => (true, false),
            Behaviour::FanIn { .. } => (false, true),
            Behaviour::FirstSeen { .. } | Behaviour::RegularLatency { .. } => (true, true),
        };
        Self {
            behaviour,
            listener: message.listener.clone(),
            forwarder: of_forwarder.then(|| pair.forwarder.to_string()),
            destination: of_destination.then(|| pair.destination.to_string()),
            queue_id: message.queue_id.clone(),
            threat: EMAIL_FORWARDING_RULE,
        }
    }
}

/// A fault.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Fault {
    /// `judging`: a defect of this program while it judged the message.
    #[serde(deserialize_with = "word::one")]
    pub fault: Word,
    /// What it said.
    pub error: String,
    /// What was done with the message instead: the listener's `on_error`.
    #[serde(deserialize_with = "word::one")]
    pub action: Word,
    /// The listener.
    pub listener: String,
    /// The MTA's queue id.
    pub queue_id: Option<String>,
}
