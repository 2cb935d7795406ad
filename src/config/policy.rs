//! `[policy]` and `[[rule]]`: what is done about it. `[[exception]]`, conditions and actions have files of their own.

use super::action::{self, acts};
use super::reader::{Place, Section};
use super::{Surroundings, condition, exception, lists};
use crate::policy::{Action, Classes, Condition, Mode, Policy, Rule};
use jiff::Timestamp;

const MODES: &[(&str, Mode)] = &[("observe", Mode::Observe), ("enforce", Mode::Enforce)];

/// Reads all of it.
pub(super) fn read(root: &Section<'_>, classes: Classes, around: &Surroundings<'_>, now: Timestamp) -> Policy {
    let mut policy = Policy { classes, default: vec![Action::Log], ..Policy::default() };
    if let Some(section) = root.table("policy") {
        policy.mode = lists::word(&section, "mode", MODES).map(|(mode, _)| mode).unwrap_or_default();
        if let Some((actions, place)) = action::read(&section, "default") {
            if actions.iter().any(acts) {
                let text =
                    "is done to every message that no rule matches, ordinary mail too: write [\"log\"], and a rule";
                section.report().warning(&place, text);
            }
            policy.default = actions;
        }
        section.finish();
    }
    policy.exceptions = exception::read(root, around, now);
    policy.rules = rules(root, around);
    policy
}

fn rules(root: &Section<'_>, around: &Surroundings<'_>) -> Vec<Rule> {
    let mut rules = Vec::new();
    let mut ids = Ids::default();
    let mut decides_all: Option<Place> = None;
    for section in root.tables("rule") {
        let rule = rule(&section, &mut ids, around);
        if let Some(first) = &decides_all {
            let text = format!("is never reached: the rule at {first} has no condition and decides everything");
            section.report().warning(section.place(), text);
        }
        if matches!(&rule.when, Condition::All(parts) if parts.is_empty()) && !section.has_error() {
            decides_all.get_or_insert_with(|| section.place().clone());
        }
        rules.push(rule);
        section.finish();
    }
    rules
}

fn rule(section: &Section<'_>, ids: &mut Ids, around: &Surroundings<'_>) -> Rule {
    let report = section.report();
    let id = ids.read(section);
    let when =
        section.table("when").map_or_else(|| Condition::All(Vec::new()), |table| condition::read(&table, around));
    let then = action::read(section, "then");
    match &then {
        None if !section.has("then") => {
            report.error(section.place(), "then is missing: write then = [\"log\"], or another action");
        }
        Some((actions, place)) if !section.has_error() => {
            if let Some(action) = actions.iter().find(|action| acts(action) && !condition::is_about_forwards(&when)) {
                let text = format!(
                    "\"{action}\" is done to ordinary mail too, as no condition says what the message is: add verdict = [\"auto_forward\"]"
                );
                report.warning(place, text);
            }
            if actions.iter().any(|action| matches!(action, Action::Reject(_)))
                && around.has_outbound_hop()
                && !condition::is_submission(&when)
            {
                report.warning(place, REJECT_ON_HOP);
            }
        }
        _ => {}
    }
    Rule { id, when, then: then.map(|(actions, _)| actions).unwrap_or_default() }
}

const REJECT_ON_HOP: &str = "\"reject\" at an outbound hop makes the mail server before it send a bounce to the outside \
    sender, and so tells a stranger of the forward: use \"quarantine\" or \"strip\"; \"reject\" is for mail that a user \
    submits (a condition authenticated_user)";

/// The ids of a list of tables: each has one of its own.
#[derive(Default)]
pub(super) struct Ids(Vec<(String, Place)>);

impl Ids {
    /// Words that stand for the absence of a rule or exception in policy tests and in replies.
    const RESERVED: [&str; 2] = ["none", "default"];

    /// Reads the id of a table.
    pub(super) fn read(&mut self, section: &Section<'_>) -> String {
        let Some((id, place)) = section.string("id") else {
            if !section.has("id") {
                section.report().error(section.place(), "id is missing: events name the entry by it");
            }
            return String::new();
        };
        super::check_id(section, &id, &place);
        if Self::RESERVED.contains(&id.as_str()) {
            section.report().error(&place, format!("\"{id}\" says that nothing matched: choose another id"));
        }
        match self.0.iter().find(|(known, _)| *known == id) {
            Some((_, first)) => {
                section.report().error(&place, format!("{} is taken; first in {first}", super::problem::quoted(&id)));
            }
            None => self.0.push((id.clone(), place)),
        }
        id
    }
}
