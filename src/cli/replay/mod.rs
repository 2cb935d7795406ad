//! `forwarden replay`: stored mail through the engine, one JSON line for each message and external recipient; or what
//! another configuration would change.

mod against;

use super::source::{self, ConfigOption, Item, json, printable};
use crate::config::Config;
use crate::engine::{Engine, Inspection};
use crate::message::Domain;
use crate::policy::HeldBack;
use against::Changes;
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
    platform: Option<&'a str>,
    forwarder: Option<String>,
    forwarder_guessed: bool,
    destination: String,
    original_sender: Option<String>,
    rule: Option<&'a str>,
    exception: Option<&'a str>,
    actions: Vec<&'static str>,
    action: &'static str,
    would: Vec<&'static str>,
    would_rule: Option<&'a str>,
    held_back: Option<HeldBack>,
    evidence: Vec<Seen<'a>>,
}

#[derive(Debug, Serialize)]
struct Seen<'a> {
    id: &'a str,
    weight: f64,
    counted: f64,
    polarity: crate::detect::Polarity,
    #[serde(rename = "where")]
    place: &'a str,
    value: &'a str,
}

/// Run stored mail through the engine: cases, a Maildir, an mbox, a folder of .eml files, in order of time.
///
/// Nothing is sent and nothing is changed. What cannot be read is named on standard error, and the rest goes on.
///
/// With --against every message is judged by both configurations, as of now, and what the new one would treat otherwise is
/// printed: another verdict, another rule or exception, something else done or held back. Limits for a day are not counted.
///
/// Exit status: 0; 1 if something could not be read; with --against 1 if anything would change, too.
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
    /// Another configuration file: print what it would change.
    #[arg(long, value_name = "FILE")]
    against: Option<PathBuf>,
    /// Own domain, in the place of the configured ones. May be given several times.
    #[arg(long = "own", value_name = "DOMAIN", value_parser = source::own_domain)]
    own: Vec<Domain>,
}

impl Command {
    /// Replays.
    pub(super) fn run(self) -> ExitCode {
        let Some(before) = super::offline_config(&self.config, &self.own).map(Side::new) else {
            return ExitCode::FAILURE;
        };
        let after = match &self.against {
            None => None,
            Some(path) => match super::load(path, &self.own).map(Side::new) {
                None => return ExitCode::FAILURE,
                after => after,
            },
        };
        let (items, problems) = source::collect(&self.paths);
        problems.iter().for_each(|problem| super::complain(problem));
        let mut replay =
            Replay { before, after, format: self.format, changes: Changes::default(), failed: !problems.is_empty() };
        match replay.run(&items, &mut io::BufWriter::new(io::stdout().lock())) {
            // Whoever read the output has seen enough; the status still tells what is known by then.
            Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
                super::complain(&format!("standard output: {error}"));
                ExitCode::FAILURE
            }
            _ if replay.failed || replay.changes.any() => ExitCode::FAILURE,
            _ => ExitCode::SUCCESS,
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

/// A configuration and its engine.
struct Side {
    config: Config,
    engine: Engine,
}

impl Side {
    fn new(config: Config) -> Self {
        Self { engine: super::offline_engine(&config), config }
    }

    fn inspect(&self, item: &Item) -> Result<Inspection, String> {
        let circumstances = item.envelope.as_ref().map(|envelope| envelope.circumstances("replay")).unwrap_or_default();
        let message = item.message(&circumstances, self.config.limits, self.config.read_body)?;
        let organization = source::organization(&self.engine.organization, item.envelope.as_ref());
        Ok(self.engine.inspect_as(&message, &organization, true))
    }
}

/// A replay under way.
struct Replay {
    before: Side,
    after: Option<Side>,
    format: Format,
    changes: Changes,
    /// Whether something could not be read.
    failed: bool,
}

impl Replay {
    fn run(&mut self, items: &[Item], out: &mut dyn Write) -> io::Result<()> {
        let total = items.len();
        let progress = total > 500 && io::stderr().is_terminal() && !io::stdout().is_terminal();
        if self.format == Format::Text && self.after.is_none() {
            writeln!(
                out,
                "{:<34} {:<28} {:<14} {:>5}  mechanism, would be",
                "forwarder", "recipient", "verdict", "conf."
            )?;
        }
        for (index, item) in items.iter().enumerate() {
            if progress && index % 100 == 0 {
                eprint!("\r{index} of {total} messages");
            }
            self.one(item, out)?;
        }
        if progress {
            eprintln!("\r{total} of {total} messages");
        }
        if self.after.is_some() && self.format == Format::Text {
            self.changes.summary(out)?;
        }
        out.flush()
    }

    fn one(&mut self, item: &Item, out: &mut dyn Write) -> io::Result<()> {
        let both = self.before.inspect(item).and_then(|before| {
            let after = self.after.as_ref().map(|after| after.inspect(item)).transpose()?;
            Ok((before, after))
        });
        match (both, self.format) {
            (Err(problem), _) => {
                super::complain(&problem);
                self.failed = true;
                Ok(())
            }
            (Ok((before, Some(after))), Format::Json) => self.changes.compare(&item.name, &before, &after, Some(out)),
            (Ok((before, Some(after))), Format::Text) => self.changes.compare(&item.name, &before, &after, None),
            (Ok((before, None)), Format::Json) => {
                lines(&item.name, &before).try_for_each(|line| writeln!(out, "{}", json(&line)))
            }
            (Ok((before, None)), Format::Text) => {
                lines(&item.name, &before).try_for_each(|line| writeln!(out, "{}", row(&line)))
            }
        }
    }
}

fn row(line: &Line<'_>) -> String {
    let done = if line.would.is_empty() { line.actions.join("+") } else { line.would.join("+") };
    let detail = format!("{} {done}", line.mechanism.unwrap_or("-"));
    let forwarder = printable(line.forwarder.as_deref().unwrap_or("-"), 60);
    let recipient = printable(&line.recipient, 60);
    format!("{forwarder:<34} {recipient:<28} {:<14} {:>5.3}  {detail}", line.verdict, line.confidence)
}

fn lines<'a>(case: &'a str, inspection: &'a Inspection) -> impl Iterator<Item = Line<'a>> {
    let sides = inspection.assessments.iter().zip(&inspection.decisions).zip(&inspection.carried);
    sides.map(|((assessment, decision), carried)| Line {
        case,
        recipient: assessment.destination.to_string(),
        verdict: assessment.verdict.name(),
        confidence: (assessment.confidence * 1000.0).round() / 1000.0,
        mechanism: assessment.mechanism.map(crate::detect::Mechanism::name),
        platform: assessment.platform.as_deref(),
        forwarder: assessment.forwarder.as_ref().map(ToString::to_string),
        forwarder_guessed: assessment.forwarder_guessed,
        destination: assessment.destination.to_string(),
        original_sender: assessment.original_sender.as_ref().map(ToString::to_string),
        rule: decision.rule.as_deref(),
        exception: decision.exception.as_deref(),
        actions: decision.actions.iter().map(crate::policy::Action::name).collect(),
        action: carried.done.name(),
        would: carried.would.iter().map(|would| would.done.name()).collect(),
        would_rule: carried.would.as_ref().and_then(|would| would.rule.as_deref()),
        held_back: carried.would.as_ref().map(|would| would.held_back),
        evidence: assessment
            .evidence
            .iter()
            .map(|seen| Seen {
                id: seen.evidence.signal.id(),
                weight: seen.evidence.weight,
                counted: seen.counted,
                polarity: seen.evidence.signal.polarity(),
                place: &seen.evidence.place,
                value: &seen.evidence.value,
            })
            .collect(),
    })
}
