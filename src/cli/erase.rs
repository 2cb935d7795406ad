//! `forwarden erase`: what is kept of one person is taken out, and what is out of reach is said.

use super::source::{ConfigOption, printable};
use crate::config::Config;
use crate::message::Address;
use crate::quarantine::{Quarantine, Record};
use crate::state;
use clap::Args;
use std::process::ExitCode;

/// Erase what is kept of one person: in the state and, with --quarantine, stored messages.
///
/// Pairs in which the address forwards or is forwarded to, counts and hashes of what came in are overwritten. What is out
/// of reach is listed. Run it as root or as the daemon's user, and restart the daemon: it remembers in memory, too.
///
/// Exit status: 0; 1 if something could not be erased.
#[derive(Debug, Args)]
pub(super) struct Command {
    /// The address; one with a tag stands for its mailbox.
    #[arg(value_name = "ADDRESS", value_parser = address)]
    address: Address,
    /// Delete stored messages, too, of which the address is the forwarder or a recipient.
    #[arg(long)]
    quarantine: bool,
    #[command(flatten)]
    config: ConfigOption,
}

impl Command {
    /// Erases.
    pub(super) fn run(self) -> ExitCode {
        let Some(config) = super::offline_config(&self.config, &[]) else { return ExitCode::FAILURE };
        let parts = [self.state(&config), self.stored(&config), Ok(self.exceptions(&config))];
        let mut whole = true;
        for part in parts {
            match part {
                Ok(text) => super::print(&text),
                Err(problem) => {
                    super::complain(&problem);
                    whole = false;
                }
            }
        }
        super::print(
            "out of reach: events that were sent or written to files, with what a spool still holds; the logs of\n  \
             Forwarden and of the mail servers; notices that wait or were sent; backups; messages that Postfix\n  \
             holds (forwarden quarantine); what the daemon has in memory until its restart\n",
        );
        if whole { ExitCode::SUCCESS } else { ExitCode::FAILURE }
    }

    fn state(&self, config: &Config) -> Result<String, String> {
        let Some(spec) = &config.state else { return Ok("state        none is kept\n".to_owned()) };
        let mask = config.privacy.masks()?.state;
        // As it is now, and as it was under an earlier policy.
        let mailbox = self.address.mailbox();
        let mut keys = vec![self.address.key(), mailbox.key(), mask.key(&mailbox)];
        keys.sort();
        keys.dedup();
        let erased = state::erase(&spec.directory, &keys)
            .map_err(|error| format!("the state in {}: {error}", spec.directory.display()))?;
        Ok(format!(
            "state        {} pairs, {} counts of days, {} hashes of what came in\n",
            erased.pairs, erased.days, erased.arrivals
        ))
    }

    fn concerns(&self, record: &Record) -> bool {
        let same = |text: &String| Address::parse(text).is_some_and(|other| other.same_mailbox(&self.address));
        record.forwarders().iter().chain(&record.destinations()).any(same)
    }

    fn stored(&self, config: &Config) -> Result<String, String> {
        let Some(spec) = &config.quarantine else { return Ok("quarantine   none is kept\n".to_owned()) };
        let quarantine = Quarantine::new(spec.clone());
        let named = |error: std::io::Error| format!("the quarantine in {}: {error}", spec.directory.display());
        let (records, _) = quarantine.list().map_err(named)?;
        let theirs: Vec<&Record> = records.iter().filter(|record| self.concerns(record)).collect();
        if !self.quarantine {
            let hint = if theirs.is_empty() { "" } else { ": --quarantine deletes them" };
            return Ok(format!("quarantine   {} stored messages concern it{hint}\n", theirs.len()));
        }
        for record in &theirs {
            quarantine.remove(&record.id).map_err(named)?;
        }
        Ok(format!("quarantine   {} stored messages\n", theirs.len()))
    }

    /// Exceptions are the administrator's to change; their counts hold no address.
    fn exceptions(&self, config: &Config) -> String {
        let names = |list: &[String]| {
            list.iter().any(|text| Address::parse(text).is_some_and(|one| one.same_mailbox(&self.address)))
        };
        let named: Vec<&str> = (config.policy.exceptions.iter())
            .filter(|exception| names(&exception.card.forwarder) || names(&exception.card.destination))
            .map(|exception| exception.id.as_str())
            .collect();
        if named.is_empty() {
            return "exceptions   none names it; counts of uses hold no address\n".to_owned();
        }
        let list = printable(&named.join(", "), 80);
        format!("exceptions   the configuration names it, take it out there: {list}\n")
    }
}

fn address(text: &str) -> Result<Address, String> {
    Address::parse(text).ok_or_else(|| "write an address: alice@corp.example".to_owned())
}
