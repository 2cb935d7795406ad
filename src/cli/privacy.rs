//! `forwarden privacy`: the key of pseudonyms.

use super::source::ConfigOption;
use crate::privacy::Key;
use clap::{Args, Subcommand};
use std::path::PathBuf;
use std::process::ExitCode;

/// Make the key of pseudonyms ([privacy]).
#[derive(Debug, Args)]
pub(super) struct Command {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Make a new key, in a file that does not exist yet, readable by its owner alone
    NewKey(NewKey),
}

#[derive(Debug, Args)]
struct NewKey {
    /// The file, in the place of the configured one.
    #[arg(long, value_name = "FILE")]
    file: Option<PathBuf>,
    #[command(flatten)]
    config: ConfigOption,
}

impl Command {
    /// Makes it.
    pub(super) fn run(self) -> ExitCode {
        let What::NewKey(NewKey { file, config }) = self.what;
        let configured = || super::offline_config(&config, &[]).map(|config| config.privacy.key);
        let path = match file {
            Some(file) => file,
            None => match configured() {
                Some(Some(path)) => path,
                Some(None) => {
                    super::complain("no key is configured: name --file FILE, or set privacy.key");
                    return ExitCode::FAILURE;
                }
                None => return ExitCode::FAILURE,
            },
        };
        match Key::make(&path) {
            Ok(()) => {
                let path = path.display();
                super::print(&format!(
                    "{path}: a new key. Keep a copy where the pseudonyms are not: without it nobody can be named again.\n"
                ));
                ExitCode::SUCCESS
            }
            Err(error) => {
                let hint = match error.kind() {
                    std::io::ErrorKind::AlreadyExists => {
                        ": a key is never overwritten; move it away to begin with another"
                    }
                    _ => "",
                };
                super::complain(&format!("{}: {error}{hint}", path.display()));
                ExitCode::FAILURE
            }
        }
    }
}
