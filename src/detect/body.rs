//! The body, where the configuration has it read: a forward whose only mark is inside what it carries.

use super::evidence::{Evidence, Family, Mechanism, Names};
use super::scene::Scene;
use super::signal::Signal;
use super::tnef;
use crate::message::{Address, addresses};
use mail_parser::{MessageParser, MessagePart, MimeHeaders, PartType};

/// The rows of this module.
pub(super) const SIGNALS: &[&Signal] = &[&WINMAIL, &ATTACHED];

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

/// The own mailbox that a carried message had reached, by the fields of its delivery first.
fn delivered_to(scene: &Scene<'_>, inner: &mail_parser::Message<'_>) -> Option<Address> {
    ["Delivered-To", "X-Original-To", "To", "Cc"]
        .iter()
        .filter_map(|name| inner.header_raw(*name))
        .flat_map(|raw| addresses(raw.as_bytes()))
        .find(|address| scene.organization.owns(address))
}
