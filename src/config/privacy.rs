//! `[privacy]`: what of persons events, the log and the state show.

use super::lists::choice;
use super::problem::quoted;
use super::reader::Section;
use crate::privacy::{Show, Spec};
use std::path::PathBuf;

const SHOWN: [(&str, Show); 3] = [("clear", Show::Clear), ("pseudonym", Show::Pseudonym), ("absent", Show::Absent)];

/// Reads it. Without it all is clear.
pub(super) fn read(root: &Section<'_>) -> Spec {
    let mut spec = Spec::default();
    let Some(section) = root.table("privacy") else { return spec };
    let show =
        |key| section.string(key).and_then(|(text, place)| choice(&section, &text, &place, &SHOWN)).unwrap_or_default();
    spec.event_addresses = show("event_addresses");
    spec.event_subjects = show("event_subjects");
    spec.state_addresses = show("state_addresses");
    spec.keep_domain = section.boolean("keep_domain").unwrap_or(spec.keep_domain);
    spec.key = section.string("key").and_then(|(text, place)| {
        let path = PathBuf::from(&text);
        if !path.is_absolute() {
            let text = format!("{} is no absolute path: write \"/etc/forwarden/privacy.key\"", quoted(&text));
            section.report().error(&place, text);
            return None;
        }
        Some(path)
    });
    if spec.needs_key() && spec.key.is_none() && !section.has("key") {
        let text = "pseudonyms need a key: write key = \"/etc/forwarden/privacy.key\", then forwarden privacy new-key";
        section.report().error(section.place(), text);
    }
    section.finish();
    spec
}
