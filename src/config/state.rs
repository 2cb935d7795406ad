//! `[state]`: what is remembered, where, and for how long.

use super::duration::span;
use super::problem::quoted;
use super::reader::Section;
use crate::state::{Spec, Thresholds};
use jiff::SignedDuration;
use std::path::PathBuf;

/// `[state]`: the store, and whether texts are compared. Without it nothing is remembered.
pub(super) fn read(root: &Section<'_>) -> (Option<Spec>, bool) {
    let Some(section) = root.table("state") else { return (None, false) };
    let directory = section.string("directory").and_then(|(text, place)| {
        let path = PathBuf::from(&text);
        if !path.is_absolute() {
            let text = format!("{} is no absolute path: write \"/var/lib/forwarden\"", quoted(&text));
            section.report().error(&place, text);
            return None;
        }
        Some(path)
    });
    let mut thresholds = Thresholds::default();
    let number = |key, range| section.integer(key, range).and_then(|number| u32::try_from(number).ok());
    thresholds.window = span(&section, "window", SignedDuration::from_mins(1)..=SignedDuration::from_hours(24 * 7))
        .unwrap_or(thresholds.window);
    thresholds.learning = span(&section, "learning", SignedDuration::ZERO..=SignedDuration::from_hours(24 * 366))
        .unwrap_or(thresholds.learning);
    thresholds.arrivals = number("arrivals", 1_000..=100_000_000).map_or(thresholds.arrivals, |number| number as usize);
    thresholds.fan_in = number("fan_in", 2..=1_000).map_or(thresholds.fan_in, |number| number as usize);
    thresholds.burst = number("burst", 2..=60_000).unwrap_or(thresholds.burst);
    thresholds.imbalance = number("imbalance", 2..=1_000_000).unwrap_or(thresholds.imbalance);
    let keep_days = i64::from(number("keep_days", 1..=36_500).unwrap_or(400));
    let text = section.boolean("text").unwrap_or(false);
    let set = directory.is_some() || section.has("directory");
    if !set {
        section.report().error(section.place(), "needs a directory: write directory = \"/var/lib/forwarden\"");
    }
    section.finish();
    (directory.map(|directory| Spec { directory, thresholds, keep_days }), text)
}
