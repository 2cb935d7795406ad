//! Durations as they stand in the configuration: `500ms`, `30s`, `2m`, `24h`, `7d`.

use super::problem::quoted;
use super::reader::Section;
use jiff::SignedDuration;
use std::ops::RangeInclusive;

/// The value of a key that takes a duration.
pub(super) fn span(
    section: &Section<'_>,
    key: &'static str,
    allowed: RangeInclusive<SignedDuration>,
) -> Option<SignedDuration> {
    let (text, place) = section.string(key)?;
    let span = parse(&text).filter(|span| allowed.contains(span));
    if span.is_none() {
        let (low, high) = (shown(*allowed.start()), shown(*allowed.end()));
        let text = format!(
            "{} is no duration from {low} to {high}: write \"500ms\", \"30s\", \"2m\", \"24h\" or \"7d\"",
            quoted(&text)
        );
        section.report().error(&place, text);
    }
    span
}

/// The units, the longest last.
const UNITS: [(&str, i64); 5] = [("ms", 1), ("s", 1_000), ("m", 60_000), ("h", 3_600_000), ("d", 86_400_000)];

/// Reads a duration.
pub(crate) fn parse(text: &str) -> Option<SignedDuration> {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let unit = UNITS.iter().find(|(name, _)| *name == &text[digits.len()..])?.1;
    // A sign is no digit.
    let number = digits.bytes().all(|b| b.is_ascii_digit()).then(|| digits.parse::<i64>().ok())??;
    number.checked_mul(unit).map(SignedDuration::from_millis)
}

/// In the longest unit that it is a multiple of.
fn shown(span: SignedDuration) -> String {
    let milliseconds = i64::try_from(span.as_millis()).unwrap_or(i64::MAX);
    let (name, unit) =
        UNITS.iter().rev().find(|(_, unit)| milliseconds != 0 && milliseconds % unit == 0).unwrap_or(&("s", 1_000));
    format!("{}{name}", milliseconds / unit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations() {
        for (text, milliseconds) in
            [("0s", 0), ("500ms", 500), ("30s", 30_000), ("2m", 120_000), ("1h", 3_600_000), ("7d", 604_800_000)]
        {
            let span = SignedDuration::from_millis(milliseconds);
            assert_eq!(parse(text), Some(span), "{text}");
            assert_eq!(shown(span), text);
        }
        for text in ["", "30", "s", "-1s", "+1s", "1.5s", "30 s", "1w", "ä", "99999999999999999999s", "106751991168d"]
        {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
