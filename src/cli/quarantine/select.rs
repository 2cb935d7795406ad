//! Which messages are meant.

use super::Line;
use crate::config::parse_duration;
use crate::message::Address;
use crate::policy::{AddressList, Pattern};
use crate::quarantine::{Held, Holder, Quarantine, Record};
use clap::Args;
use jiff::{SignedDuration, Timestamp};
use std::io;
use std::path::Path;
use std::process::ExitCode;

/// Conditions: all that are given must hold.
#[derive(Debug, Clone, Default, Args)]
pub(super) struct Filter {
    /// Of these mailboxes: user@domain, @domain; as a mail server holds it, by ORCPT, or with Sendmail by its trace
    #[arg(long, value_name = "ADDRESS", value_parser = pattern)]
    forwarder: Vec<Pattern>,
    /// To these addresses: user@domain, @domain; other recipients of a stored message stay in quarantine
    #[arg(long, value_name = "ADDRESS", value_parser = pattern)]
    destination: Vec<Pattern>,
    /// In quarantine for longer than this: 7d, 12h
    #[arg(long, value_name = "TIME", value_parser = duration)]
    older_than: Option<SignedDuration>,
    /// In quarantine for less than this
    #[arg(long, value_name = "TIME", value_parser = duration)]
    newer_than: Option<SignedDuration>,
}

fn pattern(text: &str) -> Result<Pattern, String> {
    Pattern::parse(text).map_err(str::to_owned)
}

fn duration(text: &str) -> Result<SignedDuration, String> {
    parse_duration(text).ok_or_else(|| "write a number of days, hours or minutes: 14d, 12h, 30m".to_owned())
}

impl Filter {
    pub(super) fn is_empty(&self) -> bool {
        self.forwarder.is_empty()
            && self.destination.is_empty()
            && self.older_than.is_none()
            && self.newer_than.is_none()
    }

    fn of_age(&self, time: Timestamp, now: Timestamp) -> bool {
        let age = now.duration_since(time);
        self.older_than.is_none_or(|least| age > least) && self.newer_than.is_none_or(|most| age < most)
    }
}

/// One message.
#[derive(Debug)]
pub(super) enum Item {
    /// In our own store, for those of its recipients that are meant.
    Stored(Record),
    /// Held by a mail server.
    Held(Held),
}

impl Item {
    pub(super) fn line(&self) -> Line<'_> {
        match self {
            Self::Stored(record) => {
                let mut rules: Vec<&str> = record.recipients.iter().filter_map(|rcpt| rcpt.rule.as_deref()).collect();
                rules.sort_unstable();
                rules.dedup();
                Line {
                    id: &record.id,
                    place: "store",
                    time: record.time,
                    size: record.size,
                    sender: record.sender.path.trim_start_matches('<').trim_end_matches('>'),
                    forwarders: record.forwarders(),
                    destinations: record.destinations(),
                    from: record.from.as_deref(),
                    subject: record.subject.as_deref(),
                    message_id: record.message_id.as_deref(),
                    queue_id: record.queue_id.as_deref(),
                    rules,
                }
            }
            Self::Held(held) => Line {
                id: &held.queue_id,
                place: held.place,
                time: held.time,
                size: held.size,
                sender: &held.sender,
                forwarders: held.forwarders.clone(),
                destinations: held.recipients.clone(),
                from: held.from.as_deref(),
                subject: held.subject.as_deref(),
                message_id: held.message_id.as_deref(),
                queue_id: Some(&held.queue_id),
                rules: Vec::new(),
            },
        }
    }

    pub(super) fn message(&self, quarantine: &Quarantine) -> io::Result<Vec<u8>> {
        match self {
            Self::Stored(record) => quarantine.get(&record.id).map(|(_, message)| message),
            Self::Held(held) => with_holder(quarantine, held, |holder| holder.message(&held.queue_id)),
        }
    }
}

/// Does something with the mail server that holds a message: it was found there.
pub(super) fn with_holder<T>(
    quarantine: &Quarantine,
    held: &Held,
    what: impl FnOnce(Holder<'_>) -> io::Result<T>,
) -> io::Result<T> {
    let holders = quarantine.spec().release.holders();
    let holder = holders.into_iter().find(|holder| holder.place() == held.place);
    what(holder.ok_or_else(|| io::Error::other(format!("quarantine.release.{} is not configured", held.place)))?)
}

/// The messages that are meant.
pub(super) struct Selection {
    pub(super) items: Vec<Item>,
    /// What could not be looked at; printed already.
    pub(super) problems: Vec<String>,
}

impl Selection {
    /// Those of these ids, or all where there are none; of them those for which the conditions hold.
    pub(super) fn new(quarantine: &Quarantine, ids: &[String], filter: &Filter) -> Self {
        let now = Timestamp::now();
        let (mut items, mut problems) = (Vec::new(), Vec::new());
        let forwarders: AddressList = filter.forwarder.iter().cloned().collect();
        let destinations: AddressList = filter.destination.iter().cloned().collect();
        let meant = |list: &AddressList, text: &str| {
            list.is_empty() || Address::parse(text).is_some_and(|address| list.contains(&address))
        };
        match quarantine.list() {
            Ok((records, damaged)) => {
                for mut record in records {
                    record.recipients.retain(|rcpt| {
                        meant(&destinations, &rcpt.destination)
                            && meant(&forwarders, rcpt.forwarder.as_deref().unwrap_or_default())
                    });
                    if !record.recipients.is_empty() && filter.of_age(record.time, now) {
                        items.push(Item::Stored(record));
                    }
                }
                // A file that is not asked for is no reason for a command to fail.
                let asked_for = |path: &Path| {
                    ids.is_empty() || ids.iter().any(|id| path.file_stem().is_some_and(|stem| stem == id.as_str()))
                };
                let damaged = damaged.iter().filter(|file| asked_for(&file.path));
                problems.extend(damaged.map(|file| format!("{}: {}", file.path.display(), file.error)));
            }
            Err(error) => problems.push(format!("{}: {error}", quarantine.spec().directory.display())),
        }
        for holder in quarantine.spec().release.holders() {
            match holder.held() {
                Ok(held) => items.extend(held.into_iter().filter_map(|held| {
                    // A mail server lets go of a message as a whole only.
                    let to = held.recipients.iter().all(|recipient| meant(&destinations, recipient));
                    let by = forwarders.is_empty() || held.forwarders.iter().any(|by| meant(&forwarders, by));
                    (to && by && filter.of_age(held.time, now)).then_some(Item::Held(held))
                })),
                Err(error) => {
                    problems.push(format!("what {} holds is not known: {error}", Holder::name(holder.place())));
                }
            }
        }
        if !ids.is_empty() {
            items.retain(|item| ids.iter().any(|id| id == item.line().id));
            let missing = ids.iter().filter(|id| !items.iter().any(|item| item.line().id == id.as_str()));
            problems.extend(missing.map(|id| format!("{id:?} is not in quarantine")));
        }
        items.sort_by_key(|item| item.line().time);
        problems.iter().for_each(|problem| eprintln!("forwarden: {problem}"));
        Self { items, problems }
    }

    pub(super) fn status(&self) -> ExitCode {
        if self.problems.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
    }
}
