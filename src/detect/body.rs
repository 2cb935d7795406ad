//! The body, where the configuration has it read: a forward whose only mark is inside what it carries.

use super::evidence::{Evidence, Family, Mechanism, Names};
use super::scene::Scene;
use super::signal::Signal;
use super::tnef;
use crate::message::{Address, Received, addresses};
use mail_parser::{MessageParser, MessagePart, MimeHeaders, PartType};

/// The rows of this module.
pub(super) const SIGNALS: &[&Signal] = &[&WINMAIL, &ATTACHED, &AT_ONCE];

const WINMAIL: Signal = Signal {
    id: "body.tnef_auto_forwarded",
    platform: "exchange",
    mechanism: Some(Mechanism::InboxRule),
    family: Family::Body,
    weight: 10.0,
    about: "winmail.dat in which PidTagAutoForwarded is set: a rule forwarded it in Outlook's own format; read only with \
            detection.body",
    false_positives: "a message forwarded by a rule elsewhere whose winmail.dat is sent on as it came",
    source: "MS-OXOMSG §2.2.1.20, MS-OXTNEF §2.1",
    ..Signal::MARK
};

const ATTACHED: Signal = Signal {
    id: "body.whole_message",
    mechanism: Some(Mechanism::ClientRule),
    family: Family::Body,
    weight: 2.5,
    about: "all that it carries is one message that was written or delivered to an own mailbox; read only with detection.body",
    false_positives: "a person who forwards as an attachment and writes nothing",
    source: "RFC 2046 §5.2.1; MS-OXORULE, forward as attachment",
    ..Signal::MARK
};

const AT_ONCE: Signal = Signal {
    id: "body.attached_at_once",
    mechanism: Some(Mechanism::ClientRule),
    family: Family::Content,
    weight: 9.0,
    about: "a message of an own mailbox carries one that, by its own trace, had been delivered to this mailbox seconds before: a \
            script or a client's rule attached it; read only with detection.body",
    false_positives: "a person who is very quick",
    source: "RFC 5321 §4.4, dates of Received",
    ..Signal::MARK
};

/// Sooner than a person opens a message, attaches it, names a recipient and sends it.
const SECONDS: i64 = 10;

/// Reports what the body tells, if it was read.
pub(super) fn examine(scene: &Scene<'_>, found: &mut Vec<Evidence>) {
    let Some(body) = scene.message.body.as_deref().filter(|body| !body.is_empty()) else { return };
    let content_type = scene.lower("Content-Type");
    // Nothing else can hold what is looked for, and taking a body apart costs more than all other detectors together.
    if !["multipart/", "message/", "application/"].iter().any(|kind| content_type.starts_with(kind)) {
        return;
    }
    let whole = scene.message.headers.over_body(body);
    let Some(parsed) = MessageParser::default().parse(&whole) else { return };
    let by_rule = |part: &&MessagePart<'_>| is_winmail(part) && tnef::says_auto_forwarded(part.contents());
    if parsed.parts.iter().any(|part| by_rule(&part)) {
        let names = Names { forwarder: scene.own_author().map(Address::mailbox), ..Names::default() };
        found.push(Evidence::new(&WINMAIL, "body", "PidTagAutoForwarded").naming(names));
    }
    if let Some((mailbox, seconds)) = attached_at_once(scene, &parsed.parts) {
        let value = format!("delivered to {mailbox} {seconds} s before");
        let names = Names::forwarder(mailbox.mailbox());
        found.push(Evidence::new(&AT_ONCE, "body", &value).naming(names));
    }
    if let Some(mailbox) = only_message(&parsed.parts).and_then(|inner| delivered_to(scene, inner)) {
        let value = mailbox.to_string();
        found.push(Evidence::new(&ATTACHED, "body", &value).naming(Names::forwarder(mailbox.mailbox())));
    }
}

fn is_winmail(part: &MessagePart<'_>) -> bool {
    part.is_content_type("application", "ms-tnef")
        || part.attachment_name().is_some_and(|name| name.eq_ignore_ascii_case("winmail.dat"))
}

/// The one message that the parts carry, where what is written beside it comes to nothing.
fn only_message<'a>(parts: &'a [MessagePart<'a>]) -> Option<&'a mail_parser::Message<'a>> {
    let mut inner = None;
    for part in parts {
        match &part.body {
            PartType::Message(message) if inner.is_none() => inner = Some(message),
            PartType::Multipart(_) => {}
            PartType::Text(text) if text.trim().is_empty() => {}
            _ => return None,
        }
    }
    inner
}

/// The sender's own mailbox to which a carried message had been delivered, and how many seconds before, if that was just now.
fn attached_at_once(scene: &Scene<'_>, parts: &[MessagePart<'_>]) -> Option<(Address, i64)> {
    let sent = seconds(&scene.message.headers.first("Date")?.text())?;
    let inner = parts.iter().filter_map(|part| match &part.body {
        PartType::Message(message) => Some(message),
        _ => None,
    });
    inner
        .filter_map(|inner| {
            let mailbox = delivered_to(scene, inner)?;
            let sends = scene.own_author().is_some_and(|author| author.same_mailbox(&mailbox));
            // The topmost line is that of the delivery; a host of ours wrote it.
            let delivery = inner.headers_raw().find(|(name, _)| name.eq_ignore_ascii_case("Received"))?.1;
            let ours = Received::parse(delivery).by.is_some_and(|by| scene.organization.owns_host(&by));
            let passed = sent - seconds(delivery.rsplit_once(';')?.1)?;
            (sends && ours && (0..=SECONDS).contains(&passed)).then_some((mailbox, passed))
        })
        .next()
}

/// A date (RFC 5322 §3.3) in seconds since 1970.
fn seconds(text: &str) -> Option<i64> {
    mail_parser::DateTime::parse_rfc822(text.trim()).map(|date| date.to_timestamp())
}

/// The own mailbox that a carried message had reached, by the fields of its delivery first.
fn delivered_to(scene: &Scene<'_>, inner: &mail_parser::Message<'_>) -> Option<Address> {
    ["Delivered-To", "X-Original-To", "To", "Cc"]
        .iter()
        .filter_map(|name| inner.header_raw(*name))
        .flat_map(|raw| addresses(raw.as_bytes()))
        .find(|address| scene.organization.owns(address))
}
