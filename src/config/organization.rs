//! `[organization]`: what is ours.

use super::lists;
use super::reader::Section;
use crate::message::Organization;
use crate::policy::Classes;

/// Reads it.
pub(super) fn read(root: &Section<'_>) -> (Organization, Classes) {
    let (mut organization, mut classes) = (Organization::default(), Classes::default());
    let Some(section) = root.table("organization") else {
        root.report()
            .error(root.place(), "there is no [organization]: write [organization] with domains = [\"your.domain\"]");
        return (organization, classes);
    };
    let subdomains = section.boolean("subdomains").unwrap_or(true);
    match lists::domains(&section, "domains", subdomains) {
        Some(domains) => {
            if domains.is_empty() {
                section
                    .report()
                    .error(section.place(), "domains is empty: without own domains every address is outside");
            }
            organization.domains = domains;
        }
        None if !section.has("domains") => {
            section.report().error(section.place(), "domains is missing: without own domains every address is outside");
        }
        None => {}
    }
    organization.networks = lists::networks(&section, "networks").unwrap_or_default();
    organization.hosts = lists::domains(&section, "hosts", true).unwrap_or_default();
    if let Some(table) = section.table("classes") {
        classes.affiliate = lists::domains(&table, "affiliate", true).unwrap_or_default();
        classes.partner = lists::domains(&table, "partner", true).unwrap_or_default();
        if let Some(freemail) = lists::domains(&table, "freemail", true) {
            classes.freemail = freemail;
        }
        table.finish();
    }
    section.finish();
    (organization, classes)
}
