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

/// The table.
pub const ALL: [&Metric; 8] =
    [&MESSAGES, &VERDICTS, &FAULTS, &EVENTS_QUEUED, &EVENTS_DROPPED, &STATE_FAULTS, &STATE_LOST, &LIST_FAULTS];
