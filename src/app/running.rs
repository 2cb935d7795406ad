//! What the running daemon can say about itself.

use crate::clock::Clock;
use crate::config::{Loaded, Problems};
use crate::control::{Configuration, Listener, Part, Refused, Status};
use crate::quarantine::Quarantine;
use jiff::Timestamp;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio::sync::oneshot::Sender;

/// What does not change while it runs, and what became of its configuration.
pub(super) struct Running {
    started: Timestamp,
    listeners: Vec<Listener>,
    state: Option<Part>,
    quarantine: Option<Arc<Quarantine>>,
    configuration: Configuration,
    clock: Arc<dyn Clock>,
}

impl Running {
    /// As it starts. `state_fault` is what keeps its memory from the disk.
    pub(super) fn new(
        file: &Path,
        loaded: &Loaded,
        state_fault: Option<String>,
        quarantine: Option<Arc<Quarantine>>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        let config = &loaded.config;
        let listeners = config.listeners.iter().map(|spec| Listener {
            name: spec.name.clone(),
            socket: spec.at.socket.to_string(),
            role: spec.role,
        });
        let state = config.state.as_ref().map(|spec| Part { directory: spec.directory.clone(), fault: state_fault });
        let now = clock.now();
        Self {
            started: now,
            listeners: listeners.collect(),
            state,
            quarantine,
            configuration: configuration(file.to_owned(), loaded, Vec::new(), now),
            clock,
        }
    }

    /// Another configuration is in use.
    pub(super) fn reloaded(&mut self, loaded: &Loaded, needs_restart: &[&str]) {
        let keys = needs_restart.iter().map(|key| (*key).to_owned()).collect();
        self.configuration = configuration(self.configuration.file.clone(), loaded, keys, self.clock.now());
    }

    /// The one in use stays.
    pub(super) fn refused(&mut self, problems: &Problems) {
        let problems = problems.iter().map(ToString::to_string).collect();
        self.configuration.refused = Some(Refused { when: self.clock.now(), problems });
    }

    /// Answers how it is now, from a thread of its own: a disk may keep whoever looks at it waiting.
    pub(super) fn answer(&self, messages_in_progress: usize, answer: Sender<Status>) {
        let mut status = Status {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            pid: std::process::id(),
            started: self.started,
            messages_in_progress,
            configuration: self.configuration.clone(),
            listeners: self.listeners.clone(),
            state: self.state.clone(),
            quarantine: None,
        };
        let quarantine = self.quarantine.clone();
        tokio::task::spawn_blocking(move || {
            status.quarantine = quarantine.map(|store| Part {
                directory: store.spec().directory.clone(),
                fault: store.check().err().map(|error| error.to_string()),
            });
            // Who asked may have left.
            let _ = answer.send(status);
        });
    }
}

fn configuration(file: PathBuf, loaded: &Loaded, needs_restart: Vec<String>, now: Timestamp) -> Configuration {
    let policy = &loaded.config.policy;
    Configuration {
        file,
        loaded: now,
        mode: policy.mode,
        rules: policy.rules.len(),
        exceptions: policy.exceptions.len(),
        list_files: loaded.config.list_files.len(),
        needs_restart,
        warnings: loaded.warnings.iter().map(ToString::to_string).collect(),
        refused: None,
    }
}
