//! `forwarden serve`: the daemon.

use clap::Args;
use std::path::PathBuf;
use std::process::ExitCode;

/// Run the daemon in the foreground until SIGTERM; SIGHUP reloads the configuration.
///
/// Exit status: 0 after SIGTERM, 78 if the configuration is wrong, 1 if a socket or the event file cannot be opened.
/// The log goes to standard error, events where [events] output says.
#[derive(Debug, Args)]
pub(super) struct Command {
    /// Configuration file.
    #[arg(long, short, value_name = "FILE", default_value = super::DEFAULT_CONFIG)]
    config: PathBuf,
}

impl Command {
    /// Serves.
    pub(super) fn run(self) -> ExitCode {
        crate::app::serve(&self.config)
    }
}
