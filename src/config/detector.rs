//! `[[detector]]`: rows of the administrator's own.

use super::lists;
use super::problem::quoted;
use super::reader::Section;
use crate::detect::{Bind, Body, Family, Mechanism, OwnSignal, Polarity, Reads};
use std::sync::Arc;

const NAMES: &[(&str, Bind)] = &[
    ("nobody", Bind::Nobody),
    ("forwarder", Bind::Forwarder),
    ("destination", Bind::Destination),
    ("forwarder_then_destination", Bind::ForwarderThenDestinations),
    ("original_sender", Bind::OriginalSender),
];

/// What a row looks at.
#[derive(Clone)]
enum Subject {
    Header(String),
    Sender,
    Recipient,
}

const ENVELOPE: &[(&str, bool)] = &[("mail_from", true), ("rcpt", false)];

const POLARITY: &[(&str, Polarity)] = &[("for", Polarity::For), ("against", Polarity::Against)];

/// The rows, in the order in which they stand.
pub(super) fn read(root: &Section<'_>) -> Vec<Arc<OwnSignal>> {
    let mut rows: Vec<Arc<OwnSignal>> = Vec::new();
    for section in root.tables("detector") {
        if let Some(row) = row(&section) {
            if rows.iter().any(|known| known.id == row.id) {
                section.report().error(section.place(), format!("{} is the id of another detector", quoted(&row.id)));
            } else {
                rows.push(Arc::new(row));
            }
        }
    }
    // Rules and weights may name them.
    root.report().know_detectors(&rows);
    rows
}

fn row(section: &Section<'_>) -> Option<OwnSignal> {
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
    let envelope = lists::word(section, "envelope", ENVELOPE)
        .map(|(is_sender, _)| if is_sender { Subject::Sender } else { Subject::Recipient });
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
    let (subject, pattern) = (subject?, pattern?);
    Some(OwnSignal {
        id: id?,
        platform,
        mechanism,
        // What speaks against a forward must not take the place of the strongest mark that speaks for one.
        family: if polarity == Polarity::For { Family::Platform } else { Family::Innocent },
        weight: weight?,
        polarity,
        reads: match subject {
            Subject::Header(name) => Reads::Header(name, pattern, names),
            Subject::Sender => Reads::Sender(pattern, names),
            Subject::Recipient => Reads::Recipient(pattern, names),
        },
        on_replies_too: false,
        about,
        false_positives: "yours to say",
        source: "configuration, [[detector]]",
    })
}

fn pattern(section: &Section<'_>) -> Option<Body<Vec<String>>> {
    const KEYS: [&str; 4] = ["is", "begins", "contains", "like"];
    let set: Vec<&str> = KEYS.into_iter().filter(|key| section.has(key)).collect();
    if set.len() > 1 {
        section
            .report()
            .error(section.place(), format!("{} cannot stand together: write one of them", set.join(" and ")));
        return None;
    }
    let Some(key) = set.first() else { return Some(Body::Any) };
    let texts: Vec<String> = section.strings(key)?.into_iter().map(|(text, _)| text).collect();
    if *key == "like" && texts.iter().any(|text| text.matches('*').count() > 1) {
        section
            .report()
            .error(section.place(), "like has a text with more than one * in it: write contains, or two texts");
        return None;
    }
    if texts.is_empty() || texts.iter().any(|text| text.trim_matches([' ', '*']).is_empty()) {
        section
            .report()
            .error(section.place(), format!("{key} has a text in it that everything matches: leave it out"));
        return None;
    }
    Some(match *key {
        "is" => Body::Is(texts),
        "begins" => Body::Begins(texts),
        "contains" => Body::Contains(texts),
        _ => Body::Like(texts),
    })
}
