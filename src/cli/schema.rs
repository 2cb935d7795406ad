//! `forwarden schema`: the JSON Schema of the events.

use clap::Args;
use std::process::ExitCode;

/// Print the JSON Schema (2020-12) of the events.
#[derive(Debug, Args)]
pub(super) struct Command {}

impl Command {
    /// Prints.
    pub(super) fn run(self) -> ExitCode {
        super::print(crate::event::schema());
        ExitCode::SUCCESS
    }
}
