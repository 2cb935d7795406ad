//! One message, several recipients, several wishes: what is done to the message as a whole.
//!
//! | wish | every recipient asks for it | only some do |
//! |---|---|---|
//! | `tempfail` | the message is refused for now | the same: it cannot be refused for one recipient, and nothing is lost |
//! | `reject` | the message is refused | those recipients are taken out |
//! | `discard` | the message is dropped | those recipients are taken out |
//! | `redirect` | the mailboxes of ours get it instead | those recipients are taken out, the mailboxes of ours added |
//! | `strip` | the message is dropped | those recipients are taken out |
//! | `store` | the message is stored and dropped | those recipients are taken out, the message is stored for them |
//! | `quarantine` | the MTA holds the message | as `store`; without a store the MTA holds the message, for all of them |
//! | `copy` | the mailboxes of ours are added | the same |
//! | `tag` | the fields are added | the same |
//!
//! A message that is edited or held also loses the fields that came with it under our own names.
//!
//! Top to bottom, the first that applies decides; all from `redirect` on go together, and for `quarantine` only the
//! recipients count that are left. A mailbox that is added counts as one inside. Recipients inside count among "every": a message is refused or
//! dropped as a whole only if nobody inside would miss it. A hold takes the whole message because an MTA can hold nothing
//! less; without a store, taking a recipient out instead would lose its mail.

use super::{Disposition, Edit, tag, template};
use crate::assess::Assessment;
use crate::message::{Address, Exceeded, Message};
use crate::policy::{Action, Decision, Reply};

/// What was, or would be, done for one recipient.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Done {
    /// Reported only.
    Logged,
    /// Header fields were added.
    Tagged,
    /// A mailbox of ours gets the message as well.
    Copied,
    /// A mailbox of ours gets the message instead.
    Redirected,
    /// The recipient was taken out of the message.
    Stripped,
    /// The recipient was taken out of the message, and the message is kept for it in our own store.
    Stored,
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
    pub const ALL: [Self; 10] = [
        Self::Logged,
        Self::Tagged,
        Self::Copied,
        Self::Redirected,
        Self::Stripped,
        Self::Stored,
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
            Self::Copied => "copied",
            Self::Redirected => "redirected",
            Self::Stripped => "stripped",
            Self::Stored => "stored",
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
    /// The decisions, by their index, for whose recipients the message is put into the store. That comes before anything
    /// else: nothing of the rest is begun unless it is safe there.
    pub store: Vec<usize>,
    /// Edits, in order.
    pub edits: Vec<Edit>,
    /// What becomes of it then.
    pub disposition: Disposition,
    /// For each decision, in their order: what this means for its recipient.
    pub done: Vec<Done>,
}

/// Makes the plan. `assessments` and `decisions` stand side by side, one of each for every external recipient;
/// `has_store` says whether there is a store of our own.
pub fn plan(message: &Message, assessments: &[Assessment], decisions: &[Decision], has_store: bool) -> Plan {
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
    let tagged = |decision: &Decision| wants(decision, |action| matches!(action, Action::Tag(_)));
    // Side by side: looked for one by one, thousands of recipients would cost their square.
    let those_tagged = || assessments.iter().zip(decisions).filter(|(_, decision)| tagged(decision));
    plan.edits.extend(tag::own_fields(message, those_tagged()));
    plan.edits.extend(tag::fields(those_tagged()));
    for (_, done) in decisions.iter().zip(&mut plan.done).filter(|(decision, _)| tagged(decision)) {
        *done = Done::Tagged;
    }
    let taken_out = |decision: &Decision| {
        wants(decision, |action| matches!(action, Action::Strip | Action::Reject(_) | Action::Discard))
    };
    let added = added(message, decisions);
    let stored = |decision: &Decision| wants(decision, |action| matches!(action, Action::Store));
    let redirected = |decision: &Decision| wants(decision, |action| matches!(action, Action::Redirect(_)));
    let copied = |decision: &Decision| wants(decision, |action| matches!(action, Action::Copy(_)));
    let held = |decision: &Decision| wants(decision, |action| matches!(action, Action::Quarantine));
    let only_held_left =
        everyone_outside && added.is_empty() && decisions.iter().all(|d| held(d) || stored(d) || taken_out(d));
    for (index, (decision, done)) in decisions.iter().zip(&mut plan.done).enumerate() {
        let gone = taken_out(decision) || redirected(decision);
        if stored(decision) || has_store && held(decision) && !gone && !only_held_left {
            plan.store.push(index);
            *done = Done::Stored;
        } else if redirected(decision) {
            *done = Done::Redirected;
        } else if taken_out(decision) {
            *done = Done::Stripped;
        } else {
            if copied(decision) {
                *done = Done::Copied;
            }
            continue;
        }
        let recipient = message.recipients.get(decision.recipient);
        plan.edits.extend(recipient.map(|recipient| Edit::DeleteRecipient(recipient.raw.clone())));
    }
    let gone = |done: &Done| matches!(done, Done::Stripped | Done::Stored | Done::Redirected);
    if everyone_outside && added.is_empty() && !decisions.is_empty() && plan.done.iter().all(gone) {
        // A message without recipients is an error to some MTAs: dropping it says the same without one.
        let done = plan.done.iter().map(|done| if *done == Done::Stripped { Done::Discarded } else { *done });
        return Plan { store: plan.store, done: done.collect(), disposition: Disposition::Discard, edits: Vec::new() };
    }
    let moved: Vec<&Address> = assessments
        .iter()
        .zip(decisions)
        .filter(|(_, decision)| redirected(decision))
        .map(|(assessment, _)| &assessment.destination)
        .collect();
    if !moved.is_empty() {
        plan.edits.push(tag::redirected(&moved));
    }
    plan.edits.extend(added.iter().map(|address| Edit::AddRecipient(format!("<{address}>"))));
    let held_by: Vec<&str> = decisions
        .iter()
        .zip(&plan.done)
        .filter(|(decision, done)| held(decision) && !gone(done))
        .map(|(decision, _)| decision.rule.as_deref().unwrap_or("default"))
        .collect();
    if !held_by.is_empty() {
        plan.disposition = Disposition::Hold(format!("forwarden: {}", distinct(&held_by).join(", ")));
        plan.done.iter_mut().filter(|done| !gone(done)).for_each(|done| *done = Done::Quarantined);
    }
    if !plan.edits.is_empty() || plan.disposition != Disposition::Accept {
        // What is edited anyway leaves without fields that only look like ours.
        plan.edits.splice(0..0, tag::clean(message));
    }
    plan
}

/// The mailboxes of ours that are to get the message and do not yet, each once.
fn added<'a>(message: &Message, decisions: &'a [Decision]) -> Vec<&'a Address> {
    let mut added: Vec<&Address> = Vec::new();
    for action in decisions.iter().flat_map(|decision| &decision.actions) {
        let (Action::Redirect(address) | Action::Copy(address)) = action else { continue };
        // A policy names few: looked for first among those, so that many recipients do not cost their square.
        if added.contains(&address) {
            continue;
        }
        added.push(address);
    }
    added.retain(|address| {
        !message.recipients.iter().any(|known| known.address.as_ref().is_some_and(|known| known.same(address)))
    });
    added
}

/// The whole message is disposed of: no edit is worth making.
fn whole(disposition: Disposition, done: Done, decisions: &[Decision]) -> Plan {
    Plan { disposition, done: vec![done; decisions.len()], ..Plan::default() }
}

fn assessment_of<'a>(assessments: &'a [Assessment], decision: &Decision) -> Option<&'a Assessment> {
    assessments.iter().find(|assessment| assessment.recipient == decision.recipient)
}

/// Characters of a reply's text: with its codes it stays below the 512 octets of a line (RFC 5321 §4.5.3.1.5).
const REPLY_CHARS: usize = 400;

fn fill(reply: &Reply, assessments: &[Assessment], decision: &Decision) -> Reply {
    let assessment = assessment_of(assessments, decision);
    let text = template::fill(&reply.text, |name| template::value(name, assessment, decision));
    let text = template::printable(&text, REPLY_CHARS);
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::{Builder, Connection, Direction, Limits};
    use crate::policy::Tag;

    /// The plan for recipients that ask for these actions; `None` is one inside.
    fn planned(wishes: &[Option<Action>], has_store: bool) -> Plan {
        let mut builder = Builder::new("x", Direction::Outbound, Connection::default(), Limits::default());
        let mut decisions = Vec::new();
        for (recipient, wish) in wishes.iter().enumerate() {
            builder.recipient(&format!("<r{recipient}@ext.example>"), Vec::new(), None, None);
            decisions.extend(wish.clone().map(|action| Decision {
                recipient,
                rule: Some("r".to_owned()),
                exception: None,
                actions: vec![action],
                instead: None,
                lapsed: Vec::new(),
                trace: Vec::new(),
            }));
        }
        plan(&builder.finish(), &[], &decisions, has_store)
    }

    fn taken_out(recipients: &[usize]) -> Vec<Edit> {
        recipients.iter().map(|recipient| Edit::DeleteRecipient(format!("<r{recipient}@ext.example>"))).collect()
    }

    #[test]
    fn a_hold_that_others_would_miss_is_stored_instead() {
        let (hold, pass, inside) = (Some(Action::Quarantine), Some(Action::Log), None);
        for other in [&pass, &inside] {
            let mixed = planned(&[hold.clone(), other.clone()], true);
            assert_eq!((mixed.store.as_slice(), mixed.done[0]), (&[0][..], Done::Stored));
            assert_eq!((mixed.edits, mixed.disposition), (taken_out(&[0]), Disposition::Accept));
            let without = planned(&[hold.clone(), other.clone()], false);
            assert_eq!((without.store.len(), without.done[0]), (0, Done::Quarantined));
            assert!(matches!(without.disposition, Disposition::Hold(_)));
        }
        // Nobody is left who would miss it.
        let all = planned(&[hold.clone(), Some(Action::Strip), hold], true);
        assert_eq!(all.done, [Done::Quarantined, Done::Stripped, Done::Quarantined]);
        assert_eq!((all.store.len(), all.edits), (0, taken_out(&[1])));
        assert!(matches!(all.disposition, Disposition::Hold(_)));
    }

    /// The table at the top, row by row: two recipients outside, and what becomes of both.
    #[test]
    fn mixed_recipients() {
        use Done::{
            Copied, Discarded, Logged, Quarantined, Redirected, Rejected, Stored, Stripped, Tagged, Tempfailed,
        };
        let to = || Address::parse("security@corp.example").expect("an address");
        let (log, tag, copy, redirect) =
            (Action::Log, Action::Tag(Tag::default()), Action::Copy(to()), Action::Redirect(to()));
        let (strip, store, hold, discard) = (Action::Strip, Action::Store, Action::Quarantine, Action::Discard);
        let (reject, later) = (Action::Reject(Reply::reject()), Action::Tempfail(Reply::tempfail()));
        let (accept, drop) = (Disposition::Accept, Disposition::Discard);
        let held = Disposition::Hold("forwarden: r".to_owned());
        let (refused, put_off) = (Disposition::Reject(Reply::reject()), Disposition::Tempfail(Reply::tempfail()));
        for (a, b, done, disposition, edits) in [
            (&later, &reject, [Tempfailed, Tempfailed], &put_off, ""),
            (&log, &later, [Tempfailed, Tempfailed], &put_off, ""),
            (&reject, &reject, [Rejected, Rejected], &refused, ""),
            (&reject, &log, [Stripped, Logged], &accept, "-0"),
            (&reject, &redirect, [Stripped, Redirected], &accept, "-0 -1 +"),
            (&discard, &discard, [Discarded, Discarded], &drop, ""),
            (&discard, &tag, [Stripped, Tagged], &accept, "-0"),
            (&reject, &discard, [Discarded, Discarded], &drop, ""),
            (&redirect, &redirect, [Redirected, Redirected], &accept, "-0 -1 +"),
            (&redirect, &log, [Redirected, Logged], &accept, "-0 +"),
            (&redirect, &hold, [Redirected, Stored], &accept, "-0 -1 +"),
            (&strip, &strip, [Discarded, Discarded], &drop, ""),
            (&strip, &log, [Stripped, Logged], &accept, "-0"),
            (&strip, &copy, [Stripped, Copied], &accept, "-0 +"),
            (&store, &store, [Stored, Stored], &drop, ""),
            (&store, &copy, [Stored, Copied], &accept, "-0 +"),
            (&hold, &hold, [Quarantined, Quarantined], &held, ""),
            (&hold, &strip, [Quarantined, Stripped], &held, "-1"),
            (&hold, &tag, [Stored, Tagged], &accept, "-0"),
            (&hold, &copy, [Stored, Copied], &accept, "-0 +"),
            (&copy, &copy, [Copied, Copied], &accept, "+"),
            (&log, &log, [Logged, Logged], &accept, ""),
        ] {
            let plan = planned(&[Some(a.clone()), Some(b.clone())], true);
            let made: Vec<String> = plan.edits.iter().map(shown).collect();
            assert_eq!((plan.done.as_slice(), &plan.disposition), (&done[..], disposition), "{a}, {b}");
            assert_eq!(made.join(" "), edits, "{a}, {b}");
        }
    }

    fn shown(edit: &Edit) -> String {
        match edit {
            Edit::DeleteRecipient(recipient) => recipient.replace("<r", "-").replace("@ext.example>", ""),
            Edit::AddRecipient(recipient) => recipient.replace("<security@corp.example>", "+"),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn what_is_stored_for_all_is_dropped() {
        let all = planned(&[Some(Action::Store), Some(Action::Strip)], true);
        assert_eq!((all.store.as_slice(), all.disposition, all.edits.len()), (&[0][..], Disposition::Discard, 0));
        assert_eq!(all.done, [Done::Stored, Done::Discarded]);
        let some = planned(&[Some(Action::Store), Some(Action::Quarantine)], true);
        assert_eq!((some.done.as_slice(), some.edits), (&[Done::Stored, Done::Quarantined][..], taken_out(&[0])));
        // A refusal of the whole message goes before all.
        let refused = planned(&[Some(Action::Store), Some(Action::Tempfail(Reply::tempfail()))], true);
        assert_eq!((refused.store.len(), refused.edits.len()), (0, 0));
    }
}
