//! How much waits, and why.

use super::super::counted;
use super::super::source::printable;
use super::{Format, Shown, directory};
use crate::sink::spool::{self, OutputStatus};
use jiff::Timestamp;
use std::fmt::Write;
use std::io;
use std::process::ExitCode;

/// How much of an error is shown.
const SHOWN: usize = 400;
/// The width of a line of it.
const WIDTH: usize = 96;

impl Shown {
    pub(super) fn run(self) -> io::Result<ExitCode> {
        let status = spool::status(&directory(&self.config)?)?;
        if self.format == Format::Json {
            super::super::print(&format!("{}\n", serde_json::to_string(&status).map_err(io::Error::other)?));
            return Ok(ExitCode::SUCCESS);
        }
        let mut out = format!(
            "{} in {}, {} refused; the oldest {}\n\n",
            counted(status.events, "event"),
            octets(status.bytes),
            status.refused,
            age(status.oldest)
        );
        let _ = writeln!(
            out,
            "{:<20}  {:<10}  {:>9}  {:>10}  {:>9}  {:>7}  last delivery",
            "output", "state", "waiting", "delivered", "dropped", "refused"
        );
        status.outputs.iter().for_each(|output| line(&mut out, output));
        super::super::print(&out);
        Ok(ExitCode::SUCCESS)
    }
}

fn line(out: &mut String, output: &OutputStatus) {
    let _ = writeln!(
        out,
        "{:<20}  {:<10}  {:>9}  {:>10}  {:>9}  {:>7}  {}",
        printable(&output.output, 19),
        printable(&output.state, 10),
        output.waiting,
        output.delivered,
        output.dropped,
        output.refused,
        age(output.last_delivery)
    );
    if output.waiting > 0 {
        let _ = writeln!(out, "  the oldest that waits came {}", age(output.oldest));
    }
    if let Some(error) = output.error.as_deref().filter(|_| matches!(output.state.as_str(), "retrying" | "held")) {
        let text = format!("{}: {}", age(output.since), printable(error, SHOWN));
        wrapped(&text).iter().for_each(|line| {
            let _ = writeln!(out, "  {line}");
        });
    }
}

/// A text in lines of at most 96 characters, broken at spaces where there are any.
fn wrapped(text: &str) -> Vec<String> {
    let mut lines: Vec<String> = vec![String::new()];
    for word in text.split(' ') {
        let chars: Vec<char> = word.chars().collect();
        for part in chars.chunks(WIDTH) {
            let Some(line) = lines.last_mut() else { break };
            let room = WIDTH.saturating_sub(line.chars().count());
            if line.is_empty() || part.len() < room {
                if !line.is_empty() {
                    line.push(' ');
                }
                line.extend(part);
            } else {
                lines.push(part.iter().collect());
            }
        }
    }
    lines
}

/// How long ago.
fn age(time: Option<Timestamp>) -> String {
    let Some(time) = time else { return "never".to_owned() };
    let seconds = Timestamp::now().duration_since(time).as_secs().max(0);
    match seconds {
        0..=119 => format!("{seconds} s ago"),
        120..=7_199 => format!("{} min ago", seconds / 60),
        7_200..=172_799 => format!("{} h ago", seconds / 3_600),
        _ => format!("{} d ago", seconds / 86_400),
    }
}

fn octets(bytes: u64) -> String {
    if bytes < 10 << 20 { format!("{} KiB", bytes >> 10) } else { format!("{} MiB", bytes >> 20) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_errors_are_shown_whole() {
        let digits = "0f".repeat(32);
        let text =
            format!("4 s ago: siem.corp.example:6514: the receiver's certificate has another fingerprint: {digits}");
        let lines = wrapped(&text);
        assert!(lines.len() == 2 && lines[1] == digits, "{lines:?}");
        assert_eq!(lines.join(" "), text);
        let lines = wrapped(&"x".repeat(300));
        assert!(lines.iter().all(|line| line.len() <= WIDTH) && lines.concat().len() == 300, "{lines:?}");
        assert_eq!(wrapped(""), [""]);
    }
}
