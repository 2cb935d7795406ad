//! Days and hours in a time zone.

use jiff::Timestamp;
use jiff::civil::{Time, Weekday};
use jiff::tz::TimeZone;

/// A part of the week. Where it ends before it begins it goes over midnight, and belongs to the day on which it began.
#[derive(Debug, Clone)]
pub struct Window {
    /// The days on which it begins; empty means every day.
    pub days: Vec<Weekday>,
    /// When it begins.
    pub from: Time,
    /// When it has ended; midnight means the end of the day.
    pub to: Time,
    /// The time zone in which all this is meant.
    pub zone: TimeZone,
}

impl Window {
    /// Whether a moment is in it.
    pub fn contains(&self, now: Timestamp) -> bool {
        let here = now.to_zoned_datetime(self.zone.clone());
        let (today, time) = (here.weekday(), here.time());
        let on = |day: Weekday| self.days.is_empty() || self.days.contains(&day);
        let ends_at_midnight = self.to == Time::midnight();
        if self.from < self.to || ends_at_midnight {
            return on(today) && time >= self.from && (ends_at_midnight || time < self.to);
        }
        (on(today) && time >= self.from) || (on(today.previous()) && time < self.to)
    }

    /// The moment as this window sees it, for the trace.
    pub fn shown(&self, now: Timestamp) -> String {
        now.to_zoned_datetime(self.zone.clone()).strftime("%A %H:%M %Z").to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn window(days: &[Weekday], from: &str, to: &str, zone: &str) -> Window {
        let time = |text: &str| text.parse().unwrap();
        Window { days: days.to_vec(), from: time(from), to: time(to), zone: TimeZone::get(zone).unwrap() }
    }

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn office_hours_by_the_clock_on_the_wall() {
        let office = window(&[Weekday::Monday, Weekday::Tuesday], "08:00", "18:00", "Europe/Berlin");
        // Tuesday, 24 November 2026; Berlin is an hour ahead in winter and two in summer.
        assert!(office.contains(at("2026-11-24T07:00:00Z")));
        assert!(!office.contains(at("2026-11-24T06:59:59Z")));
        assert!(!office.contains(at("2026-11-24T17:00:00Z")));
        assert!(office.contains(at("2026-07-28T06:00:00Z")));
        assert!(!office.contains(at("2026-11-25T09:00:00Z")), "a Wednesday");
    }

    #[test]
    fn over_midnight_a_night_belongs_to_the_day_on_which_it_began() {
        let night = window(&[Weekday::Friday], "22:00", "06:00", "UTC");
        assert!(night.contains(at("2026-11-27T23:00:00Z")), "Friday night");
        assert!(night.contains(at("2026-11-28T05:59:00Z")), "Saturday morning");
        assert!(!night.contains(at("2026-11-28T06:00:00Z")));
        assert!(!night.contains(at("2026-11-27T05:00:00Z")), "Friday morning is of Thursday's night");
        let whole = window(&[], "00:00", "00:00", "UTC");
        assert!(whole.contains(at("2026-11-28T23:59:59Z")) && whole.contains(at("2026-11-28T00:00:00Z")));
    }
}
