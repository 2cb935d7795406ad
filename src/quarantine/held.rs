//! Mail that a mail server holds, whichever it is.

use super::postfix::Postfix;
use super::record::release_key;
use super::sendmail::Sendmail;
use crate::message::{Builder, Connection, Direction, Limits, Message, eml};
use jiff::Timestamp;
use std::ffi::OsStr;
use std::io;
use std::process::Command;

/// A message that is held.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Held {
    /// The holder's name in `--format json`.
    pub place: &'static str,
    /// The queue id.
    pub queue_id: String,
    /// When the mail server took it.
    pub time: Timestamp,
    /// Octets.
    pub size: u64,
    /// MAIL FROM, without brackets.
    pub sender: String,
    /// RCPT TO, without brackets.
    pub recipients: Vec<String>,
    /// What the recipients were expanded from: ORCPT, where the mail server was told; from Sendmail also by the trace.
    pub forwarders: Vec<String>,
    /// The Message-ID, without brackets.
    pub message_id: Option<String>,
    /// The subject, decoded.
    pub subject: Option<String>,
    /// The author, as `From` says.
    pub from: Option<String>,
    /// By what a release knows it again.
    pub key: String,
}

impl Held {
    /// What the header section tells of it.
    pub(super) fn read(&mut self, message: &Message) {
        self.message_id = message.message_id();
        self.subject = message.subject();
        self.from = message.authors().first().map(ToString::to_string);
        self.key = release_key(message);
    }
}

/// Something that holds mail.
#[derive(Debug, Clone, Copy)]
pub enum Holder<'a> {
    /// An instance of Postfix.
    Postfix(Postfix<'a>),
    /// A Sendmail.
    Sendmail(Sendmail<'a>),
}

impl Holder<'_> {
    /// Its name in `--format json`.
    pub fn place(&self) -> &'static str {
        match self {
            Self::Postfix(_) => "postfix",
            Self::Sendmail(_) => "sendmail",
        }
    }

    /// Its name for people.
    pub fn name(place: &str) -> &'static str {
        if place == "sendmail" { "Sendmail" } else { "Postfix" }
    }

    /// What it holds, oldest first.
    ///
    /// # Errors
    /// It cannot be asked: most often, this is not root.
    pub fn held(&self) -> io::Result<Vec<Held>> {
        let mut held = match self {
            Self::Postfix(postfix) => postfix.held(),
            Self::Sendmail(sendmail) => sendmail.held(),
        }?;
        held.sort_by(|a, b| (a.time, &a.queue_id).cmp(&(b.time, &b.queue_id)));
        Ok(held)
    }

    /// The message. Mail servers keep lines without their ends: they come with LF alone.
    ///
    /// # Errors
    /// There is none of that queue id, or it may not be read.
    pub fn message(&self, queue_id: &str) -> io::Result<Vec<u8>> {
        match self {
            Self::Postfix(postfix) => postfix.message(queue_id),
            Self::Sendmail(sendmail) => sendmail.message(queue_id),
        }
    }

    /// Lets it go, at once.
    ///
    /// # Errors
    /// It is not held any more, or this is not root.
    pub fn release(&self, queue_id: &str) -> io::Result<()> {
        match self {
            Self::Postfix(postfix) => postfix.release(queue_id),
            Self::Sendmail(sendmail) => sendmail.release(queue_id),
        }
    }

    /// Deletes it.
    ///
    /// # Errors
    /// It is not held any more, or this is not root.
    pub fn delete(&self, queue_id: &str) -> io::Result<()> {
        match self {
            Self::Postfix(postfix) => postfix.delete(queue_id),
            Self::Sendmail(sendmail) => sendmail.delete(queue_id),
        }
    }
}

/// A header section as a message.
pub(super) fn header_only(header: &[u8]) -> Message {
    let mut builder = Builder::new("", Direction::Outbound, Connection::default(), Limits::default());
    eml::split(header).fields.iter().for_each(|(name, body)| builder.header(name, body));
    builder.finish()
}

/// A program of a mail server. Where they are kept is on no user's path.
pub(super) fn program(name: &str) -> Command {
    let mut command = Command::new(name);
    let path = std::env::var_os("PATH").unwrap_or_default();
    command.env("PATH", [&path, OsStr::new(":/usr/sbin:/usr/local/sbin")].join(OsStr::new("")));
    command
}

/// Runs it. What it printed, or on failure what it said.
pub(super) fn run(mut command: Command) -> io::Result<Vec<u8>> {
    let name = command.get_program().to_string_lossy().into_owned();
    let output = command.output().map_err(|error| io::Error::new(error.kind(), format!("{name}: {error}")))?;
    if !output.status.success() {
        let text = String::from_utf8_lossy(&output.stderr).trim().replace('\n', "; ");
        let text = if text.is_empty() { format!("{name}: {}", output.status) } else { text };
        return Err(io::Error::other(text));
    }
    Ok(output.stdout)
}

/// A queue id that is one, and no option, file or pattern.
pub(super) fn checked(queue_id: &str) -> io::Result<&str> {
    // To postsuper `ALL` is every message.
    let good = !queue_id.is_empty() && queue_id != "ALL" && queue_id.bytes().all(|b| b.is_ascii_alphanumeric());
    good.then_some(queue_id).ok_or_else(|| io::Error::new(io::ErrorKind::NotFound, "is no queue id"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_queue_id_is_no_option() {
        assert!(checked("4XyZ1k0q2Rz9tQ").is_ok());
        for wrong in ["", "-d", "ALL", "../x", "a b"] {
            assert!(checked(wrong).is_err(), "{wrong}");
        }
    }
}
