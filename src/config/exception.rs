//! `[[exception]]`: approved forwards.

use super::policy::Ids;
use super::reader::{Place, Section};
use super::{Surroundings, condition, lists};
use crate::policy::{Exception, Pattern};
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use toml::de::DeValue;

/// Reads them all.
pub(super) fn read(root: &Section<'_>, around: &Surroundings<'_>, now: Timestamp) -> Vec<Exception> {
    let mut ids = Ids::default();
    let mut exceptions = Vec::new();
    for section in root.tables("exception") {
        exceptions.push(one(&section, &mut ids, around, now));
        section.finish();
    }
    exceptions
}

fn one(section: &Section<'_>, ids: &mut Ids, around: &Surroundings<'_>, now: Timestamp) -> Exception {
    let report = section.report();
    let word = |key: &'static str| section.string(key).map(|(text, _)| text);
    let id = ids.read(section);
    let forwarder = side(section, "forwarder");
    let destination = side(section, "destination");
    condition::warn_of_inside(section, &destination, around);
    let any = |side: &[(Pattern, Place)]| side.iter().any(|(pattern, _)| *pattern == Pattern::Any);
    if any(&forwarder) && any(&destination) {
        report.warning(section.place(), "excepts every forward of a known mailbox: name who may forward, or where to");
    }
    condition::warn_of_nothing(section, "mechanism", "allows every mechanism: leave the key out, or name some");
    let mechanism = lists::choices(section, "mechanism", &condition::mechanisms()).unwrap_or_default();
    let expires = expires(section);
    if let Some((_, place)) = expires.as_ref().filter(|(expires, _)| *expires <= now) {
        report.warning(place, "is past, so the exception no longer applies: renew it, or take it out");
    }
    Exception {
        id,
        forwarder: forwarder.into_iter().map(|(pattern, _)| pattern).collect(),
        destination: destination.into_iter().map(|(pattern, _)| pattern).collect(),
        mechanism,
        owner: word("owner"),
        reason: word("reason"),
        ticket: word("ticket"),
        expires: expires.map(|(expires, _)| expires),
    }
}

/// One side of the pair.
fn side(section: &Section<'_>, key: &'static str) -> Vec<(Pattern, Place)> {
    if !section.has(key) {
        let text = format!("{key} is missing: an exception is for a pair; write {key} = [\"*\"] for any");
        section.report().error(section.place(), text);
    }
    condition::warn_of_nothing(section, key, "is empty: the exception never applies");
    lists::patterns(section, key).unwrap_or_default()
}

/// A date is the last day on which the exception applies, in UTC; a time of day is when it ends.
fn expires(section: &Section<'_>) -> Option<(Timestamp, Place)> {
    let found = section.get("expires")?;
    let expires = match found.value {
        DeValue::Datetime(given) if given.date.is_some() && given.time.is_none() => end_of(&given.to_string()),
        DeValue::Datetime(given) => given.to_string().parse().ok(),
        _ => None,
    };
    if expires.is_none() {
        let text = format!(
            "{} is no date: write 2027-01-31 (the last day, UTC) or 2027-01-31T18:00:00Z (with a time zone), without quotes",
            found.shown()
        );
        section.report().error(&found.place, text);
    }
    Some((expires?, found.place))
}

fn end_of(day: &str) -> Option<Timestamp> {
    let next: Date = day.parse::<Date>().ok()?.tomorrow().ok()?;
    TimeZone::UTC.to_timestamp(next.at(0, 0, 0, 0)).ok()
}

#[cfg(test)]
mod tests {
    use crate::config::Config;

    fn ends(expires: &str) -> String {
        let text = format!(
            "[organization]\ndomains = [\"corp.example\"]\n[[listener]]\nsocket = \"inet:127.0.0.1:8891\"\n\
             [[exception]]\nid = \"x\"\nforwarder = [\"@corp.example\"]\ndestination = [\"@ext.example\"]\nexpires = {expires}\n"
        );
        let config = Config::parse_str(&text).unwrap_or_else(|problems| panic!("{problems}")).config;
        config.policy.exceptions[0].expires.expect("an end").to_string()
    }

    #[test]
    fn a_day_is_the_last_and_a_time_is_the_end() {
        assert_eq!(ends("2027-01-31"), "2027-02-01T00:00:00Z");
        assert_eq!(ends("2028-02-28"), "2028-02-29T00:00:00Z");
        assert_eq!(ends("2027-01-31T18:00:00Z"), "2027-01-31T18:00:00Z");
        assert_eq!(ends("2027-01-31 18:00:00+01:00"), "2027-01-31T17:00:00Z");
    }
}
