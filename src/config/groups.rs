//! `[groups]`: lists of addresses by name, for use in others as `group:name`.

use super::lists;
use super::problem::quoted;
use super::reader::Section;

/// Reads them all, and makes them known.
pub(super) fn read(root: &Section<'_>) {
    let Some(section) = root.table("groups") else { return };
    for (name, _, place) in section.entries() {
        let plain = |b: u8| b.is_ascii_alphanumeric() || b"-_.".contains(&b);
        if name.is_empty() || name.len() > 60 || !name.bytes().all(plain) {
            let text =
                format!("{} is no name of a group: write letters, digits, \"-\", \"_\" and \".\"", quoted(&name));
            section.report().error(&place, text);
            continue;
        }
        let members = lists::members(&section, &name);
        section.report().know_group(&name, members);
    }
}
