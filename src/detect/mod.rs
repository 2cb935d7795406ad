//! Message → findings. Pure and total: no error, no clock, no I/O, no dependence on order; every row runs. What a message
//! says is data, never a pattern.
//!
//! `platform/` holds what each product leaves behind: one file a platform, a row a signal. `envelope`, `structural` and
//! `innocent` hold what no single header field can tell.

mod envelope;
mod evidence;
mod headers;
mod innocent;
mod platform;
mod scene;
mod signal;
mod structural;

pub use evidence::{Evidence, Excuse, Family, Mechanism, Names, Polarity};
pub use headers::Catalogue;
pub use scene::{Scene, Target, targets};
pub use signal::{Bind, Body, Reads, Signal, Strength};
pub use structural::CONFLICTING;

use crate::message::{Message, Organization};

/// Everything that was seen in one message.
#[derive(Debug, Clone)]
pub struct Findings {
    /// The recipients outside, with the address each is really for.
    pub targets: Vec<Target>,
    /// The evidence, in no particular order.
    pub evidence: Vec<Evidence>,
    /// Who wrote the message, in its own words.
    pub author: Option<crate::message::Address>,
}

/// All rows of the catalogue, in the order of the documentation.
pub fn catalogue() -> impl Iterator<Item = &'static Signal> {
    [envelope::SIGNALS, structural::SIGNALS, innocent::SIGNALS]
        .into_iter()
        .flatten()
        .copied()
        .chain(platform::signals())
}

/// Examines a message.
pub fn inspect(message: &Message, organization: &Organization, catalogue: &Catalogue) -> Findings {
    let targets = targets(message, organization);
    if targets.is_empty() {
        return Findings { targets, evidence: Vec::new(), author: None };
    }
    let scene = Scene::new(message, organization, targets);
    let mut evidence = Vec::new();
    envelope::examine(&scene, &mut evidence);
    catalogue.examine(&scene, &mut evidence);
    structural::examine(&scene, &mut evidence);
    innocent::examine(&scene, &mut evidence);
    Findings { author: scene.authors.first().cloned(), targets: scene.targets, evidence }
}
