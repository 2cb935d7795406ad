//! `[[admin]]`: where metrics are asked for, and whether the daemon is well.

use super::endpoint;
use super::listener::Listeners;
use super::problem::quoted;
use super::reader::{Place, Section};
use crate::frontend::Endpoint;

/// Reads them all. Without any nobody can ask.
pub(super) fn read(root: &Section<'_>, listeners: &Listeners) -> Vec<Endpoint> {
    let mut found: Vec<(Endpoint, Place)> = Vec::new();
    for section in root.tables("admin") {
        if let Some((at, place)) = endpoint::read(&section, &endpoint::ADMIN) {
            let taken = |by: String| {
                section.report().error(&place, format!("{} is taken {by}", quoted(&at.socket.to_string())));
            };
            if let Some(spec) = listeners.specs.iter().find(|spec| spec.at.socket.overlaps(&at.socket)) {
                taken(format!("by listener {}", quoted(&spec.name)));
            } else if let Some((_, first)) = found.iter().find(|(other, _)| other.socket.overlaps(&at.socket)) {
                taken(format!("already; first in {first}"));
            }
            found.push((at, place));
        }
        section.finish();
    }
    found.into_iter().map(|(at, _)| at).collect()
}
