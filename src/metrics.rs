//! The one table of metrics. Names by Prometheus' conventions; labels are bounded.

/// A metric's row.
#[derive(Debug)]
pub struct Metric {
    /// Its name.
    pub name: &'static str,
    /// What it counts.
    pub help: &'static str,
}

/// Messages judged.
pub const MESSAGES: Metric = Metric { name: "forwarden_messages_total", help: "Messages judged, by listener." };
/// Verdicts.
pub const VERDICTS: Metric =
    Metric { name: "forwarden_verdicts_total", help: "External recipients judged, by verdict." };
/// Faults.
pub const FAULTS: Metric =
    Metric { name: "forwarden_faults_total", help: "Messages that could not be judged or edited." };
/// Events taken.
pub const EVENTS_QUEUED: Metric = Metric { name: "forwarden_events_queued_total", help: "Events taken for output." };
/// Events lost.
pub const EVENTS_DROPPED: Metric =
    Metric { name: "forwarden_events_dropped_total", help: "Events lost because the output could not keep up." };
/// The state cannot be written.
pub const STATE_FAULTS: Metric = Metric {
    name: "forwarden_state_faults_total",
    help: "Batches that the state file did not take; they are tried again.",
};
/// What the state forgot.
pub const STATE_LOST: Metric = Metric {
    name: "forwarden_state_lost_total",
    help: "Observations that the state file missed because it could not keep up.",
};

/// Lists that could not be read again.
pub const LIST_FAULTS: Metric = Metric {
    name: "forwarden_list_faults_total",
    help: "Changed lists that could not be read; the old ones stay in use.",
};

/// Notices that were sent.
pub const NOTICES_SENT: Metric = Metric { name: "forwarden_notices_sent_total", help: "Notices that a server took." };
/// Notices that were not written, as people had been told.
pub const NOTICES_LIMITED: Metric =
    Metric { name: "forwarden_notices_limited_total", help: "Notices left out, as people had been told lately." };
/// Notices that were lost.
pub const NOTICES_LOST: Metric =
    Metric { name: "forwarden_notices_lost_total", help: "Notices that could not be kept or that nobody took." };

/// The table.
pub const ALL: [&Metric; 11] = [
    &MESSAGES,
    &VERDICTS,
    &FAULTS,
    &EVENTS_QUEUED,
    &EVENTS_DROPPED,
    &STATE_FAULTS,
    &STATE_LOST,
    &LIST_FAULTS,
    &NOTICES_SENT,
    &NOTICES_LIMITED,
    &NOTICES_LOST,
];
