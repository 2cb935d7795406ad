//! `[[detector]]`: rows of the administrator's own.

use super::lists;
use super::problem::quoted;
use super::reader::Section;
use crate::detect::{Bind, Mechanism, OwnRow, Pattern, Polarity, Signal, Subject};

const NAMES: &[(&str, Bind)] = &[
    ("nobody", Bind::Nobody),
    ("forwarder", Bind::Forwarder),
    ("destination", Bind::Destination),
    ("forwarder_then_destination", Bind::ForwarderThenDestinations),
    ("original_sender", Bind::OriginalSender),
];

const ENVELOPE: &[(&str, Subject)] = &[("mail_from", Subject::Sender), ("rcpt", Subject::Recipient)];

const POLARITY: &[(&str, Polarity)] = &[("for", Polarity::For), ("against", Polarity::Against)];

/// The rows, in the order in which they stand.
pub(super) fn read(root: &Section<'_>) -> Vec<&'static Signal> {
    let mut rows: Vec<&'static Signal> = Vec::new();
    for section in root.tables("detector") {
        let row = row(&section);
        if let Some(row) = row {
            if rows.iter().any(|known| known.id == row.id) {
                section.report().error(section.place(), format!("{} is the id of another detector", quoted(&row.id)));
            } else {
                rows.push(row.signal());
            }
        }
    }
    // Rules and weights may name them.
    root.report().know_detectors(&rows);
    rows
}

fn row(section: &Section<'_>) -> Option<OwnRow> {
    let report = section.report();
    let id = section.string("id").and_then(|(id, place)| {
        let name = id.strip_prefix("local.").unwrap_or_default();
        let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b"._-".contains(&b);
        if name.is_empty() || id.len() > 60 || !name.bytes().all(plain) {
            let text =
                "is no id for a detector: write \"local.\" and a name of small letters, digits, \".\", \"_\" and \"-\"";
            report.error(&place, format!("{} {text}", quoted(&id)));
            return None;
        }
        Some(id)
    });
    let header = section.string("header").and_then(|(name, place)| {
        let printable = |b: u8| (33..=126).contains(&b) && b != b':';
        if name.is_empty() || name.len() > 100 || !name.bytes().all(printable) {
            report.error(
                &place,
                format!("{} is no name of a header field: write it without colon and spaces", quoted(&name)),
            );
            return None;
        }
        Some(Subject::Header(name))
    });
    let envelope = section.string("envelope").and_then(|(text, place)| {
        let words: Vec<(&str, usize)> = ENVELOPE.iter().enumerate().map(|(index, (name, _))| (*name, index)).collect();
        let index = lists::choice(section, &text, &place, &words)?;
        ENVELOPE.get(index).map(|(_, subject)| subject.clone())
    });
    let subject = match (section.has("header"), section.has("envelope")) {
        (true, true) => {
            report
                .error(section.place(), "looks at a header field or at the envelope, not at both: write two detectors");
            None
        }
        (false, false) => {
            report.error(
                section.place(),
                "looks at nothing: write header = \"X-Name\", or envelope = \"mail_from\" or \"rcpt\"",
            );
            None
        }
        _ => header.or(envelope),
    };
    let pattern = pattern(section);
    let names = lists::word(section, "names", NAMES).map_or(Bind::Nobody, |(names, _)| names);
    let mechanisms: Vec<(&str, Mechanism)> =
        Mechanism::ALL.iter().map(|mechanism| (mechanism.name(), *mechanism)).collect();
    let mechanism = lists::word(section, "mechanism", &mechanisms).map(|(mechanism, _)| mechanism);
    let weight = section.float("weight", 0.0..=20.0);
    if !section.has("weight") {
        report.error(
            section.place(),
            "has no weight: write weight = 3 for a hint, 6 for what is enough alone, 10 for proof",
        );
    }
    let polarity = lists::word(section, "polarity", POLARITY).map_or(Polarity::For, |(polarity, _)| polarity);
    let text =
        |key| section.string(key).map(|(text, _)| text.chars().take(300).collect::<String>()).unwrap_or_default();
    let (platform, about) = (text("platform"), text("about"));
    if !section.has("id") {
        report.error(section.place(), "has no id: write id = \"local.name\"");
    }
    section.finish();
    Some(OwnRow {
        id: id?,
        platform,
        mechanism,
        weight: weight?,
        polarity,
        subject: subject?,
        pattern: pattern?,
        names,
        about,
    })
}

fn pattern(section: &Section<'_>) -> Option<Pattern> {
    const KEYS: [&str; 3] = ["is", "begins", "contains"];
    let set: Vec<&str> = KEYS.into_iter().filter(|key| section.has(key)).collect();
    if set.len() > 1 {
        section
            .report()
            .error(section.place(), format!("{} cannot stand together: write one of them", set.join(" and ")));
        return None;
    }
    let Some(key) = set.first() else { return Some(Pattern::Any) };
    let texts: Vec<String> = section.strings(key)?.into_iter().map(|(text, _)| text).collect();
    if texts.is_empty() || texts.iter().any(|text| text.trim().is_empty()) {
        section.report().error(
            section.place(),
            format!("{key} has an empty text in it, which everything would match: leave it out"),
        );
        return None;
    }
    Some(match *key {
        "is" => Pattern::Is(texts),
        "begins" => Pattern::Begins(texts),
        _ => Pattern::Contains(texts),
    })
}
