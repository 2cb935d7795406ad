//! `[policy]`, `[[exception]]`, `[[rule]]`: what is done about it.

use super::lists;
use super::problem::quoted;
use super::reader::{Item, Place, Section, number};
use crate::assess::Verdict;
use crate::detect::{self, Mechanism};
use crate::frontend::{ListenerSpec, Role};
use crate::message::{Direction, Organization};
use crate::policy::{Action, Classes, Condition, DomainClass, Exception, Mode, Policy, Reply, Rule};
use jiff::Timestamp;
use toml::de::DeValue;

const MODES: &[(&str, Mode)] = &[("observe", Mode::Observe), ("enforce", Mode::Enforce)];

/// Reads all three.
pub(super) fn read(
    root: &Section<'_>,
    classes: Classes,
    organization: &Organization,
    listeners: &[ListenerSpec],
    now: Timestamp,
) -> Policy {
    let mut policy = Policy { classes, default: vec![Action::Log], ..Policy::default() };
    if let Some(section) = root.table("policy") {
        let mode = section.string("mode").and_then(|(text, place)| lists::choice(&section, &text, &place, MODES));
        policy.mode = mode.unwrap_or_default();
        if let Some(actions) = actions(&section, "default", listeners) {
            policy.default = actions;
        }
        section.finish();
    }
    let mut ids: Vec<(String, Place)> = Vec::new();
    for section in root.tables("exception") {
        let exception = exception(&section, organization, now);
        unique(&section, &mut ids, &exception.id);
        policy.exceptions.push(exception);
        section.finish();
    }
    let mut unconditional: Option<Place> = None;
    let mut ids: Vec<(String, Place)> = Vec::new();
    for section in root.tables("rule") {
        let rule = rule(&section, listeners);
        unique(&section, &mut ids, &rule.id);
        if let Some(first) = &unconditional {
            let line = first.line;
            section.report().warning(
                section.place(),
                format!("is never reached: the rule in line {line} has no condition and decides everything"),
            );
        }
        if matches!(&rule.when, Condition::All(parts) if parts.is_empty()) {
            unconditional.get_or_insert_with(|| section.place().clone());
        }
        policy.rules.push(rule);
        section.finish();
    }
    policy
}

fn unique(section: &Section<'_>, ids: &mut Vec<(String, Place)>, id: &str) {
    if let Some((_, first)) = ids.iter().find(|(known, _)| known == id) {
        let text = format!("id {} is taken; first in {}:{}", quoted(id), first.file.display(), first.line);
        section.report().error(section.place(), text);
    }
    ids.push((id.to_owned(), section.place().clone()));
}

fn id(section: &Section<'_>) -> String {
    let Some((id, place)) = section.string("id") else {
        if !section.has("id") {
            section.report().error(section.place(), "id is missing: events name the entry by it");
        }
        return String::new();
    };
    let fine = !id.is_empty() && id.len() <= 64 && id.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b));
    if !fine {
        section.report().error(
            &place,
            format!("{} is no id: use letters, digits, \"-\", \"_\" and \".\", at most 64", quoted(&id)),
        );
    }
    id
}

fn exception(section: &Section<'_>, organization: &Organization, now: Timestamp) -> Exception {
    let report = section.report();
    let word = |key: &'static str| section.string(key).map(|(text, _)| text);
    for key in ["forwarder", "destination"] {
        if !section.has(key) {
            report.error(section.place(), format!("{key} is missing: an exception is for a pair; write \"*\" for any"));
        }
    }
    let expires = expires(section);
    if let Some((_, place)) = expires.as_ref().filter(|(expires, _)| *expires <= now) {
        report.warning(place, "has expired: the exception no longer applies");
    }
    for (text, place) in section.strings("destination").unwrap_or_default() {
        let domain =
            text.rsplit_once('@').and_then(|(_, domain)| crate::message::Domain::new(domain.trim_start_matches('.')));
        if domain.is_some_and(|domain| organization.domains.contains(&domain)) {
            report.warning(
                &place,
                format!("{} is inside: mail to it is no forward, and needs no exception", quoted(&text)),
            );
        }
    }
    Exception {
        id: id(section),
        forwarder: lists::addresses(section, "forwarder").unwrap_or_default(),
        destination: lists::addresses(section, "destination").unwrap_or_default(),
        mechanism: lists::choices(section, "mechanism", &mechanisms()).unwrap_or_default(),
        owner: word("owner"),
        reason: word("reason"),
        ticket: word("ticket"),
        expires: expires.map(|(expires, _)| expires),
    }
}

/// A date is the last day on which the exception applies; a time of day is when it ends.
fn expires(section: &Section<'_>) -> Option<(Timestamp, Place)> {
    let found = section.get("expires")?;
    let text = match found.value {
        DeValue::Datetime(datetime) => datetime.to_string(),
        DeValue::String(text) => text.to_string(),
        _ => String::new(),
    };
    let end_of_day = || {
        let date: jiff::civil::Date = text.parse().ok()?;
        jiff::tz::TimeZone::UTC.to_timestamp(date.tomorrow().ok()?.at(0, 0, 0, 0)).ok()
    };
    let is_date = text.len() == "2027-01-31".len();
    let expires = if is_date { end_of_day() } else { text.parse().ok() };
    if expires.is_none() {
        section.report().error(&found.place, "is no date: write 2027-01-31 (the last day), or 2027-01-31T18:00:00Z");
    }
    Some((expires?, found.place))
}

fn rule(section: &Section<'_>, listeners: &[ListenerSpec]) -> Rule {
    let when = section.table("when").map_or_else(|| Condition::All(Vec::new()), |table| condition(table, listeners, 0));
    let then = actions(section, "then", listeners);
    if then.is_none() && !section.has("then") {
        section.report().error(section.place(), "then is missing: write then = [\"log\"], or another action");
    }
    Rule { id: id(section), when, then: then.unwrap_or_default() }
}

/// How deep conditions may be nested.
const MAX_DEPTH: usize = 16;

fn condition(section: Section<'_>, listeners: &[ListenerSpec], depth: usize) -> Condition {
    let mut parts = Vec::new();
    if depth > MAX_DEPTH {
        section.report().error(section.place(), format!("conditions are nested more than {MAX_DEPTH} deep"));
        return Condition::All(parts);
    }
    let words =
        |key: &'static str| section.strings(key).map(|list| list.into_iter().map(|(text, _)| text).collect::<Vec<_>>());
    if section.has("all") {
        parts.extend(section.tables("all").into_iter().map(|part| condition(part, listeners, depth + 1)));
    }
    if section.has("any") {
        parts.push(Condition::Any(
            section.tables("any").into_iter().map(|part| condition(part, listeners, depth + 1)).collect(),
        ));
    }
    if let Some(part) = section.table("not") {
        parts.push(Condition::Not(Box::new(condition(part, listeners, depth + 1))));
    }
    let verdicts: Vec<(&str, Verdict)> = Verdict::ALL.iter().map(|verdict| (verdict.name(), *verdict)).collect();
    let classes: Vec<(&str, DomainClass)> = DomainClass::ALL.iter().map(|class| (class.name(), *class)).collect();
    let ids: Vec<(&'static str, &'static str)> = detect::catalogue().map(|signal| (signal.id, signal.id)).collect();
    let owned = |names: Vec<&'static str>| names.into_iter().map(str::to_owned).collect();
    parts.extend(lists::choices(&section, "verdict", &verdicts).map(Condition::Verdict));
    parts.extend(section.float("confidence", 0.0..=1.0).map(Condition::Confidence));
    parts.extend(lists::choices(&section, "mechanism", &mechanisms()).map(Condition::Mechanism));
    parts.extend(lists::choices(&section, "platform", &platforms()).map(|names| Condition::Platform(owned(names))));
    parts.extend(lists::choices(&section, "evidence", &ids).map(|names| Condition::Evidence(owned(names))));
    parts.extend(lists::addresses(&section, "forwarder").map(Condition::Forwarder));
    parts.extend(lists::addresses(&section, "destination").map(Condition::Destination));
    parts.extend(lists::choices(&section, "destination_class", &classes).map(Condition::DestinationClass));
    parts.extend(lists::addresses(&section, "original_sender").map(Condition::OriginalSender));
    parts.extend(lists::addresses(&section, "envelope_sender").map(Condition::EnvelopeSender));
    parts.extend(words("authenticated_user").map(Condition::AuthenticatedUser));
    parts.extend(lists::networks(&section, "client").map(Condition::Client));
    parts.extend(
        section.strings("listener").map(|names| Condition::Listener(listener_names(&section, names, listeners))),
    );
    parts.extend(section.integer("size", 0..=u64::MAX / 2).map(Condition::Size));
    section.finish();
    match parts.len() {
        1 => parts.pop().unwrap_or_else(|| Condition::All(Vec::new())),
        _ => Condition::All(parts),
    }
}

fn listener_names(section: &Section<'_>, names: Vec<(String, Place)>, listeners: &[ListenerSpec]) -> Vec<String> {
    let known = || listeners.iter().map(|spec| spec.name.as_str());
    for (name, place) in names.iter().filter(|(name, _)| !known().any(|known| known == name)) {
        let all: Vec<&str> = known().collect();
        section.report().error(place, format!("there is no listener {}; there are: {}", quoted(name), all.join(", ")));
    }
    names.into_iter().map(|(name, _)| name).collect()
}

fn mechanisms() -> Vec<(&'static str, Mechanism)> {
    Mechanism::ALL.iter().map(|mechanism| (mechanism.name(), *mechanism)).collect()
}

fn platforms() -> Vec<(&'static str, &'static str)> {
    let mut names: Vec<&str> =
        detect::catalogue().map(|signal| signal.platform).filter(|name| !name.is_empty()).collect();
    names.sort_unstable();
    names.dedup();
    names.into_iter().map(|name| (name, name)).collect()
}

fn actions(section: &Section<'_>, key: &'static str, listeners: &[ListenerSpec]) -> Option<Vec<Action>> {
    let (items, list) = section.items(key)?;
    let mut actions = Vec::new();
    for item in &items {
        let place = item.place(&list);
        let action = match item.value {
            DeValue::String(name) => plain_action(section, name, &place),
            DeValue::Table(_) => action_with_text(section, item, &place),
            _ => {
                section.report().error(&place, "an action is a name in quotes, or { reject = { … } }");
                None
            }
        };
        if matches!(action, Some(Action::Reject(_))) && listeners.iter().any(is_outbound_hop) {
            section.report().warning(&place, REJECT_ON_HOP);
        }
        actions.extend(action);
    }
    Some(actions)
}

const REJECT_ON_HOP: &str = "\"reject\" at an outbound hop makes the mail server before it bounce to the outside sender, and \
    tells a stranger of the forward; use \"quarantine\" or \"strip\", and \"reject\" only where users submit";

fn is_outbound_hop(spec: &ListenerSpec) -> bool {
    spec.role == Role::Enforce && spec.direction == Direction::Outbound
}

fn plain_action(section: &Section<'_>, name: &str, place: &Place) -> Option<Action> {
    let known: Vec<(&'static str, &'static str)> = Action::NAMES.iter().map(|name| (*name, *name)).collect();
    Some(match lists::choice(section, name, place, &known)? {
        "tag" => Action::Tag,
        "quarantine" => Action::Quarantine,
        "strip" => Action::Strip,
        "reject" => Action::Reject(Reply::reject()),
        "tempfail" => Action::Tempfail(Reply::tempfail()),
        "discard" => Action::Discard,
        _ => Action::Log,
    })
}

/// `{ reject = { code = 550, enhanced = "5.7.1", text = "…" } }`.
fn action_with_text(section: &Section<'_>, item: &Item<'_>, place: &Place) -> Option<Action> {
    let table = item.value.as_table()?;
    let outer = section.of_item(item, table, place.key.clone(), place.clone());
    let reject = outer.table("reject").map(|table| Action::Reject(reply(table, Reply::reject(), 500)));
    let tempfail = outer.table("tempfail").map(|table| Action::Tempfail(reply(table, Reply::tempfail(), 400)));
    outer.finish();
    reject.or(tempfail)
}

fn reply(section: Section<'_>, default: Reply, class: u16) -> Reply {
    let report = section.report();
    let code =
        section.integer("code", u64::from(class)..=u64::from(class) + 99).and_then(|code| u16::try_from(code).ok());
    let digit = class / 100;
    let enhanced = section.string("enhanced").map(|(text, place)| {
        let parts: Vec<&str> = text.split('.').collect();
        let numbers = parts.len() == 3
            && parts.iter().all(|part| !part.is_empty() && part.len() <= 3 && part.bytes().all(|b| b.is_ascii_digit()));
        if !numbers || parts[0] != digit.to_string() {
            report.error(
                &place,
                format!("{} is no enhanced status code of this kind: write \"{digit}.7.1\"", quoted(&text)),
            );
        }
        text
    });
    let text = section.string("text").map(|(text, place)| {
        if text.is_empty() || text.len() > 400 || !text.bytes().all(|b| matches!(b, b' '..=b'~')) {
            report.error(&place, "the text of a reply is one line of 1 to 400 printable ASCII characters");
        }
        text
    });
    section.finish();
    Reply {
        code: code.unwrap_or(default.code),
        enhanced: enhanced.unwrap_or(default.enhanced),
        text: text.unwrap_or(default.text),
    }
}

/// `[detection]`: own weights, by evidence id.
pub(super) fn weights(section: &Section<'_>) -> std::collections::HashMap<String, f64> {
    let mut weights = std::collections::HashMap::new();
    let Some(table) = section.table("weights") else {
        return weights;
    };
    for (id, value, place) in table.entries() {
        if !detect::catalogue().any(|signal| signal.id == id) {
            let near = super::reader::nearest(&id, detect::catalogue().map(|signal| signal.id));
            let hint = near.map_or_else(
                || "`forwarden detectors` lists them".to_owned(),
                |near| format!("did you mean \"{near}\"?"),
            );
            table.report().error(&place, format!("there is no evidence {}; {hint}", quoted(&id)));
        }
        match number(value).filter(|bits| (0.0..=20.0).contains(bits)) {
            Some(bits) => {
                weights.insert(id, bits);
            }
            None => table.report().error(&place, "a weight is a number of bits from 0 to 20"),
        }
    }
    weights
}
