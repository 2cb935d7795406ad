//! Lists as they stand in the configuration: inline entries and `file:` references, mixed.

use super::problem::quoted;
use super::reader::{Place, Section, list_file, nearest};
use crate::detect;
use crate::message::{Domain, DomainSet};
use crate::policy::{AddressList, Pattern};
use ipnet::IpNet;
use std::net::IpAddr;
use std::path::Path;

/// How many wrong lines of a list file are reported one by one: a wrong file would bury everything else.
const MAX_WRONG_LINES: usize = 10;

/// The entries of a list, those of its files in their place. `parse` says what is wrong with one, as the end of a sentence
/// that begins with it.
fn entries<T>(
    section: &Section<'_>,
    key: &'static str,
    parse: impl Fn(&str) -> Result<T, &'static str>,
) -> Option<Vec<(T, Place)>> {
    let report = section.report();
    let mut entries = Vec::new();
    for (text, place) in section.strings(key)? {
        let file = text.strip_prefix("file:").map(Path::new);
        let lines = match file {
            Some(path) => list_file(path, &place, report),
            None => vec![(text.clone(), place.clone())],
        };
        let mut wrong = 0;
        for (text, place) in lines {
            match parse(&text) {
                Ok(entry) => entries.push((entry, place)),
                Err(reason) => {
                    wrong += 1;
                    if wrong <= MAX_WRONG_LINES {
                        report.error(&place, format!("{} {reason}", quoted(&text)));
                    }
                }
            }
        }
        if let Some(more) = wrong.checked_sub(MAX_WRONG_LINES).filter(|more| *more > 0) {
            report.error(&place, format!("the list {} has {more} more wrong lines: is it this list?", quoted(&text)));
        }
    }
    Some(entries)
}

/// A list of addresses, as its entries.
pub(super) fn patterns(section: &Section<'_>, key: &'static str) -> Option<Vec<(Pattern, Place)>> {
    entries(section, key, Pattern::parse)
}

/// A list of addresses.
pub(super) fn addresses(section: &Section<'_>, key: &'static str) -> Option<AddressList> {
    Some(patterns(section, key)?.into_iter().map(|(pattern, _)| pattern).collect())
}

/// A list of domains: `corp.example`, or `.corp.example` with the names below it. Each with whether these are meant.
pub(super) fn names(section: &Section<'_>, key: &'static str, below: bool) -> Option<Vec<(Domain, bool, Place)>> {
    let parse = |text: &str| {
        let (name, dotted) = text.strip_prefix('.').map_or((text, false), |name| (name, true));
        let name = Domain::new(name).filter(Domain::is_well_formed);
        name.map(|name| (name, below || dotted))
            .ok_or("is no domain: write \"corp.example\", or \".corp.example\" with the names below it")
    };
    let entries = entries(section, key, parse)?;
    Some(entries.into_iter().map(|((name, below), place)| (name, below, place)).collect())
}

/// A list of domains, each with the names below it.
pub(super) fn domains(section: &Section<'_>, key: &'static str) -> Option<DomainSet> {
    let mut set = DomainSet::new();
    names(section, key, true)?.into_iter().for_each(|(name, below, _)| set.insert(name, below));
    Some(set)
}

/// A list of networks; an address alone is a network of one.
pub(super) fn networks(section: &Section<'_>, key: &'static str) -> Option<Vec<(IpNet, Place)>> {
    let parse = |text: &str| {
        text.parse::<IpNet>()
            .or_else(|_| text.parse::<IpAddr>().map(IpNet::from))
            .map_err(|_| "is no network: write \"198.51.100.0/24\", \"2001:db8::/32\" or an address")
    };
    let mut networks = entries(section, key, parse)?;
    for (network, place) in &mut networks {
        let whole = network.trunc();
        if whole != *network {
            section
                .report()
                .warning(place, format!("{network} is not the first address of its network: {whole} is meant"));
            *network = whole;
        }
    }
    Some(networks)
}

/// The value of a key that takes one word of a fixed set.
pub(super) fn word<T: Copy>(section: &Section<'_>, key: &'static str, known: &[(&str, T)]) -> Option<(T, Place)> {
    let (text, place) = section.string(key)?;
    Some((choice(section, &text, &place, known)?, place))
}

/// Words of a fixed set.
pub(super) fn choices<T: Copy>(section: &Section<'_>, key: &'static str, known: &[(&str, T)]) -> Option<Vec<T>> {
    let strings = section.strings(key)?;
    Some(strings.iter().filter_map(|(text, place)| choice(section, text, place, known)).collect())
}

/// One word of a fixed set; a wrong one is reported with those that there are.
pub(super) fn choice<T: Copy>(section: &Section<'_>, text: &str, place: &Place, known: &[(&str, T)]) -> Option<T> {
    let found = known.iter().find(|(name, _)| *name == text);
    if found.is_none() {
        let names: Vec<&str> = known.iter().map(|(name, _)| *name).collect();
        let hint = match nearest(text, names.iter().copied()) {
            Some(near) => format!("did you mean \"{near}\"?"),
            None => format!("known are: {}", names.join(", ")),
        };
        section.report().error(place, format!("{} is not known here; {hint}", quoted(text)));
    }
    found.map(|(_, value)| *value)
}

/// The id of evidence; a wrong one is reported without those that there are, which would fill a page.
pub(super) fn evidence(section: &Section<'_>, text: &str, place: &Place) -> Option<String> {
    let own = section.report().detectors();
    let ids = || detect::catalogue().map(|signal| signal.id).chain(own.iter().map(|signal| signal.id.as_str()));
    let found = ids().find(|id| *id == text).map(str::to_owned);
    if found.is_none() {
        let hint = match nearest(text, ids()) {
            Some(near) => format!("did you mean \"{near}\"?"),
            None => "`forwarden detectors` lists what is".to_owned(),
        };
        section.report().error(place, format!("{} is no evidence that is looked for; {hint}", quoted(text)));
    }
    found
}
