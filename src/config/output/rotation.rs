//! The keys of an output that rotates its own file.

use super::super::duration::span;
use super::super::reader::Section;
use crate::sink::{Rotation, Target};
use jiff::SignedDuration;
use std::time::Duration;

const KEYS: [&str; 3] = ["rotate_bytes", "rotate_every", "rotate_keep"];

/// Reads them for a file; at any other place they are mistakes.
pub(super) fn read(section: &Section<'_>, target: Option<&Target>) -> Option<Rotation> {
    let said: Vec<_> = KEYS.iter().filter_map(|key| section.get(key)).collect();
    let report = section.report();
    let Some(Target::File(path)) = target else {
        // Where the place itself is wrong, that is enough to say.
        for found in said.iter().filter(|_| target.is_some()) {
            report.error(&found.place, "is for files: write to = \"file:/path\", or leave it out");
        }
        return None;
    };
    let bytes = section.integer("rotate_bytes", 10_000..=1 << 44);
    let spans = SignedDuration::from_mins(1)..=SignedDuration::from_hours(24 * 366);
    let every = span(section, "rotate_every", spans).and_then(|span| Duration::try_from(span).ok());
    let keep = section.integer("rotate_keep", 1..=1_000).and_then(|keep| u32::try_from(keep).ok()).unwrap_or(7);
    let first = said.first()?;
    if std::fs::metadata(path).is_ok_and(|there| !there.is_file()) {
        report
            .error(&first.place, format!("{} is no regular file, and stays what it is: leave it out", path.display()));
    }
    if !section.has("rotate_bytes") && !section.has("rotate_every") {
        report.error(&first.place, "is said, but not when: write rotate_bytes = 100_000_000 or rotate_every = \"1d\"");
    }
    (bytes.is_some() || every.is_some()).then_some(Rotation { bytes, every, keep })
}
