//! Message → findings. Pure and total: no error, no clock, no I/O, no dependence on order; every row runs. What a message
//! says is data, never a pattern.
//!
//! `platform/` holds what each product leaves behind: one file a platform, a row a signal. `envelope`, `structural` and
//! `innocent` hold what no single header field can tell.

mod body;
mod correlation;
mod envelope;
mod evidence;
mod headers;
mod innocent;
mod language;
mod platform;
mod row;
mod scene;
mod signal;
mod structural;
mod tnef;
mod unseen;

pub use evidence::{Evidence, Excuse, Family, Mechanism, Names, Polarity};
pub use headers::Catalogue;
pub use row::Row;
pub use scene::{Scene, Target, targets};
pub use signal::{Bind, Body, OwnSignal, Reads, Signal, Strength, Texts};
pub use structural::CONFLICTING;
pub use unseen::{UNSEEN, Unseen};

use crate::message::{Message, Organization};
use std::borrow::Cow;
use std::collections::HashMap;

/// Everything that was seen in one message.
#[derive(Debug, Clone)]
pub struct Findings {
    /// The recipients outside, with the address each is really for.
    pub targets: Vec<Target>,
    /// The evidence: of each detector in the order of the message.
    pub evidence: Vec<Evidence>,
    /// Who wrote the message, in its own words.
    pub author: Option<crate::message::Address>,
}

/// Whether a person would call a message forwarded, whatever sent it on.
pub fn looks_forwarded(message: &Message) -> bool {
    innocent::looks_forwarded(message)
}

/// All rows of the catalogue, in the order of the documentation.
pub fn catalogue() -> impl Iterator<Item = &'static Signal> {
    [envelope::SIGNALS, structural::SIGNALS, body::SIGNALS, correlation::SIGNALS, innocent::SIGNALS]
        .into_iter()
        .flatten()
        .copied()
        .chain(platform::signals())
}

/// How often a row is reported of one message, where our side wrote and where others did: what it tells is told by then,
/// and a message of ten thousand such fields, for a thousand recipients, must not multiply.
const REPETITIONS: usize = 8;

fn leave_out_repetitions(evidence: &mut Vec<Evidence>) {
    if evidence.len() <= REPETITIONS {
        return;
    }
    let mut seen: HashMap<(Cow<'static, str>, Option<usize>, bool), usize> = HashMap::new();
    evidence.retain(|one| {
        let count = seen.entry((one.signal.name(), one.recipient, one.trusted)).or_default();
        *count += 1;
        *count <= REPETITIONS
    });
}

/// Examines a message. `twins` is where it came in before, as far as that is remembered.
pub fn inspect(
    message: &Message,
    organization: &Organization,
    catalogue: &Catalogue,
    twins: &[crate::state::Twin],
) -> Findings {
    let targets = targets(message, organization);
    if targets.is_empty() {
        return Findings { targets, evidence: Vec::new(), author: None };
    }
    let scene = Scene::new(message, organization, targets);
    let mut evidence = Vec::new();
    envelope::examine(&scene, &mut evidence);
    catalogue.examine(&scene, &mut evidence);
    structural::examine(&scene, &mut evidence);
    body::examine(&scene, &mut evidence);
    correlation::examine(&scene, twins, &mut evidence);
    innocent::examine(&scene, &mut evidence);
    leave_out_repetitions(&mut evidence);
    Findings { author: scene.authors.first().cloned(), targets: scene.targets, evidence }
}
