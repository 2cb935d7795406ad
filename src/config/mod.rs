//! The configuration: TOML → [`Config`], every problem at once, each with file, line, reason and hint. The only module
//! that knows the parts' own settings.

use crate::assess::Weights;
use crate::frontend::ListenerSpec;
use crate::message::{Limits, Organization};
use crate::policy::Policy;
use crate::sink::Output;
use std::time::Duration;

/// A configuration that was checked.
#[derive(Debug, Clone)]
pub struct Config {
    /// What is ours.
    pub organization: Organization,
    /// Where mail comes in.
    pub listeners: Vec<ListenerSpec>,
    /// What is done about it.
    pub policy: Policy,
    /// How evidence is weighed.
    pub weights: Weights,
    /// How much of a message is read.
    pub limits: Limits,
    /// Whether the beginning of the body is looked at.
    pub read_body: bool,
    /// Where events go.
    pub output: Output,
    /// Whether mail in which nothing was found is reported too.
    pub report_ordinary: bool,
    /// How the log is written.
    pub log: LogSpec,
    /// The process.
    pub daemon: DaemonSpec,
}

/// How the log is written: to standard error, apart from the events.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogSpec {
    /// `error`, `warn`, `info`, `debug`, `trace`.
    pub level: String,
    /// JSON instead of text.
    pub json: bool,
}

/// The process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DaemonSpec {
    /// How long messages in progress may take to finish after SIGTERM.
    pub drain: Duration,
    /// Connections open at the same time at one listener; more wait.
    pub max_connections: usize,
}
