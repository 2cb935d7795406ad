//! The one table of metrics: names and units by Prometheus' conventions, labels of which none can grow without bound. The
//! registry counts them, and [`Registry::render`] writes them as Prometheus reads them.

mod process;
mod registry;

pub use process::refresh as refresh_process;
pub use registry::Registry;

/// A metric's row.
#[derive(Debug, PartialEq)]
pub struct Metric {
    /// Its name.
    pub name: &'static str,
    /// What it tells.
    pub help: &'static str,
    /// How it behaves.
    pub kind: Kind,
    /// What its series differ in.
    pub labels: &'static [Label],
}

/// How a metric behaves.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Kind {
    /// Only grows, from 0 at the start of the process.
    Counter,
    /// Only grows, and has a fraction; it is set as a gauge is.
    Sum,
    /// Goes up and down.
    Gauge,
    /// Counts values, by these upper bounds.
    Histogram(&'static [f64]),
}

impl Kind {
    /// The name in Prometheus' text format.
    pub fn name(self) -> &'static str {
        match self {
            Self::Counter | Self::Sum => "counter",
            Self::Gauge => "gauge",
            Self::Histogram(_) => "histogram",
        }
    }
}

/// A label, and the values that it may have.
#[derive(Debug, PartialEq)]
pub struct Label {
    /// Its name.
    pub name: &'static str,
    /// Its values.
    pub values: Values,
}

/// The values of a label.
#[derive(Debug, PartialEq)]
pub enum Values {
    /// One of these: each is there from the start, and anything else counts as `other`.
    Of(&'static [&'static str]),
    /// Names that stand in the configuration: at most [`MAX_NAMES`] of a metric, and those past that count as `other`.
    Names,
}

/// How many series a metric may have by names of the configuration.
pub const MAX_NAMES: usize = 200;

impl Metric {
    const fn counter(name: &'static str, help: &'static str) -> Self {
        Self { name, help, kind: Kind::Counter, labels: &[] }
    }

    const fn gauge(name: &'static str, help: &'static str) -> Self {
        Self { kind: Kind::Gauge, ..Self::counter(name, help) }
    }

    const fn by(self, labels: &'static [Label]) -> Self {
        Self { labels, ..self }
    }
}

const LISTENER: Label = Label { name: "listener", values: Values::Names };
const OUTPUT: Label = Label { name: "output", values: Values::Names };

/// Messages judged.
pub const MESSAGES: Metric =
    Metric::counter("forwarden_messages_total", "Messages that came to their end at a listener.").by(&[LISTENER]);
/// How long judging took.
pub const DURATION: Metric = Metric {
    name: "forwarden_message_duration_seconds",
    help: "Time from the end of a message to the answer, what is done about it included.",
    kind: Kind::Histogram(&[0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0]),
    labels: &[LISTENER],
};
/// Messages in progress.
pub const IN_PROGRESS: Metric = Metric::gauge("forwarden_messages_in_progress", "Messages between MAIL and their end.");
/// Verdicts.
pub const VERDICTS: Metric = Metric::counter("forwarden_verdicts_total", "External recipients judged.").by(&[Label {
    name: "verdict",
    values: Values::Of(&[
        "auto_forward",
        "bulk_copy",
        "manual_forward",
        "list",
        "auto_reply",
        "bounce",
        "meeting",
        "ordinary",
    ]),
}]);
/// What was done.
pub const ACTIONS: Metric =
    Metric::counter("forwarden_actions_total", "What was done about forwards, by external recipient.").by(&[Label {
        name: "action",
        values: Values::Of(&[
            "logged",
            "tagged",
            "copied",
            "redirected",
            "stripped",
            "stored",
            "quarantined",
            "discarded",
            "tempfailed",
            "rejected",
        ]),
    }]);
/// Faults.
pub const FAULTS: Metric =
    Metric::counter("forwarden_faults_total", "Messages that could not be judged, edited or reported.")
        .by(&[LISTENER, Label { name: "stage", values: Values::Of(&["judging", "editing", "reporting"]) }]);
/// What was remarkable.
pub const BEHAVIOURS: Metric =
    Metric::counter("forwarden_behaviours_total", "Remarkable things about who forwards where.").by(&[Label {
        name: "behaviour",
        values: Values::Of(&["first_seen", "fan_in", "burst", "regular_latency", "imbalance"]),
    }]);
/// Exceptions.
pub const EXCEPTIONS: Metric =
    Metric::gauge("forwarden_exceptions", "Exceptions in the configuration; `expiring` ends within 14 days.")
        .by(&[Label { name: "state", values: Values::Of(&["in_force", "expiring", "expired"]) }]);
/// Exceptions that ended.
pub const EXCEPTION_LAPSES: Metric = Metric::counter(
    "forwarden_exception_lapses_total",
    "Times that an exception did not cover a forward any more; each exception counts once a day.",
)
.by(&[Label { name: "change", values: Values::Of(&["expired", "overrun"]) }]);
/// Mail that left the store.
pub const QUARANTINE_CHANGES: Metric =
    Metric::counter("forwarden_quarantine_changes_total", "Messages that left the quarantine.")
        .by(&[Label { name: "change", values: Values::Of(&["released", "deleted", "trimmed"]) }]);
/// Events taken.
pub const EVENTS_QUEUED: Metric = Metric::counter(
    "forwarden_events_queued_total",
    "Events taken for output: for the spool, or, without one, for each output.",
);
/// Events lost.
pub const EVENTS_DROPPED: Metric =
    Metric::counter("forwarden_events_dropped_total", "Events that an output never had; `all` where none had them.")
        .by(&[
            OUTPUT,
            Label {
                name: "reason",
                values: Values::Of(&[
                    "too_old",
                    "spool_full",
                    "disk_full",
                    "queue_full",
                    "unwritable",
                    "damaged",
                    "refused",
                ]),
            },
        ]);
/// Events that a receiver took.
pub const EVENTS_DELIVERED: Metric =
    Metric::counter("forwarden_events_delivered_total", "Events that a receiver took out of the spool.").by(&[OUTPUT]);
/// Tries that failed.
pub const DELIVERY_RETRIES: Metric =
    Metric::counter("forwarden_delivery_retries_total", "Deliveries that failed and are tried again.").by(&[OUTPUT]);
/// How long deliveries take.
pub const DELIVERY_SECONDS: Metric = Metric {
    name: "forwarden_delivery_duration_seconds",
    help: "Time that a receiver took for a batch of events, failures included.",
    kind: Kind::Histogram(&[0.001, 0.005, 0.025, 0.1, 0.5, 1.0, 5.0, 30.0]),
    labels: &[OUTPUT],
};
/// When a receiver last took something.
pub const DELIVERED_AT: Metric = Metric::gauge(
    "forwarden_delivery_last_success_timestamp_seconds",
    "When a receiver last took events, in seconds since 1970.",
)
.by(&[OUTPUT]);
/// What waits.
pub const SPOOL_EVENTS: Metric =
    Metric::gauge("forwarden_spool_events", "Events in the spool that an output has not had.").by(&[OUTPUT]);
/// What the spool holds.
pub const SPOOL_BYTES: Metric = Metric::gauge("forwarden_spool_bytes", "Octets in use in the spool.");
/// The spool cannot be written.
pub const SPOOL_FAULTS: Metric = Metric::counter(
    "forwarden_spool_faults_total",
    "Times that the spool could not be written or was set aside; writing is tried again.",
);
/// The state cannot be written.
pub const STATE_FAULTS: Metric =
    Metric::counter("forwarden_state_faults_total", "Batches that the state file did not take; they are tried again.");
/// What the state forgot.
pub const STATE_LOST: Metric = Metric::counter(
    "forwarden_state_lost_total",
    "Observations that the state file missed because it could not keep up.",
);
/// Lists that could not be read again.
pub const LIST_FAULTS: Metric =
    Metric::counter("forwarden_list_faults_total", "Changed lists that could not be read; the old ones stay in use.");
/// Notices that were sent.
pub const NOTICES_SENT: Metric = Metric::counter("forwarden_notices_sent_total", "Notices that a server took.");
/// Notices that were not written, as people had been told.
pub const NOTICES_LIMITED: Metric =
    Metric::counter("forwarden_notices_limited_total", "Notices left out, as people had been told lately.");
/// Notices that were lost.
pub const NOTICES_LOST: Metric =
    Metric::counter("forwarden_notices_lost_total", "Notices that could not be kept or that nobody took.");
/// Reloads.
pub const RELOADS: Metric =
    Metric::counter("forwarden_config_reloads_total", "Times the configuration was read again.")
        .by(&[Label { name: "result", values: Values::Of(&["success", "failure"]) }]);
/// Whether the file is the configuration in use.
pub const RELOADED: Metric = Metric::gauge(
    "forwarden_config_last_reload_successful",
    "1 if the configuration was last read without an error; 0 if an older one is still in use.",
);
/// Since when it is in use.
pub const RELOADED_AT: Metric = Metric::gauge(
    "forwarden_config_last_reload_success_timestamp_seconds",
    "When the configuration in use was read, in seconds since 1970.",
);
/// Whether decisions are carried out.
pub const ENFORCING: Metric =
    Metric::gauge("forwarden_enforcing", "1 where policy.mode is enforce; 0 where it is observe.");
/// Parts that cannot do what they should.
pub const DEGRADED: Metric = Metric::gauge(
    "forwarden_degraded",
    "1 for a part that could not be started as configured; mail goes on without it.",
)
.by(&[Label { name: "part", values: Values::Of(&["state", "quarantine", "notify"]) }]);
/// The version.
pub const BUILD_INFO: Metric = Metric::gauge("forwarden_build_info", "Always 1; the version is a label.")
    .by(&[Label { name: "version", values: Values::Of(&[env!("CARGO_PKG_VERSION")]) }]);
/// Processor time.
pub const PROCESS_CPU: Metric = Metric {
    kind: Kind::Sum,
    ..Metric::gauge("process_cpu_seconds_total", "Processor time of this process, user and system, in seconds.")
};
/// Resident memory.
pub const PROCESS_RESIDENT: Metric = Metric::gauge("process_resident_memory_bytes", "Resident memory, in bytes.");
/// Open descriptors.
pub const PROCESS_FDS: Metric = Metric::gauge("process_open_fds", "Open file descriptors.");
/// The most of them.
pub const PROCESS_MAX_FDS: Metric = Metric::gauge("process_max_fds", "How many file descriptors may be open.");
/// When it was started.
pub const PROCESS_START: Metric =
    Metric::gauge("process_start_time_seconds", "When this process was started, in seconds since 1970.");

/// The table.
pub const ALL: &[&Metric] = &[
    &BUILD_INFO,
    &MESSAGES,
    &DURATION,
    &IN_PROGRESS,
    &VERDICTS,
    &ACTIONS,
    &FAULTS,
    &BEHAVIOURS,
    &EXCEPTIONS,
    &EXCEPTION_LAPSES,
    &QUARANTINE_CHANGES,
    &EVENTS_QUEUED,
    &EVENTS_DROPPED,
    &EVENTS_DELIVERED,
    &DELIVERY_RETRIES,
    &DELIVERY_SECONDS,
    &DELIVERED_AT,
    &SPOOL_EVENTS,
    &SPOOL_BYTES,
    &SPOOL_FAULTS,
    &STATE_FAULTS,
    &STATE_LOST,
    &LIST_FAULTS,
    &NOTICES_SENT,
    &NOTICES_LIMITED,
    &NOTICES_LOST,
    &RELOADS,
    &RELOADED,
    &RELOADED_AT,
    &ENFORCING,
    &DEGRADED,
    &PROCESS_CPU,
    &PROCESS_RESIDENT,
    &PROCESS_FDS,
    &PROCESS_MAX_FDS,
    &PROCESS_START,
];

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn names_keep_to_the_conventions() {
        let mut names = BTreeSet::new();
        for metric in ALL {
            let name = metric.name;
            assert!(names.insert(name), "{name} is there twice");
            assert!(name.starts_with("forwarden_") || name.starts_with("process_"), "{name}");
            assert!(name.bytes().all(|b| b.is_ascii_lowercase() || b == b'_'), "{name}");
            assert_eq!(name.ends_with("_total"), metric.kind.name() == "counter", "{name}");
            assert!(metric.help.ends_with('.') && !metric.help.contains(['\n', '\\', '|']), "{name}: {}", metric.help);
            if let Kind::Histogram(bounds) = metric.kind {
                assert!(bounds.is_sorted() && name.ends_with("_seconds"), "{name}");
            }
            assert!(metric.labels.iter().all(|label| label.name != "le" && label.name != "job"), "{name}");
        }
    }

    /// What is in the source is in the table, and what is in the table is counted somewhere.
    #[test]
    fn the_table_is_whole() {
        fn sources(folder: &std::path::Path, text: &mut String) {
            for entry in std::fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path()) {
                if entry.is_dir() {
                    sources(&entry, text);
                } else if !entry.ends_with("metrics/mod.rs") {
                    text.push_str(&std::fs::read_to_string(entry).expect("a file"));
                }
            }
        }
        let source = include_str!("mod.rs");
        let rows: Vec<&str> = source
            .lines()
            .filter_map(|line| line.strip_prefix("pub const ")?.split_once(": Metric").map(|(name, _)| name))
            .collect();
        assert_eq!(rows.len(), ALL.len());
        let mut code = String::new();
        sources(&std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut code);
        for row in rows {
            assert!(source.contains(&format!("    &{row},\n")), "{row} is not in ALL");
            assert!(code.contains(&format!("metrics::{row}.name")), "{row} is counted nowhere");
        }
    }
}
