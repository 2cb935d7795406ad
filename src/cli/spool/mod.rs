//! `forwarden spool`: what waits for the outputs, why, and what is to become of it.

mod list;
mod status;

use super::source::ConfigOption;
use crate::config::parse_duration;
use crate::sink::spool::{self, Asked};
use clap::{Args, Subcommand, ValueEnum};
use jiff::Timestamp;
use std::io;
use std::path::PathBuf;
use std::process::ExitCode;

/// Look after the events that wait to be delivered.
///
/// Works on the spool of the configuration, also while the daemon runs: what is asked for it then does within a second.
///
/// Exit status: 0; 1 if something could not be done, or is not as it should be.
#[derive(Debug, Args)]
pub(super) struct Command {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// How much waits, for each output, and why
    Status(Shown),
    /// The events that wait, oldest first; with --refused those that were refused for good
    List(List),
    /// Look for damage: in the file, and in each event
    Verify(Verify),
    /// Send events again: those that are still there, or with --refused those that were refused
    Replay(Replay),
    /// Forget events: those that wait, or with --refused those that were refused
    Purge(Purge),
}

#[derive(Debug, Args)]
struct Shown {
    #[command(flatten)]
    config: ConfigOption,
    /// How it is printed
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
}

#[derive(Debug, Args)]
struct List {
    #[command(flatten)]
    config: ConfigOption,
    /// What waits for this output
    #[arg(long)]
    output: Option<String>,
    /// What was refused for good, with what the receiver said
    #[arg(long)]
    refused: bool,
    /// So many at the most
    #[arg(long, default_value = "100")]
    limit: usize,
    /// How they are printed
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
}

#[derive(Debug, Args)]
struct Verify {
    #[command(flatten)]
    config: ConfigOption,
}

#[derive(Debug, Args)]
struct Replay {
    #[command(flatten)]
    config: ConfigOption,
    /// To this output; to every one without it
    #[arg(long)]
    output: Option<String>,
    /// What was refused for good
    #[arg(long, conflicts_with = "since")]
    refused: bool,
    /// What came in this time: 2h, 7d. Delivered events are there for as long as spool.keep says
    #[arg(long, value_name = "TIME", value_parser = ago)]
    since: Option<Timestamp>,
}

#[derive(Debug, Args)]
struct Purge {
    #[command(flatten)]
    config: ConfigOption,
    /// For this output
    #[arg(long, required_unless_present = "all")]
    output: Option<String>,
    /// For every output
    #[arg(long, conflicts_with = "output")]
    all: bool,
    /// What was refused for good
    #[arg(long, conflicts_with = "older")]
    refused: bool,
    /// What came before this time: 2h, 7d
    #[arg(long, value_name = "TIME", value_parser = ago)]
    older: Option<Timestamp>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// For people
    Text,
    /// JSON
    Json,
}

fn ago(text: &str) -> Result<Timestamp, String> {
    let span = parse_duration(text).ok_or_else(|| "write a time as 30m, 2h or 7d".to_owned())?;
    Timestamp::now().checked_sub(span).map_err(|error| error.to_string())
}

impl Command {
    /// Does what is asked for.
    pub(super) fn run(self) -> ExitCode {
        let done = match self.what {
            What::Status(command) => command.run(),
            What::List(command) => command.run(),
            What::Verify(command) => command.run(),
            What::Replay(command) => {
                let asked = if command.refused { Asked::ReplayRefused } else { Asked::Replay(command.since) };
                act(&command.config, asked, command.output.as_deref())
            }
            What::Purge(command) => {
                let asked = if command.refused { Asked::PurgeRefused } else { Asked::Purge(command.older) };
                act(&command.config, asked, command.output.as_deref())
            }
        };
        done.unwrap_or_else(|error| {
            super::complain(&error.to_string());
            ExitCode::FAILURE
        })
    }
}

/// The folder of the spool of a configuration.
fn directory(option: &ConfigOption) -> io::Result<PathBuf> {
    let config =
        super::offline_config(option, &[]).ok_or_else(|| io::Error::other("the configuration cannot be used"))?;
    let spec = config.spool.ok_or_else(|| {
        io::Error::other("the configuration has no [spool]: write it with directory = \"/var/lib/forwarden/spool\"")
    })?;
    Ok(spec.directory)
}

fn act(option: &ConfigOption, asked: Asked, output: Option<&str>) -> io::Result<ExitCode> {
    let done = spool::act(&directory(option)?, asked, output)?;
    super::print(if done { "done\n" } else { "the daemon does it within a second\n" });
    Ok(ExitCode::SUCCESS)
}

impl Verify {
    fn run(self) -> io::Result<ExitCode> {
        let (events, wrong) = spool::verify(&directory(&self.config)?)?;
        if wrong.is_empty() {
            super::print(&format!("{events} events, nothing is wrong\n"));
            return Ok(ExitCode::SUCCESS);
        }
        let lines: String = wrong.iter().map(|line| format!("{}\n", super::source::printable(line, 98))).collect();
        super::print(&lines);
        Ok(ExitCode::FAILURE)
    }
}
