//! Lists as they stand in the configuration: inline entries and `file:` references, mixed.

use super::problem::quoted;
use super::reader::{Place, Section, list_file};
use crate::message::{Domain, DomainSet};
use crate::policy::{AddressList, Pattern};
use ipnet::IpNet;
use std::net::IpAddr;
use std::path::Path;

/// The entries of a list, those of its files in their place.
pub(super) fn entries(section: &Section<'_>, key: &'static str) -> Option<Vec<(String, Place)>> {
    let mut entries = Vec::new();
    for (text, place) in section.strings(key)? {
        match text.strip_prefix("file:") {
            Some(path) => entries.extend(list_file(Path::new(path), &place, section.report())),
            None => entries.push((text, place)),
        }
    }
    Some(entries)
}

/// A list of addresses.
pub(super) fn addresses(section: &Section<'_>, key: &'static str) -> Option<AddressList> {
    let mut list = AddressList::default();
    for (text, place) in entries(section, key)? {
        match Pattern::parse(&text) {
            Ok(pattern) => list.insert(pattern),
            Err(reason) => section.report().error(&place, reason),
        }
    }
    Some(list)
}

/// A list of domains: `corp.example`, or `.corp.example` with the names below it.
pub(super) fn domains(section: &Section<'_>, key: &'static str, subdomains: bool) -> Option<DomainSet> {
    let mut set = DomainSet::new();
    for (text, place) in entries(section, key)? {
        let (name, dotted) = text.strip_prefix('.').map_or((text.as_str(), false), |name| (name, true));
        let odd = name.contains(|c: char| c.is_whitespace() || matches!(c, '@' | '*' | '/' | ':' | '"' | ','));
        match Domain::new(name).filter(|_| !odd) {
            Some(domain) => set.insert(domain, subdomains || dotted),
            None => section.report().error(
                &place,
                format!(
                    "{} is no domain: write \"corp.example\", or \".corp.example\" with the names below it",
                    quoted(&text)
                ),
            ),
        }
    }
    Some(set)
}

/// A list of networks; an address alone is a network of one.
pub(super) fn networks(section: &Section<'_>, key: &'static str) -> Option<Vec<IpNet>> {
    let mut networks = Vec::new();
    for (text, place) in entries(section, key)? {
        match text.parse::<IpNet>().or_else(|_| text.parse::<IpAddr>().map(IpNet::from)) {
            Ok(network) => networks.push(network.trunc()),
            Err(_) => section.report().error(
                &place,
                format!("{} is no network: write \"198.51.100.0/24\", \"2001:db8::/32\" or an address", quoted(&text)),
            ),
        }
    }
    Some(networks)
}

/// Words of a fixed set.
pub(super) fn choices<T: Copy>(
    section: &Section<'_>,
    key: &'static str,
    known: &[(&'static str, T)],
) -> Option<Vec<T>> {
    let strings = section.strings(key)?;
    Some(strings.iter().filter_map(|(text, place)| choice(section, text, place, known)).collect())
}

/// One word of a fixed set; a wrong one is reported with those that there are.
pub(super) fn choice<T: Copy>(
    section: &Section<'_>,
    text: &str,
    place: &Place,
    known: &[(&'static str, T)],
) -> Option<T> {
    let found = known.iter().find(|(name, _)| *name == text);
    if found.is_none() {
        let near = super::reader::nearest(text, known.iter().map(|(name, _)| *name));
        let names: Vec<&str> = known.iter().map(|(name, _)| *name).collect();
        let hint =
            near.map_or_else(|| format!("one of: {}", names.join(", ")), |near| format!("did you mean \"{near}\"?"));
        section.report().error(place, format!("{} is not known here; {hint}", quoted(text)));
    }
    found.map(|(_, value)| *value)
}
