//! What is done for each recipient, and what would have been, were nothing held back.

use super::{Done, Plan, plan};
use crate::assess::Assessment;
use crate::message::Message;
use crate::policy::{Decision, HeldBack};

/// What comes of a decision for its recipient.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Carried {
    /// What is done.
    pub done: Done,
    /// What would have been done, where that is something else.
    pub would: Option<Would>,
}

/// What would have been done, and was not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Would {
    /// What.
    pub done: Done,
    /// By which rule; `None` by the default.
    pub rule: Option<String>,
    /// Why it was not.
    pub held_back: HeldBack,
}

/// What comes of the decisions, one for each. `made` is their plan, `held_back` what keeps it as a whole from being carried
/// out, `has_store` as for [`plan`].
pub fn carried(
    message: &Message,
    assessments: &[Assessment],
    decisions: &[Decision],
    made: &Plan,
    held_back: Option<HeldBack>,
    has_store: bool,
) -> Vec<Carried> {
    // A rule that is held back for one recipient can change what becomes of the others: they have a plan in common.
    let first_instead = decisions.iter().find_map(|decision| decision.instead.as_ref());
    let full = first_instead.map(|_| {
        let decisions: Vec<Decision> = decisions.iter().map(Decision::unheld).collect();
        plan(message, assessments, &decisions, has_store)
    });
    let sides = decisions.iter().zip(&made.done).zip(&full.as_ref().unwrap_or(made).done);
    sides
        .map(|((decision, &planned), &full)| {
            let done = if held_back.is_some() { Done::Logged } else { planned };
            let instead = decision.instead.as_ref();
            let by = held_back.or_else(|| instead.or(first_instead).map(|instead| instead.by));
            let rule = || instead.map(|instead| instead.rule.clone()).or_else(|| decision.rule.clone());
            let would = by.filter(|_| full != done).map(|held_back| Would { done: full, rule: rule(), held_back });
            Carried { done, would }
        })
        .collect()
}
