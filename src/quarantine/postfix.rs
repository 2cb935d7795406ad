//! Mail that Postfix holds, through Postfix's own commands: `postqueue`, `postcat`, `postsuper`.

use super::held::{Held, checked, header_only, program, run};
use crate::message::{Address, Recipient};
use jiff::Timestamp;
use serde::Deserialize;
use std::io;
use std::path::Path;

/// A line of `postqueue -j`.
#[derive(Debug, Deserialize)]
struct Queued {
    queue_name: String,
    queue_id: String,
    arrival_time: i64,
    message_size: u64,
    sender: String,
    recipients: Vec<To>,
}

#[derive(Debug, Deserialize)]
struct To {
    address: String,
}

/// One instance of Postfix.
#[derive(Debug, Clone, Copy)]
pub struct Postfix<'a> {
    /// The folder of its configuration.
    pub config: &'a Path,
}

impl Postfix<'_> {
    /// What it holds.
    ///
    /// # Errors
    /// Its commands do not work: most often, this is not root.
    pub(super) fn held(&self) -> io::Result<Vec<Held>> {
        let listing = self.run("postqueue", &["-j"])?;
        let mut held = Vec::new();
        for line in listing.split(|&byte| byte == b'\n').filter(|line| !line.trim_ascii().is_empty()) {
            // Newer versions may say more, of other queues too: only what is understood can be held mail.
            let Ok(queued) = serde_json::from_slice::<Queued>(line) else { continue };
            if queued.queue_name == "hold" {
                held.extend(self.look_into(queued)?);
            }
        }
        Ok(held)
    }

    /// The message. Postfix keeps lines without their ends: they come with LF alone.
    ///
    /// # Errors
    /// There is none of that queue id, or it may not be read.
    pub(super) fn message(&self, queue_id: &str) -> io::Result<Vec<u8>> {
        self.run("postcat", &["-hbq", checked(queue_id)?])
    }

    /// Lets it go, at once.
    ///
    /// # Errors
    /// It is not held any more, or this is not root.
    pub(super) fn release(&self, queue_id: &str) -> io::Result<()> {
        self.run("postsuper", &["-H", checked(queue_id)?])?;
        // It would leave with the next run of the queue anyhow.
        if let Err(error) = self.run("postqueue", &["-i", queue_id]) {
            tracing::debug!(%error, queue_id, "not delivered at once");
        }
        Ok(())
    }

    /// Deletes it.
    ///
    /// # Errors
    /// It is not held any more, or this is not root.
    pub(super) fn delete(&self, queue_id: &str) -> io::Result<()> {
        self.run("postsuper", &["-d", checked(queue_id)?, "hold"]).map(drop)
    }

    /// What the listing does not tell. `None` where it left the queue in the meantime.
    fn look_into(&self, queued: Queued) -> io::Result<Option<Held>> {
        let id = checked(&queued.queue_id)?;
        let Ok(envelope) = self.run("postcat", &["-eq", id]) else { return self.vanished(id) };
        let Ok(header) = self.run("postcat", &["-hq", id]) else { return self.vanished(id) };
        let mut held = Held {
            place: "postfix",
            time: Timestamp::from_second(queued.arrival_time).unwrap_or(Timestamp::UNIX_EPOCH),
            size: queued.message_size,
            sender: queued.sender,
            recipients: queued.recipients.into_iter().map(|to| to.address).collect(),
            forwarders: forwarders(&String::from_utf8_lossy(&envelope)),
            message_id: None,
            subject: None,
            from: None,
            key: String::new(),
            queue_id: queued.queue_id,
        };
        held.read(&header_only(&header));
        Ok(Some(held))
    }

    /// A message that cannot be looked into has gone, or may not be looked into.
    fn vanished(&self, id: &str) -> io::Result<Option<Held>> {
        match self.run("postcat", &["-eq", id]) {
            Ok(_) => Ok(None),
            Err(error) if error.to_string().contains("open queue file") => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn run(&self, name: &str, arguments: &[&str]) -> io::Result<Vec<u8>> {
        let mut command = program(name);
        command.arg("-c").arg(self.config).args(arguments);
        run(command)
    }
}

/// The mailboxes that recipients were expanded from, as `postcat -e` tells.
fn forwarders(envelope: &str) -> Vec<String> {
    let originals = envelope.lines().filter_map(|line| {
        let original = line.split_once("dsn_orig_rcpt=")?.1.trim();
        Recipient::decode_original(original).as_ref().map(Address::to_string)
    });
    let mut all: Vec<String> = originals.collect();
    all.sort();
    all.dedup();
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn originals_of_an_envelope() {
        let text = "named_attribute: dsn_orig_rcpt=rfc822;alice@corp.example\noriginal_recipient: x@ext.example\n\
                    recipient: x@ext.example\nnamed_attribute: dsn_orig_rcpt=rfc822;alice@corp.example\n\
                    named_attribute: dsn_orig_rcpt=nonsense\n";
        assert_eq!(forwarders(text), ["alice@corp.example"]);
    }
}
