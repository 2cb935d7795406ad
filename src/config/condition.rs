//! `when` of a rule: its conditions.

use super::duration::span;
use super::problem::quoted;
use super::reader::{Place, Section};
use super::{Surroundings, lists};
use crate::assess::Verdict;
use crate::detect::{self, Mechanism};
use crate::message::Direction;
use crate::policy::{Condition, DomainClass, First, Pattern, Window};
use jiff::SignedDuration;
use jiff::civil::{Time, Weekday};
use jiff::tz::TimeZone;

/// How deep conditions may be nested.
const MAX_DEPTH: usize = 16;

/// Reads a table of conditions.
pub(super) fn read(section: &Section<'_>, around: &Surroundings<'_>) -> Condition {
    level(section, around, 0)
}

fn level(section: &Section<'_>, around: &Surroundings<'_>, depth: usize) -> Condition {
    let mut parts = Vec::new();
    if depth > MAX_DEPTH {
        section.report().error(section.place(), format!("conditions are nested more than {MAX_DEPTH} deep"));
        return Condition::All(parts);
    }
    let below = |key| section.tables(key).into_iter().map(|part| level(&part, around, depth + 1)).collect::<Vec<_>>();
    warn_of_nothing(section, "all", "is empty: it always holds");
    parts.extend(below("all"));
    warn_of_nothing(section, "any", NEVER);
    if section.has("any") {
        parts.push(Condition::Any(below("any")));
    }
    if let Some(part) = section.table("not") {
        parts.push(Condition::Not(Box::new(level(&part, around, depth + 1))));
    }
    leaves(section, around, &mut parts);
    section.finish();
    if depth > 0 && parts.is_empty() && !section.has_error() {
        section.report().warning(section.place(), "has no condition: it always holds");
    }
    match parts.len() {
        1 => parts.remove(0),
        _ => Condition::All(parts),
    }
}

const NEVER: &str = "is empty: it never holds";

/// The conditions that hold no others.
fn leaves(section: &Section<'_>, around: &Surroundings<'_>, parts: &mut Vec<Condition>) {
    let verdicts = Verdict::ALL.map(|verdict| (verdict.name(), verdict));
    let classes = DomainClass::ALL.map(|class| (class.name(), class));
    let owned = |names: Vec<&str>| names.into_iter().map(str::to_owned).collect();
    let words =
        |key| -> Option<Vec<String>> { Some(section.strings(key)?.into_iter().map(|(text, _)| text).collect()) };

    parts.extend(lists::choices(section, "verdict", &verdicts).map(Condition::Verdict));
    parts.extend(section.float("confidence", 0.0..=1.0).map(Condition::Confidence));
    parts.extend(lists::choices(section, "mechanism", &mechanisms()).map(Condition::Mechanism));
    let platforms = platforms(section);
    let platforms: Vec<(&str, &str)> = platforms.iter().map(|name| (name.as_str(), name.as_str())).collect();
    parts.extend(lists::choices(section, "platform", &platforms).map(|names| Condition::Platform(owned(names))));
    parts.extend(section.strings("evidence").map(|ids| {
        let known = ids.iter().filter_map(|(id, place)| lists::evidence(section, id, place));
        Condition::Evidence(known.collect())
    }));
    parts.extend(lists::addresses(section, "forwarder").map(Condition::Forwarder));
    parts.extend(lists::patterns(section, "destination").map(|patterns| {
        warn_of_inside(section, &patterns, around);
        Condition::Destination(patterns.into_iter().map(|(pattern, _)| pattern).collect())
    }));
    parts.extend(lists::choices(section, "destination_class", &classes).map(Condition::DestinationClass));
    parts.extend(lists::addresses(section, "original_sender").map(Condition::OriginalSender));
    parts.extend(lists::addresses(section, "envelope_sender").map(Condition::EnvelopeSender));
    parts.extend(words("authenticated_user").map(Condition::AuthenticatedUser));
    parts.extend(
        lists::networks(section, "client")
            .map(|networks| Condition::Client(networks.into_iter().map(|(network, _)| network).collect())),
    );
    parts.extend(section.strings("listener").map(|names| {
        names.iter().for_each(|(name, place)| around.check_listener(section, name, place));
        Condition::Listener(names.into_iter().map(|(name, _)| name).collect())
    }));
    parts.extend(section.integer("size", 0..=u64::MAX / 2).map(Condition::Size));
    parts.extend(lists::choices(section, "direction", &Direction::ALL).map(Condition::Direction));
    parts.extend(lists::pairs(section, "pair").map(Condition::Pair));
    parts.extend(section.table("time").and_then(|table| time(&table)).map(Condition::Time));
    of_the_state(section, around, parts);

    let lists = Condition::KEYS.iter().filter(|key| !NO_LISTS.contains(key));
    lists.for_each(|key| warn_of_nothing(section, key, NEVER));
}

/// The conditions that take no list.
const NO_LISTS: [&str; 12] = [
    "all",
    "any",
    "not",
    "confidence",
    "size",
    "time",
    "pair_age",
    "pair_count_24h",
    "forwards_24h",
    "fan_in",
    "coverage",
    "latency",
];

/// The conditions on what is remembered.
fn of_the_state(section: &Section<'_>, around: &Surroundings<'_>, parts: &mut Vec<Condition>) {
    let count = |key| section.integer(key, 0..=u64::from(u32::MAX)).and_then(|number| u32::try_from(number).ok());
    let longest = SignedDuration::from_hours(24 * 36_500);
    let before = parts.len();
    parts.extend(lists::choices(section, "first_seen", &First::ALL).map(Condition::FirstSeen));
    parts.extend(span(section, "pair_age", SignedDuration::ZERO..=longest).map(Condition::PairAge));
    parts.extend(count("pair_count_24h").map(Condition::PairCount));
    parts.extend(count("forwards_24h").map(Condition::Forwards));
    parts.extend(count("fan_in").map(|count| Condition::FanIn(count as usize)));
    parts.extend(section.float("coverage", 0.0..=1.0).map(Condition::Coverage));
    parts.extend(span(section, "latency", SignedDuration::ZERO..=longest).map(Condition::Latency));
    if parts.len() > before && !around.has_state {
        let text =
            "asks what the state knows, and there is no [state]: neither this condition nor its opposite ever holds";
        section.report().warning(section.place(), text);
    }
}

const DAYS: [(&str, Weekday); 7] = [
    ("mon", Weekday::Monday),
    ("tue", Weekday::Tuesday),
    ("wed", Weekday::Wednesday),
    ("thu", Weekday::Thursday),
    ("fri", Weekday::Friday),
    ("sat", Weekday::Saturday),
    ("sun", Weekday::Sunday),
];

/// A part of the week.
fn time(section: &Section<'_>) -> Option<Window> {
    let report = section.report();
    let days = lists::choices(section, "days", &DAYS).unwrap_or_default();
    warn_of_nothing(section, "days", "is empty: every day is meant");
    let clock = |key: &'static str| {
        let Some((text, place)) = section.string(key) else { return Some(Time::midnight()) };
        let time = (text.len() == 5).then(|| text.parse::<Time>().ok()).flatten();
        if time.is_none() && text != "24:00" {
            report.error(
                &place,
                format!("{} is no time of day: write \"08:00\"; \"24:00\" is the end of the day", quoted(&text)),
            );
            return None;
        }
        Some(time.unwrap_or(Time::midnight()))
    };
    let (from, to) = (clock("from"), clock("to"));
    let zone = section.string("zone").map_or(Some(TimeZone::UTC), |(text, place)| match TimeZone::get(&text) {
        Ok(zone) => Some(zone),
        Err(_) => {
            report.error(&place, format!("{} is no time zone: write \"Europe/Berlin\" or \"UTC\"", quoted(&text)));
            None
        }
    });
    if !section.has("days") && !section.has("from") && !section.has("to") {
        report.warning(section.place(), "has neither days nor hours: it always holds");
    }
    section.finish();
    Some(Window { days, from: from?, to: to?, zone: zone? })
}

/// Warns of an empty list.
pub(super) fn warn_of_nothing(section: &Section<'_>, key: &'static str, text: &str) {
    if let Some(found) = section.get(key).filter(|found| found.value.as_array().is_some_and(|items| items.is_empty())) {
        section.report().warning(&found.place, text);
    }
}

/// Warns of destinations that are inside: mail to them is never judged.
pub(super) fn warn_of_inside(section: &Section<'_>, destinations: &[(Pattern, Place)], around: &Surroundings<'_>) {
    for (pattern, place) in destinations {
        let (shown, inside) = match pattern {
            Pattern::Any | Pattern::Regex(_) => continue,
            Pattern::Mailbox(address) => (address.to_string(), around.organization.owns(address)),
            Pattern::Domain(domain) => (format!("@{domain}"), around.organization.domains.contains(domain)),
            Pattern::Below(domain) => (format!("@.{domain}"), around.organization.domains.contains(domain)),
        };
        if inside {
            let text = format!("{} is inside: mail to it does not leave, and is never judged", quoted(&shown));
            section.report().warning(place, text);
        }
    }
}

/// The mechanisms by name.
pub(super) fn mechanisms() -> [(&'static str, Mechanism); Mechanism::ALL.len()] {
    Mechanism::ALL.map(|mechanism| (mechanism.name(), mechanism))
}

/// The platforms by name, those of own detectors among them.
fn platforms(section: &Section<'_>) -> Vec<String> {
    let built = detect::catalogue().map(|signal| signal.platform.to_owned());
    let own = section.report().detectors().into_iter().map(|signal| signal.platform.clone());
    let mut names: Vec<String> = built.chain(own).filter(|name| !name.is_empty()).collect();
    names.sort_unstable();
    names.dedup();
    names
}

/// Whether it says anything of what the message is: where it does not, it holds for ordinary mail too.
pub(super) fn is_about_forwards(condition: &Condition) -> bool {
    match condition {
        Condition::All(parts) => parts.iter().any(is_about_forwards),
        Condition::Any(parts) => parts.iter().all(is_about_forwards),
        Condition::Not(part) => is_about_forwards(part),
        Condition::Verdict(_)
        | Condition::Confidence(_)
        | Condition::Mechanism(_)
        | Condition::Platform(_)
        | Condition::Evidence(_)
        | Condition::Forwarder(_)
        | Condition::Pair(_)
        | Condition::FirstSeen(_)
        | Condition::PairAge(_)
        | Condition::PairCount(_)
        | Condition::Forwards(_)
        | Condition::FanIn(_)
        | Condition::Coverage(_)
        | Condition::Latency(_) => true,
        Condition::Destination(_)
        | Condition::DestinationClass(_)
        | Condition::OriginalSender(_)
        | Condition::EnvelopeSender(_)
        | Condition::AuthenticatedUser(_)
        | Condition::Client(_)
        | Condition::Listener(_)
        | Condition::Direction(_)
        | Condition::Time(_)
        | Condition::Size(_) => false,
    }
}

/// Whether it holds only for mail of a user who logged in: a refusal then goes to that user, not to a stranger.
pub(super) fn is_submission(condition: &Condition) -> bool {
    match condition {
        Condition::All(parts) => parts.iter().any(is_submission),
        Condition::Any(parts) => !parts.is_empty() && parts.iter().all(is_submission),
        Condition::AuthenticatedUser(_) => true,
        _ => false,
    }
}
