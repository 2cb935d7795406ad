//! The commands: one file each.

mod audit;
mod backfill;
mod check;
mod demo;
mod detectors;
mod doctor;
mod erase;
mod exceptions;
mod explain;
mod metrics;
mod outputs;
mod privacy;
mod quarantine;
mod replay;
mod report;
mod running;
mod schema;
mod serve;
mod source;
mod spool;
mod unmask;

use crate::clock::SystemClock;
use crate::config::Config;
use crate::engine::Engine;
use crate::message::{Domain, DomainSet};
use crate::sink::NullSink;
use clap::{Parser, Subcommand};
use source::ConfigOption;
use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

/// Where the configuration is looked for.
const DEFAULT_CONFIG: &str = "/etc/forwarden/forwarden.toml";

/// Finds auto-forwarded mail that leaves an organisation, and does what policy says.
#[derive(Debug, Parser)]
#[command(name = "forwarden", version, max_term_width = 100)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Serve(serve::Command),
    Demo(demo::Command),
    Backfill(backfill::Command),
    Check(check::Command),
    Doctor(doctor::Command),
    Erase(erase::Command),
    Exceptions(exceptions::Command),
    Explain(explain::Command),
    Outputs(outputs::Command),
    Privacy(privacy::Command),
    Quarantine(quarantine::Command),
    Replay(replay::Command),
    Report(report::Command),
    Audit(audit::Command),
    Detectors(detectors::Command),
    Metrics(metrics::Command),
    Schema(schema::Command),
    Spool(spool::Command),
    Unmask(unmask::Command),
    Status(running::StatusCommand),
    Reload(running::ReloadCommand),
}

impl Cli {
    /// Does what the arguments ask for.
    pub fn run(self) -> ExitCode {
        match self.command {
            Command::Serve(command) => command.run(),
            Command::Demo(command) => command.run(),
            Command::Backfill(command) => command.run(),
            Command::Check(command) => command.run(),
            Command::Doctor(command) => command.run(),
            Command::Erase(command) => command.run(),
            Command::Exceptions(command) => command.run(),
            Command::Explain(command) => command.run(),
            Command::Outputs(command) => command.run(),
            Command::Privacy(command) => command.run(),
            Command::Quarantine(command) => command.run(),
            Command::Replay(command) => command.run(),
            Command::Report(command) => command.run(),
            Command::Audit(command) => command.run(),
            Command::Detectors(command) => command.run(),
            Command::Metrics(command) => command.run(),
            Command::Schema(command) => command.run(),
            Command::Spool(command) => command.run(),
            Command::Unmask(command) => command.run(),
            Command::Status(command) => command.run(),
            Command::Reload(command) => command.run(),
        }
    }
}

/// A number of things, in words.
fn counted(number: impl TryInto<u64>, what: &str) -> String {
    let number = number.try_into().unwrap_or(u64::MAX);
    if number == 1 { format!("1 {what}") } else { format!("{number} {what}s") }
}

/// Writes to standard output. Where the reader has gone away, having seen enough, nothing is written and the command goes
/// on: its exit status tells of what it checked, not of who read it.
fn print(text: &str) {
    let mut out = io::stdout().lock();
    if let Err(error) = out.write_all(text.as_bytes()).and_then(|()| out.flush())
        && error.kind() != io::ErrorKind::BrokenPipe
    {
        eprintln!("forwarden: standard output: {error}");
        std::process::exit(1);
    }
}

/// Says on standard error what could not be done. It may quote what mail holds, so it is made safe for a terminal.
fn complain(problem: &str) {
    eprintln!("forwarden: {}", source::printable(problem, 1000));
}

/// The configuration of commands beside the daemon: the file that was named, the default one where it exists, or none.
/// `own` goes in the place of its own domains. Problems are printed.
fn offline_config(option: &ConfigOption, own: &[Domain]) -> Option<Config> {
    let default = Path::new(DEFAULT_CONFIG);
    let path = option.config.as_deref().or_else(|| default.exists().then_some(default));
    path.map_or_else(|| Some(with_own(Config::without_file(), own)), |path| load(path, own))
}

/// A configuration file, as above.
fn load(path: &Path, own: &[Domain]) -> Option<Config> {
    match Config::load(path) {
        Ok(loaded) => Some(with_own(loaded.config, own)),
        Err(problems) => {
            eprintln!("{problems}");
            None
        }
    }
}

fn with_own(mut config: Config, own: &[Domain]) -> Config {
    if !own.is_empty() {
        config.organization.domains = DomainSet::new();
        own.iter().for_each(|domain| config.organization.domains.insert(domain.clone(), true));
    }
    config
}

/// The engine of commands that look at stored mail.
fn offline_engine(config: &Config) -> Engine {
    crate::app::engine(config, Arc::new(SystemClock), Arc::new(NullSink))
}
