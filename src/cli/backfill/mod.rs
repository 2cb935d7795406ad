//! `forwarden backfill`: the inventory from existing logs.

mod progress;
mod summary;

use super::source::{ConfigOption, own_domain, printable};
use crate::backfill::{self, Counts, Forward, Scanner, Years};
use crate::config::Config;
use crate::message::Domain;
use crate::privacy::Show;
use crate::state::{Departure, Import, Imported, Spec, Thresholds};
use clap::{Args, ValueEnum};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use progress::Progress;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use summary::Pairs;

/// Build the inventory from logs of Postfix, Sendmail and Dovecot, of the time before Forwarden watched.
///
/// Reads plain text and gzip. The same log may be read again, and the daemon may run: nothing counts twice. A running
/// daemon knows the pairs after a restart; `forwarden report` knows them at once.
///
/// Exit status: 0; 1 if a log could not be read to its end, or nothing could be written.
#[derive(Debug, Args)]
pub(super) struct Command {
    /// Logs, in any order; - is standard input.
    #[arg(long, value_name = "FILE", num_args = 1.., required = true)]
    maillog: Vec<PathBuf>,
    /// The year of each log's first line, where lines have none. Without it the time at which the file was written last
    /// tells the year.
    #[arg(long, value_name = "YEAR", value_parser = clap::value_parser!(i16).range(1980..=9000))]
    year: Option<i16>,
    /// Own domain, in the place of the configured ones. May be given several times.
    #[arg(long = "own", value_name = "DOMAIN", value_parser = own_domain)]
    own: Vec<Domain>,
    /// The domain of addresses that the logs write without one. Without it the first own domain.
    #[arg(long, value_name = "DOMAIN", value_parser = own_domain)]
    domain: Option<Domain>,
    /// Only say what was found.
    #[arg(long, conflicts_with = "state")]
    dry_run: bool,
    /// The folder of the state, in the place of the configured one.
    #[arg(long, value_name = "FOLDER")]
    state: Option<PathBuf>,
    /// How it is printed.
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
    #[command(flatten)]
    config: ConfigOption,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// What became of the lines, and the most active pairs.
    Text,
    /// One JSON object a pair and line, then one with the counts.
    Json,
}

/// How many forwards are written at a time: the daemon waits no longer than for these.
const BATCH: usize = 5_000;

impl Command {
    /// Reads, writes, tells.
    pub(super) fn run(self) -> ExitCode {
        let Some(config) = super::offline_config(&self.config, &self.own) else { return ExitCode::FAILURE };
        let mut own: Vec<String> = config.organization.domains.iter().map(ToString::to_string).collect();
        own.sort();
        let Some(domain) = self.domain.as_ref().map(ToString::to_string).or_else(|| own.into_iter().next()) else {
            super::complain("what is ours is not known: name a configuration, or --own DOMAIN");
            return ExitCode::FAILURE;
        };
        let store = match self.open(&config) {
            Ok(store) => store,
            Err(problem) => {
                super::complain(&problem);
                return ExitCode::FAILURE;
            }
        };
        let mut run =
            Run { store, pairs: Pairs::default(), waiting: Vec::new(), imported: Imported::default(), failed: None };
        let mut scanner = Scanner::new(&config.organization, &domain, TimeZone::system());
        let (mut counts, mut whole) = (Counts::default(), true);
        for path in in_order(&self.maillog) {
            let read = self.read(&path, &mut scanner, &mut counts, &mut run);
            if let Err(problem) = read {
                super::complain(&format!("{}: {problem}", path.display()));
                whole = false;
            }
        }
        run.write();
        let written = run.failed.is_none();
        if let Some(problem) = &run.failed {
            super::complain(&format!("the inventory cannot be written, and lacks what follows: {problem}"));
        }
        super::print(&match self.format {
            Format::Text => summary::text(&counts, &run.pairs, (!self.dry_run).then_some(&run.imported)),
            Format::Json => summary::json(&counts, &run.pairs, (!self.dry_run).then_some(&run.imported)),
        });
        if whole && written { ExitCode::SUCCESS } else { ExitCode::FAILURE }
    }

    /// The file of the inventory; none where nothing is to be written.
    fn open(&self, config: &Config) -> Result<Option<Import>, String> {
        if self.dry_run {
            return Ok(None);
        }
        let spec = match (&self.state, &config.state) {
            (Some(directory), Some(spec)) => Spec { directory: directory.clone(), ..spec.clone() },
            (Some(directory), None) => {
                Spec { directory: directory.clone(), thresholds: Thresholds::default(), keep_days: 400 }
            }
            (None, Some(spec)) => spec.clone(),
            (None, None) => {
                return Err("there is no [state] to write to: name --state FOLDER, or --dry-run for a look".to_owned());
            }
        };
        let mask = config.privacy.masks()?.state;
        if mask.show() == Show::Absent {
            return Err("privacy.state_addresses is \"absent\": there is no inventory to write; --dry-run for a look"
                .to_owned());
        }
        let directory = spec.directory.display().to_string();
        Import::open(&spec, mask, Timestamp::now()).map(Some).map_err(|error| format!("{directory}: {error}"))
    }

    fn read(&self, path: &Path, scanner: &mut Scanner<'_>, counts: &mut Counts, run: &mut Run) -> Result<(), String> {
        let input = backfill::open(path).map_err(|error| error.to_string())?;
        let written = Timestamp::try_from(input.written).unwrap_or_else(|_| Timestamp::now());
        let years = self.year.map_or(Years::Until(written), Years::From);
        let progress = Progress::start(path, input.size, &input.position);
        let read = scanner.scan(input.log, years, counts, &mut |forward| run.take(forward));
        progress.end();
        read.map_err(|error| format!("could not be read to its end: {error}"))
    }
}

/// The logs, the oldest first: what one begins the next one ends.
fn in_order(paths: &[PathBuf]) -> Vec<PathBuf> {
    let mut sorted = paths.to_vec();
    // Standard input, and what does not exist, last.
    sorted.sort_by_key(|path| {
        let written = std::fs::metadata(path).and_then(|metadata| metadata.modified()).ok();
        (written.is_none(), written)
    });
    sorted
}

/// What is done with forwards as they are found.
struct Run {
    store: Option<Import>,
    pairs: Pairs,
    waiting: Vec<(Departure, String)>,
    imported: Imported,
    failed: Option<String>,
}

impl Run {
    fn take(&mut self, forward: Forward) {
        self.pairs.add(&forward);
        if self.store.is_none() || self.failed.is_some() {
            return;
        }
        // A Message-ID tells a forward apart also where several hosts log it.
        let identity = forward.message_id.clone().unwrap_or_else(|| format!("{} {}", forward.queue_id, forward.time));
        let departure = Departure {
            forwarder: forward.forwarder,
            destination: forward.destination,
            mechanism: forward.mechanism,
            time: forward.time,
            size: forward.size,
            message_id: forward.message_id,
            latency: None,
            looks_forwarded: false,
            rule: None,
        };
        self.waiting.push((departure, identity));
        if self.waiting.len() >= BATCH {
            self.write();
        }
    }

    fn write(&mut self) {
        let Some(store) = &mut self.store else { return };
        match store.add(&std::mem::take(&mut self.waiting)) {
            Ok(added) => {
                self.imported.new += added.new;
                self.imported.known += added.known;
                self.imported.watched += added.watched;
                self.imported.out_of_time += added.out_of_time;
            }
            Err(error) => self.failed = Some(printable(&error.to_string(), 300)),
        }
    }
}
