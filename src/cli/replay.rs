//! `forwarden replay`: stored mail through the engine, one JSON line for each message and external recipient.

use super::source::{self, ConfigOption, Item};
use crate::engine::{Engine, Inspection};
use crate::message::{Limits, Message};
use clap::{Args, ValueEnum};
use serde::Serialize;
use std::io::{self, IsTerminal, Write};
use std::path::PathBuf;
use std::process::ExitCode;

/// One external recipient of one message: the contract of `--format json`.
#[derive(Debug, Serialize)]
struct Line<'a> {
    case: &'a str,
    recipient: String,
    verdict: &'static str,
    confidence: f64,
    mechanism: Option<&'static str>,
    platform: Option<&'static str>,
    forwarder: Option<String>,
    forwarder_guessed: bool,
    destination: String,
    original_sender: Option<String>,
    rule: Option<&'a str>,
    exception: Option<&'a str>,
    actions: Vec<&'static str>,
    would: Vec<&'static str>,
    evidence: Vec<Seen<'a>>,
}

#[derive(Debug, Serialize)]
struct Seen<'a> {
    id: &'static str,
    weight: f64,
    counted: f64,
    polarity: crate::detect::Polarity,
    #[serde(rename = "where")]
    place: &'a str,
    value: &'a str,
}

/// Run stored mail through the engine: cases, a Maildir, an mbox, a folder of .eml files, in order of time.
///
/// Nothing is sent and nothing is changed. What cannot be read is named on standard error, the rest goes on, and the exit
/// status is 1.
#[derive(Debug, Args)]
pub(super) struct Command {
    /// Files and folders.
    #[arg(required = true)]
    paths: Vec<PathBuf>,
    /// How it is printed.
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
    #[command(flatten)]
    config: ConfigOption,
    /// Own domain, in the place of the configured ones. May be given several times.
    #[arg(long = "own", value_name = "DOMAIN")]
    own: Vec<String>,
}

impl Command {
    /// Replays.
    pub(super) fn run(self) -> ExitCode {
        let Some((engine, config)) = super::offline_engine(&self.config, &self.own) else {
            return ExitCode::FAILURE;
        };
        let settings = Settings { format: self.format, limits: config.limits, read_body: config.read_body };
        let mut out = io::BufWriter::new(io::stdout().lock());
        match replay(&engine, settings, &self.paths, &mut out) {
            Ok(0) => ExitCode::SUCCESS,
            Ok(_) => ExitCode::FAILURE,
            // Whoever read the output has seen enough.
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
            Err(error) => {
                eprintln!("forwarden: standard output: {error}");
                ExitCode::FAILURE
            }
        }
    }
}

/// How a replay is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Format {
    /// A table for people.
    Text,
    /// One JSON object a line.
    Json,
}

/// Runs the messages under `paths` through `engine`. Returns how many could not be read; each was named on standard error.
///
/// # Errors
/// Standard output cannot be written.
fn replay(engine: &Engine, settings: Settings, paths: &[PathBuf], out: &mut dyn Write) -> io::Result<usize> {
    let (items, mut problems) = source::collect(paths);
    let total = items.len();
    let progress = total > 500 && io::stderr().is_terminal() && !io::stdout().is_terminal();
    if settings.format == Format::Text {
        writeln!(out, "{:<34} {:<28} {:<14} {:>5}  mechanism, would be", "forwarder", "recipient", "verdict", "conf.")?;
    }
    for (index, item) in items.iter().enumerate() {
        if progress && index % 100 == 0 {
            eprint!("\r{index} of {total} messages");
        }
        let circumstances = item.envelope.as_ref().map(|envelope| envelope.circumstances("replay")).unwrap_or_default();
        match item.message(&circumstances, settings.limits, settings.read_body) {
            Ok(message) => one(engine, settings, item, &message, out)?,
            Err(problem) => problems.push(problem),
        }
    }
    if progress {
        eprintln!("\r{total} of {total} messages");
    }
    for problem in &problems {
        eprintln!("forwarden: {problem}");
    }
    out.flush()?;
    Ok(problems.len())
}

/// What a replay needs beside the engine.
#[derive(Debug, Clone, Copy)]
struct Settings {
    /// How it is printed.
    format: Format,
    /// How much of a message is read.
    limits: Limits,
    /// Whether the beginning of the body is looked at.
    read_body: bool,
}

fn one(engine: &Engine, settings: Settings, item: &Item, message: &Message, out: &mut dyn Write) -> io::Result<()> {
    let organization = source::organization(&engine.organization, item.envelope.as_ref());
    let inspection = engine.inspect_as(message, &organization, true);
    for line in lines(&item.name, &inspection) {
        match settings.format {
            Format::Json => {
                serde_json::to_writer(&mut *out, &line)?;
                writeln!(out)?;
            }
            Format::Text => {
                let done = if line.would.is_empty() { line.actions.join("+") } else { line.would.join("+") };
                let detail = format!("{} {done}", line.mechanism.unwrap_or("-"));
                let forwarder = line.forwarder.as_deref().unwrap_or("-");
                writeln!(
                    out,
                    "{forwarder:<34} {:<28} {:<14} {:>5.3}  {detail}",
                    line.recipient, line.verdict, line.confidence
                )?;
            }
        }
    }
    Ok(())
}

fn lines<'a>(case: &'a str, inspection: &'a Inspection) -> impl Iterator<Item = Line<'a>> {
    let sides = inspection.assessments.iter().zip(&inspection.decisions).zip(&inspection.carried);
    sides.map(|((assessment, decision), carried)| Line {
        case,
        recipient: assessment.destination.to_string(),
        verdict: assessment.verdict.name(),
        confidence: (assessment.confidence * 1000.0).round() / 1000.0,
        mechanism: assessment.mechanism.map(crate::detect::Mechanism::name),
        platform: assessment.platform,
        forwarder: assessment.forwarder.as_ref().map(ToString::to_string),
        forwarder_guessed: assessment.forwarder_guessed,
        destination: assessment.destination.to_string(),
        original_sender: assessment.original_sender.as_ref().map(ToString::to_string),
        rule: decision.rule.as_deref(),
        exception: decision.exception.as_deref(),
        actions: decision.actions.iter().map(crate::policy::Action::name).collect(),
        would: carried.would.iter().map(|would| would.done.name()).collect(),
        evidence: assessment
            .evidence
            .iter()
            .map(|seen| Seen {
                id: seen.evidence.signal.id,
                weight: seen.evidence.weight,
                counted: seen.counted,
                polarity: seen.evidence.signal.polarity,
                place: &seen.evidence.place,
                value: &seen.evidence.value,
            })
            .collect(),
    })
}
