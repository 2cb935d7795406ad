//! One message, several recipients, several wishes: what is done to the message as a whole.
//!
//! | wish | every recipient asks for it | only some do |
//! |---|---|---|
//! | `tempfail` | the message is refused for now | the same: it cannot be refused for one recipient, and nothing is lost |
//! | `reject` | the message is refused | those recipients are taken out |
//! | `discard` | the message is dropped | those recipients are taken out |
//! | `strip` | the message is dropped | those recipients are taken out |
//! | `quarantine` | the MTA holds the message | the MTA holds the message, for all of them |
//! | `tag` | the fields are added | the same |
//!
//! Top to bottom, the first that applies decides; `strip`, `quarantine` and `tag` go together. Recipients inside count
//! among "every": a message is refused or dropped as a whole only if nobody inside would miss it. A hold takes the whole
//! message because an MTA can hold nothing less, and taking a recipient out instead would lose its mail.

use super::{Disposition, Edit, tag};
use crate::assess::Assessment;
use crate::message::{Exceeded, Message};
use crate::policy::{Action, Decision, Reply};

/// What was, or would be, done for one recipient.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Done {
    /// Reported only.
    Logged,
    /// Header fields were added.
    Tagged,
    /// The recipient was taken out of the message.
    Stripped,
    /// The MTA holds the message.
    Quarantined,
    /// The message was dropped.
    Discarded,
    /// The message was refused for now.
    Tempfailed,
    /// The message was refused.
    Rejected,
}

impl Done {
    /// All, mildest first.
    pub const ALL: [Self; 7] = [
        Self::Logged,
        Self::Tagged,
        Self::Stripped,
        Self::Quarantined,
        Self::Discarded,
        Self::Tempfailed,
        Self::Rejected,
    ];

    /// The name in events.
    pub fn name(self) -> &'static str {
        match self {
            Self::Logged => "logged",
            Self::Tagged => "tagged",
            Self::Stripped => "stripped",
            Self::Quarantined => "quarantined",
            Self::Discarded => "discarded",
            Self::Tempfailed => "tempfailed",
            Self::Rejected => "rejected",
        }
    }
}

/// What is to be done to a message.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Plan {
    /// Edits, in order.
    pub edits: Vec<Edit>,
    /// What becomes of it then.
    pub disposition: Disposition,
    /// For each decision, in their order: what this means for its recipient.
    pub done: Vec<Done>,
}

/// Makes the plan. `assessments` and `decisions` stand side by side, one of each for every external recipient.
pub fn plan(message: &Message, assessments: &[Assessment], decisions: &[Decision]) -> Plan {
    // Recipients over the limit were not judged: they would be refused or dropped with the rest.
    let all_known = !message.exceeded.contains(&Exceeded::Recipients);
    let everyone_outside = all_known && decisions.len() == message.recipients.len();
    let wants = |decision: &Decision, wish: fn(&Action) -> bool| decision.actions.iter().any(wish);
    let all = |wish: fn(&Action) -> bool| {
        everyone_outside && !decisions.is_empty() && decisions.iter().all(|d| wants(d, wish))
    };

    let refused_for_now = decisions.iter().find_map(|decision| {
        decision.actions.iter().find_map(|action| match action {
            Action::Tempfail(reply) => Some(fill(reply, assessments, decision)),
            _ => None,
        })
    });
    if let Some(reply) = refused_for_now {
        return whole(Disposition::Tempfail(reply), Done::Tempfailed, decisions);
    }
    if all(|action| matches!(action, Action::Reject(_))) {
        let reply = decisions.iter().find_map(|decision| {
            decision.actions.iter().find_map(|action| match action {
                Action::Reject(reply) => Some(fill(reply, assessments, decision)),
                _ => None,
            })
        });
        return whole(Disposition::Reject(reply.unwrap_or_else(Reply::reject)), Done::Rejected, decisions);
    }
    if all(|action| matches!(action, Action::Discard)) {
        return whole(Disposition::Discard, Done::Discarded, decisions);
    }

    let mut plan = Plan { done: vec![Done::Logged; decisions.len()], ..Plan::default() };
    if decisions.iter().any(|decision| wants(decision, |action| matches!(action, Action::Tag))) {
        plan.edits.extend(tag::clean(message));
    }
    for (decision, done) in decisions.iter().zip(&mut plan.done) {
        if wants(decision, |action| matches!(action, Action::Tag)) {
            plan.edits
                .extend(assessment_of(assessments, decision).map(|a| tag::fields(a, decision)).into_iter().flatten());
            *done = Done::Tagged;
        }
    }
    for (decision, done) in decisions.iter().zip(&mut plan.done) {
        if wants(decision, |action| matches!(action, Action::Strip | Action::Reject(_) | Action::Discard)) {
            plan.edits.extend(
                message
                    .recipients
                    .get(decision.recipient)
                    .map(|recipient| Edit::DeleteRecipient(recipient.raw.clone())),
            );
            *done = Done::Stripped;
        }
    }
    let nobody_left = everyone_outside && !decisions.is_empty() && plan.done.iter().all(|done| *done == Done::Stripped);
    if nobody_left {
        // A message without recipients is an error to some MTAs: dropping it says the same without one.
        return whole(Disposition::Discard, Done::Discarded, decisions);
    }
    let held_by: Vec<&str> = decisions
        .iter()
        .filter(|decision| wants(decision, |action| matches!(action, Action::Quarantine)))
        .map(|decision| decision.rule.as_deref().unwrap_or("default"))
        .collect();
    if !held_by.is_empty() {
        plan.disposition = Disposition::Hold(format!("forwarden: {}", distinct(&held_by).join(", ")));
        plan.done.iter_mut().filter(|done| **done != Done::Stripped).for_each(|done| *done = Done::Quarantined);
    }
    plan
}

/// The whole message is disposed of: no edit is worth making.
fn whole(disposition: Disposition, done: Done, decisions: &[Decision]) -> Plan {
    Plan { edits: Vec::new(), disposition, done: vec![done; decisions.len()] }
}

fn assessment_of<'a>(assessments: &'a [Assessment], decision: &Decision) -> Option<&'a Assessment> {
    assessments.iter().find(|assessment| assessment.recipient == decision.recipient)
}

fn fill(reply: &Reply, assessments: &[Assessment], decision: &Decision) -> Reply {
    let assessment = assessment_of(assessments, decision);
    let forwarder =
        assessment.and_then(|a| a.forwarder.as_ref()).map_or_else(|| "unknown".to_owned(), ToString::to_string);
    let destination = assessment.map(|a| a.destination.to_string()).unwrap_or_default();
    let text = reply
        .text
        .replace("{forwarder}", &forwarder)
        .replace("{destination}", &destination)
        .replace("{rule}", decision.rule.as_deref().unwrap_or("default"));
    let text = text.chars().map(|c| if matches!(c, ' '..='~') { c } else { '?' }).take(400).collect();
    Reply { text, ..reply.clone() }
}

fn distinct<'a>(names: &[&'a str]) -> Vec<&'a str> {
    let mut seen = Vec::new();
    for name in names {
        if !seen.contains(name) {
            seen.push(*name);
        }
    }
    seen
}
