//! The header fields that `tag` adds: two for each group of recipients that share verdict, mechanism, forwarder and rule,
//! however many there are of them. Who reads them reads them on a message that was edited; what came with a message that
//! nothing was done to is as it came, forged fields of these names included. `redirect` adds a third, with the recipients that
//! were taken out.

use super::Edit;
use super::subject;
use super::template::{self, printable};
use crate::assess::Assessment;
use crate::message::{Address, Message};
use crate::policy::{Action, Decision};
use std::collections::{BTreeSet, HashMap};
use std::fmt::Write as _;

/// The names of our own header fields.
pub const HEADERS: [&str; 3] = ["X-Forwarden", "X-Forwarden-Evidence", "X-Forwarden-Recipient"];

/// How many groups get fields of their own.
const GROUPS: usize = 8;

/// How many characters a value has at the most: with them a field stays below the 998 of a line (RFC 5322 §2.1.1).
const CHARS: usize = 320;

/// The edits that take away our own names, last occurrence first so that the counting of the others stays right.
pub(super) fn clean(message: &Message) -> impl Iterator<Item = Edit> {
    HEADERS.iter().flat_map(|name| taken_away(message, name))
}

/// The edits that take away every field of a name.
fn taken_away(message: &Message, name: &str) -> impl Iterator<Item = Edit> {
    let names: Vec<String> = message.headers.all(name).map(|(_, field)| field.name().to_owned()).collect();
    let edits = (1..).zip(names).map(|(occurrence, name)| Edit::DeleteHeader { name, occurrence });
    edits.collect::<Vec<_>>().into_iter().rev()
}

/// The edit that adds the field for those whose mail goes to a mailbox of ours instead.
pub(super) fn redirected(recipients: &[&Address]) -> Edit {
    Edit::InsertHeader { name: HEADERS[2].into(), value: listed(recipients) }
}

/// Addresses as far as they fit, and how many more there are.
fn listed(addresses: &[&Address]) -> String {
    let mut text = String::new();
    for (index, address) in addresses.iter().enumerate() {
        let next = safe(&address.to_string());
        if index > 0 && text.len() + next.len() + 2 > CHARS {
            let _ = write!(text, " and {} more", addresses.len() - index);
            break;
        }
        if index > 0 {
            text.push_str(", ");
        }
        text.push_str(&next);
    }
    text
}

/// The edits that rules ask for beside our own fields: a prefix of the subject, and fields of the administrator's own, of which
/// those that came with the message are taken away. The same once, and no more than a few, however many recipients ask.
pub(super) fn own_fields<'a>(
    message: &Message,
    tagged: impl Iterator<Item = (&'a Assessment, &'a Decision)>,
) -> Vec<Edit> {
    let mut added: Vec<(String, String)> = Vec::new();
    let mut prefix = None;
    for (assessment, decision) in tagged {
        let tags = decision.actions.iter().filter_map(|action| match action {
            Action::Tag(tag) => Some(tag),
            _ => None,
        });
        for tag in tags {
            // One subject has room for one prefix: the first rule's.
            prefix = prefix.or(tag.subject.as_deref());
            for (name, template) in &tag.fields {
                let value = |key: &str| match key {
                    "mechanism" => Some(assessment.mechanism.map_or("none", |by| by.name()).to_owned()),
                    "confidence" => Some(format!("{:.3}", assessment.confidence)),
                    other => template::value(other, Some(assessment), decision),
                };
                let field = (name.clone(), printable(&template::fill(template, value), 2 * CHARS));
                if added.len() < GROUPS && !added.contains(&field) {
                    added.push(field);
                }
            }
        }
    }
    let names: BTreeSet<&str> = added.iter().map(|(name, _)| name.as_str()).collect();
    let mut edits: Vec<Edit> = names.into_iter().flat_map(|name| taken_away(message, name)).collect();
    edits.extend(added.into_iter().rev().map(|(name, value)| Edit::InsertHeader { name: name.into(), value }));
    edits.extend(prefix.and_then(|prefix| subject::prefixed(message, prefix)));
    edits
}

/// Recipients whose fields would say the same but for the destination.
struct Group<'a> {
    members: Vec<&'a Assessment>,
    /// Mechanism and forwarder.
    who: String,
    rule: Option<String>,
}

/// The edits that add the fields for those who ask for them.
pub(super) fn fields<'a>(tagged: impl Iterator<Item = (&'a Assessment, &'a Decision)>) -> Vec<Edit> {
    let mut groups: Vec<Group<'_>> = Vec::new();
    let mut known: HashMap<(&str, String, Option<&str>), usize> = HashMap::new();
    for (assessment, decision) in tagged {
        let who = who(assessment);
        let key = (assessment.verdict.name(), who.clone(), decision.rule.as_deref());
        let at = *known.entry(key).or_insert_with(|| {
            groups.push(Group { members: Vec::new(), who, rule: decision.rule.clone() });
            groups.len() - 1
        });
        if let Some(group) = groups.get_mut(at) {
            group.members.push(assessment);
        }
    }
    let left_out = groups.len().saturating_sub(GROUPS);
    // Index 0 puts each on top of the last: the first group comes last, and in it the summary, to stand first.
    let mut edits = Vec::new();
    for (index, group) in groups.iter().take(GROUPS).enumerate().rev() {
        let mut summary = group.summary();
        if index == 0 && left_out > 0 {
            let _ = write!(summary, "; not_shown={left_out}");
        }
        edits.push(Edit::InsertHeader { name: HEADERS[1].into(), value: group.evidence() });
        edits.push(Edit::InsertHeader { name: HEADERS[0].into(), value: summary });
    }
    edits
}

impl Group<'_> {
    fn summary(&self) -> String {
        let verdict = self.members.first().map(|member| member.verdict.name()).unwrap_or_default();
        let confidence = self.members.iter().map(|member| member.confidence).fold(0.0, f64::max);
        let destinations: Vec<&Address> = self.members.iter().map(|member| &member.destination).collect();
        let mut summary =
            format!("{verdict}; confidence={confidence:.3}{}; destination={}", self.who, listed(&destinations));
        if let Some(rule) = &self.rule {
            let _ = write!(summary, "; rule={}", safe(rule));
        }
        summary
    }

    /// What counted for any of them, strongest first as with the first of them.
    fn evidence(&self) -> String {
        let mut seen = BTreeSet::new();
        let mut text = String::new();
        for item in self.members.iter().flat_map(|member| &member.evidence).filter(|item| item.counted != 0.0) {
            let id = item.evidence.signal.id();
            if seen.insert(id) && text.len() + id.len() < 2 * CHARS {
                text.push_str(if text.is_empty() { "" } else { " " });
                text.push_str(&safe(id));
            }
        }
        text
    }
}

fn who(assessment: &Assessment) -> String {
    let mechanism = assessment.mechanism.map(|mechanism| format!("; mechanism={}", mechanism.name()));
    let forwarder = assessment.forwarder.as_ref().map(|address| format!("; forwarder={}", safe(&address.to_string())));
    mechanism.unwrap_or_default() + &forwarder.unwrap_or_default()
}

/// A value without the `;` that could be taken for ours.
fn safe(text: &str) -> String {
    printable(text, CHARS).replace(';', "?")
}
