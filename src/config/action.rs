//! `then` of a rule and `policy.default`: its actions.

use super::lists;
use super::problem::quoted;
use super::reader::{Item, Place, Section};
use crate::action::{HEADERS, PREFIX_OCTETS};
use crate::message::{Address, Organization};
use crate::policy::{Action, Reply, Tag, Whom};
use toml::de::DeValue;

/// Reads a list of actions. `None` if there is none, or if it is wrong.
pub(super) fn read(
    section: &Section<'_>,
    key: &'static str,
    organization: &Organization,
) -> Option<(Vec<Action>, Place)> {
    let report = section.report();
    let (items, list) = section.items(key)?;
    let mut actions: Vec<Action> = Vec::new();
    for item in &items {
        let place = item.place(&list);
        let Some(action) = one(section, item, &place, organization) else { continue };
        if actions.iter().any(|other| other.name() == action.name()) {
            report.error(&place, format!("\"{action}\" stands here twice"));
        }
        actions.push(action);
    }
    if items.is_empty() {
        report.error(&list, "is empty: write [\"log\"], or another action");
    }
    if let Some(last) = actions.iter().find(|action| ends(action))
        && let Some(lost) =
            actions.iter().find(|action| *action != last && !matches!(action, Action::Log | Action::Notify(_)))
    {
        report.warning(&list, format!("\"{last}\" leaves no message to which \"{lost}\" could be done: choose one"));
    }
    if let Some(out) = actions.iter().find(|action| matches!(action, Action::Redirect(_)))
        && let Some(other) = actions.iter().find(|action| matches!(action, Action::Quarantine | Action::Strip))
    {
        report.warning(&list, format!("\"{out}\" takes the recipient out, so \"{other}\" adds nothing: choose one"));
    }
    (actions.len() == items.len()).then_some((actions, list))
}

/// Whether it does something to the mail that its reader misses.
pub(super) fn acts(action: &Action) -> bool {
    !matches!(action, Action::Log | Action::Tag(_) | Action::Notify(_))
}

/// Whether nothing goes on after it.
fn ends(action: &Action) -> bool {
    matches!(action, Action::Reject(_) | Action::Tempfail(_) | Action::Discard)
}

fn one(section: &Section<'_>, item: &Item<'_>, place: &Place, organization: &Organization) -> Option<Action> {
    match item.value {
        DeValue::String(name) => plain(section, name, place),
        DeValue::Table(_) => with_words(section, item, place, organization),
        _ => {
            section.report().error(place, "an action is a name in quotes, { reject = { … } } or { copy = \"…\" }");
            None
        }
    }
}

fn plain(section: &Section<'_>, name: &str, place: &Place) -> Option<Action> {
    let known = [
        Action::Log,
        Action::Tag(Tag::default()),
        Action::Quarantine,
        Action::Store,
        Action::Strip,
        Action::Reject(Reply::reject()),
        Action::Tempfail(Reply::tempfail()),
        Action::Discard,
        Action::Notify(vec![Whom::Security]),
    ];
    let names = Action::NAMES.map(|name| (name, name));
    let name = lists::choice(section, name, place, &names)?;
    if name == Action::Store.name() && !section.report().has_store() {
        let text = "\"store\" needs a place: write [quarantine] with directory = \"/var/lib/forwarden/quarantine\"";
        section.report().error(place, text);
    }
    if name == "notify" {
        needs_notify(section, place);
    }
    if ["redirect", "copy"].contains(&name) {
        let text = format!("\"{name}\" needs a mailbox: write {{ {name} = \"security@your.domain\" }}");
        section.report().error(place, text);
    }
    known.into_iter().find(|action| action.name() == name)
}

/// `{ reject = { code = 550, enhanced = "5.7.1", text = "…" } }`, `{ copy = "security@corp.example" }`.
fn with_words(section: &Section<'_>, item: &Item<'_>, place: &Place, organization: &Organization) -> Option<Action> {
    let outer = section.of_item(item, place.clone())?;
    let reject = outer.table("reject").map(|table| Action::Reject(reply(&table, Reply::reject(), 5)));
    let tempfail = outer.table("tempfail").map(|table| Action::Tempfail(reply(&table, Reply::tempfail(), 4)));
    let redirect = mailbox(&outer, "redirect", organization).map(Action::Redirect);
    let copy = mailbox(&outer, "copy", organization).map(Action::Copy);
    let tag = outer.table("tag").map(|table| Action::Tag(tag(&table)));
    let notify = whom(&outer, place, organization).map(Action::Notify);
    let found: Vec<Action> = [tag, reject, tempfail, redirect, copy, notify].into_iter().flatten().collect();
    if found.len() != 1 && !outer.has_error() {
        let text = "an action is a name in quotes, or one of tag, reject, tempfail, redirect, copy and notify in a pair of braces: \
            { reject = { … } }, { copy = \"…\" }";
        outer.report().error(place, text);
    }
    outer.finish();
    let one = found.len() == 1;
    found.into_iter().next().filter(|_| one)
}

/// The names that are filled in, in header fields of a tag.
const IN_FIELDS: [&str; 5] = ["{forwarder}", "{destination}", "{rule}", "{mechanism}", "{confidence}"];

/// `{ tag = { subject = "[forwarded]", fields = { "X-Corp-Forward" = "{forwarder} to {destination}" } } }`.
fn tag(section: &Section<'_>) -> Tag {
    let report = section.report();
    let subject = section.string("subject").and_then(|(text, place)| {
        let good = !text.trim().is_empty() && text.len() <= PREFIX_OCTETS && !text.contains(char::is_control);
        if !good {
            let text =
                format!("{} is no prefix of a subject: write 1 to {PREFIX_OCTETS} octets in one line", quoted(&text));
            report.error(&place, text);
        }
        good.then(|| text.trim().to_owned())
    });
    let mut fields = Vec::new();
    if let Some(table) = section.table("fields") {
        for (name, value, place) in table.entries() {
            let rest = name.strip_prefix("X-").or_else(|| name.strip_prefix("x-")).unwrap_or_default();
            let plain =
                !rest.is_empty() && name.len() <= 60 && rest.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
            if !plain || HEADERS.iter().any(|own| own.eq_ignore_ascii_case(&name)) {
                let text =
                    format!("{} is no field of your own: write \"X-\" and letters, digits, \"-\"", quoted(&name));
                report.error(&place, text);
                continue;
            }
            let template = value
                .as_str()
                .filter(|text| !text.is_empty() && text.len() <= 300 && text.bytes().all(|b| matches!(b, b' '..=b'~')));
            let Some(template) = template else {
                report.error(&place, "is no text of a header field: write one line of 1 to 300 characters of ASCII");
                continue;
            };
            for wrong in placeholders(template).filter(|name| !IN_FIELDS.contains(name)) {
                report.error(&place, format!("{} is not filled in; what is: {}", quoted(wrong), IN_FIELDS.join(", ")));
            }
            fields.push((name, template.to_owned()));
        }
    }
    section.finish();
    Tag { subject, fields }
}

fn needs_notify(section: &Section<'_>, place: &Place) {
    if !section.report().has_notify() {
        let text = "\"notify\" needs a server: write [notify] with server = \"127.0.0.1:25\" and from = \"forwarden@your.domain\"";
        section.report().error(place, text);
    }
}

/// Whom a notice goes to: words, and mailboxes of ours.
fn whom(section: &Section<'_>, place: &Place, organization: &Organization) -> Option<Vec<Whom>> {
    let names = section.strings("notify")?;
    needs_notify(section, place);
    let one = |(text, place): (String, Place)| match text.as_str() {
        "forwarder" => Some(Whom::Forwarder),
        "security" => Some(Whom::Security),
        "owner" => Some(Whom::Owner),
        _ => {
            let inside = Address::parse(&text).filter(|address| organization.owns(address) && text.is_ascii());
            if inside.is_none() {
                let text = format!(
                    "{} is not told: write \"forwarder\", \"security\", \"owner\" or a mailbox of yours",
                    quoted(&text)
                );
                section.report().error(&place, text);
            }
            inside.map(Whom::Mailbox)
        }
    };
    Some(names.into_iter().filter_map(one).collect())
}

/// A mailbox that mail may be sent to: one of ours. Anywhere else it would be the forward that policy is to end.
fn mailbox(section: &Section<'_>, key: &'static str, organization: &Organization) -> Option<Address> {
    let (text, place) = section.string(key)?;
    let problem = match Address::parse(&text) {
        Some(address) if !text.is_ascii() || text.contains(['<', '>', ' ']) => {
            format!("{} has more than an ASCII address: write \"security@your.domain\"", quoted(&address.to_string()))
        }
        Some(address) if organization.owns(&address) => return Some(address),
        Some(_) => format!("{} is not yours: it must be in a domain of [organization] domains", quoted(&text)),
        None => format!("{} is no address: write \"security@your.domain\"", quoted(&text)),
    };
    section.report().error(&place, problem);
    None
}

/// The names that are filled in, in the text of a reply.
const PLACEHOLDERS: [&str; 3] = ["{forwarder}", "{destination}", "{rule}"];

/// A reply whose codes begin with `class` (RFC 5321 §4.2.1, RFC 3463 §2).
fn reply(section: &Section<'_>, default: Reply, class: u16) -> Reply {
    let report = section.report();
    let hundred = u64::from(class) * 100;
    let code = section.integer("code", hundred..=hundred + 99).and_then(|code| u16::try_from(code).ok());
    let enhanced = section.string("enhanced").map(|(text, place)| {
        if !is_enhanced(&text, class) {
            let hint = format!("write three numbers, the first like that of the code: \"{class}.7.1\"");
            report.error(&place, format!("{} is no enhanced status code that fits: {hint}", quoted(&text)));
        }
        text
    });
    let text = section.string("text").map(|(text, place)| {
        if text.is_empty() || text.len() > 400 || !text.bytes().all(|b| matches!(b, b' '..=b'~')) {
            let text =
                format!("{} is no text of a reply: write one line of 1 to 400 characters of ASCII", quoted(&text));
            report.error(&place, text);
        }
        for wrong in placeholders(&text).filter(|name| !PLACEHOLDERS.contains(name)) {
            let known = PLACEHOLDERS.join(", ");
            report.error(&place, format!("{} is not filled in; what is: {known}", quoted(wrong)));
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

fn is_enhanced(text: &str, class: u16) -> bool {
    let parts: Vec<&str> = text.split('.').collect();
    let number = |part: &&str| (1..=3).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_digit());
    parts.len() == 3 && parts.iter().all(number) && parts[0] == class.to_string()
}

/// Every `{…}`.
fn placeholders(text: &str) -> impl Iterator<Item = &str> {
    text.match_indices('{').filter_map(|(at, _)| {
        let rest = &text[at..];
        rest.find('}').map(|end| &rest[..=end])
    })
}
