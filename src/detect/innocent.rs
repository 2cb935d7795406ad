//! Innocent causes: what looks like a forward and is none. Each needs two proofs of our own side, since an outsider can
//! write any header field, and would like its mail to be exempt.

use super::evidence::{Evidence, Excuse, Family, Polarity};
use super::language::{subject_says_forward, text_says_forward};
use super::scene::{Scene, Target};
use super::signal::Signal;
use crate::message::{Address, Message};

/// The rows of this module.
pub(super) const SIGNALS: &[&Signal] = &[
    &LIST,
    &OWNER,
    &REPORT,
    &AUTO_REPLY,
    &MEETING,
    &MANUAL,
    &MANUAL_TEXT,
    &RELAY,
    &ADDRESSED,
    &BORN_HERE,
    &OWN_MESSAGE,
];

const fn row(
    id: &'static str,
    weight: f64,
    about: &'static str,
    false_positives: &'static str,
    source: &'static str,
) -> Signal {
    let (family, polarity) = (Family::Innocent, Polarity::Against);
    Signal { id, family, weight, polarity, about, false_positives, source, ..Signal::MARK }
}

const LIST: Signal = row(
    "innocent.own_list",
    4.0,
    "a list of ours distributed it: its bounce address is the envelope sender, and List-Id, the trace or To names it as well",
    "an own list with an outside subscriber who should not be one",
    "RFC 2919, RFC 2369; Mailman, mlmmj, owner- aliases",
);

const OWNER: Signal = row(
    "innocent.owner",
    4.0,
    "an alias with an owner distributed it: the envelope sender is an own mailbox that is neither the author nor the one it \
     came in for, and there are several recipients",
    "a mailbox whose forward goes to several addresses and reports errors to somebody else",
    "Sendmail and Postfix owner- aliases",
);

const REPORT: Signal = row(
    "innocent.report",
    4.0,
    "a report on delivery or disposition that was made here: null sender, multipart/report, nothing came from outside",
    "none known",
    "RFC 3464, RFC 8098, RFC 5965",
);

const AUTO_REPLY: Signal = row(
    "innocent.auto_reply",
    4.0,
    "an automatic reply or notice of an own mailbox, made here",
    "Sieve `enotify` that quotes the message it tells of",
    "RFC 3834, RFC 5230, RFC 5436",
);

const MEETING: Signal = row("innocent.meeting", 2.0, "calendar traffic of an own mailbox", "none known", "RFC 6047");

const MANUAL: Signal = row(
    "innocent.resent_by_hand",
    4.0,
    "a full Resent block of an own mailbox above its delivery: a person redirected it from a mail client",
    "a script that writes the same block",
    "RFC 5322 §3.6.6; mutt, Thunderbird, Gnus",
);

const MANUAL_TEXT: Signal = row(
    "innocent.forwarded_by_hand",
    2.0,
    "a new message of an own mailbox that says it forwards: subject prefix, forwarded message id; separator in the text, where \
     that is read",
    "client-side rules, which write the same",
    "mail clients' localisations",
);

const RELAY: Signal = row(
    "innocent.relay",
    6.0,
    "the message came in for the very recipient: we relay for its domain",
    "a forward whose destination was written to as well",
    "RFC 5321 §3.6",
);

const ADDRESSED: Signal = row(
    "innocent.addressed",
    3.0,
    "the recipient is in To or Cc, no own mailbox is, and nothing came from outside: a forward keeps the original addressees",
    "a forward to an address that the author wrote to as well",
    "RFC 5322 §3.6.3",
);

const BORN_HERE: Signal = row(
    "innocent.born_here",
    2.0,
    "From or MAIL FROM is outside, but the trace begins on our side, or Message-ID is of an own host and nothing came from \
     outside: a person with another identity, a program that writes for others",
    "a program that fetches mail from a mailbox and sends it without its trace; a delivery agent that replaces Message-ID",
    "contact forms, helpdesks, newsletters; RFC 6409",
);

const OWN_MESSAGE: Signal = row(
    "innocent.own_message",
    2.0,
    "author and envelope sender are ours, no own mailbox stands in the trace: a new message, wherever it was handed in",
    "none known",
    "RFC 6409; software services that send for us",
);

/// Reports the innocent causes that hold.
pub(super) fn examine(scene: &Scene<'_>, found: &mut Vec<Evidence>) {
    own_list(scene, found);
    found.extend(owner(scene));
    found.extend(automatic(scene));
    found.extend(meeting(scene));
    found.extend(by_hand(scene));
    relayed(scene, found);
    addressed(scene, found);
    found.extend(own_message(scene));
}

/// The list's address by its envelope sender: `owner-x@`, `x-owner@`, `x-bounces@`, `x-bounces+tag@`, `x+bounces-tag@`,
/// `bounce-x=…@`, `x-return-…@`, `x-admin@`, `x-request@`.
fn list_of(sender: &Address) -> Option<Address> {
    let local = sender.local().to_ascii_lowercase();
    let name = local
        .strip_prefix("owner-")
        .or_else(|| local.strip_prefix("bounce-").map(|rest| rest.split('=').next().unwrap_or(rest)))
        .or_else(|| {
            ["-bounces", "+bounces", "-owner", "-return", "-admin", "-request", "-errors"].iter().find_map(|mark| {
                let (name, rest) = local.split_once(mark)?;
                (rest.is_empty() || rest.starts_with(['+', '-', '='])).then_some(name)
            })
        })
        // Google Groups: `group+bnc` and a code.
        .or_else(|| local.split_once("+bnc").filter(|(_, code)| code.len() >= 8).map(|(name, _)| name))?;
    Address::new(name, sender.domain().as_str())
}

fn own_list(scene: &Scene<'_>, found: &mut Vec<Evidence>) {
    let Some(sender) = scene.own_sender() else { return };
    let list = list_of(sender);
    // A list names itself at the bottom, too: X-Mailing-List and List-Id hold the name when the sender is opaque.
    let identified = ["List-Id", "List-Post", "X-Mailing-List", "List-Unsubscribe"].iter().find_map(|name| {
        let text = scene.message.headers.first(name)?.text().into_owned();
        named_here(scene, &text).then_some(text)
    });
    let addresses: Vec<Address> = list.iter().cloned().collect();
    let witnessed = list.as_ref().is_some_and(|list| {
        let same = |address: &Address| address.same_mailbox(list) || is_list_internal(address, list);
        scene.delivered_here().into_iter().any(same)
            || scene.addressees.iter().any(|address| address.same_mailbox(list))
    });
    let proven = match (&list, &identified) {
        (Some(_), Some(_)) => true,
        (Some(_), None) => witnessed,
        _ => false,
    };
    let value = identified.unwrap_or_else(|| sender.to_string());
    let evidence = |directly| {
        let addresses = addresses.clone();
        Evidence::new(&LIST, "MAIL", &value).excusing(Excuse::List { addresses, directly })
    };
    // A bounce address that spells the recipient was made for it by the list's software: proof enough beside its form.
    let spelled = |target: &&Target| list.is_some() && spells(sender, &target.destination);
    found.extend(scene.targets.iter().filter(spelled).map(|target| evidence(true).of_recipient(target.recipient)));
    if proven {
        found.push(evidence(false));
    }
}

/// Whether a bounce address contains the recipient, as VERP writes it: `list-bounces+user=domain@`.
fn spells(sender: &Address, recipient: &Address) -> bool {
    let spelled = format!("{}={}", recipient.local(), recipient.domain()).to_ascii_lowercase();
    sender.local().to_ascii_lowercase().ends_with(&spelled)
}

fn owner(scene: &Scene<'_>) -> Option<Evidence> {
    let sender = scene.own_sender()?;
    let came_for = scene.delivered_here();
    let third = !came_for.is_empty()
        && !came_for
            .iter()
            .chain(&scene.authors.iter().collect::<Vec<_>>())
            .any(|address| address.same_mailbox(sender));
    let handed_in = scene.trace.own().any(|hop| !hop.has_from);
    let several = scene.targets.len() > 1;
    let addresses = came_for.into_iter().cloned().collect();
    (third && several && !handed_in).then(|| {
        Evidence::new(&OWNER, "MAIL", &sender.to_string()).excusing(Excuse::List { addresses, directly: false })
    })
}

/// Addresses that belong to a list's own plumbing: `lists-x@`, `x-request@`, `x-post@`.
fn is_list_internal(address: &Address, list: &Address) -> bool {
    let (local, name) = (address.local().to_ascii_lowercase(), list.local().to_ascii_lowercase());
    !name.is_empty() && local != name && local.contains(&name)
}

/// Whether a List-Id or a List URI is in an own domain.
fn named_here(scene: &Scene<'_>, text: &str) -> bool {
    let inside = text.rsplit_once('<').map_or(text, |(_, rest)| rest).trim_end_matches([' ', '>']);
    let host = inside.trim_start_matches("mailto:");
    let host = host.split(['?', '>', ',', ' ']).next().unwrap_or(host);
    let host = host.rsplit_once('@').map_or(host, |(_, domain)| domain);
    scene.owns_domain(host)
}

/// Reports and replies: nothing came in from outside, and the author is ours or the null sender's own.
fn automatic(scene: &Scene<'_>) -> Option<Evidence> {
    if scene.from_outside() || scene.foreign_author() {
        return None;
    }
    let content = scene.lower("Content-Type");
    if content.starts_with("multipart/report") {
        let made_here = scene.message.sender.is_null()
            || content.contains("disposition-notification")
            || content.contains("feedback-report");
        return made_here.then(|| Evidence::new(&REPORT, "Content-Type", &content).excusing(Excuse::Report));
    }
    let submitted = scene.lower("Auto-Submitted");
    let replies = ["auto-replied", "auto-notified"].iter().any(|kind| submitted.starts_with(kind));
    let suppressed = scene.lower("X-Auto-Response-Suppress").contains("all") && scene.message.sender.is_null();
    let marked = ["X-Autoreply", "X-Autorespond", "X-Autoresponder"].iter().any(|name| scene.has(name));
    let generated = submitted.starts_with("auto-generated") && scene.message.sender.is_null();
    if replies || suppressed || marked || generated {
        return Some(Evidence::new(&AUTO_REPLY, "Auto-Submitted", &submitted).excusing(Excuse::AutoReply));
    }
    // Delivery reports of older systems have no report type: the null sender and a mailer's name are what they have.
    let daemon = scene.own_author().is_some_and(|author| {
        matches!(author.local().to_ascii_lowercase().as_str(), "mailer-daemon" | "postmaster" | "mail-daemon")
    });
    (scene.message.sender.is_null() && daemon)
        .then(|| Evidence::new(&REPORT, "From", "mailer").excusing(Excuse::Report))
}

fn meeting(scene: &Scene<'_>) -> Option<Evidence> {
    if scene.from_outside() || scene.own_author().is_none() {
        return None;
    }
    let content = scene.lower("Content-Type");
    let calendar = content.starts_with("text/calendar")
        || scene.lower("Content-Class").contains("calendarmessage")
        || scene.has("X-MS-Exchange-MeetingForward-Message")
        || scene.lower("X-Microsoft-Exchange-Calendar").contains("true");
    calendar.then(|| Evidence::new(&MEETING, "Content-Type", &content).excusing(Excuse::Meeting))
}

fn by_hand(scene: &Scene<'_>) -> Option<Evidence> {
    let headers = &scene.message.headers;
    let block = headers
        .all("Resent-From")
        .find(|(_, field)| field.address().is_some_and(|address| scene.organization.owns(&address)));
    if let Some((position, field)) = block {
        // A person's client writes date and id itself, above the trace of the delivery; delivery agents append theirs at
        // the end, or leave them to the server.
        let delivery = scene.trace.hops.iter().map(|(at, _)| *at).filter(|at| *at > position).min();
        let complete = ["Resent-Date", "Resent-To"].iter().all(|name| headers.first(name).is_some());
        if complete && delivery.is_some() && resent_date_above(scene, position) {
            let mailboxes = field.address().into_iter().chain(scene.delivered_here().into_iter().cloned()).collect();
            return Some(
                Evidence::new(&MANUAL, scene.place(position, field), &field.text()).excusing(Excuse::Manual(mailboxes)),
            );
        }
    }
    if scene.from_outside() || scene.own_author().is_none() {
        return None;
    }
    if let Some(field) = headers.first("X-Forwarded-Message-Id") {
        return Some(
            Evidence::new(&MANUAL_TEXT, "X-Forwarded-Message-Id", &field.text()).excusing(Excuse::Manual(Vec::new())),
        );
    }
    let subject = scene.message.subject().unwrap_or_default();
    if subject_says_forward(&subject) {
        return Some(Evidence::new(&MANUAL_TEXT, "Subject", &subject).excusing(Excuse::Manual(Vec::new())));
    }
    let said = scene.message.texts().iter().any(|text| text_says_forward(text));
    said.then(|| Evidence::new(&MANUAL_TEXT, "body", "forwarded message").excusing(Excuse::Manual(Vec::new())))
}

/// Whether Resent-Date stands in the same block as the Resent-From at `position`: no trace line between them.
fn resent_date_above(scene: &Scene<'_>, position: usize) -> bool {
    scene.message.headers.all("Resent-Date").any(|(at, _)| {
        let (low, high) = (at.min(position), at.max(position));
        !scene.trace.hops.iter().any(|(hop, _)| (low..high).contains(hop))
    })
}

/// Whether a person would call a message forwarded, whatever sent it on: by its subject, by the forwarded message's id, by
/// its text where that was read.
pub(super) fn looks_forwarded(message: &Message) -> bool {
    message.headers.first("X-Forwarded-Message-Id").is_some()
        || message.subject().is_some_and(|subject| subject_says_forward(&subject))
        || message.texts().iter().any(|text| text_says_forward(text))
}

/// Trap of relay domains: what came in for the recipient itself was never forwarded by a mailbox of ours.
fn relayed(scene: &Scene<'_>, found: &mut Vec<Evidence>) {
    let Some(hop) = scene.trace.entry_hop() else { return };
    let names_own = !scene.own_for.is_empty()
        || scene.delivered.iter().any(|(at, _)| scene.trusts(*at))
        || scene.addressees.iter().any(|address| scene.organization.owns(address));
    for target in &scene.targets {
        let for_it = scene.trace.own().any(|hop| hop.for_.iter().any(|address| address.same(&target.destination)));
        let at_entry = hop.for_.iter().any(|address| address.same(&target.destination));
        let addressed = scene.addresses(&target.destination) && !names_own && (for_it || hop.for_.is_empty());
        if at_entry || addressed {
            let value = format!("for {}", target.destination);
            found
                .push(Evidence::new(&RELAY, "Received", &value).of_recipient(target.recipient).excusing(Excuse::Relay));
        }
    }
}

fn addressed(scene: &Scene<'_>, found: &mut Vec<Evidence>) {
    if scene.from_outside() || scene.addressees.iter().any(|address| scene.organization.owns(address)) {
        return;
    }
    for target in scene.targets.iter().filter(|target| scene.addresses(&target.destination)) {
        found.push(Evidence::new(&ADDRESSED, "To, Cc", &target.destination.to_string()).of_recipient(target.recipient));
    }
}

fn own_message(scene: &Scene<'_>) -> Option<Evidence> {
    if !scene.delivered.is_empty() || !scene.own_for.is_empty() {
        return None;
    }
    if scene.own_author().is_some() && scene.own_sender().is_some() {
        let sender = scene.own_sender().map(ToString::to_string).unwrap_or_default();
        return Some(Evidence::new(&OWN_MESSAGE, "MAIL, From", &sender).excusing(Excuse::OwnMessage));
    }
    if scene.began_here() {
        let first = scene.trace.hops.last().and_then(|(at, _)| scene.message.headers.get(*at));
        let value = first.map(|field| field.text().into_owned()).or_else(|| scene.message.auth_user.clone());
        let evidence = Evidence::new(&BORN_HERE, "trace", &value.unwrap_or_default());
        return Some(evidence.excusing(Excuse::OwnMessage));
    }
    let id = scene.message.message_id()?;
    let own_id = id.rsplit_once('@').is_some_and(|(_, host)| scene.owns_domain(host));
    let born = own_id && scene.foreign_author() && !scene.from_outside() && !scene.trace.hops.is_empty();
    born.then(|| Evidence::new(&BORN_HERE, "Message-ID", &id).excusing(Excuse::OwnMessage))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_by_their_bounce_address() {
        let list = |text: &str| list_of(&Address::parse(text).expect("an address")).map(|list| list.to_string());
        assert_eq!(list("dev-bounces@corp.example").as_deref(), Some("dev@corp.example"));
        assert_eq!(list("announce+bounces-3-ann=ext.example@corp.example").as_deref(), Some("announce@corp.example"));
        assert_eq!(list("owner-staff@corp.example").as_deref(), Some("staff@corp.example"));
        assert_eq!(list("dev-bounces+ann=ext.example@corp.example").as_deref(), Some("dev@corp.example"));
        assert_eq!(list("team+bncBCABC7MVFQ@corp.example").as_deref(), Some("team@corp.example"));
        assert_eq!(list("alice@corp.example"), None);
        assert_eq!(list("trebounces@corp.example"), None);
    }
}
