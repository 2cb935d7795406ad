//! Lists as they stand in the configuration: entries, and references to what holds more of them, mixed.

use super::problem::quoted;
use super::reader::{Place, Section, nearest};
use super::sources;
use crate::detect;
use crate::message::{Domain, DomainSet};
use crate::policy::{AddressList, PairList, Pattern};
use ipnet::IpNet;
use std::net::IpAddr;

/// How many wrong lines of a list file are reported one by one: a wrong file would bury everything else.
const MAX_WRONG_LINES: usize = 10;

/// The entries of a list, those of its files in their place. `parse` says what is wrong with one, as the end of a sentence
/// that begins with it.
fn entries<T>(
    section: &Section<'_>,
    key: &'static str,
    columns: usize,
    parse: impl Fn(&[String]) -> Result<Vec<T>, String>,
) -> Option<Vec<(T, Place)>> {
    Some(parsed(section, section.strings(key)?, columns, parse))
}

fn parsed<T>(
    section: &Section<'_>,
    strings: Vec<(String, Place)>,
    columns: usize,
    parse: impl Fn(&[String]) -> Result<Vec<T>, String>,
) -> Vec<(T, Place)> {
    let report = section.report();
    let mut entries = Vec::new();
    for (text, place) in strings {
        let mut wrong = 0;
        for (row, place) in sources::rows(&text, &place, columns, report) {
            match parse(&row) {
                Ok(found) => entries.extend(found.into_iter().map(|entry| (entry, place.clone()))),
                Err(reason) => {
                    wrong += 1;
                    if wrong <= MAX_WRONG_LINES {
                        report.error(&place, format!("{} {reason}", quoted(&row.join(", "))));
                    }
                }
            }
        }
        if let Some(more) = wrong.checked_sub(MAX_WRONG_LINES).filter(|more| *more > 0) {
            report.error(&place, format!("the list {} has {more} more wrong lines: is it this list?", quoted(&text)));
        }
    }
    entries
}

/// One column, read by a function of a text.
fn single<T>(row: &[String], parse: impl Fn(&str) -> Result<T, &'static str>) -> Result<Vec<T>, String> {
    parse(row.first().map(String::as_str).unwrap_or_default()).map(|one| vec![one]).map_err(str::to_owned)
}

/// An entry of a list of addresses: a pattern, or all those of a group.
fn addressees(section: &Section<'_>, text: &str) -> Result<Vec<Pattern>, String> {
    match text.strip_prefix("group:") {
        Some(name) => section.report().group(name.trim()),
        None => Pattern::parse(text).map(|pattern| vec![pattern]).map_err(str::to_owned),
    }
}

/// The members of a group.
pub(super) fn members(section: &Section<'_>, name: &str) -> Vec<Pattern> {
    let one = |row: &[String]| {
        let text = row.first().map(String::as_str).unwrap_or_default();
        if text.starts_with("group:") {
            return Err("stands in a group: groups hold addresses, not groups".to_owned());
        }
        Pattern::parse(text).map(|pattern| vec![pattern]).map_err(str::to_owned)
    };
    let strings = section.strings_of(name).unwrap_or_default();
    parsed(section, strings, 1, one).into_iter().map(|(pattern, _)| pattern).collect()
}

/// A list of pairs, `forwarder -> destination`.
pub(super) fn pairs(section: &Section<'_>, key: &'static str) -> Option<PairList> {
    let one = |row: &[String]| {
        let [forwarder, destination] = row else {
            return Err("is no pair: write \"alice@corp.example -> alice@home.example\"".to_owned());
        };
        let (forwarders, destinations) = (addressees(section, forwarder)?, addressees(section, destination)?);
        if forwarders.iter().any(|pattern| matches!(pattern, Pattern::Regex(_))) {
            return Err("has a regular expression for a forwarder: write addresses or domains in pairs".to_owned());
        }
        let pair = |from: &Pattern| destinations.iter().map(|to| (from.clone(), to.clone())).collect::<Vec<_>>();
        Ok(forwarders.iter().flat_map(pair).collect())
    };
    let mut list = PairList::default();
    entries(section, key, 2, one)?.into_iter().for_each(|((from, to), _)| list.insert(&from, to));
    Some(list)
}

/// A list of addresses, as its entries.
pub(super) fn patterns(section: &Section<'_>, key: &'static str) -> Option<Vec<(Pattern, Place)>> {
    entries(section, key, 1, |row| addressees(section, row.first().map(String::as_str).unwrap_or_default()))
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
    let entries = entries(section, key, 1, |row| single(row, parse))?;
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
    let mut networks = entries(section, key, 1, |row| single(row, parse))?;
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
