//! `forwarden audit`: the rules at rest on this host, or in a copy of its disk.

mod row;
mod show;

use super::source::{ConfigOption, own_domain};
use crate::audit::{Audit, Scope, Traffic, join};
use crate::config::{Config, parse_duration};
use crate::message::Domain;
use crate::state::Reader;
use clap::{Args, ValueEnum};
use jiff::{SignedDuration, Timestamp};
use row::{Row, Unruled};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// List the rules on this host that send mail to the outside, before they send any.
///
/// Looks at ~/.forward, aliases and what they include, tables of Postfix and Sendmail, Sieve, procmail, maildrop, Exim,
/// qmail and Courier. Nothing is changed and nothing is run but Postfix's postconf and postmap and Sendmail's makemap. No
/// link is followed out of the root, and homes are read with no more rights than their users have.
///
/// Rules are compared with what the daemon remembers ([state]): which are used, and what leaves without any rule.
///
/// Exit status: 0 if everything could be looked at and all rules to the outside are approved by exceptions; 1 otherwise.
#[derive(Debug, Args)]
pub(super) struct Command {
    /// The folder that is taken for /: a mounted disk, a backup, a container's file system.
    #[arg(long, value_name = "FOLDER", default_value = "/")]
    root: PathBuf,
    /// Homes, in the place of those in /etc/passwd: '/home/*', '/var/vmail/*/*'. May be given several times.
    #[arg(long, value_name = "PATTERN")]
    home: Vec<PathBuf>,
    /// A folder of Postfix's configuration below the root, in the place of /etc/postfix and the instances that it names.
    /// May be given several times.
    #[arg(long, value_name = "FOLDER")]
    postfix_config: Vec<PathBuf>,
    /// List rules that stay inside as well: own domains, local names, delivery programs.
    #[arg(long)]
    all: bool,
    /// How far back traffic is compared: 90d.
    #[arg(long, value_name = "TIME", default_value = "90d", value_parser = duration)]
    since: SignedDuration,
    /// The folder of the state, in the place of the configured one.
    #[arg(long, value_name = "FOLDER")]
    state: Option<PathBuf>,
    /// How it is printed.
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
    /// Own domain, in the place of the configured ones. May be given several times.
    #[arg(long = "own", value_name = "DOMAIN", value_parser = own_domain)]
    own: Vec<Domain>,
    #[command(flatten)]
    config: ConfigOption,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// A few lines a rule, of at most 100 columns.
    Text,
    /// One JSON object a line: rules, traffic without a rule, what could not be looked at.
    Json,
    /// Comma-separated values (RFC 4180) for a spreadsheet: rules alone.
    Csv,
}

impl Command {
    /// Looks, and lists.
    pub(super) fn run(self) -> ExitCode {
        let Some(config) = super::offline_config(&self.config, &self.own) else { return ExitCode::FAILURE };
        let now = Timestamp::now();
        let (traffic, mut complete) = self.traffic(&config, now);
        let scope = Scope {
            root: self.root.clone(),
            homes: self.home.clone(),
            postfix: Some(self.postfix_config.clone()).filter(|folders| !folders.is_empty()),
            mailboxes: traffic.iter().flatten().map(|line| line.forwarder.clone()).collect(),
            domains: config.organization.domains.iter().map(ToString::to_string).collect(),
        };
        let audit = match Audit::run(scope) {
            Ok(audit) => audit,
            Err(error) => {
                super::complain(&format!("the root {} cannot be opened: {error}", self.root.display()));
                return ExitCode::FAILURE;
            }
        };
        let joined = traffic.as_deref().map(|traffic| join(&audit.findings, traffic));
        let seen = |at: usize| Some((joined.as_ref()?.of_rule.get(at).copied().flatten(), traffic.as_deref()?));
        let all = audit.findings.iter().enumerate();
        let rows: Vec<Row> = all
            .map(|(at, finding)| Row::new(finding, &audit.users, &config, seen(at), now))
            .filter(|row| self.all || row.leaves)
            .collect();
        let unruled: Vec<Unruled> = joined
            .iter()
            .flat_map(|joined| &joined.without_rule)
            .filter_map(|at| traffic.as_deref()?.get(*at))
            .map(|line| Unruled::new(line, &config))
            .collect();
        complete &= audit.problems.is_empty();
        let shown =
            show::Shown { audit: &audit, rows: &rows, unruled: &unruled, joined: joined.is_some(), config: &config };
        super::print(&match self.format {
            Format::Text => shown.text(),
            Format::Json => shown.json(),
            Format::Csv => shown.csv(),
        });
        if self.format != Format::Json {
            audit
                .problems
                .iter()
                .for_each(|problem| super::complain(&format!("{}: {}", problem.place, problem.reason)));
        }
        let approved = rows.iter().all(|row| !row.leaves || row.exception.is_some());
        if complete && approved { ExitCode::SUCCESS } else { ExitCode::FAILURE }
    }

    /// What the daemon remembers, where it does, and whether that could be read.
    fn traffic(&self, config: &Config, now: Timestamp) -> (Option<Vec<Traffic>>, bool) {
        let configured = config.state.as_ref().map(|spec| spec.directory.clone());
        let Some(folder) = self.state.clone().or(configured) else { return (None, true) };
        match read(&folder, now - self.since, now) {
            Ok(traffic) => (Some(traffic), true),
            Err(error) => {
                super::complain(&format!("the state in {} cannot be read: {error}", folder.display()));
                (None, false)
            }
        }
    }
}

fn read(folder: &Path, since: Timestamp, now: Timestamp) -> std::io::Result<Vec<Traffic>> {
    let lines = Reader::open(folder)?.lines(since, now)?;
    let traffic = lines.into_iter().map(|line| Traffic {
        forwarder: line.forwarder,
        destination: line.destination,
        mechanisms: line.mechanisms,
        first_seen: line.first_seen,
        last_seen: line.last_seen,
        count: line.count,
    });
    Ok(traffic.collect())
}

fn duration(text: &str) -> Result<SignedDuration, String> {
    parse_duration(text)
        .filter(|span| span.is_positive() && *span <= SignedDuration::from_hours(24 * 3_650))
        .ok_or_else(|| "write 90d, 12h; at most 3650d".to_owned())
}
