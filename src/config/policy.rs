//! `[policy]` and `[[rule]]`: what is done about it. `[[exception]]`, conditions and actions have files of their own.

use super::action::{self, acts};
use super::reader::{Place, Section};
use super::{Surroundings, condition, exception, lists};
use crate::policy::{Action, Classes, Condition, Index, Mode, Policy, Rule};
use jiff::Timestamp;

const MODES: &[(&str, Mode)] = &[("observe", Mode::Observe), ("enforce", Mode::Enforce)];

/// Reads all of it.
pub(super) fn read(root: &Section<'_>, classes: Classes, around: &Surroundings<'_>, now: Timestamp) -> Policy {
    let mut policy = Policy { classes, default: vec![Action::Log], ..Policy::default() };
    if let Some(section) = root.table("policy") {
        policy.mode = lists::word(&section, "mode", MODES).map(|(mode, _)| mode).unwrap_or_default();
        if let Some((actions, place)) = action::read(&section, "default", around.organization) {
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
    policy.rules = rules(root, policy.mode, around);
    policy.index = Index::new(&policy.rules, &policy.exceptions);
    policy.has_store = root.report().has_store();
    policy
}

fn rules(root: &Section<'_>, mode: Mode, around: &Surroundings<'_>) -> Vec<Rule> {
    let mut rules = Vec::new();
    let mut ids = Ids::default();
    let mut decides_all: Option<Place> = None;
    for section in root.tables("rule") {
        let rule = rule(&section, mode, &mut ids, around);
        if let Some(first) = &decides_all {
            let text = format!("is never reached: the rule at {first} has no condition and decides everything");
            section.report().warning(section.place(), text);
        }
        if matches!(&rule.when, Condition::All(parts) if parts.is_empty()) && rule.decides() && !section.has_error() {
            decides_all.get_or_insert_with(|| section.place().clone());
        }
        rules.push(rule);
        section.finish();
    }
    rules
}

fn rule(section: &Section<'_>, policy_mode: Mode, ids: &mut Ids, around: &Surroundings<'_>) -> Rule {
    let report = section.report();
    let id = ids.read(section);
    let when =
        section.table("when").map_or_else(|| Condition::All(Vec::new()), |table| condition::read(&table, around));
    let then = action::read(section, "then", around.organization);
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
    let mode = lists::word(section, "mode", MODES);
    if let Some((Mode::Enforce, place)) = mode.as_ref().filter(|_| policy_mode == Mode::Observe) {
        report.warning(place, "changes nothing as long as policy.mode is \"observe\": mail is never touched");
    }
    let mode = mode.map_or(Mode::Enforce, |(mode, _)| mode);
    let rollout = section.integer("rollout", 0..=100).and_then(|rollout| u8::try_from(rollout).ok()).unwrap_or(100);
    Rule { id, when, then: then.map(|(actions, _)| actions).unwrap_or_default(), mode, rollout }
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

#[cfg(test)]
mod tests {
    use crate::assess::Verdict;
    use crate::config::Config;
    use crate::detect::Mechanism;
    use crate::message::Address;
    use crate::policy::{Action, Condition, DomainClass, Mode, Policy, Reply, Tag};

    fn policy(text: &str) -> Policy {
        let text = format!(
            "{text}\n[organization]\ndomains = [\"corp.example\"]\n[[listener]]\nsocket = \"inet:127.0.0.1:8891\"\n"
        );
        Config::parse_str(&text).unwrap_or_else(|problems| panic!("{problems}")).config.policy
    }

    fn when(text: &str) -> Condition {
        policy(&format!("[[rule]]\nid = \"x\"\nthen = [\"log\"]\nwhen = {{ {text} }}")).rules.remove(0).when
    }

    #[test]
    fn the_policy_as_a_whole() {
        let silent = policy("");
        assert_eq!((silent.mode, silent.default.as_slice()), (Mode::Observe, &[Action::Log][..]));
        let policy = policy("[policy]\nmode = \"enforce\"\ndefault = [\"tag\"]");
        assert_eq!((policy.mode, policy.default.as_slice()), (Mode::Enforce, &[Action::Tag(Tag::default())][..]));
    }

    #[test]
    fn conditions_of_one_table_must_all_hold() {
        let Condition::All(parts) = when("verdict = [\"list\", \"bounce\"], confidence = 1, size = 3") else {
            panic!("no all")
        };
        assert!(matches!(
            parts.as_slice(),
            [Condition::Verdict(verdicts), Condition::Confidence(confidence), Condition::Size(3)]
                if *verdicts == [Verdict::List, Verdict::Bounce] && *confidence == 1.0
        ));
        assert!(matches!(when(""), Condition::All(parts) if parts.is_empty()));
    }

    #[test]
    fn combinations() {
        let any = when("any = [{ mechanism = \"bcc_map\" }, { destination_class = \"partner\", size = 1 }]");
        let Condition::Any(parts) = any else { panic!("{any:?}") };
        assert!(matches!(&parts[0], Condition::Mechanism(by) if *by == [Mechanism::BccMap]));
        let Condition::All(both) = &parts[1] else { panic!("{:?}", parts[1]) };
        assert!(matches!(&both[0], Condition::DestinationClass(classes) if *classes == [DomainClass::Partner]));
        let not = when("not = { any = [{ size = 1 }, { size = 2 }] }");
        assert!(matches!(not, Condition::Not(part) if matches!(&*part, Condition::Any(parts) if parts.len() == 2)));
        let all = when("all = [{ size = 1 }, { not = { size = 2 } }]");
        assert!(
            matches!(all, Condition::All(parts) if matches!(parts.as_slice(), [Condition::Size(1), Condition::Not(_)]))
        );
    }

    /// Conditions of one kind of value must not be taken for one another.
    #[test]
    fn each_list_is_its_own() {
        let address = Address::parse("x@ext.example").expect("an address");
        let lists = |condition: &Condition, key: &str| match condition {
            Condition::Forwarder(list) => key == "forwarder" && list.contains(&address),
            Condition::Destination(list) => key == "destination" && list.contains(&address),
            Condition::OriginalSender(list) => key == "original_sender" && list.contains(&address),
            Condition::EnvelopeSender(list) => key == "envelope_sender" && list.contains(&address),
            Condition::AuthenticatedUser(names) => key == "authenticated_user" && names[0] == "x@ext.example",
            _ => false,
        };
        for key in ["forwarder", "destination", "original_sender", "envelope_sender", "authenticated_user"] {
            let condition = when(&format!("{key} = \"x@ext.example\""));
            assert!(lists(&condition, key), "{key}: {condition:?}");
        }
        assert!(
            matches!(when("client = \"198.51.100.25\""), Condition::Client(of) if of[0].to_string() == "198.51.100.25/32")
        );
        assert!(matches!(when("listener = \"listener1\""), Condition::Listener(names) if names == ["listener1"]));
        assert!(matches!(when("platform = \"gmail\""), Condition::Platform(names) if names == ["gmail"]));
        assert!(matches!(when("evidence = \"envelope.orcpt\""), Condition::Evidence(ids) if ids == ["envelope.orcpt"]));
    }

    #[test]
    fn actions_and_their_replies() {
        let then = |text: &str| {
            let text = format!(
                "[[rule]]\nid = \"x\"\nwhen = {{ verdict = \"auto_forward\" }}\nthen = {text}\n[quarantine]\ndirectory = \"/q\"\n\
                 [notify]\nserver = \"127.0.0.1:25\"\nfrom = \"forwarden@corp.example\"\n"
            );
            policy(&text).rules.remove(0).then
        };
        for name in ["redirect", "copy"] {
            let text = format!("{{ {name} = \"security@corp.example\" }}");
            assert_eq!(then(&text).iter().map(Action::name).collect::<Vec<_>>(), [name]);
        }
        for name in Action::NAMES.into_iter().filter(|name| !["redirect", "copy"].contains(name)) {
            assert_eq!(then(&format!("\"{name}\"")).iter().map(Action::name).collect::<Vec<_>>(), [name]);
        }
        assert_eq!(then("[\"reject\"]"), [Action::Reject(Reply::reject())]);
        assert_eq!(
            then("{ reject = { code = 554, enhanced = \"5.7.0\", text = \"{rule}\" } }"),
            [Action::Reject(Reply { code: 554, enhanced: "5.7.0".to_owned(), text: "{rule}".to_owned() })]
        );
        assert_eq!(
            then("[{ tempfail = { text = \"Later\" } }]"),
            [Action::Tempfail(Reply { text: "Later".to_owned(), ..Reply::tempfail() })]
        );
    }
}
