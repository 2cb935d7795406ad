//! Dates of log lines: `Nov 24 15:50:32`, which has no year and no zone, and RFC 3339, which has both.

use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

/// How the year of a line without one is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Years {
    /// The last line was written then: each line is of the last year in which it is not later.
    Until(Timestamp),
    /// The first line is of this year: where months begin anew, the next year begins.
    From(i16),
}

/// A clock set a little wrong, or a time zone: this much later than the end is no reason to take the year before.
const SLACK: SignedDuration = SignedDuration::from_hours(26);

/// Reads dates. Lines of the same second are many, so the last one is remembered.
pub(super) struct Dates {
    years: Years,
    zone: TimeZone,
    /// The month of the last line: a log goes forwards.
    month: i8,
    last: Option<([u8; 15], Timestamp)>,
}

impl Dates {
    pub(super) fn new(years: Years, zone: TimeZone) -> Self {
        Self { years, zone, month: 0, last: None }
    }

    /// The date at the beginning of a line, and what follows.
    pub(super) fn read<'a>(&mut self, line: &'a [u8]) -> Option<(Timestamp, &'a [u8])> {
        // A priority may stand before it (RFC 3164).
        let line = match line.strip_prefix(b"<") {
            Some(rest) => rest.get(rest.iter().take(4).position(|&byte| byte == b'>')? + 1..)?,
            None => line,
        };
        if line.first()?.is_ascii_digit() { self.with_year(line) } else { self.without_year(line) }
    }

    fn without_year<'a>(&mut self, line: &'a [u8]) -> Option<(Timestamp, &'a [u8])> {
        let date: [u8; 15] = line.get(..15)?.try_into().ok()?;
        let rest = line.get(15..)?;
        rest.first().filter(|byte| **byte == b' ')?;
        if let Some((known, time)) = self.last
            && known == date
        {
            return Some((time, rest));
        }
        let month = month(&date[..3])?;
        if date[3] != b' ' || date[6] != b' ' {
            return None;
        }
        let day = if date[4] == b' ' { digits(&date[5..6])? } else { digits(&date[4..6])? };
        let (hour, minute, second) = clock(&date[7..15])?;
        let of = |year: i16| {
            let civil = DateTime::new(year, month, day, hour, minute, second, 0).ok()?;
            self.zone.to_timestamp(civil).ok()
        };
        let time = match self.years {
            Years::Until(end) => {
                let last = self.zone.to_datetime(end).year();
                // The 29th of February is found in the last leap year.
                (0..8).filter_map(|back| of(last + 1 - back)).find(|time| *time <= end + SLACK)?
            }
            Years::From(year) => match self.month - month {
                // December, then January.
                7.. => {
                    (self.years, self.month) = (Years::From(year + 1), month);
                    of(year + 1)?
                }
                // January, then December: a line that comes late.
                ..=-7 if self.month > 0 => of(year - 1)?,
                _ => {
                    self.month = month;
                    of(year)?
                }
            },
        };
        self.last = Some((date, time));
        Some((time, rest))
    }

    fn with_year<'a>(&mut self, line: &'a [u8]) -> Option<(Timestamp, &'a [u8])> {
        let end = memchr::memchr2(b' ', b'\t', line)?;
        let (word, rest) = (line.get(..end)?, line.get(end..)?);
        // 2026-11-24T15:50:32, then a fraction, then a zone.
        let (date, tail) = (word.get(..19)?, word.get(19..)?);
        let fraction =
            tail.iter().position(|byte| !byte.is_ascii_digit() && !matches!(byte, b'.' | b',')).unwrap_or(tail.len());
        let offset = offset(tail.get(fraction..)?)?;
        let year = i16::from(digits(&date[..2])?) * 100 + i16::from(digits(&date[2..4])?);
        let (month, day) = (digits(&date[5..7])?, digits(&date[8..10])?);
        if date[4] != b'-' || date[7] != b'-' || date[10] != b'T' {
            return None;
        }
        let (hour, minute, second) = clock(&date[11..19])?;
        let civil = DateTime::new(year, month, day, hour, minute, second, 0).ok()?;
        let time = match offset {
            Some(seconds) => jiff::tz::Offset::from_seconds(seconds).ok()?.to_timestamp(civil).ok()?,
            None => self.zone.to_timestamp(civil).ok()?,
        };
        Some((time, rest))
    }
}

/// `Z`, `+01:00`, `+0100`; `None` inside where there is no zone at all.
#[expect(clippy::option_option, reason = "no zone and no date are different things")]
fn offset(text: &[u8]) -> Option<Option<i32>> {
    let sign = match text {
        [] => return Some(None),
        b"Z" => return Some(Some(0)),
        [b'+', ..] => 1,
        [b'-', ..] => -1,
        _ => return None,
    };
    let (hours, minutes) = match text.len() {
        6 if text[3] == b':' => (digits(&text[1..3])?, digits(&text[4..6])?),
        5 => (digits(&text[1..3])?, digits(&text[3..5])?),
        _ => return None,
    };
    Some(Some(sign * (i32::from(hours) * 3600 + i32::from(minutes) * 60)))
}

fn clock(text: &[u8]) -> Option<(i8, i8, i8)> {
    if text[2] != b':' || text[5] != b':' {
        return None;
    }
    // A leap second is the second before it.
    Some((digits(&text[..2])?, digits(&text[3..5])?, digits(&text[6..8])?.min(59)))
}

fn digits(text: &[u8]) -> Option<i8> {
    text.iter().try_fold(0_i8, |number, byte| {
        byte.is_ascii_digit().then(|| number.checked_mul(10)?.checked_add(i8::try_from(byte - b'0').ok()?)).flatten()
    })
}

fn month(name: &[u8]) -> Option<i8> {
    let names = b"JanFebMarAprMayJunJulAugSepOctNovDec";
    let at = names.chunks_exact(3).position(|one| one == name)?;
    i8::try_from(at + 1).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn time(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn read(dates: &mut Dates, line: &str) -> Option<String> {
        let line = format!("{line} host program: text");
        let (time, rest) = dates.read(line.as_bytes())?;
        assert_eq!(rest, b" host program: text");
        Some(time.to_string())
    }

    #[test]
    fn the_year_by_the_last_line() {
        let mut dates = Dates::new(Years::Until(time("2028-01-02T10:00:00Z")), TimeZone::UTC);
        for (line, wanted) in [
            ("Dec 31 23:59:59", "2027-12-31T23:59:59Z"),
            ("Jan  1 00:00:00", "2028-01-01T00:00:00Z"),
            ("Jan  3 09:00:00", "2028-01-03T09:00:00Z"),
            ("Jan 10 00:00:00", "2027-01-10T00:00:00Z"),
            ("Feb 29 12:00:00", "2024-02-29T12:00:00Z"),
            ("Mar 31 23:59:60", "2027-03-31T23:59:59Z"),
        ] {
            assert_eq!(read(&mut dates, line).as_deref(), Some(wanted), "{line}");
        }
    }

    #[test]
    fn the_year_by_the_first_line() {
        let mut dates = Dates::new(Years::From(2023), TimeZone::UTC);
        for (line, wanted) in [
            ("Nov  5 01:02:03", "2023-11-05T01:02:03Z"),
            ("Oct 31 01:02:03", "2023-10-31T01:02:03Z"),
            ("Jan  1 00:00:00", "2024-01-01T00:00:00Z"),
            ("Dec 31 23:59:59", "2023-12-31T23:59:59Z"),
            ("Feb 29 00:00:00", "2024-02-29T00:00:00Z"),
            ("Sep 30 00:00:00", "2023-09-30T00:00:00Z"),
            ("Aug  1 00:00:00", "2024-08-01T00:00:00Z"),
            ("Dec  1 00:00:00", "2024-12-01T00:00:00Z"),
            ("Jan  2 00:00:00", "2025-01-02T00:00:00Z"),
        ] {
            let found = read(&mut dates, line);
            assert_eq!(found.as_deref(), Some(wanted), "{line}");
        }
    }

    #[test]
    fn dates_with_a_year_and_a_zone() {
        let berlin = TimeZone::get("Europe/Berlin").unwrap();
        let mut dates = Dates::new(Years::From(2000), berlin);
        for (line, wanted) in [
            ("2026-11-24T15:50:32.123456+01:00", "2026-11-24T14:50:32Z"),
            ("2026-11-24T15:50:32+0100", "2026-11-24T14:50:32Z"),
            ("2026-11-24T15:50:32-05:30", "2026-11-24T21:20:32Z"),
            ("2026-11-24T15:50:32Z", "2026-11-24T15:50:32Z"),
            ("2026-07-01T12:00:00", "2026-07-01T10:00:00Z"),
            ("<22>2026-11-24T15:50:32Z", "2026-11-24T15:50:32Z"),
        ] {
            assert_eq!(read(&mut dates, line).as_deref(), Some(wanted), "{line}");
        }
    }

    #[test]
    fn what_is_no_date() {
        let mut dates = Dates::new(Years::From(2026), TimeZone::UTC);
        for line in [
            "",
            "Nov",
            "Nov 31 10:00:00",
            "Feb 29 10:00:00",
            "Nov 24 25:00:00",
            "Xyz 24 10:00:00",
            "Nov 24 10-00-00",
            "2026-13-01T00:00:00Z",
            "2026-11-24T15:50:32X",
            "2026-11-24T15:50:32+1",
            "\u{0}\u{1}\u{2}",
            "<22",
        ] {
            assert_eq!(read(&mut dates, line), None, "{line:?}");
        }
    }
}
