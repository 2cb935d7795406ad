//! `forwarden doctor --canary`: which listener sees a message that is forwarded?

use super::{Format, wrapped};
use crate::cli::source::json;
use crate::config::parse_duration;
use crate::doctor::{Canary, Sighting, Watcher};
use crate::frontend::ListenerSpec;
use crate::message::{Address, Direction};
use crate::sink::encode::NATIVE;
use crate::sink::{Output, Target};
use clap::Args;
use jiff::SignedDuration;
use std::time::{Duration, Instant};

/// How often the events are looked at.
const PAUSE: Duration = Duration::from_millis(100);

/// Marked messages.
#[derive(Debug, Args)]
pub(super) struct Canaries {
    /// Send a marked message to this mailbox, and tell which listener saw it forwarded. May be given several times: a test
    /// mailbox for each way in which mail is forwarded here, to an address such as nobody@canary.invalid.
    #[arg(long, value_name = "MAILBOX", value_parser = mailbox)]
    canary: Vec<String>,
    /// The mail server that takes them.
    #[arg(long, value_name = "HOST:PORT", default_value = "127.0.0.1:25")]
    canary_server: String,
    /// How long to wait for them.
    #[arg(long, value_name = "TIME", default_value = "30s", value_parser = time)]
    canary_wait: SignedDuration,
}

fn mailbox(text: &str) -> Result<String, String> {
    let safe = text.bytes().all(|byte| byte.is_ascii_graphic() && !matches!(byte, b'<' | b'>'));
    let address = Address::parse(text).filter(|_| safe);
    address.map(|_| text.to_owned()).ok_or_else(|| "write a mailbox: test@corp.example".to_owned())
}

fn time(text: &str) -> Result<SignedDuration, String> {
    parse_duration(text).ok_or_else(|| "write a number of seconds or minutes: 30s, 2m".to_owned())
}

impl Canaries {
    /// Sends them, waits, and tells. Whether each was seen on its way out.
    pub(super) fn run(&self, listeners: &[ListenerSpec], outputs: &[Output], format: Format) -> bool {
        if self.canary.is_empty() {
            return true;
        }
        let file = outputs.iter().find_map(|output| match &output.target {
            Target::File(path) if output.format.name == NATIVE => Some(path),
            _ => None,
        });
        let Some(file) = file else {
            crate::cli::complain(
                "canaries are looked for in the file of events, and there is none: output = \"file:/path\" under [events]",
            );
            return false;
        };
        let watcher = Watcher::new(file);
        let mut all_seen = true;
        let mut sent = Vec::new();
        for mailbox in &self.canary {
            let canary = Canary::new(mailbox);
            match canary.send(&self.canary_server) {
                Ok(()) => sent.push(canary),
                Err(error) => {
                    crate::cli::complain(&format!("{}: canary for {mailbox}: {error}", self.canary_server));
                    all_seen = false;
                }
            }
        }
        let outbound = |sighting: &Sighting| {
            let named = |spec: &&ListenerSpec| spec.name == sighting.listener;
            listeners.iter().find(named).is_none_or(|spec| spec.direction == Direction::Outbound)
        };
        let begun = Instant::now();
        let wait = Duration::try_from(self.canary_wait).unwrap_or_default();
        loop {
            let seen: Vec<Vec<Sighting>> = sent
                .iter()
                .map(|canary| {
                    watcher.sightings(canary).unwrap_or_else(|error| {
                        tracing::debug!(%error, "the file of events cannot be read");
                        Vec::new()
                    })
                })
                .collect();
            let done = seen.iter().all(|sightings| sightings.iter().any(outbound));
            if done || begun.elapsed() >= wait {
                let told = sent.iter().zip(&seen).map(|(canary, seen)| match format {
                    Format::Json => {
                        json(&serde_json::json!({
                            "canary": canary.mailbox, "message_id": canary.message_id, "seen": seen,
                        })) + "\n"
                    }
                    Format::Text => text(canary, seen),
                });
                crate::cli::print(&told.collect::<String>());
                return all_seen && done;
            }
            std::thread::sleep(PAUSE);
        }
    }
}

/// A sentence on each sighting.
fn text(canary: &Canary, seen: &[Sighting]) -> String {
    if seen.is_empty() {
        let text = format!(
            "canary {}: no listener saw it. Does it wait in a queue? In the mail log it is {}",
            canary.mailbox, canary.message_id
        );
        return wrapped(&text, "");
    }
    let line = |sighting: &Sighting| {
        let by = sighting.forwarder.as_ref().map_or_else(String::new, |forwarder| format!(" of {forwarder}"));
        let text = format!(
            "canary {}: {} saw it: {}{by} to {}",
            canary.mailbox,
            sighting.listener,
            sighting.verdict,
            sighting.destinations.join(", ")
        );
        wrapped(&text, "")
    };
    seen.iter().map(line).collect()
}
