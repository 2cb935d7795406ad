//! The daemon: configuration → parts → tasks. Signals, reload, drain. Wiring only: nothing is decided here.

mod gauges;
mod landlock;
mod log;
mod running;
mod service;
mod user;
mod watch;

use crate::admin;
use crate::clock::{Clock, SystemClock};
use crate::config::{Config, DaemonSpec, Loaded, LogSpec};
use crate::control::{self, Asked, Request};
use crate::detect::Catalogue;
use crate::engine::{Current, Engine};
use crate::event::{Body, Fault, QuarantineEvent};
use crate::frontend::milter::{self, Busy, Shared, Stop};
use crate::frontend::{Bound, Endpoint, Passed, bind, bind_private};
use crate::metrics::Registry;
use crate::notify::{self, Notifier};
use crate::privacy::{Mask, Masks, Show};
use crate::quarantine::Quarantine;
use crate::sink::{Masked, Sink, Spool, Writers};
use crate::state::{self, Embedded, Key, Memory, Opened, Store};
use crate::usage::Usage;
use running::Running;
use std::io;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::mpsc;
use tokio::sync::watch::channel;
use tokio::task::JoinSet;
use watch::Watch;

/// A configuration error of the daemon (sysexits.h, EX_CONFIG).
pub const EX_CONFIG: u8 = 78;

/// The engine that a configuration describes, without anything remembered.
pub fn engine(config: &Config, clock: Arc<dyn Clock>, sink: Arc<dyn Sink>) -> Engine {
    Engine {
        organization: config.organization.clone(),
        catalogue: Catalogue::with(&config.detectors),
        weights: config.weights.clone(),
        policy: config.policy.clone(),
        report_ordinary: config.report_ordinary,
        host: host(),
        clock,
        sink,
        state: None,
        usage: Arc::new(Usage::in_memory()),
        quarantine: None,
        notifier: None,
    }
}

/// The name of this machine.
pub(crate) fn host() -> String {
    nix::unistd::gethostname().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
}

/// Runs the daemon until it is told to stop.
pub fn serve(path: &Path) -> ExitCode {
    let loaded = match Config::load(path) {
        Ok(loaded) => loaded,
        Err(problems) => {
            eprintln!("{problems}");
            return ExitCode::from(EX_CONFIG);
        }
    };
    // While it may still be root, whose file the key may be.
    let masks = match loaded.config.privacy.masks() {
        Ok(masks) => masks,
        Err(problem) => {
            eprintln!("forwarden: privacy.key: {problem}");
            return ExitCode::from(EX_CONFIG);
        }
    };
    start_log(&loaded.config.log, masks.events.clone());
    loaded.warnings.iter().for_each(|warning| tracing::warn!("{warning}"));
    let sockets = match prepare(path, &loaded.config) {
        Ok(sockets) => sockets,
        Err(error) => {
            tracing::error!("{error}");
            return ExitCode::from(EX_CONFIG);
        }
    };
    // Before anything is counted.
    let registry = Registry::new();
    if let Err(error) = registry.install() {
        tracing::error!(%error, "nothing is counted");
    }
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            tracing::error!(%error, "the runtime cannot be started");
            return ExitCode::FAILURE;
        }
    };
    match runtime.block_on(run(path, loaded, masks, sockets, registry)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!("{error}");
            ExitCode::FAILURE
        }
    }
}

/// What must be done while there is one thread only: taking the service manager's sockets, and giving up what is not needed.
///
/// # Errors
/// Why the daemon must not run like this.
fn prepare(path: &Path, config: &Config) -> io::Result<Passed> {
    let sockets = Passed::from_environment()?;
    sockets.check(&config.listeners.iter().map(|spec| &spec.at).chain(&config.admin))?;
    if config.daemon.user.is_some() || config.daemon.landlock {
        user::no_new_rights()?;
    }
    if config.daemon.landlock {
        landlock::confine(config, path)?;
    }
    Ok(sockets)
}

fn start_log(spec: &LogSpec, mask: Mask) {
    use tracing_subscriber::EnvFilter;
    // What is set in the environment, for a look at one run, goes before what is configured.
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(&spec.level));
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(log::Lines::new(mask));
    let started = if spec.json { builder.json().try_init() } else { builder.with_ansi(false).try_init() };
    if let Err(error) = started {
        eprintln!("forwarden: the log cannot be started: {error}");
    }
    // A defect is a line in the log, with its place, not a page on standard error.
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(ToString::to_string).unwrap_or_default();
        let text = panic.payload_as_str().unwrap_or("no description");
        tracing::error!(%place, error = text, "defect in this program");
    }));
}

/// The listeners' sockets, all or none: those that were handed over, and the others made.
///
/// # Errors
/// Names every one that cannot listen.
fn bind_all<'a>(
    listeners: impl Iterator<Item = (&'a str, &'a Endpoint)>,
    passed: &mut Passed,
) -> io::Result<Vec<Bound>> {
    let one = |(name, at): (&str, &Endpoint)| passed.take(name, at).map_or_else(|| bind(name, at), Ok);
    let (bound, failed): (Vec<_>, Vec<_>) = listeners.map(one).partition(Result::is_ok);
    let failed: Vec<String> = failed.into_iter().filter_map(Result::err).map(|error| error.to_string()).collect();
    if failed.is_empty() { Ok(bound.into_iter().flatten().collect()) } else { Err(io::Error::other(failed.join("\n"))) }
}

/// Questions of `forwarden status` and `forwarden reload`; none ever come where no socket is configured.
///
/// # Errors
/// The socket cannot be made.
fn listen_for_questions(spec: &DaemonSpec) -> io::Result<mpsc::Receiver<Asked>> {
    let (sender, receiver) = mpsc::channel(1);
    let Some(path) = &spec.control else { return Ok(receiver) };
    let named = |error: io::Error| io::Error::new(error.kind(), format!("daemon.control: {error}"));
    let (listener, owned) = bind_private(path).map_err(named)?;
    let listener = tokio::net::UnixListener::from_std(listener)?;
    tokio::spawn(async move {
        control::serve(listener, sender).await;
        // The socket's file goes away with the daemon.
        drop(owned);
    });
    Ok(receiver)
}

async fn run(path: &Path, loaded: Loaded, masks: Masks, mut sockets: Passed, registry: Registry) -> io::Result<()> {
    let mut signals = Signals::new()?;
    let config = &loaded.config;
    service::watchdog();
    // What root alone can make comes first, and all files are then made by the user who will write to them.
    let bound = bind_all(config.listeners.iter().map(|spec| (spec.name.as_str(), &spec.at)), &mut sockets)?;
    let admin = bind_all(config.admin.iter().map(|at| ("admin", at)), &mut sockets)?;
    if let Some(name) = &config.daemon.user {
        user::become_user(name)?;
        if let Err(error) = std::fs::File::open(path) {
            tracing::warn!(file = %path.display(), user = %name, %error, "no reload will work: the user cannot read it");
        }
    } else if nix::unistd::geteuid().is_root() {
        tracing::warn!("running as root: set daemon.user, or have the service manager start it as a user of its own");
    }
    // First, so that what changes while the rest comes up is seen.
    let mut lists = Watch::default();
    lists.follow(&config.list_files);
    let sink = Masked::before(open_sink(config)?, masks.events, masks.subjects);
    let (state, broken) = config.state.as_ref().map_or((None, None), |spec| open_state(spec, masks.state));
    let usage = Arc::new(open_usage(config));
    let quarantine = config.quarantine.clone().map(|spec| Arc::new(Quarantine::new(spec)));
    let unusable = quarantine.as_deref().and_then(try_quarantine);
    let mut questions = listen_for_questions(&config.daemon)?;
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let in_memory = broken.iter().find(|fault| fault.action == "memory_only").map(|fault| fault.error.clone());
    let mut running = Running::new(path, &loaded, in_memory, quarantine.clone(), Arc::clone(&clock));
    let current = Arc::new(Current::new(Engine {
        state: state.clone(),
        usage: Arc::clone(&usage),
        quarantine: quarantine.clone(),
        notifier: config.notify.clone().and_then(start_notifier),
        ..engine(config, Arc::clone(&clock), Arc::clone(&sink))
    }));
    broken.into_iter().chain(unusable).for_each(|fault| current.get().report(Body::Fault(fault)));
    if let Some(quarantine) = quarantine {
        tokio::spawn(tend(quarantine, Arc::clone(&current)));
    }
    let busy = Arc::new(Busy::default());
    let (stop_accepting, accepting) = channel(false);
    gauges::begin(config, &current.get());
    let shown = Arc::new(gauges::shown(registry, Arc::clone(&current), Arc::clone(&busy), accepting.clone()));
    for (at, bound) in config.admin.iter().cloned().zip(admin) {
        tracing::info!(socket = %at.socket, "showing metrics");
        let shown = Arc::clone(&shown);
        tokio::spawn(async move {
            if let Err(error) = admin::run(&at, bound, shown).await {
                tracing::error!(socket = %at.socket, %error, "metrics are shown no more; mail goes on");
            }
        });
    }
    let shared = Shared {
        engine: Arc::clone(&current),
        limits: config.limits,
        read_body: config.read_body,
        max_connections: config.daemon.max_connections,
        busy: Arc::clone(&busy),
    };
    let (stop_serving, serving) = channel(false);
    let mut listeners = JoinSet::new();
    for (spec, bound) in config.listeners.iter().zip(bound) {
        tracing::info!(listener = %spec.name, socket = %spec.at.socket, role = ?spec.role, "listening");
        let stop = Stop { accepting: accepting.clone(), serving: serving.clone() };
        listeners.spawn(milter::run(Arc::new(spec.clone()), bound, shared.clone(), stop));
    }
    service::ready(&status(config));
    tracing::info!(version = env!("CARGO_PKG_VERSION"), mode = ?config.policy.mode, "ready");

    let mut look = tokio::time::interval(watch::EVERY);
    look.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            told = signals.next() => match told {
                Told::Stop => break,
                Told::Reload => reload_as_told(path, config, &current, &mut lists, &mut running),
            },
            Some(Asked { request, answer }) = questions.recv() => {
                if request == Request::Reload {
                    reload_as_told(path, config, &current, &mut lists, &mut running);
                }
                running.answer(busy.count(), answer);
            },
            _ = look.tick() => if let Some(why) = lists.due() {
                tracing::info!(%why, "lists: reloading");
                if !reload(path, config, &current, &mut lists, &mut running) {
                    ::metrics::counter!(crate::metrics::LIST_FAULTS.name).increment(1);
                }
            },
            Some(ended) = listeners.join_next() => {
                let error = match ended {
                    Ok(Ok(())) => "a listener ended".to_owned(),
                    Ok(Err(error)) => error.to_string(),
                    Err(error) => error.to_string(),
                };
                return Err(io::Error::other(format!("a listener failed: {error}")));
            }
        }
    }

    service::stopping();
    let _ = stop_accepting.send(true);
    drain(&busy, &config.daemon, &mut signals).await;
    let _ = stop_serving.send(true);
    while listeners.join_next().await.is_some() {}
    tracing::info!("stopped");
    Ok(())
}

/// How long what an MTA has written already may take to be read here, on a busy machine.
const IN_FLIGHT: std::time::Duration = std::time::Duration::from_millis(500);

/// Waits for the messages in progress; at most the drain time, and not at all after a second signal.
async fn drain(busy: &Busy, spec: &DaemonSpec, signals: &mut Signals) {
    tracing::info!(messages = busy.count(), "stopping: no new connections, finishing messages in progress");
    tokio::select! {
        // Steps that need no reply may still be on their way: the MTA counts on a message that has not been seen here yet.
        () = async { tokio::time::sleep(IN_FLIGHT.min(spec.drain / 2)).await; busy.wait_until_idle().await } => {}
        () = tokio::time::sleep(spec.drain) => {
            tracing::warn!(messages = busy.count(), "drain time is over: cutting off, the MTA will try these messages again");
        }
        () = signals.stop() => tracing::warn!(messages = busy.count(), "second signal: cutting off"),
    }
}

/// Reloads because somebody wants it, and tells the service manager what came of it.
fn reload_as_told(path: &Path, started: &Config, current: &Current, lists: &mut Watch, running: &mut Running) {
    tracing::info!(file = %path.display(), "reloading");
    service::reloading();
    // Whatever comes of the configuration: who moved files away wants to have them.
    current.get().sink.reopen();
    let status = match reload(path, started, current, lists, running) {
        true => "reloaded",
        false => "NOT RELOADED, the configuration in use stays: forwarden status says why",
    };
    service::ready(status);
}

/// Puts the engine of a new configuration in place, and has its lists watched; on error the old one stays.
fn reload(path: &Path, started: &Config, current: &Current, lists: &mut Watch, running: &mut Running) -> bool {
    match Config::load(path) {
        Ok(loaded) => {
            loaded.warnings.iter().for_each(|warning| tracing::warn!("{warning}"));
            let needs_restart = started.needs_restart(&loaded.config);
            for key in &needs_restart {
                tracing::warn!(key, "changed, but takes effect only after a restart");
            }
            let before = current.get();
            know(&before.usage, &loaded.config);
            current.set(Engine {
                state: before.state.clone(),
                usage: Arc::clone(&before.usage),
                quarantine: before.quarantine.clone(),
                notifier: before.notifier.clone(),
                ..engine(&loaded.config, Arc::clone(&before.clock), Arc::clone(&before.sink))
            });
            gauges::reloaded(true);
            tracing::info!(mode = ?loaded.config.policy.mode, rules = loaded.config.policy.rules.len(), "reloaded");
            lists.follow(&loaded.config.list_files);
            running.reloaded(&loaded, &needs_restart);
            true
        }
        Err(problems) => {
            for problem in problems.iter() {
                tracing::error!("{problem}");
            }
            gauges::reloaded(false);
            tracing::error!(file = %path.display(), "not reloaded: the configuration in use stays");
            lists.failed();
            running.refused(&problems);
            false
        }
    }
}

/// Where events go: into the spool, or, without one, at once to files and standard output.
fn open_sink(config: &Config) -> io::Result<Arc<dyn Sink>> {
    Ok(match &config.spool {
        Some(spec) => Arc::new(Spool::start(spec, &config.outputs, &host())?),
        None => Arc::new(Writers::start(&config.outputs)?),
    })
}

/// What is remembered. A state that cannot be used never keeps mail waiting: the daemon then remembers in memory alone,
/// and says so in the log and in an event.
fn open_state(spec: &state::Spec, mask: Mask) -> (Option<Arc<dyn Store>>, Option<Fault>) {
    let fault = |error: String, action| {
        tracing::error!(directory = %spec.directory.display(), %error, action, "state");
        Some(Fault { fault: "state", error, action, listener: String::new(), queue_id: None })
    };
    let memory = || Key::random().ok().map(|key| Arc::new(Memory::new(key, spec.thresholds.clone())) as Arc<dyn Store>);
    // Without mailboxes a file would be of no use.
    if mask.show() == Show::Absent {
        return (memory(), None);
    }
    match Embedded::open_masked(spec, mask, SystemClock.now()) {
        Ok(Opened { store, set_aside }) => {
            let set_aside =
                set_aside.map(|path| format!("the state file could not be read and is now {}", path.display()));
            (Some(Arc::new(store)), set_aside.and_then(|error| fault(error, "set_aside")))
        }
        Err(error) => {
            let error = format!("{}: {error}", spec.directory.display());
            gauges::degraded("state");
            (memory(), fault(error, "memory_only"))
        }
    }
}

/// Begins to tell people. Where that cannot be, the log says so, and mail goes on.
fn start_notifier(spec: notify::Spec) -> Option<Arc<Notifier>> {
    let directory = spec.directory.clone();
    let started = Notifier::start(spec).map(Arc::new);
    started.inspect_err(|error| tracing::error!(directory = %directory.display(), %error, "nobody can be told")).ok()
}

/// Says at the start what is wrong with the store. Mail meets `on_error` only where it is to be stored, so the daemon goes on.
fn try_quarantine(quarantine: &Quarantine) -> Option<Fault> {
    let error = quarantine.check().err()?;
    let directory = quarantine.spec().directory.display();
    gauges::degraded("quarantine");
    tracing::error!(%directory, %error, "the quarantine cannot be used: messages that it should take meet on_error");
    Some(quarantine_fault(format!("{directory}: {error}"), "on_error"))
}

fn quarantine_fault(error: String, action: &'static str) -> Fault {
    Fault { fault: "quarantine", error, action, listener: String::new(), queue_id: None }
}

/// How often the store is looked after.
const TEND: std::time::Duration = std::time::Duration::from_secs(60);
/// How often it is asked for what was done by hand.
const ASK: std::time::Duration = std::time::Duration::from_secs(2);

/// Lets go of what is too old, and reports that and what was done by hand.
async fn tend(quarantine: Arc<Quarantine>, current: Arc<Current>) {
    let mut tended: Option<std::time::Instant> = None;
    let mut ticks = tokio::time::interval(ASK);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let (store, engine) = (Arc::clone(&quarantine), current.get());
        let due = tended.is_none_or(|last| last.elapsed() >= TEND);
        let looked_after = tokio::task::spawn_blocking(move || {
            let now = engine.clock.now();
            let report = |event| engine.report(Body::Quarantine(Box::new(event)));
            for aside in store.set_aside() {
                let error = format!("the index could not be read, is now {}, and was made anew", aside.display());
                engine.report(Body::Fault(quarantine_fault(error, "set_aside")));
            }
            store.changes().into_iter().for_each(|change| report(QuarantineEvent::by_hand(change)));
            match if due { store.tend(now) } else { Ok(Vec::new()) } {
                Ok(gone) => gone.into_iter().for_each(|record| report(QuarantineEvent::trimmed(record, now))),
                Err(error) => tracing::error!(%error, "quarantine could not be looked after"),
            }
        });
        if looked_after.await.is_err() {
            tracing::error!("quarantine could not be looked after: a defect in this program");
        }
        if due {
            tended = Some(std::time::Instant::now());
        }
    }
}

/// The counts of the exceptions: kept with the state, where there is one.
fn open_usage(config: &Config) -> Usage {
    let directory = config.state.as_ref().map(|spec| &spec.directory);
    let usage = directory.map_or_else(Usage::in_memory, |directory| Usage::open(directory, SystemClock.now()));
    know(&usage, config);
    usage
}

fn know(usage: &Usage, config: &Config) {
    usage.know(config.policy.exceptions.iter().map(|exception| exception.id.as_str()), SystemClock.now());
}

/// What `systemctl status` shows.
fn status(config: &Config) -> String {
    let (mode, rules) = (config.policy.mode, config.policy.rules.len());
    format!("mode {mode:?}, listeners: {}, rules: {rules}", config.listeners.len()).to_lowercase()
}

struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hangup: Signal,
}

impl Signals {
    fn new() -> io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hangup: signal(SignalKind::hangup())?,
        })
    }

    async fn next(&mut self) -> Told {
        tokio::select! {
            _ = self.terminate.recv() => Told::Stop,
            _ = self.interrupt.recv() => Told::Stop,
            _ = self.hangup.recv() => Told::Reload,
        }
    }

    /// Waits until told to stop, whatever else is asked for.
    async fn stop(&mut self) {
        while self.next().await != Told::Stop {}
    }
}

/// What a signal tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Told {
    Stop,
    Reload,
}
