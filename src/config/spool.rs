//! `[spool]`: where events wait until they were delivered.

use super::duration::span;
use super::problem::quoted;
use super::reader::Section;
use crate::sink::spool::Spec;
use jiff::SignedDuration;
use std::path::PathBuf;

const DAY: i64 = 24;

/// Reads it. Without it there is none, and events can only be written to files and standard output.
pub(super) fn read(root: &Section<'_>) -> Option<Spec> {
    let section = root.table("spool")?;
    let directory = section.string("directory").map_or_else(
        || Some(PathBuf::from("/var/lib/forwarden/spool")),
        |(text, place)| {
            let path = PathBuf::from(&text);
            if !path.is_absolute() {
                let problem = "is no absolute path: write \"/var/lib/forwarden/spool\"";
                section.report().error(&place, format!("{} {problem}", quoted(&text)));
            }
            path.is_absolute().then_some(path)
        },
    );
    let max_bytes = section.integer("max_bytes", 4 << 20..=1 << 44).unwrap_or(256 << 20);
    let days = |days: i64| SignedDuration::from_hours(DAY * days);
    let max_age = span(&section, "max_age", SignedDuration::from_mins(1)..=days(3650)).unwrap_or(days(7));
    let min_free = section.integer("min_free", 0..=1 << 50).unwrap_or(100 << 20);
    let keep = span(&section, "keep", SignedDuration::ZERO..=days(3650)).unwrap_or_default();
    section.finish();
    Some(Spec { directory: directory?, max_bytes, max_age, min_free, keep })
}
