//! The configuration: TOML → [`Config`], every problem at once, each with file, line, reason and hint. The only module
//! that knows the parts' own settings.

mod action;
mod admin;
mod condition;
mod daemon;
mod detector;
#[cfg(test)]
mod documented;
mod duration;
mod endpoint;
mod exception;
mod files;
mod groups;
mod listener;
mod lists;
mod notify;
mod organization;
mod output;
mod policy;
mod privacy;
mod problem;
mod quarantine;
mod reader;
mod sources;
mod spool;
mod state;
mod tests;

pub(crate) use duration::parse as parse_duration;
pub use problem::{Problem, Problems, Severity};
pub use tests::{Expected, PolicyTest, Stored};

use crate::assess::Weights;
use crate::frontend::{Endpoint, ListenerSpec, Role};
use crate::message::{Direction, Limits, Organization};
use crate::policy::Policy;
use crate::sink::Output;
use listener::Listeners;
use reader::{Place, Report, Section, Source};
use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use toml::de::DeTable;

/// A configuration that was checked.
#[derive(Debug, Clone)]
pub struct Config {
    /// What is ours.
    pub organization: Organization,
    /// Where mail comes in.
    pub listeners: Vec<ListenerSpec>,
    /// What is done about it.
    pub policy: Policy,
    /// Rows of the administrator's own.
    pub detectors: Vec<Arc<crate::detect::OwnSignal>>,
    /// How evidence is weighed.
    pub weights: Weights,
    /// How much of a message is read.
    pub limits: Limits,
    /// Whether the beginning of the body is looked at.
    pub read_body: bool,
    /// Where events go, and in which dialects.
    pub outputs: Vec<Output>,
    /// Where they wait until they were delivered; `None` where nothing waits.
    pub spool: Option<crate::sink::spool::Spec>,
    /// Whether mail in which nothing was found is reported too.
    pub report_ordinary: bool,
    /// How the log is written.
    pub log: LogSpec,
    /// The process.
    pub daemon: DaemonSpec,
    /// Where metrics are asked for.
    pub admin: Vec<Endpoint>,
    /// What of persons is shown, and where.
    pub privacy: crate::privacy::Spec,
    /// What is remembered of earlier mail; `None` where nothing is.
    pub state: Option<crate::state::Spec>,
    /// The files that lists were read from: a change of one is a reason to read the configuration again.
    pub list_files: Vec<PathBuf>,
    /// The store of our own, where there is one.
    pub quarantine: Option<crate::quarantine::Spec>,
    /// How people inside are told; `None` where they are not.
    pub notify: Option<crate::notify::Spec>,
    /// What `forwarden check` tries out.
    pub tests: Vec<PolicyTest>,
}

/// A configuration that can be used, and what is odd about it.
#[derive(Debug, Clone)]
pub struct Loaded {
    /// The configuration.
    pub config: Config,
    /// What is odd about it.
    pub warnings: Vec<Problem>,
}

impl Config {
    /// Reads and checks a configuration file, in the same way for every command: what the daemon would refuse, `explain`
    /// and `replay` refuse too, so that they never show what a configuration would do that cannot be used.
    ///
    /// # Errors
    /// Every problem there is, warnings among them, in the order of files and lines. Where the syntax of a file is wrong,
    /// the mistakes of syntax alone.
    pub fn load(path: &Path) -> Result<Loaded, Problems> {
        Self::load_into(path, &Report::default())
    }

    fn load_into(path: &Path, report: &Report) -> Result<Loaded, Problems> {
        let sources = files::read(path, report);
        let tables: Vec<_> = sources.iter().map(|source| reader::parse(source, report)).collect();
        let config = tables.into_iter().collect::<Option<Vec<_>>>().and_then(|tables| read(&tables, &sources, report));
        let mut problems = report.take();
        let order =
            |problem: &Problem| sources.iter().position(|source| source.path == problem.file).unwrap_or(usize::MAX);
        // Keys that several look at may be reported several times.
        let mut seen = HashSet::new();
        problems.retain(|problem| seen.insert(problem.clone()));
        problems.sort_by(|a, b| (order(a), &a.file, a.line).cmp(&(order(b), &b.file, b.line)));
        match config.filter(|_| !problems.iter().any(|problem| problem.severity == Severity::Error)) {
            Some(config) => Ok(Loaded { config, warnings: problems }),
            None => Err(Problems(problems)),
        }
    }

    /// Where the daemon of that file is asked how it is. Only that key is looked at: the question matters most where the
    /// file cannot be used any more.
    pub fn control_socket(path: &Path) -> Option<PathBuf> {
        let report = Report::default();
        let sources = files::read(path, &report);
        let parsed: Vec<_> =
            sources.iter().filter_map(|source| Some((reader::parse(source, &report)?, source))).collect();
        let root = Section::root(parsed.iter().map(|(table, source)| (table, *source)).collect(), &report);
        if parsed.is_empty() { None } else { daemon::daemon(&root).control }
    }

    /// As [`load`](Self::load), of a text.
    #[cfg(test)]
    pub(crate) fn parse_str(text: &str) -> Result<Loaded, Problems> {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("forwarden.toml");
        std::fs::write(&file, text).expect("a file");
        Self::load(&file)
    }

    /// What commands use that need no configuration: nothing is ours, nothing is enforced, and all of a stored message is
    /// looked at, which costs nobody's mail any time.
    pub fn without_file() -> Self {
        Self {
            organization: Organization::default(),
            listeners: Vec::new(),
            policy: Policy { default: vec![crate::policy::Action::Log], ..Policy::default() },
            detectors: Vec::new(),
            weights: Weights::default(),
            limits: Limits::default(),
            read_body: true,
            outputs: Vec::new(),
            spool: None,
            report_ordinary: false,
            log: LogSpec::default(),
            daemon: DaemonSpec::default(),
            admin: Vec::new(),
            privacy: crate::privacy::Spec::default(),
            state: None,
            list_files: Vec::new(),
            quarantine: None,
            notify: None,
            tests: Vec::new(),
        }
    }

    /// The keys that differ in `new` and that a running daemon cannot change.
    pub fn needs_restart(&self, new: &Self) -> Vec<&'static str> {
        [
            ("listener", self.listeners != new.listeners),
            ("limits", self.limits != new.limits),
            ("detection.body", self.read_body != new.read_body),
            ("events.output, output", self.outputs != new.outputs),
            ("spool", self.spool != new.spool),
            ("log", self.log != new.log),
            ("daemon", self.daemon != new.daemon),
            ("admin", self.admin != new.admin),
            ("privacy", self.privacy != new.privacy),
            ("state", self.state != new.state),
            ("quarantine", self.quarantine != new.quarantine),
            ("notify", self.notify != new.notify),
        ]
        .into_iter()
        .filter_map(|(key, differs)| differs.then_some(key))
        .collect()
    }
}

fn read(tables: &[DeTable<'_>], sources: &[Source], report: &Report) -> Option<Config> {
    if tables.is_empty() {
        return None;
    }
    let root = Section::root(tables.iter().zip(sources).collect(), report);
    let detectors = detector::read(&root);
    let (organization, classes) = organization::read(&root);
    let listeners = listener::read(&root);
    groups::read(&root);
    let (state, compares_texts) = state::read(&root);
    let privacy = privacy::read(&root);
    let around = Surroundings { organization: &organization, listeners: &listeners, has_state: state.is_some() };
    let quarantine = quarantine::read(&root);
    let notify = notify::read(&root, &organization);
    let policy = policy::read(&root, classes, &around, jiff::Timestamp::now());
    let (weights, read_body) = daemon::detection(&root);
    let limits = daemon::limits(&root);
    let (events, report_ordinary) = daemon::events(&root);
    let spool = spool::read(&root);
    let outputs = output::read(&root, events, spool.is_some());
    let log = daemon::log(&root);
    let daemon = daemon::daemon(&root);
    let admin = admin::read(&root, &listeners);
    let tests = tests::read(&root, &policy, &around);
    // Each file has an include of its own; they have been followed.
    root.finish_except("include");
    Some(Config {
        organization,
        listeners: listeners.specs,
        policy,
        detectors,
        weights,
        limits,
        read_body: read_body || compares_texts,
        outputs,
        spool,
        report_ordinary,
        log,
        daemon,
        admin,
        privacy,
        state,
        list_files: report.files(),
        quarantine,
        notify,
        tests,
    })
}

/// What rules, exceptions and tests speak of.
struct Surroundings<'a> {
    organization: &'a Organization,
    listeners: &'a Listeners,
    has_state: bool,
}

impl Surroundings<'_> {
    /// Whether mail that another server has taken over already is acted on.
    fn has_outbound_hop(&self) -> bool {
        self.listeners.specs.iter().any(|spec| spec.role == Role::Enforce && spec.direction == Direction::Outbound)
    }

    /// Reports a name that is no listener's.
    fn check_listener(&self, section: &Section<'_>, name: &str, place: &Place) {
        let names: Vec<_> = self.listeners.names.iter().map(|name| (name.as_str(), ())).collect();
        if !names.is_empty() {
            lists::choice(section, name, place, &names);
        }
    }
}

/// Reports a name that is no plain word: events, logs and the messages of `check` show names as they are.
fn check_id(section: &Section<'_>, name: &str, place: &Place) {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"-_.".contains(&b);
    if name.is_empty() || name.len() > 64 || !name.bytes().all(plain) {
        let hint = "use letters, digits, \"-\", \"_\" and \".\", at most 64";
        section.report().error(place, format!("{} is no name: {hint}", problem::quoted(name)));
    }
}

/// How the log is written: to standard error, apart from the events.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogSpec {
    /// `error`, `warn`, `info`, `debug`, `trace`.
    pub level: String,
    /// JSON instead of text.
    pub json: bool,
}

/// The process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DaemonSpec {
    /// How long messages in progress may take to finish after SIGTERM.
    pub drain: Duration,
    /// Connections open at the same time at one listener; more wait.
    pub max_connections: usize,
    /// The UNIX socket of `forwarden status` and `forwarden reload`, where there is one.
    pub control: Option<PathBuf>,
    /// The user that root becomes when the sockets are open; `None` where it stays what it is.
    pub user: Option<String>,
    /// Whether it must be confined by Landlock.
    pub landlock: bool,
}

impl Default for LogSpec {
    fn default() -> Self {
        Self { level: "info".to_owned(), json: false }
    }
}

impl Default for DaemonSpec {
    fn default() -> Self {
        let drain = Duration::from_secs(30);
        Self { drain, max_connections: 1000, control: None, user: None, landlock: false }
    }
}
