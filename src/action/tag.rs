//! The header fields that `tag` adds. Copies of them that came with a message are taken away first, so that a later
//! filter can believe what it reads.

use super::Edit;
use crate::assess::Assessment;
use crate::message::Message;
use crate::policy::Decision;

/// The names of our own header fields.
pub const HEADERS: [&str; 2] = ["X-Forwarden", "X-Forwarden-Evidence"];

/// The edits that take away our own names, last occurrence first so that the counting of the others stays right.
pub(super) fn clean(message: &Message) -> impl Iterator<Item = Edit> {
    HEADERS.iter().flat_map(|name| {
        let names: Vec<String> = message.headers.all(name).map(|(_, field)| field.name().to_owned()).collect();
        (1..)
            .zip(names)
            .collect::<Vec<_>>()
            .into_iter()
            .rev()
            .map(|(occurrence, name)| Edit::DeleteHeader { name, occurrence })
    })
}

/// The edits that add the fields for one recipient's assessment.
pub(super) fn fields(assessment: &Assessment, decision: &Decision) -> [Edit; 2] {
    let mut summary = format!("{}; confidence={:.3}", assessment.verdict, assessment.confidence);
    let mechanism = assessment.mechanism.map(|mechanism| mechanism.name().to_owned());
    for (key, value) in [
        ("mechanism", mechanism),
        ("forwarder", assessment.forwarder.as_ref().map(ToString::to_string)),
        ("destination", Some(assessment.destination.to_string())),
        ("rule", decision.rule.clone()),
    ] {
        if let Some(value) = value {
            summary.push_str(&format!("; {key}={}", printable(&value)));
        }
    }
    let ids: Vec<&str> =
        assessment.evidence.iter().filter(|seen| seen.counted != 0.0).map(|seen| seen.evidence.signal.id()).collect();
    // Index 0 puts each on top of the last, so the summary is inserted last to stand first.
    [
        Edit::InsertHeader { name: HEADERS[1], value: printable(&ids.join(" ")) },
        Edit::InsertHeader { name: HEADERS[0], value: summary },
    ]
}

/// Text that is safe in a header field: printable ASCII only, at most 400 characters, no `;` that could be taken for ours.
fn printable(text: &str) -> String {
    text.chars().take(400).map(|c| if matches!(c, ' '..='~') && c != ';' { c } else { '?' }).collect()
}
