//! What is counted.

use crate::policy::Lapse;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, HashSet};

/// How long an exception is remembered that is no longer configured and no longer used.
const KEPT: SignedDuration = SignedDuration::from_hours(24 * 400);

/// The uses of all exceptions.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Book {
    /// By id.
    pub exceptions: BTreeMap<String, Use>,
}

/// The uses of one exception. Days are those of UTC.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Use {
    /// Since when it has been counted.
    pub known: Timestamp,
    /// Uses since then: one for each outside recipient.
    pub total: u64,
    /// When it was used last.
    pub last: Option<Timestamp>,
    /// The day of the last use.
    day: Option<Date>,
    /// Uses on that day.
    on_day: u64,
    /// The day on which it was last told that it has expired.
    told_expired: Option<Date>,
    /// The day on which it was last told that it is overrun.
    told_overrun: Option<Date>,
}

impl Use {
    fn new(known: Timestamp) -> Self {
        Self { known, total: 0, last: None, day: None, on_day: 0, told_expired: None, told_overrun: None }
    }

    /// How often it was used on the day of `now`.
    pub fn today(&self, now: Timestamp) -> u64 {
        if self.day == Some(day(now)) { self.on_day } else { 0 }
    }

    /// Since when it has not been used: since its last use, or since it could have been.
    pub fn idle_since(&self, created: Option<Timestamp>) -> Timestamp {
        self.last.unwrap_or_else(|| created.map_or(self.known, |created| created.max(self.known)))
    }
}

impl Book {
    pub(super) fn know<'a>(&mut self, ids: impl Iterator<Item = &'a str>, now: Timestamp) {
        let ids: HashSet<&str> = ids.collect();
        let old = |used: &Use| now.duration_since(used.last.unwrap_or(used.known)) > KEPT;
        self.exceptions.retain(|id, used| ids.contains(id.as_str()) || !old(used));
        for id in ids {
            self.exceptions.entry(id.to_owned()).or_insert_with(|| Use::new(now));
        }
    }

    pub(super) fn today(&self, id: &str, now: Timestamp) -> u64 {
        self.exceptions.get(id).map_or(0, |used| used.today(now))
    }

    pub(super) fn used(&mut self, id: &str, now: Timestamp) {
        let used = self.entry(id, now);
        used.on_day = used.today(now).saturating_add(1);
        used.day = Some(day(now));
        used.total = used.total.saturating_add(1);
        used.last = Some(now);
    }

    pub(super) fn is_news(&mut self, id: &str, lapse: Lapse, now: Timestamp) -> bool {
        let used = self.entry(id, now);
        let told = match lapse {
            Lapse::Expired => &mut used.told_expired,
            Lapse::Overrun => &mut used.told_overrun,
        };
        told.replace(day(now)) != Some(day(now))
    }

    fn entry(&mut self, id: &str, now: Timestamp) -> &mut Use {
        self.exceptions.entry(id.to_owned()).or_insert_with(|| Use::new(now))
    }
}

fn day(now: Timestamp) -> Date {
    TimeZone::UTC.to_datetime(now).date()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().expect("a time")
    }

    #[test]
    fn a_day_begins_at_nought() {
        let mut book = Book::default();
        let (evening, night) = (at("2026-11-24T23:59:59Z"), at("2026-11-25T00:00:00Z"));
        book.used("audit", evening);
        book.used("audit", evening);
        assert_eq!((book.today("audit", evening), book.today("audit", night)), (2, 0));
        book.used("audit", night);
        assert_eq!((book.today("audit", night), book.exceptions["audit"].total), (1, 3));
        assert_eq!(book.today("other", night), 0);
    }

    #[test]
    fn news_are_news_once_a_day() {
        let mut book = Book::default();
        let (today, tomorrow) = (at("2026-11-24T08:00:00Z"), at("2026-11-25T08:00:00Z"));
        assert!(book.is_news("audit", Lapse::Overrun, today));
        assert!(!book.is_news("audit", Lapse::Overrun, today));
        assert!(book.is_news("audit", Lapse::Expired, today));
        assert!(book.is_news("audit", Lapse::Overrun, tomorrow));
    }

    #[test]
    fn idle_since_the_last_use_or_since_it_could_be_used() {
        let mut book = Book::default();
        book.know(["audit"].into_iter(), at("2026-06-01T00:00:00Z"));
        let idle =
            |book: &Book, created: Option<&str>| book.exceptions["audit"].idle_since(created.map(at)).to_string();
        assert_eq!(idle(&book, None), "2026-06-01T00:00:00Z");
        assert_eq!(idle(&book, Some("2026-01-01T00:00:00Z")), "2026-06-01T00:00:00Z");
        assert_eq!(idle(&book, Some("2026-07-01T00:00:00Z")), "2026-07-01T00:00:00Z");
        book.used("audit", at("2026-08-01T00:00:00Z"));
        assert_eq!(idle(&book, Some("2026-09-01T00:00:00Z")), "2026-08-01T00:00:00Z");
    }

    #[test]
    fn what_is_gone_is_forgotten_late() {
        let mut book = Book::default();
        book.know(["gone", "stays"].into_iter(), at("2025-01-01T00:00:00Z"));
        book.know(["stays"].into_iter(), at("2026-01-01T00:00:00Z"));
        assert_eq!(book.exceptions.len(), 2);
        book.know(["stays"].into_iter(), at("2026-11-24T00:00:00Z"));
        assert_eq!(book.exceptions.keys().collect::<Vec<_>>(), ["stays"]);
    }
}
