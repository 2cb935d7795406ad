//! What is known of a stored message: its envelope, and why it is here. The first line of its file, as JSON.

use crate::assess::Assessment;
use crate::message::{Address, Message};
use crate::policy::Decision;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// The version of the files. Others are left alone.
pub(super) const VERSION: u32 = 1;

/// One stored message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// The version of the file.
    pub version: u32,
    /// Its name: when it was stored, and eight random digits. They sort by time.
    pub id: String,
    /// When it was stored.
    pub time: Timestamp,
    /// The listener that saw it.
    pub listener: String,
    /// The MTA's queue id.
    pub queue_id: Option<String>,
    /// The Message-ID, without brackets.
    pub message_id: Option<String>,
    /// By what a release knows it again.
    pub key: String,
    /// The author, as `From` says.
    pub from: Option<String>,
    /// The subject, decoded.
    pub subject: Option<String>,
    /// Octets.
    pub size: u64,
    /// MAIL FROM.
    pub sender: Party,
    /// The recipients it is stored for.
    pub recipients: Vec<Rcpt>,
}

/// An address of the envelope with its ESMTP parameters, as the MTA gave them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Party {
    /// The path, with brackets where there were any.
    pub path: String,
    /// `SIZE=…`, `ORCPT=…`, …
    pub params: Vec<String>,
}

/// A recipient, and why the message is stored for it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rcpt {
    /// RCPT TO.
    #[serde(flatten)]
    pub party: Party,
    /// Where it goes.
    pub destination: String,
    /// The mailbox that forwards.
    pub forwarder: Option<String>,
    /// What it is.
    pub verdict: String,
    /// The rule that asked for it; absent where it was the default.
    pub rule: Option<String>,
}

impl Record {
    /// Of a message, for the recipients of these decisions, by their index.
    pub fn new(message: &Message, assessments: &[Assessment], decisions: &[Decision], stored: &[usize]) -> Self {
        let recipients = stored.iter().filter_map(|&index| {
            let (assessment, decision) = (assessments.get(index)?, decisions.get(index)?);
            let recipient = message.recipients.get(decision.recipient)?;
            let params = recipient.params.iter().map(str::to_owned).collect();
            Some(Rcpt {
                party: Party { path: recipient.raw.clone(), params },
                destination: assessment.destination.to_string(),
                forwarder: assessment.forwarder.as_ref().map(ToString::to_string),
                verdict: assessment.verdict.name().to_owned(),
                rule: decision.rule.clone(),
            })
        });
        Self {
            version: VERSION,
            id: String::new(),
            time: Timestamp::UNIX_EPOCH,
            listener: message.listener.clone(),
            queue_id: message.queue_id.clone(),
            message_id: message.message_id(),
            key: release_key(message),
            from: message.authors().first().map(ToString::to_string),
            subject: message.subject(),
            size: message.size,
            sender: Party {
                path: message.sender.raw.clone(),
                params: message.sender.params.iter().map(str::to_owned).collect(),
            },
            recipients: recipients.collect(),
        }
    }

    /// The mailboxes that forward it.
    pub fn forwarders(&self) -> Vec<String> {
        let mut all: Vec<String> = self.recipients.iter().filter_map(|recipient| recipient.forwarder.clone()).collect();
        all.sort();
        all.dedup();
        all
    }

    /// Where it goes.
    pub fn destinations(&self) -> Vec<String> {
        self.recipients.iter().map(|recipient| recipient.destination.clone()).collect()
    }
}

/// An id for now.
pub(super) fn new_id(now: Timestamp) -> String {
    let random = uuid::Uuid::now_v7().simple().to_string();
    format!("{}-{}", TimeZone::UTC.to_datetime(now).strftime("%Y%m%dT%H%M%S"), &random[random.len() - 8..])
}

/// When the message of an id was stored. `None` for what is no id.
pub(super) fn time_of(id: &str) -> Option<Timestamp> {
    let (time, random) = id.split_once('-')?;
    let hex = random.len() == 8 && random.bytes().all(|b| b.is_ascii_digit() || matches!(b, b'a'..=b'f'));
    let time = jiff::civil::DateTime::strptime("%Y%m%dT%H%M%S", time).ok().filter(|_| hex)?;
    TimeZone::UTC.to_timestamp(time).ok()
}

/// By what a released message is known when it comes again: its Message-ID, or where it has none, what is written by its
/// author and left alone by servers.
pub fn release_key(message: &Message) -> String {
    if let Some(id) = message.message_id() {
        return id;
    }
    let mut hash = Sha256::new();
    for name in ["From", "To", "Cc", "Subject", "Date", "Content-Type"] {
        for (_, field) in message.headers.all(name) {
            hash.update(name);
            hash.update([0]);
            hash.update(field.text().as_bytes());
            hash.update([0]);
        }
    }
    let digits: String = hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
    format!("sha256:{digits}")
}

/// A recipient as the release list writes it.
pub fn release_recipient(path: &str) -> String {
    Address::parse(path).map_or_else(|| path.trim().to_owned(), |address| address.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_tell_their_time_and_sort_by_it() {
        let at = |text: &str| text.parse::<Timestamp>().expect("a time");
        let early = new_id(at("2026-11-24T12:00:00Z"));
        let late = new_id(at("2026-11-24T12:00:01Z"));
        assert!(early < late, "{early} {late}");
        assert_eq!(time_of(&early), Some(at("2026-11-24T12:00:00Z")));
        for wrong in ["", "20261124T120000", "20261124T120000-1234567g", "x-12345678", "20261124T120000-../../et"] {
            assert_eq!(time_of(wrong), None, "{wrong}");
        }
    }
}
