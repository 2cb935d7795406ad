//! The keys of an output that sends GELF by UDP.

use super::super::reader::Section;
use crate::sink::encode::Format;
use crate::sink::{Chunks, Target};

/// Whether records are cut there.
pub(super) fn are_for(target: &Target, format: &Format) -> bool {
    matches!(target, Target::Udp(..)) && format.name == "gelf"
}

/// Reads them where records are cut; at any other place the first is a mistake. `gzip` may be said for requests, too.
pub(super) fn read(mut target: Target, format: &Format, section: &Section<'_>) -> Target {
    let cut = are_for(&target, format);
    match &mut target {
        Target::Udp(_, chunks) if cut => {
            let octets = section.integer("chunk_bytes", 24..=8_192).and_then(|octets| usize::try_from(octets).ok());
            let gzip = section.boolean("gzip").unwrap_or(false);
            *chunks = Some(Chunks { octets: octets.unwrap_or(Chunks::OCTETS), gzip });
        }
        _ => {
            if let Some(found) = section.get("chunk_bytes") {
                let text = "is for format = \"gelf\" by udp, the only one that can be put together again: leave it out";
                section.report().error(&found.place, text);
            }
        }
    }
    target
}
