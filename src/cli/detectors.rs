//! `forwarden detectors`: the catalogue.

use super::source::ConfigOption;
use crate::config::Config;
use crate::detect::{self, Bind, Body, Family, Mechanism, Polarity, Reads, Signal, Strength, Texts, Unseen};
use clap::{Args, ValueEnum};
use serde::Serialize;
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
        let mut rows: Vec<Shown<'_>> = detect::catalogue().map(Shown::from).collect();
        rows.extend(own.iter().map(|row| Shown::from(&**row)));
        rows.retain(|row| self.wants(row.id));
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
            Format::Json => rows.iter().for_each(|row| super::print(&format!("{}\n", serde_json::json!(row)))),
            Format::Text => {
                match &rows[..] {
                    [row] => super::print(&row.full()),
                    rows => rows.iter().for_each(|row| super::print(&format!("{}\n", row.line()))),
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

/// A row, whoever wrote it, as it is shown.
#[derive(Serialize)]
struct Shown<'a> {
    id: &'a str,
    platform: &'a str,
    mechanism: Option<Mechanism>,
    family: Family,
    weight: f64,
    polarity: Polarity,
    strength: Strength,
    recognised_by: String,
    about: &'a str,
    false_positives: &'a str,
    source: &'a str,
}

impl<'a, T: AsRef<str>, L: Texts> From<&'a Signal<T, L>> for Shown<'a> {
    fn from(signal: &'a Signal<T, L>) -> Self {
        Self {
            id: signal.id.as_ref(),
            platform: signal.platform.as_ref(),
            mechanism: signal.mechanism,
            family: signal.family,
            weight: signal.weight,
            polarity: signal.polarity,
            strength: signal.strength(),
            recognised_by: recognised(&signal.reads),
            about: signal.about.as_ref(),
            false_positives: signal.false_positives,
            source: signal.source,
        }
    }
}

impl Shown<'_> {
    fn bits(&self) -> String {
        match self.polarity {
            Polarity::For => format!("{:+.1}", self.weight),
            Polarity::Against => format!("{:+.1}", -self.weight),
        }
    }

    fn mechanism(&self) -> &'static str {
        self.mechanism.map_or("-", Mechanism::name)
    }

    fn line(&self) -> String {
        let about = super::source::printable(self.about, 100);
        format!("{:<28} {:>6}  {:<20} {about}", self.id, self.bits(), self.mechanism())
    }

    fn full(&self) -> String {
        format!(
            "id               {}\nplatform         {}\nmechanism        {}\nfamily           {}\nweight           {} bits ({})\n\
             recognised by    {}\nwhat it is       {}\nfalse positives  {}\nsource           {}\n",
            self.id,
            if self.platform.is_empty() { "any" } else { self.platform },
            self.mechanism(),
            word(self.family),
            self.bits(),
            word(self.strength),
            self.recognised_by,
            self.about,
            self.false_positives,
            self.source,
        )
    }
}

/// The name of a value in events.
fn word(value: impl Serialize) -> String {
    serde_json::to_value(value).ok().and_then(|value| value.as_str().map(str::to_owned)).unwrap_or_default()
}

fn recognised<T: AsRef<str>, L: Texts>(reads: &Reads<T, L>) -> String {
    let (what, body) = match reads {
        Reads::Header(name, body, _) => (format!("field {}", name.as_ref()), body),
        Reads::Sender(body, _) => ("MAIL FROM".to_owned(), body),
        Reads::Recipient(body, _) => ("RCPT TO with its parameters".to_owned(), body),
        Reads::Code => return "envelope and structure".into(),
    };
    let either = |texts: &L| texts.texts().collect::<Vec<_>>().join(" or ");
    let body = match body {
        Body::Any => String::new(),
        Body::Is(texts) => format!(" that is {}", either(texts)),
        Body::Begins(texts) => format!(" that begins with {}", either(texts)),
        Body::Contains(texts) => format!(" that contains {}", either(texts)),
        Body::Like(texts) => format!(" that is like {}", either(texts)),
    };
    let bind = match reads.bind() {
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
        for row in detect::catalogue().filter(|signal| signal.platform == platform).map(Shown::from) {
            page.push_str(&format!(
                "\n### `{}`\n\n{}. {} bits, family `{}`, mechanism `{}`.\n\n* Recognised by: {}\n* False positives: {}\n* Source: {}\n",
                row.id,
                row.about,
                row.bits(),
                word(row.family),
                row.mechanism(),
                row.recognised_by,
                row.false_positives,
                row.source,
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
