//! What is counted of messages.

use crate::engine::Inspection;
use std::time::Instant;

/// A message came to its end then, and was answered now.
pub(super) fn answered(listener: &str, ended: Instant) {
    metrics::counter!(crate::metrics::MESSAGES.name, "listener" => listener.to_owned()).increment(1);
    let seconds = ended.elapsed().as_secs_f64();
    metrics::histogram!(crate::metrics::DURATION.name, "listener" => listener.to_owned()).record(seconds);
}

/// Its recipients were judged.
pub(super) fn judged(inspection: &Inspection) {
    for assessment in &inspection.assessments {
        metrics::counter!(crate::metrics::VERDICTS.name, "verdict" => assessment.verdict.name()).increment(1);
    }
}

/// Something could not be done.
pub(super) fn fault(listener: &str, stage: &'static str) {
    metrics::counter!(crate::metrics::FAULTS.name, "listener" => listener.to_owned(), "stage" => stage).increment(1);
}
