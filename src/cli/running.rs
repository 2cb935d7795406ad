//! `forwarden status` and `forwarden reload`: the running daemon, asked.

use super::source::{ConfigOption, printable};
use super::{DEFAULT_CONFIG, complain, counted, print};
use crate::config::Config;
use crate::control::{Part, Request, Status, ask};
use crate::policy::Mode;
use clap::{Args, ValueEnum};
use jiff::{SignedDuration, Timestamp};
use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Where the daemon is asked if its configuration does not say it, or cannot be read.
const DEFAULT_SOCKET: &str = "/run/forwarden/control.sock";

/// How a question is put.
#[derive(Debug, Args)]
struct Question {
    #[command(flatten)]
    config: ConfigOption,
    /// The daemon's control socket [default: `daemon.control` of the configuration, or /run/forwarden/control.sock]
    #[arg(long, value_name = "PATH")]
    socket: Option<PathBuf>,
    /// How the answer is printed.
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// A line a thing.
    Text,
    /// One JSON object.
    Json,
}

/// Ask the running daemon how it is.
///
/// Which configuration it uses and whether what stands in the files now was refused, where it listens, and whether its
/// folders can be used. The daemon answers at `daemon.control`, to its own user and root.
///
/// Exit status: 0 if all is fine; 1 if something wants looking after, or no daemon answers.
#[derive(Debug, Args)]
pub(super) struct StatusCommand {
    #[command(flatten)]
    question: Question,
}

/// Have the running daemon read its configuration again, and wait for what comes of it.
///
/// As SIGHUP does, but whoever asks sees the answer: every problem, where the files cannot be used; what is in use then stays.
///
/// Exit status: 0 if the new configuration is in use; 1 if it was refused, something else wants looking after, or no daemon
/// answers.
#[derive(Debug, Args)]
pub(super) struct ReloadCommand {
    #[command(flatten)]
    question: Question,
}

impl StatusCommand {
    pub(super) fn run(self) -> ExitCode {
        self.question.put(Request::Status)
    }
}

impl ReloadCommand {
    pub(super) fn run(self) -> ExitCode {
        self.question.put(Request::Reload)
    }
}

impl Question {
    fn put(self, request: Request) -> ExitCode {
        let config = self.config.config.as_deref().unwrap_or(Path::new(DEFAULT_CONFIG));
        let configured = || Config::control_socket(config).unwrap_or_else(|| DEFAULT_SOCKET.into());
        let socket = self.socket.unwrap_or_else(configured);
        let status = match ask(&socket, request) {
            Ok(status) => status,
            Err(error) => {
                complain(&format!("{}: {}", socket.display(), why(&error, config)));
                return ExitCode::FAILURE;
            }
        };
        match self.format {
            Format::Text => print(&text(&status, Timestamp::now())),
            Format::Json => match serde_json::to_string(&status) {
                Ok(line) => print(&format!("{line}\n")),
                Err(error) => complain(&error.to_string()),
            },
        }
        if status.is_fine() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
    }
}

/// What keeps the daemon from being asked, and what to do.
fn why(error: &io::Error, config: &Path) -> String {
    match error.kind() {
        io::ErrorKind::NotFound => {
            let key = "control = \"/run/forwarden/control.sock\"";
            format!(
                "there is no such socket: the daemon does not run, or {} has no {key} under [daemon] \
                 (a restart puts it in place), or another --config or --socket is meant",
                config.display()
            )
        }
        io::ErrorKind::ConnectionRefused => "nobody listens there: the daemon does not run".to_owned(),
        io::ErrorKind::PermissionDenied => "only the daemon's user and root may ask".to_owned(),
        io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => "the daemon did not answer in time".to_owned(),
        io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof => format!("that is no answer of forwarden: {error}"),
        _ => error.to_string(),
    }
}

/// A line a thing; problems as long as they are, so that they can be searched for.
fn text(status: &Status, now: Timestamp) -> String {
    let ago = |time: Timestamp| format!("{} ago", span(now.duration_since(time)));
    let configuration = &status.configuration;
    let mut lines = vec![
        format!("forwarden {}, process {}, ready since {}", status.version, status.pid, ago(status.started)),
        format!("messages in progress: {}", status.messages_in_progress),
        format!(
            "configuration: {}, read {}: mode {}, {}, {}, {}",
            printable(&configuration.file.display().to_string(), 200),
            ago(configuration.loaded),
            if configuration.mode == Mode::Enforce { "enforce" } else { "observe" },
            counted(configuration.rules, "rule"),
            counted(configuration.exceptions, "exception"),
            counted(configuration.list_files, "list file"),
        ),
    ];
    if let Some(refused) = &configuration.refused {
        let count = counted(refused.problems.len(), "problem");
        lines.push(format!("NOT IN USE: what stands in the files now, refused {}, {count}:", ago(refused.when)));
        lines.extend(refused.problems.iter().map(|problem| format!("  {}", printable(problem, 1000))));
    }
    for warning in &configuration.warnings {
        lines.push(format!("  {}", printable(warning, 1000)));
    }
    if !configuration.needs_restart.is_empty() {
        lines.push(format!("changed, but only after a restart in use: {}", configuration.needs_restart.join("; ")));
    }
    for listener in &status.listeners {
        let role = if listener.role == crate::frontend::Role::Enforce { "enforces" } else { "observes" };
        lines.push(format!("listener {}: {} {role}", listener.name, printable(&listener.socket, 200)));
    }
    for (name, part) in [("state", &status.state), ("quarantine", &status.quarantine)] {
        lines.push(part.as_ref().map_or_else(|| format!("{name}: none"), |part| folder(name, part)));
    }
    lines.push(String::new());
    lines.join("\n")
}

fn folder(name: &str, part: &Part) -> String {
    let directory = printable(&part.directory.display().to_string(), 200);
    match &part.fault {
        None => format!("{name}: {directory}"),
        Some(fault) => format!("{name}: CANNOT BE USED: {directory}: {}", printable(fault, 1000)),
    }
}

/// A span in its largest unit.
fn span(span: SignedDuration) -> String {
    let seconds = span.as_secs().max(0);
    match seconds {
        0..120 => format!("{seconds} s"),
        120..7200 => format!("{} min", seconds / 60),
        7200..172_800 => format!("{} h", seconds / 3600),
        _ => format!("{} d", seconds / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans() {
        for (seconds, text) in [(-5, "0 s"), (119, "119 s"), (120, "2 min"), (7200, "2 h"), (172_800, "2 d")] {
            assert_eq!(span(SignedDuration::from_secs(seconds)), text);
        }
    }
}
