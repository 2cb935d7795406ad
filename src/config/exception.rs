//! `[[exception]]`: approved forwards.

use super::policy::Ids;
use super::reader::{Place, Section};
use super::{Surroundings, condition, lists};
use crate::policy::{Card, Exception, Pattern};
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use toml::de::DeValue;

/// Reads them all.
pub(super) fn read(root: &Section<'_>, around: &Surroundings<'_>, now: Timestamp) -> Vec<Exception> {
    let mut ids = Ids::default();
    let mut exceptions = Vec::new();
    for section in root.tables("exception") {
        exceptions.push(one(root, &section, &mut ids, around, now));
        section.finish();
    }
    exceptions
}

fn one(
    root: &Section<'_>,
    section: &Section<'_>,
    ids: &mut Ids,
    around: &Surroundings<'_>,
    now: Timestamp,
) -> Exception {
    let report = section.report();
    let word = |key: &'static str| section.string(key).map(|(text, _)| text);
    let id = ids.read(section);
    let forwarder = side(section, "forwarder");
    let destination = side(section, "destination");
    condition::warn_of_inside(section, &destination, around);
    let any = |side: &[(Pattern, Place)]| side.iter().any(|(pattern, _)| matches!(pattern, Pattern::Any));
    if any(&forwarder) && any(&destination) {
        report.warning(section.place(), "excepts every forward of a known mailbox: name who may forward, or where to");
    }
    condition::warn_of_nothing(section, "mechanism", "allows every mechanism: leave the key out, or name some");
    let mechanism = lists::choices(section, "mechanism", &condition::mechanisms()).unwrap_or_default();
    let expires = point(section, "expires", "the last day", end_of);
    if let Some((_, place)) = expires.as_ref().filter(|(expires, _)| *expires <= now) {
        report.warning(place, "is past, so the exception no longer applies: renew it, or take it out");
    }
    let most = section.integer("max_per_day", 1..=1_000_000_000);
    if let Some(found) = section.get("max_per_day").filter(|_| most.is_some() && !root.has("state")) {
        report.warning(&found.place, UNKEPT);
    }
    let created = point(section, "created", "the day", start_of);
    if let (Some((created, place)), Some((expires, _))) = (&created, &expires)
        && expires <= created
    {
        report.error(place, "is past the end of the exception: it never applies");
    }
    let as_written = |key: &'static str| {
        section.strings(key).unwrap_or_default().into_iter().map(|(text, _)| text).collect::<Vec<_>>()
    };
    Exception {
        id,
        forwarder: forwarder.into_iter().map(|(pattern, _)| pattern).collect(),
        destination: destination.into_iter().map(|(pattern, _)| pattern).collect(),
        mechanism,
        card: Card {
            forwarder: as_written("forwarder"),
            destination: as_written("destination"),
            owner: word("owner"),
            reason: word("reason"),
            ticket: word("ticket"),
            created: created.map(|(created, _)| created),
        },
        expires: expires.map(|(expires, _)| expires),
        max_per_day: most,
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

const UNKEPT: &str = "is counted in memory alone without a [state] table: a restart of the daemon begins the day anew";

/// A point in time: a date, in UTC, of which `a_day` and `of_day` say what is meant, or a time of day with its zone.
fn point(
    section: &Section<'_>,
    key: &'static str,
    a_day: &str,
    of_day: fn(&str) -> Option<Timestamp>,
) -> Option<(Timestamp, Place)> {
    let found = section.get(key)?;
    let point = match found.value {
        DeValue::Datetime(given) if given.date.is_some() && given.time.is_none() => of_day(&given.to_string()),
        DeValue::Datetime(given) => given.to_string().parse().ok(),
        _ => None,
    };
    if point.is_none() {
        let text = format!(
            "{} is no date: write 2027-01-31 ({a_day}, UTC) or 2027-01-31T18:00:00Z (with a time zone), without quotes",
            found.shown()
        );
        section.report().error(&found.place, text);
    }
    Some((point?, found.place))
}

/// The beginning of a day.
fn start_of(day: &str) -> Option<Timestamp> {
    TimeZone::UTC.to_timestamp(day.parse::<Date>().ok()?.at(0, 0, 0, 0)).ok()
}

/// The end of a day, which is the last on which the exception applies.
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
