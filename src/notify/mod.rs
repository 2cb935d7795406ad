//! Notices to people inside: that a mailbox forwards, and what was done about it. Written to disk off the mail path, and sent
//! from there by a thread of its own; a mail server that is down delays no mail and loses no notice.

mod letter;
mod limits;
mod queue;

pub use letter::{Facts, Letter, Templates};
pub use queue::Queue;

use crate::message::{Address, Organization};
use crate::policy::Whom;
use limits::Limits;
use std::io;
use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::time::Duration;

/// How notices are made and sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Spec {
    /// The SMTP server that takes them: host and port.
    pub server: (String, u16),
    /// Their author.
    pub from: Address,
    /// Who looks after security.
    pub security: Vec<Address>,
    /// The folder of templates in the place of the built-in one.
    pub templates: Option<PathBuf>,
    /// Where they wait.
    pub directory: PathBuf,
    /// How long a pair of forwarder and destination is not spoken of again.
    pub per_pair: Duration,
    /// How many notices are sent in an hour at the most.
    pub per_hour: u32,
}

/// Takes notices; never waits.
pub struct Notifier {
    spec: Spec,
    templates: Templates,
    limits: Mutex<Limits>,
    queue: Queue,
}

impl Notifier {
    /// Begins to send what waits.
    ///
    /// # Errors
    /// The folder cannot be used, or a template is none.
    pub fn start(spec: Spec) -> io::Result<Self> {
        let templates = Templates::load(spec.templates.as_deref())?;
        let queue = Queue::start(&spec)?;
        let limits = Mutex::new(Limits::new(spec.per_pair, spec.per_hour));
        Ok(Self { spec, templates, limits, queue })
    }

    /// Tells people of a forward, unless they were told lately. Only mailboxes inside are ever written to.
    pub fn tell(&self, whom: &[Whom], facts: &Facts, organization: &Organization) {
        let mut to: Vec<Address> = Vec::new();
        for whom in whom {
            let addresses: &[Address] = match whom {
                Whom::Forwarder => facts.forwarder.as_slice(),
                Whom::Security => &self.spec.security,
                Whom::Owner => &facts.owners,
                Whom::Mailbox(address) => std::slice::from_ref(address),
            };
            for address in addresses.iter().filter(|address| organization.owns(address)) {
                if !to.iter().any(|known| known.same(address)) {
                    to.push(address.clone());
                }
            }
        }
        if to.is_empty() {
            return;
        }
        let pair = (facts.forwarder.clone(), facts.destination.clone());
        if !self.limits.lock().unwrap_or_else(PoisonError::into_inner).allow(&pair, facts.time) {
            ::metrics::counter!(crate::metrics::NOTICES_LIMITED.name).increment(1);
            return;
        }
        for to in to {
            match self.templates.letter(&self.spec.from, to, facts) {
                Ok(letter) => self.queue.put(letter),
                Err(error) => tracing::error!(%error, "a notice could not be written"),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::Domain;

    #[test]
    fn each_is_told_once_and_nobody_outside() {
        let folder = tempfile::tempdir().unwrap();
        let address = |text: &str| Address::parse(text).unwrap();
        let (alice, bob) = (address("alice@corp.example"), address("bob@corp.example"));
        let spec = Spec {
            // Nothing listens there: letters stay on the disk.
            server: ("127.0.0.1".into(), 1),
            from: address("forwarden@corp.example"),
            security: vec![alice.clone(), bob, address("x@ext.example")],
            templates: None,
            directory: folder.path().to_owned(),
            per_pair: Duration::from_secs(60),
            per_hour: 10,
        };
        let mut organization = Organization::default();
        organization.domains.insert(Domain::new("corp.example").unwrap(), true);
        let facts = Facts {
            forwarder: Some(alice.clone()),
            destination: address("x@ext.example"),
            mechanism: "unknown",
            action: "logged",
            rule: "r".into(),
            lapsed: Vec::new(),
            owners: vec![alice.clone()],
            confidence: 1.0,
            subject: None,
            time: jiff::Timestamp::UNIX_EPOCH,
            host: String::new(),
        };
        let notifier = Notifier::start(spec).unwrap();
        notifier.tell(&[Whom::Forwarder, Whom::Security, Whom::Owner, Whom::Mailbox(alice)], &facts, &organization);
        let letters = || std::fs::read_dir(folder.path()).unwrap().count();
        for _ in 0..200 {
            std::thread::sleep(Duration::from_millis(10));
            if letters() >= 2 {
                break;
            }
        }
        // Had there been a third, it would have been written with them.
        std::thread::sleep(Duration::from_millis(100));
        assert_eq!(letters(), 2);
    }
}
