//! `forwarden quarantine`: what was taken from the mail flow, in our own store and in the mail server's hold queue, and what
//! becomes of it.

mod act;
mod select;

use super::source::{self, ConfigOption, printable};
use crate::quarantine::{Holder, Quarantine};
use act::Act;
use clap::{Args, Subcommand, ValueEnum};
use select::{Filter, Item, Selection};
use serde::Serialize;
use std::io::Write;
use std::process::ExitCode;

/// List, show, release or delete what is in quarantine.
///
/// Covers the store of [quarantine] and what Postfix or Sendmail holds. Run it as root: messages are nobody else's to read.
///
/// Exit status: 0; 1 if something could not be done, or what was to be shown, released or deleted is not there.
#[derive(Debug, Args)]
pub(super) struct Command {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// What is in quarantine, oldest first
    List(List),
    /// One message: what is known of it, or with --raw the message itself
    Show(Show),
    /// Let messages go on their way: those named, or all that the conditions hold for
    Release(Several),
    /// Delete messages for good: those named, or all that the conditions hold for
    Delete(Several),
}

#[derive(Debug, Args)]
struct List {
    #[command(flatten)]
    config: ConfigOption,
    #[command(flatten)]
    filter: Filter,
    /// How they are printed
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
}

#[derive(Debug, Args)]
struct Show {
    #[command(flatten)]
    config: ConfigOption,
    /// The id in the store, or the queue id
    id: String,
    /// The message as the mail server sent it, and nothing else
    #[arg(long, conflicts_with = "format")]
    raw: bool,
    /// How it is printed
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
}

#[derive(Debug, Args)]
struct Several {
    #[command(flatten)]
    config: ConfigOption,
    /// Ids in the store, or queue ids
    ids: Vec<String>,
    #[command(flatten)]
    filter: Filter,
    /// How it is told
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// For people
    Text,
    /// One JSON object a message and line
    Json,
}

/// One message: the contract of `--format json`.
#[derive(Debug, Serialize)]
struct Line<'a> {
    id: &'a str,
    /// `store`, `postfix` or `sendmail`.
    place: &'static str,
    time: jiff::Timestamp,
    size: u64,
    sender: &'a str,
    forwarders: Vec<String>,
    destinations: Vec<String>,
    from: Option<&'a str>,
    subject: Option<&'a str>,
    message_id: Option<&'a str>,
    queue_id: Option<&'a str>,
    /// The rules that asked for it; none where they are not known.
    rules: Vec<&'a str>,
}

impl Command {
    /// Does what is asked for.
    pub(super) fn run(self) -> ExitCode {
        match self.what {
            What::List(command) => command.run(),
            What::Show(command) => command.run(),
            What::Release(command) => command.run(Act::Release),
            What::Delete(command) => command.run(Act::Delete),
        }
    }
}

/// The store of a configuration; what is missing is printed.
fn open(option: &ConfigOption) -> Option<Quarantine> {
    let config = super::offline_config(option, &[])?;
    let Some(spec) = config.quarantine else {
        eprintln!(
            "forwarden: the configuration has no [quarantine]: write it with directory = \"/var/lib/forwarden/quarantine\""
        );
        return None;
    };
    Some(Quarantine::new(spec))
}

impl List {
    fn run(self) -> ExitCode {
        let Some(quarantine) = open(&self.config) else { return ExitCode::FAILURE };
        let selection = Selection::new(&quarantine, &[], &self.filter);
        let mut out = String::new();
        if self.format == Format::Text {
            if selection.items.is_empty() && selection.problems.is_empty() {
                out += "nothing is in quarantine\n";
            } else if !selection.items.is_empty() {
                out += &format!("{:<24}  {:<20}  {:>9}  forwarder → destination\n", "id", "since", "octets");
            }
        }
        for item in &selection.items {
            out += &match self.format {
                Format::Text => text(&item.line()),
                Format::Json => source::json(&item.line()) + "\n",
            };
        }
        super::print(&out);
        selection.status()
    }
}

/// A message in two lines.
fn text(line: &Line<'_>) -> String {
    let all = |names: &[String]| if names.is_empty() { "-".to_owned() } else { names.join(", ") };
    let time = line.time.strftime("%Y-%m-%dT%H:%M:%SZ");
    let pair = printable(&format!("{} → {}", all(&line.forwarders), all(&line.destinations)), 100);
    let held = match line.place {
        "store" => String::new(),
        place => format!(" (held by {})", Holder::name(place)),
    };
    let about = format!("{}: {}", line.from.unwrap_or("-"), line.subject.unwrap_or("-"));
    format!("{:<24}  {time:<20}  {:>9}  {pair}{held}\n{:26}{}\n", line.id, line.size, "", printable(&about, 72))
}

impl Show {
    fn run(self) -> ExitCode {
        let Some(quarantine) = open(&self.config) else { return ExitCode::FAILURE };
        let selection = Selection::new(&quarantine, std::slice::from_ref(&self.id), &Filter::default());
        let Some(item) = selection.items.first() else { return selection.status() };
        if self.raw {
            return match item.message(&quarantine) {
                Ok(message) => {
                    let written = std::io::stdout().lock().write_all(&message);
                    written.map_or(ExitCode::FAILURE, |()| ExitCode::SUCCESS)
                }
                Err(error) => {
                    eprintln!("forwarden: {}: {error}", self.id);
                    ExitCode::FAILURE
                }
            };
        }
        super::print(&match self.format {
            Format::Json => source::json(&item.line()) + "\n",
            Format::Text => card(item),
        });
        selection.status()
    }
}

/// All that is known of a message.
fn card(item: &Item) -> String {
    let line = item.line();
    let mut rows = vec![
        ("id", line.id.to_owned()),
        (
            "place",
            match line.place {
                "store" => "our own store".to_owned(),
                place => format!("held by {}", Holder::name(place)),
            },
        ),
        ("since", line.time.to_string()),
        ("octets", line.size.to_string()),
        ("MAIL FROM", if line.sender.is_empty() { "<> (null sender)".to_owned() } else { line.sender.to_owned() }),
    ];
    match item {
        Item::Stored(record) => {
            for rcpt in &record.recipients {
                let rule =
                    rcpt.rule.as_deref().map_or_else(|| "policy.default".to_owned(), |rule| format!("rule {rule}"));
                let forwarder = rcpt.forwarder.as_deref().unwrap_or("not known");
                rows.push(("RCPT TO", rcpt.party.path.clone() + " " + &rcpt.party.params.join(" ")));
                rows.push(("  because", format!("{} by {forwarder}, {rule}", rcpt.verdict)));
            }
        }
        Item::Held(held) => {
            held.recipients.iter().for_each(|recipient| rows.push(("RCPT TO", recipient.clone())));
            held.forwarders.iter().for_each(|forwarder| rows.push(("forwarder", forwarder.clone())));
        }
    }
    let mut more = |name, value: Option<&str>| rows.extend(value.map(|value| (name, value.to_owned())));
    more("From", line.from);
    more("Subject", line.subject);
    more("Message-ID", line.message_id);
    more("queue id", line.queue_id);
    rows.iter().map(|(name, value)| format!("{name:<11} {}\n", printable(value.trim(), 300))).collect()
}

impl Several {
    fn run(self, act: Act) -> ExitCode {
        if self.ids.is_empty() && self.filter.is_empty() {
            eprintln!("forwarden: say which: ids, --forwarder, --destination, --older-than or --newer-than");
            return ExitCode::from(2);
        }
        let Some(quarantine) = open(&self.config) else { return ExitCode::FAILURE };
        let selection = Selection::new(&quarantine, &self.ids, &self.filter);
        let mut failed = selection.items.is_empty();
        if failed && selection.problems.is_empty() {
            eprintln!("forwarden: nothing in quarantine is meant by that");
        }
        for item in &selection.items {
            let done = act.carry_out(&quarantine, item);
            let line = item.line();
            match (self.format, &done) {
                (Format::Json, _) => {
                    let error = done.as_ref().err().map(ToString::to_string);
                    let done = serde_json::json!({ "id": line.id, "done": act.done(), "answer": done.as_ref().ok(), "error": error });
                    super::print(&(source::json(&done) + "\n"));
                }
                (Format::Text, Ok(answer)) => {
                    let to = printable(&line.destinations.join(", "), 100);
                    super::print(&format!("{} {} for {to}{}\n", act.done(), line.id, answer_text(answer)));
                }
                (Format::Text, Err(error)) => eprintln!("forwarden: {}: {error}", line.id),
            }
            failed |= done.is_err();
        }
        if failed { ExitCode::FAILURE } else { selection.status() }
    }
}

fn answer_text(answer: &str) -> String {
    if answer.is_empty() { String::new() } else { format!(" ({})", printable(answer, 200)) }
}
