//! `forwarden report`: the inventory, as an administrator and as a manager read it.

mod exceptions;
mod html;
mod rows;
pub(super) mod table;

use super::source::ConfigOption;
use crate::config::{Config, parse_duration};
use crate::state::Reader;
use clap::{Args, ValueEnum};
use jiff::{SignedDuration, Timestamp};
use std::path::PathBuf;
use std::process::ExitCode;

/// Report who forwards where, since when and how often, from what the daemon remembers ([state]).
///
/// The daemon may run meanwhile. Days are those of UTC. Exit status 0, 1 where there is nothing to read.
#[derive(Debug, Args)]
pub(super) struct Command {
    /// What is reported.
    #[arg(value_enum, default_value = "forwarders")]
    about: About,
    /// How far back: 30d, 12h. Whole days are counted.
    #[arg(long, value_name = "TIME", default_value = "30d", value_parser = duration)]
    since: SignedDuration,
    /// How it is printed.
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
    /// The folder of the state, in the place of the configured one.
    #[arg(long, value_name = "FOLDER")]
    state: Option<PathBuf>,
    #[command(flatten)]
    config: ConfigOption,
}

/// What is reported.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum About {
    /// Who forwards where, the most active first.
    Forwarders,
    /// Who collects, and from how many mailboxes.
    Destinations,
    /// What was seen for the first time.
    New,
    /// Mailboxes that forward much of which little looks forwarded.
    Imbalance,
    /// What was approved, what passed by it, and whether it is still used.
    Exceptions,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// A table of at most 100 columns.
    Text,
    /// One JSON object a line.
    Json,
    /// Comma-separated values (RFC 4180) for a spreadsheet.
    Csv,
    /// One page that needs nothing else.
    Html,
}

impl Command {
    /// Reports.
    pub(super) fn run(self) -> ExitCode {
        let path = self.config.config.clone().unwrap_or_else(|| super::DEFAULT_CONFIG.into());
        let config = match Config::load(&path) {
            Ok(loaded) => loaded.config,
            // Without a configuration the folder says where to read, and classes are those built in.
            Err(_) if self.config.config.is_none() && self.state.is_some() => Config::without_file(),
            Err(problems) => {
                eprintln!("{problems}");
                return ExitCode::FAILURE;
            }
        };
        let Some(directory) = self.state.clone().or_else(|| config.state.as_ref().map(|spec| spec.directory.clone()))
        else {
            eprintln!("forwarden: {} has no [state]: nothing is remembered that could be reported", path.display());
            return ExitCode::FAILURE;
        };
        let now = Timestamp::now();
        let table = Reader::open(&directory)
            .and_then(|reader| rows::table(self.about, &reader, &directory, &config, now - self.since, now));
        match table {
            Ok(table) => {
                super::print(&match self.format {
                    Format::Text => table.text(),
                    Format::Json => table.json(),
                    Format::Csv => table.csv(),
                    Format::Html => html::page(&table, now),
                });
                ExitCode::SUCCESS
            }
            Err(error) => {
                eprintln!("forwarden: the state in {} cannot be read: {error}", directory.display());
                ExitCode::FAILURE
            }
        }
    }
}

fn duration(text: &str) -> Result<SignedDuration, String> {
    parse_duration(text)
        .filter(|span| span.is_positive() && *span <= SignedDuration::from_hours(24 * 3_650))
        .ok_or_else(|| "write 30d, 12h; at most 3650d".to_owned())
}
