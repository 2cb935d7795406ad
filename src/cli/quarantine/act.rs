//! Releasing and deleting.

use super::select::{Item, with_holder};
use crate::quarantine::{Change, Held, Quarantine, Record, release_recipient, smtp};
use jiff::Timestamp;
use std::io;

/// What is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Act {
    /// It goes on its way.
    Release,
    /// It is gone.
    Delete,
}

impl Act {
    /// What was done, in a word.
    pub(super) fn done(self) -> &'static str {
        match self {
            Self::Release => "released",
            Self::Delete => "deleted",
        }
    }

    /// Does it, and notes it down for the daemon to report. Returns the mail server's answer, where it gave one.
    pub(super) fn carry_out(self, quarantine: &Quarantine, item: &Item) -> io::Result<String> {
        let answer = match (self, item) {
            (Self::Release, Item::Stored(record)) => release(quarantine, record)?,
            (Self::Release, Item::Held(held)) => unhold(quarantine, held)?,
            (Self::Delete, Item::Stored(record)) => {
                take_out(quarantine, record)?;
                String::new()
            }
            (Self::Delete, Item::Held(held)) => {
                with_holder(quarantine, held, |holder| holder.delete(&held.queue_id))?;
                String::new()
            }
        };
        let line = item.line();
        let change = Change {
            change: self.done().to_owned(),
            time: Timestamp::now(),
            by: user(),
            id: (line.place == "store").then(|| line.id.to_owned()),
            queue_id: line.queue_id.map(str::to_owned),
            message_id: line.message_id.map(str::to_owned),
            forwarders: line.forwarders,
            destinations: line.destinations,
        };
        if let Err(error) = quarantine.note(&change) {
            eprintln!("forwarden: {} {}, but there will be no event of it: {error}", self.done(), line.id);
        }
        Ok(answer)
    }
}

/// Sends a stored message back. It leaves the store only when the server has taken it.
fn release(quarantine: &Quarantine, record: &Record) -> io::Result<String> {
    let spec = quarantine.spec();
    let Some(hop) = &spec.release.hop else {
        return Err(io::Error::other(
            "where released mail goes is not configured: write hop = \"127.0.0.1:10026\" under [quarantine.release]",
        ));
    };
    let (_, message) = quarantine.get(&record.id)?;
    let recipients: Vec<String> = record.recipients.iter().map(|rcpt| release_recipient(&rcpt.party.path)).collect();
    quarantine.allow(&record.key, &recipients, Timestamp::now())?;
    let name = nix::unistd::gethostname().ok().and_then(|name| name.into_string().ok());
    let name = name.filter(|name| !name.is_empty()).unwrap_or_else(|| "localhost".to_owned());
    let answer = smtp::send(hop, &name, record, &message).map_err(|error| {
        // Nothing is on its way that would have to pass.
        recipients.iter().for_each(|recipient| quarantine.spend(&record.key, recipient));
        io::Error::other(format!("{hop}: {error}"))
    })?;
    take_out(quarantine, record).map_err(|error| {
        io::Error::other(format!(
            "released, but it could not be taken out of the store, so that it can be released again: {error}"
        ))
    })?;
    Ok(answer)
}

/// These recipients leave the store; the message stays for the others.
fn take_out(quarantine: &Quarantine, gone: &Record) -> io::Result<()> {
    let (mut record, message) = quarantine.get(&gone.id)?;
    record.recipients.retain(|rcpt| !gone.recipients.contains(rcpt));
    if record.recipients.is_empty() { quarantine.remove(&record.id) } else { quarantine.keep_for(&record, &message) }
}

/// Lets go of what a mail server holds. Should it pass the milter again, as after `postsuper -r`, it passes.
fn unhold(quarantine: &Quarantine, held: &Held) -> io::Result<String> {
    let recipients: Vec<String> = held.recipients.iter().map(|recipient| release_recipient(recipient)).collect();
    if let Err(error) = quarantine.allow(&held.key, &recipients, Timestamp::now()) {
        eprintln!("forwarden: {}: not on the list of released mail: {error}", held.queue_id);
    }
    with_holder(quarantine, held, |holder| holder.release(&held.queue_id))?;
    Ok(String::new())
}

/// Who does it: behind `sudo`, the user who called it.
fn user() -> String {
    let called = std::env::var("SUDO_USER").ok().filter(|user| !user.is_empty());
    let own = || nix::unistd::User::from_uid(nix::unistd::getuid()).ok().flatten().map(|user| user.name);
    called.or_else(own).unwrap_or_else(|| nix::unistd::getuid().to_string())
}
