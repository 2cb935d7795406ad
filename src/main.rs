//! Collects the arguments, hands them to the commands, sets the exit status.

use clap::Parser;
use std::process::ExitCode;

fn main() -> ExitCode {
    forwarden::cli::Cli::parse().run()
}
