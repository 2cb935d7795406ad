//! `forwarden detectors`: the catalogue.

use super::source::ConfigOption;
use crate::config::Config;
use crate::detect::{self, Bind, Body, Polarity, Reads, Signal, Unseen};
use clap::{Args, ValueEnum};
use std::process::ExitCode;

/// Print the catalogue of evidence: what is looked for, what it weighs, what else looks like it.
#[derive(Debug, Args)]
pub(super) struct Command {
    /// Only the row with this id, in full; or the rows whose id begins with it.
    id: Option<String>,
    /// How it is printed.
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
    #[command(flatten)]
    config: ConfigOption,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// One line a row.
    Text,
    /// One JSON object a line.
    Json,
    /// The page of the manual.
    Markdown,
}

impl Command {
    /// Prints.
    pub(super) fn run(self) -> ExitCode {
        // The rows of a configuration are shown only where it is named: the page of the manual is everybody's.
        let own = match self.config.config.as_deref().map(Config::load) {
            None => Vec::new(),
            Some(Ok(loaded)) => loaded.config.detectors,
            Some(Err(problems)) => {
                eprintln!("{problems}");
                return ExitCode::FAILURE;
            }
        };
        let rows: Vec<&Signal> = detect::catalogue().chain(own).filter(|signal| self.wants(signal.id)).collect();
        let unseen: Vec<&Unseen> = detect::UNSEEN.iter().filter(|unseen| self.wants(unseen.id)).collect();
        if rows.is_empty() && (unseen.is_empty() || self.format == Format::Json) {
            eprintln!(
                "forwarden: no row with an id that begins with {:?}; `forwarden detectors` lists them",
                self.id.unwrap_or_default()
            );
            return ExitCode::FAILURE;
        }
        match self.format {
            Format::Markdown => super::print(&markdown()),
            Format::Json => rows.iter().for_each(|signal| super::print(&format!("{}\n", json(signal)))),
            Format::Text => {
                match rows[..] {
                    [signal] => super::print(&full(signal)),
                    _ => rows.iter().for_each(|signal| super::print(&format!("{}\n", line(signal)))),
                }
                if !unseen.is_empty() {
                    super::print(&not_looked_for(&unseen, rows.is_empty()));
                }
            }
        }
        ExitCode::SUCCESS
    }

    /// Whether what has this id is asked for.
    fn wants(&self, id: &str) -> bool {
        self.id.as_deref().is_none_or(|wanted| id.starts_with(wanted))
    }
}

/// What is known and no row, below the rows where there are any.
fn not_looked_for(unseen: &[&Unseen], alone: bool) -> String {
    let mut text = format!("{}Known, and not looked for:\n", if alone { "" } else { "\n" });
    for Unseen { id, platform, what, why } in unseen {
        text.push_str(&format!("{id}\n    {platform}: {what}\n    {why}\n"));
    }
    text
}

fn weight(signal: &Signal) -> String {
    match signal.polarity {
        Polarity::For => format!("{:+.1}", signal.weight),
        Polarity::Against => format!("{:+.1}", -signal.weight),
    }
}

fn line(signal: &Signal) -> String {
    let mechanism = signal.mechanism.map_or("-", detect::Mechanism::name);
    format!(
        "{:<28} {:>6}  {:<20} {}",
        signal.id,
        weight(signal),
        mechanism,
        super::source::printable(signal.about, 100)
    )
}

fn full(signal: &Signal) -> String {
    let strength = serde_json::to_value(signal.strength()).unwrap_or_default();
    format!(
        "id               {}\nplatform         {}\nmechanism        {}\nfamily           {}\nweight           {} bits ({})\n\
         recognised by    {}\nwhat it is       {}\nfalse positives  {}\nsource           {}\n",
        signal.id,
        if signal.platform.is_empty() { "any" } else { signal.platform },
        signal.mechanism.map_or("-", detect::Mechanism::name),
        family(signal),
        weight(signal),
        strength.as_str().unwrap_or_default(),
        recognised(signal),
        signal.about,
        signal.false_positives,
        signal.source,
    )
}

fn json(signal: &Signal) -> serde_json::Value {
    serde_json::json!({
        "id": signal.id,
        "platform": signal.platform,
        "mechanism": signal.mechanism,
        "family": signal.family,
        "weight": signal.weight,
        "polarity": signal.polarity,
        "strength": signal.strength(),
        "recognised_by": recognised(signal),
        "about": signal.about,
        "false_positives": signal.false_positives,
        "source": signal.source,
    })
}

fn family(signal: &Signal) -> String {
    serde_json::to_value(signal.family).ok().and_then(|value| value.as_str().map(str::to_owned)).unwrap_or_default()
}

fn recognised(signal: &Signal) -> String {
    let (what, body, bind) = match &signal.reads {
        Reads::Header(name, body, bind) => (format!("field {name}"), body, bind),
        Reads::Sender(body, bind) => ("MAIL FROM".to_owned(), body, bind),
        Reads::Recipient(body, bind) => ("RCPT TO with its parameters".to_owned(), body, bind),
        Reads::Code => return "envelope and structure".into(),
    };
    let body = match body {
        Body::Any => String::new(),
        Body::Is(values) => format!(" that is {}", values.join(" or ")),
        Body::Begins(values) => format!(" that begins with {}", values.join(" or ")),
        Body::Contains(values) => format!(" that contains {}", values.join(" or ")),
    };
    let bind = match bind {
        Bind::Nobody => "",
        Bind::Forwarder => ", naming an own mailbox",
        Bind::Destination => ", naming the recipient",
        Bind::ForwarderThenDestinations => ", naming an own mailbox and then the recipient",
        Bind::OriginalSender => ", naming the author",
        Bind::OwnDomain => ", an own domain, where From is outside",
    };
    format!("{what}{body}{bind}")
}

/// The page `docs/detectors.md`.
pub(super) fn markdown() -> String {
    let mut page = String::from(
        "# Detectors\n\nGenerated by `forwarden detectors --format markdown`. A weight is in bits of log-odds; the prior is -5. \
         Of each family the strongest evidence counts. Rows of the family `innocent` explain away what they cause.\n",
    );
    let mut platforms: Vec<&str> = Vec::new();
    for signal in detect::catalogue() {
        if !platforms.contains(&signal.platform) {
            platforms.push(signal.platform);
        }
    }
    for platform in platforms {
        page.push_str(&format!("\n## {}\n", if platform.is_empty() { "Any platform" } else { platform }));
        for signal in detect::catalogue().filter(|signal| signal.platform == platform) {
            page.push_str(&format!(
                "\n### `{}`\n\n{}. {} bits, family `{}`, mechanism `{}`.\n\n* Recognised by: {}\n* False positives: {}\n* Source: {}\n",
                signal.id,
                signal.about,
                weight(signal),
                family(signal),
                signal.mechanism.map_or("-", detect::Mechanism::name),
                recognised(signal),
                signal.false_positives,
                signal.source,
            ));
        }
    }
    page.push_str("\n## Not looked for\n\n| id | platform | what | why |\n|---|---|---|---|\n");
    for unseen in detect::UNSEEN {
        let Unseen { id, platform, what, why } = unseen;
        page.push_str(&format!("| `{id}` | {platform} | {what} | {why} |\n"));
    }
    page
}
