//! What may be asked of the running daemon: how it is, and to read its configuration again.
//!
//! Over a UNIX socket that only the daemon's user and root can open: one line of JSON with a [`Request`], one with the
//! answer, and the end of the connection.

mod client;
mod server;

pub use client::ask;
pub use server::{Asked, serve};

use crate::frontend::Role;
use crate::policy::Mode;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// What is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "command")]
pub enum Request {
    /// How the daemon is.
    Status,
    /// To read the configuration again, and say what came of it; the answer is the status then.
    Reload,
}

/// How the daemon is.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Status {
    /// Its version.
    pub version: String,
    /// Its process.
    pub pid: u32,
    /// When it became ready.
    pub started: Timestamp,
    /// Messages between MAIL and the end of the message.
    pub messages_in_progress: usize,
    /// The configuration in use.
    pub configuration: Configuration,
    /// Where it listens.
    pub listeners: Vec<Listener>,
    /// What is remembered of earlier mail; `null` where nothing is.
    pub state: Option<Part>,
    /// The store of messages; `null` where there is none.
    pub quarantine: Option<Part>,
}

/// The configuration in use.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Configuration {
    /// Its file.
    pub file: PathBuf,
    /// When it was read.
    pub loaded: Timestamp,
    /// Whether decisions are carried out.
    pub mode: Mode,
    /// How many rules it has.
    pub rules: usize,
    /// How many exceptions.
    pub exceptions: usize,
    /// How many files its lists were read from.
    pub list_files: usize,
    /// Keys that were changed since the start and wait for a restart.
    pub needs_restart: Vec<String>,
    /// What is odd about it, as `check` says it.
    pub warnings: Vec<String>,
    /// Why what stands in the files now is not in use; `null` where it is.
    pub refused: Option<Refused>,
}

/// A reload that did not succeed: what was in use before stays.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Refused {
    /// When it was tried last.
    pub when: Timestamp,
    /// Everything that is wrong, as `check` says it.
    pub problems: Vec<String>,
}

/// A socket on which mail servers are served.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Listener {
    /// Its name.
    pub name: String,
    /// Its address, as in the configuration.
    pub socket: String,
    /// What it may do.
    pub role: Role,
}

/// A folder that the daemon writes to.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Part {
    /// Where it is.
    pub directory: PathBuf,
    /// What is wrong with it; `null` where nothing is.
    pub fault: Option<String>,
}

impl Status {
    /// Whether somebody should look after it: a configuration that was refused, or a folder that cannot be used.
    pub fn is_fine(&self) -> bool {
        let parts = self.state.iter().chain(&self.quarantine);
        self.configuration.refused.is_none() && parts.into_iter().all(|part| part.fault.is_none())
    }
}
