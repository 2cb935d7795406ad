//! `forwarden exceptions`: what was approved, until when, and whether anybody uses it.

use super::source::{ConfigOption, printable};
use crate::config::{Config, parse_duration};
use crate::policy::Exception;
use crate::usage::{self, Book, Use};
use clap::{Args, ValueEnum};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use std::process::ExitCode;

/// List the exceptions with their owners, their ends and their uses.
///
/// Uses are counted by the daemon and kept in the directory of [state]; days are those of UTC. With --expiring or --unused
/// only those are listed that want looking after, of either kind.
///
/// Exit status: 0; with --expiring or --unused 0 if there are none, 1 if there are.
#[derive(Debug, Args)]
pub(super) struct Command {
    #[command(flatten)]
    config: ConfigOption,
    /// Those that have expired, or do so within this time: 14d, 12h.
    #[arg(long, value_name = "TIME", value_parser = duration)]
    expiring: Option<SignedDuration>,
    /// Those that have not been used for this time: 90d.
    #[arg(long, value_name = "TIME", value_parser = duration)]
    unused: Option<SignedDuration>,
    /// How they are printed.
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// A table, and a line on each.
    Text,
    /// One JSON object an exception and line.
    Json,
}

/// One exception: the contract of `--format json`. What counting alone can tell is null where there are no counts.
#[derive(Debug, Serialize)]
struct Line<'a> {
    id: &'a str,
    forwarder: &'a [String],
    destination: &'a [String],
    mechanism: Vec<&'static str>,
    owner: Option<&'a str>,
    reason: Option<&'a str>,
    ticket: Option<&'a str>,
    created: Option<Timestamp>,
    expires: Option<Timestamp>,
    /// Whole days until then; negative behind it.
    days_left: Option<i64>,
    expired: bool,
    max_per_day: Option<u64>,
    used_today: Option<u64>,
    /// Since it has been counted.
    used: Option<u64>,
    last_used: Option<Timestamp>,
    /// Whole days since the last use, or since it could have been used.
    unused_days: Option<i64>,
}

impl<'a> Line<'a> {
    fn new(exception: &'a Exception, used: Option<&Use>, now: Timestamp) -> Self {
        let card = &exception.card;
        let days = |span: SignedDuration| span.as_hours().div_euclid(24);
        Self {
            id: &exception.id,
            forwarder: &card.forwarder,
            destination: &card.destination,
            mechanism: exception.mechanism.iter().map(|mechanism| mechanism.name()).collect(),
            owner: card.owner.as_deref(),
            reason: card.reason.as_deref(),
            ticket: card.ticket.as_deref(),
            created: card.created,
            expires: exception.expires,
            days_left: exception.expires.map(|expires| days(expires.duration_since(now))),
            expired: exception.expires.is_some_and(|expires| expires <= now),
            max_per_day: exception.max_per_day,
            used_today: used.map(|used| used.today(now)),
            used: used.map(|used| used.total),
            last_used: used.and_then(|used| used.last),
            unused_days: used.map(|used| days(now.duration_since(used.idle_since(card.created)))),
        }
    }

    /// Two lines of at most 100 columns.
    fn text(&self) -> String {
        let day = |time: Timestamp| TimeZone::UTC.to_datetime(time).date().to_string();
        let ends = match self.expires {
            None => "never".to_owned(),
            // The end of a day is the beginning of the next.
            Some(expires) => {
                let last = day(expires.saturating_sub(SignedDuration::from_secs(1)).unwrap_or(expires));
                if self.expired {
                    format!("{last}, past")
                } else {
                    format!("{last}, {} d", self.days_left.unwrap_or_default())
                }
            }
        };
        let number = |number: Option<u64>| number.map_or_else(|| "-".to_owned(), |number| number.to_string());
        let today = match self.max_per_day {
            Some(most) => format!("{}/{most}", number(self.used_today)),
            None => number(self.used_today),
        };
        let last = self.last_used.map_or_else(|| "-".to_owned(), day);
        let row = format!(
            "{:<24} {ends:<17} {today:>10} {:>7}  {last:<10}  {}",
            printable(self.id, 23),
            number(self.used),
            printable(self.owner.unwrap_or("-"), 24)
        );
        let mut pair = format!("{} to {}", self.forwarder.join(", "), self.destination.join(", "));
        if !self.mechanism.is_empty() {
            pair += &format!(" by {}", self.mechanism.join(", "));
        }
        let why: Vec<&str> = self.reason.into_iter().chain(self.ticket).collect();
        if !why.is_empty() {
            pair += &format!(": {}", why.join(", "));
        }
        format!("{}\n  {}\n", row.trim_end(), printable(&pair, 97))
    }
}

impl Command {
    /// Lists.
    pub(super) fn run(self) -> ExitCode {
        let Some(config) = super::offline_config(&self.config, &[]) else {
            return ExitCode::FAILURE;
        };
        let book = match counts(&config) {
            Ok(book) => book,
            // Without the counts nobody can say what is unused.
            Err(reason) => {
                eprintln!("forwarden: uses are not known: {reason}");
                if self.unused.is_some() {
                    return ExitCode::FAILURE;
                }
                Book::default()
            }
        };
        let now = Timestamp::now();
        let filtered = self.expiring.is_some() || self.unused.is_some();
        let lines: Vec<Line<'_>> = config
            .policy
            .exceptions
            .iter()
            .filter(|exception| !filtered || self.wants(exception, book.exceptions.get(&exception.id), now))
            .map(|exception| Line::new(exception, book.exceptions.get(&exception.id), now))
            .collect();
        let status = if filtered && !lines.is_empty() { ExitCode::FAILURE } else { ExitCode::SUCCESS };
        let mut out = String::new();
        match self.format {
            Format::Text if lines.is_empty() => {
                out += if filtered { "no exception wants looking after\n" } else { "no exceptions\n" };
            }
            Format::Text => {
                let (ends, today, used, last) = ("ends", "used today", "in all", "last used");
                out += &format!("{:<24} {ends:<17} {today:>10} {used:>7}  {last:<10}  owner\n", "exception");
                lines.iter().for_each(|line| out += &line.text());
            }
            Format::Json => {
                for line in lines.iter().filter_map(|line| serde_json::to_string(line).ok()) {
                    out += &format!("{line}\n");
                }
            }
        }
        super::print(&out);
        status
    }

    fn wants(&self, exception: &Exception, used: Option<&Use>, now: Timestamp) -> bool {
        let expiring =
            self.expiring.zip(exception.expires).is_some_and(|(within, expires)| expires.duration_since(now) <= within);
        let unused = self
            .unused
            .zip(used)
            .is_some_and(|(span, used)| now.duration_since(used.idle_since(exception.card.created)) >= span);
        expiring || unused
    }
}

/// What the daemon counted.
fn counts(config: &Config) -> Result<Book, String> {
    let Some(spec) = &config.state else {
        return Err("there is no [state] table, so they are not kept".to_owned());
    };
    let file = spec.directory.join(usage::FILE);
    match usage::read(&spec.directory) {
        Ok(Some(book)) => Ok(book),
        Ok(None) => Err(format!("{} is not there: the daemon has counted nothing yet", file.display())),
        Err(error) => Err(format!("{}: {error}", file.display())),
    }
}

fn duration(text: &str) -> Result<SignedDuration, String> {
    parse_duration(text).ok_or_else(|| "write a number of days or hours: 14d, 12h".to_owned())
}
