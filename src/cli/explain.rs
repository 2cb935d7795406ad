//! `forwarden explain`: one message, and why it is judged as it is.

use super::source::{self, ConfigOption, Options};
use crate::action::{Carried, Disposition, Edit};
use crate::assess::{Assessment, Weighed, Weights};
use crate::engine::{Engine, Inspection};
use crate::message::{Address, Message};
use crate::policy::{Decision, HeldBack, Mode};
use clap::{Args, ValueEnum};
use std::fmt::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

/// Say what each detector saw in a message, what it weighed, what policy made of it and what would be edited.
#[derive(Debug, Args)]
pub(super) struct Command {
    /// The message: a file in Internet Message Format, or a case folder.
    file: PathBuf,
    #[command(flatten)]
    config: ConfigOption,
    #[command(flatten)]
    options: Options,
    /// How it is printed.
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// For people.
    Text,
    /// The events that a listener would have made, those on ordinary mail included, one JSON object a line.
    Json,
}

impl Command {
    /// Explains.
    pub(super) fn run(self) -> ExitCode {
        let Some(config) = super::offline_config(&self.config, &self.options.own) else {
            return ExitCode::FAILURE;
        };
        let mut engine = super::offline_engine(&config);
        // Who asks wants an answer on ordinary mail, too.
        engine.report_ordinary = true;
        let (items, problems) = source::collect(std::slice::from_ref(&self.file));
        for problem in &problems {
            super::complain(problem);
        }
        if items.is_empty() {
            return ExitCode::FAILURE;
        }
        for item in &items {
            let circumstances = match &item.envelope {
                Some(envelope) => envelope.circumstances("explain"),
                None => self.options.circumstances(),
            };
            let message = match item.message(&circumstances, config.limits, config.read_body) {
                Ok(message) => message,
                Err(problem) => {
                    super::complain(&problem);
                    return ExitCode::FAILURE;
                }
            };
            let organization = source::organization(&engine.organization, item.envelope.as_ref());
            let inspection = engine.inspect_as(&message, &organization, true);
            match self.format {
                Format::Text => super::print(&text(&engine, &message, &inspection)),
                Format::Json => {
                    let events = engine.events(&message, &organization, &inspection, None, None);
                    events.iter().for_each(|event| super::print(&format!("{}\n", source::json(event))));
                }
            }
        }
        if problems.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
    }
}

/// The explanation, as text of at most 100 columns.
fn text(engine: &Engine, message: &Message, inspection: &Inspection) -> String {
    let mut out = String::new();
    let _ = header(&mut out, message);
    if inspection.assessments.is_empty() {
        out.push_str("No recipient outside: nothing leaves, so there is nothing to judge.\n");
        if engine.organization.domains.is_empty() {
            out.push_str("Own domains are not known either: name them with --own DOMAIN or in the configuration.\n");
        }
    }
    for (index, (assessment, decision)) in inspection.assessments.iter().zip(&inspection.decisions).enumerate() {
        let _ = recipient(&mut out, assessment, decision, &engine.weights);
        let _ = inspection.carried.get(index).map_or(Ok(()), |carried| done(&mut out, carried));
    }
    let _ = plan(&mut out, inspection);
    out
}

fn header(out: &mut String, message: &Message) -> std::fmt::Result {
    let shown = |text: Option<String>| text.map_or_else(|| "-".to_owned(), |text| source::printable(&text, 80));
    writeln!(out, "Subject     {}", shown(message.subject()))?;
    writeln!(
        out,
        "From        {}",
        shown(Some(message.authors().iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")))
    )?;
    writeln!(
        out,
        "MAIL FROM   {}",
        shown(Some(if message.sender.is_null() { "<> (null sender)".into() } else { message.sender.raw.clone() }))
    )?;
    let client = message.connection.client_addr.map(|addr| addr.to_string());
    writeln!(out, "client      {}\n", shown(client.or_else(|| Some("not given: taken for one of ours".into()))))
}

fn recipient(out: &mut String, assessment: &Assessment, decision: &Decision, weights: &Weights) -> std::fmt::Result {
    let shown = |address: &Address| source::printable(&address.to_string(), 80);
    writeln!(out, "RCPT TO     {}", shown(&assessment.destination))?;
    writeln!(
        out,
        "  verdict     {} (confidence {:.3}; a forward from {:.2} on)",
        assessment.verdict, assessment.confidence, weights.threshold
    )?;
    if let Some(mechanism) = assessment.mechanism {
        let platform =
            assessment.platform.as_ref().map(|platform| format!(", marked by {platform}")).unwrap_or_default();
        writeln!(out, "  mechanism   {mechanism}{platform}")?;
        let guess = if assessment.forwarder_guessed { " (a guess, by the addressees)" } else { "" };
        let forwarder = assessment.forwarder.as_ref().map_or_else(|| "not known".to_owned(), shown);
        writeln!(out, "  forwarder   {forwarder}{guess}")?;
    }
    if let Some(author) = &assessment.original_sender {
        writeln!(out, "  author      {}", shown(author))?;
    }
    writeln!(
        out,
        "  evidence    {:>6}  (prior: what is believed before anything is seen)",
        format!("{:+.1}", weights.prior)
    )?;
    for weighed in &assessment.evidence {
        evidence(out, weighed)?;
    }
    for step in &decision.trace {
        let mark = if step.matched { "yes" } else { "no " };
        writeln!(out, "  {:<11} {mark} {}", step.tried, source::printable(&step.because, 80))?;
    }
    let by = match (&decision.exception, &decision.rule) {
        (Some(exception), _) => format!("exception {exception}"),
        (_, Some(rule)) => format!("rule {rule}"),
        _ => "policy.default".to_owned(),
    };
    let actions: Vec<&str> = decision.actions.iter().map(crate::policy::Action::name).collect();
    writeln!(out, "  decision    {} (by {by})", if actions.is_empty() { "log".to_owned() } else { actions.join(", ") })
}

fn done(out: &mut String, carried: &Carried) -> std::fmt::Result {
    writeln!(out, "  done        {}", carried.done.name())?;
    let Some(would) = &carried.would else { return Ok(()) };
    let why = match would.held_back {
        HeldBack::Listener => "the listener only observes",
        HeldBack::Policy => "policy.mode is observe",
        HeldBack::Rule => "the rule's mode is observe",
        HeldBack::Rollout => "the forwarder is not in the rule's rollout",
    };
    let by = would.rule.as_ref().map_or_else(|| "policy.default".to_owned(), |rule| format!("rule {rule}"));
    writeln!(out, "  held back   {} by {by}: {why}", would.done.name())
}

fn evidence(out: &mut String, weighed: &Weighed) -> std::fmt::Result {
    let evidence = &weighed.evidence;
    let why = match &weighed.explained_by {
        Some(cause) => format!(" [explained by {cause}]"),
        None if weighed.counted == 0.0 && evidence.weight != 0.0 => " [a stronger one of its family counts]".to_owned(),
        None => String::new(),
    };
    writeln!(out, "              {:>6}  {}{why}", format!("{:+.1}", weighed.counted), evidence.signal.id())?;
    let value = source::printable(&evidence.value, 70);
    if !value.is_empty() {
        writeln!(out, "                      {}: {value}", source::printable(&evidence.place, 60))?;
    }
    Ok(())
}

fn plan(out: &mut String, inspection: &Inspection) -> std::fmt::Result {
    let plan = &inspection.plan;
    if plan.edits.is_empty() && plan.disposition == Disposition::Accept {
        return writeln!(out, "\nThe message stays as it is.");
    }
    writeln!(out, "\nEdits{}", if inspection.mode == Mode::Observe { " that mode enforce would make" } else { "" })?;
    let stored = plan.store.iter().filter_map(|&index| inspection.assessments.get(index));
    for assessment in stored {
        writeln!(out, "  - store it for {}", assessment.destination)?;
    }
    for edit in &plan.edits {
        match edit {
            Edit::DeleteHeader { name, occurrence } => {
                writeln!(out, "  - take away {} no. {occurrence}", source::printable(name, 60))?;
            }
            Edit::ReplaceHeader { name, value } => {
                let value = String::from_utf8_lossy(value);
                writeln!(out, "  - change {} to: {}", source::printable(name, 30), source::printable(&value, 58))?;
            }
            Edit::InsertHeader { name, value } => writeln!(out, "  - add {name}: {}", source::printable(value, 68))?,
            Edit::DeleteRecipient(recipient) => {
                writeln!(out, "  - take out recipient {}", source::printable(recipient, 70))?;
            }
            Edit::AddRecipient(recipient) => {
                writeln!(out, "  - add recipient {}", source::printable(recipient, 75))?;
            }
        }
    }
    match &plan.disposition {
        Disposition::Accept => writeln!(out, "  - then it goes on"),
        Disposition::Hold(reason) => writeln!(out, "  - the MTA holds it ({})", source::printable(reason, 70)),
        Disposition::Reject(reply) | Disposition::Tempfail(reply) => {
            writeln!(out, "  - reply {} {} {}", reply.code, reply.enhanced, source::printable(&reply.text, 80))
        }
        Disposition::Discard => writeln!(out, "  - it is taken and dropped"),
    }
}
