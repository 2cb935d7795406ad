//! A site: a lab and the daemon that is its milter.

use crate::daemon::{Daemon, Socket};
use crate::lab::{self, Arrived, Lab, Layout, Server};
use crate::mail::mail;
use crate::wait::{wait_for, wait_until};
use serde_json::Value;
use std::fs;
use std::path::Path;
use tempfile::TempDir;

/// What a test wants.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Setup<'a> {
    pub(crate) layout: Layout,
    pub(crate) socket: Socket,
    /// Whether the daemon watches the front door, too.
    pub(crate) observer: bool,
    /// The tables `[policy]` and `[[rule]]` of the configuration.
    pub(crate) policy: &'a str,
}

impl Default for Setup<'_> {
    fn default() -> Self {
        Self { layout: Layout::B, socket: Socket::Unix, observer: false, policy: "[policy]\nmode = \"observe\"\n" }
    }
}

/// The parts are dropped in this order.
pub(crate) struct Site {
    pub(crate) lab: Lab,
    pub(crate) daemon: Daemon,
    addresses: Vec<String>,
    dir: TempDir,
}

impl Site {
    /// Everything up and running; nothing where Postfix cannot be started.
    pub(crate) fn up(setup: Setup<'_>) -> Option<Self> {
        if !lab::available() {
            return None;
        }
        let dir = TempDir::with_prefix("forwarden-").expect("a temporary folder");
        let mut addresses = vec![setup.socket.address(dir.path(), "outbound")];
        if setup.observer {
            addresses.push(setup.socket.address(dir.path(), "inbound"));
        }
        configure(dir.path(), &addresses, setup.policy);
        let daemon = Daemon::start(dir.path(), &addresses);
        let observer = addresses.get(1).map(String::as_str);
        let lab = Lab::up(dir.path(), setup.layout, Some(&addresses[0]), observer);
        Some(Self { lab, daemon, addresses, dir })
    }

    /// A site with the policy `mode = "enforce"` and this one rule for automatic forwards.
    pub(crate) fn enforcing(then: &str) -> Option<Self> {
        Self::up(Setup { policy: &enforce(then), ..Setup::default() })
    }

    /// A file in its folder.
    pub(crate) fn file(&self, name: &str) -> std::path::PathBuf {
        self.dir.path().join(name)
    }

    /// Writes another policy into the configuration; the daemon is not told.
    pub(crate) fn configure(&self, policy: &str) {
        configure(self.dir.path(), &self.addresses, policy);
    }

    /// `ann@partner.example` writes to somebody at the organisation.
    pub(crate) fn ann_writes_to(&self, recipient: &str, id: &str) {
        self.ann_sends(recipient, &mail(id, "ann@partner.example", recipient, ""));
    }

    /// `ann@partner.example` sends this message to somebody at the organisation.
    pub(crate) fn ann_sends(&self, recipient: &str, message: &[u8]) {
        let mut session = self.lab.session_from_outside("ann@partner.example");
        let reply = session.send("<ann@partner.example>", &[&format!("<{recipient}>")], message).expect("a reply");
        assert_eq!(reply.code, 250, "{}", reply.text);
    }

    /// `dave@corp.example` writes to somebody outside.
    pub(crate) fn dave_writes_to(&self, recipient: &str, id: &str) {
        let message = mail(id, "dave@corp.example", recipient, "");
        let mut session = self.lab.session(Server::Inner);
        let reply = session.send("<dave@corp.example>", &[&format!("<{recipient}>")], &message).expect("a reply");
        assert_eq!(reply.code, 250, "{}", reply.text);
    }

    /// What arrived outside at this address so far.
    pub(crate) fn arrived_at(&self, recipient: &str) -> Vec<Arrived> {
        let mut all = self.lab.sink();
        all.retain(|arrived| arrived.recipients.iter().any(|r| r == recipient));
        all
    }

    /// Waits for the first mail to arrive outside at this address.
    #[track_caller]
    pub(crate) fn arrives_at(&self, recipient: &str) -> Arrived {
        wait_for(&format!("mail arrives at {recipient}"), || self.arrived_at(recipient).into_iter().next())
    }

    /// The events so far of mail to this destination: how it was judged, not what was released by hand since.
    pub(crate) fn events_for(&self, destination: &str) -> Vec<Value> {
        let mut events = self.daemon.events();
        events.retain(|event| {
            event["kind"] == "message"
                && event["destinations"].as_array().is_some_and(|all| all.iter().any(|value| value == destination))
        });
        events
    }

    /// Waits for the first event of mail to this destination.
    #[track_caller]
    pub(crate) fn event_for(&self, destination: &str) -> Value {
        wait_for(&format!("an event for {destination}"), || self.events_for(destination).into_iter().next())
    }

    /// Waits until no mail is in either queue.
    #[track_caller]
    pub(crate) fn queues_run_empty(&self) {
        for server in [Server::Inner, Server::Hop] {
            wait_until(&format!("the queue of {server:?} is empty"), || self.lab.queue(server).is_empty());
        }
    }
}

/// An enforcing policy with one rule for automatic forwards; `then` as in the configuration.
pub(crate) fn enforce(then: &str) -> String {
    format!(
        "[policy]\nmode = \"enforce\"\n\n\
         [[rule]]\nid = \"forwards\"\nwhen = {{ verdict = [\"auto_forward\"] }}\nthen = [{then}]\n"
    )
}

fn configure(dir: &Path, addresses: &[String], policy: &str) {
    let mut text =
        String::from("[organization]\ndomains = [\"corp.example\"]\nnetworks = [\"127.0.0.0/8\", \"::1/128\"]\n\n");
    let listeners = [("outbound", "enforce", "tempfail"), ("inbound", "observe", "accept")];
    for (address, (name, role, on_error)) in addresses.iter().zip(listeners) {
        text.push_str(&format!(
            "[[listener]]\nname = \"{name}\"\nrole = \"{role}\"\non_error = \"{on_error}\"\nsocket = \"{address}\"\n"
        ));
        if name == "inbound" {
            text.push_str("direction = \"inbound\"\n");
        }
        text.push_str(match address.starts_with("unix:") {
            true => "mode = \"0660\"\ngroup = \"postfix\"\n\n",
            false => "allow = [\"127.0.0.1\"]\n\n",
        });
    }
    let events = dir.join("events.jsonl");
    text.push_str(&format!(
        "[events]\noutput = \"file:{}\"\nordinary = true\n\n{}",
        events.display(),
        policy.replace("@DIR@", &dir.display().to_string())
    ));
    fs::write(dir.join("forwarden.toml"), text).expect("the configuration can be written");
}
