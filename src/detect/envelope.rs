//! What the envelope tells: parameters of RCPT that an expansion leaves behind, senders that forwarding rewrote. The
//! strongest evidence there is, since the forwarder's own software cannot clean it up.

use super::evidence::{Evidence, Family, Mechanism, Names};
use super::scene::{Scene, Target};
use super::signal::Signal;
use crate::message::Address;

/// The rows of this module.
pub(super) const SIGNALS: &[&Signal] = &[
    &ORCPT,
    &ORCPT_CLAIMED,
    &RESOLVED,
    &BCC,
    &BCC_REPORT,
    &NEVER,
    &CAF,
    &EXO_SRS,
    &EXO_SRS_SHORT,
    &SRS,
    &SRS_SUBMITTED,
    &MAILBOX_SENDER,
    &NULL_SENDER,
];

const ORCPT: Signal = Signal {
    id: "envelope.orcpt",
    mechanism: Some(Mechanism::MtaForward),
    family: Family::Dsn,
    weight: 12.0,
    about: "RCPT is outside, its ORCPT is an own mailbox: the mail server expanded one to the other (.forward, alias, virtual alias)",
    false_positives: "none known; a sender outside can only supply an ORCPT of its own, which is not ours",
    source: "RFC 3461 §4.2; Postfix src/local/forward.c, src/cleanup/cleanup_out_recipient.c",
    ..Signal::MARK
};

const ORCPT_CLAIMED: Signal = Signal {
    id: "envelope.orcpt_claimed",
    mechanism: Some(Mechanism::MtaForward),
    family: Family::Dsn,
    weight: 1.0,
    about: "as envelope.orcpt, where a client that logged in hands over a new message: no server of ours has expanded anything \
            yet, the parameter is the client's own claim",
    false_positives: "mailers that set ORCPT themselves",
    source: "RFC 3461 §4.2",
    ..Signal::MARK
};

const RESOLVED: Signal = Signal {
    id: "envelope.resolved",
    platform: "sendmail",
    mechanism: Some(Mechanism::MtaForward),
    family: Family::Dsn,
    weight: 12.0,
    about: "RCPT is an own mailbox, the MTA's macros {rcpt_addr} and {rcpt_mailer} name an address outside: a virtusertable entry",
    false_positives: "none known",
    source: "Sendmail libmilter, macros at RCPT; measured with 8.17",
    ..Signal::MARK
};

const BCC: Signal = Signal {
    id: "envelope.bcc",
    mechanism: Some(Mechanism::BccMap),
    family: Family::Dsn,
    weight: 8.0,
    about: "NOTIFY=NEVER with ORCPT equal to RCPT, in neither To nor Cc: what recipient_bcc_maps, sender_bcc_maps and always_bcc leave",
    false_positives: "a mail client that asks for NOTIFY=NEVER itself on a blind copy",
    source: "Postfix src/cleanup/cleanup_addr.c; RFC 3461 §4.1",
    ..Signal::MARK
};

const BCC_REPORT: Signal = Signal {
    id: "envelope.bcc_report",
    mechanism: Some(Mechanism::BccMap),
    family: Family::Dsn,
    weight: 1.0,
    about: "as envelope.bcc, on a report that came from outside: its null sender explains NOTIFY=NEVER as well",
    false_positives: "a report that is forwarded by other means",
    source: "Postfix src/cleanup/cleanup_addr.c",
    ..Signal::MARK
};

const NEVER: Signal = Signal {
    id: "envelope.notify_never",
    mechanism: Some(Mechanism::MtaForward),
    family: Family::Dsn,
    weight: 7.0,
    about: "NOTIFY=NEVER without ORCPT, in neither To nor Cc: an alias with several targets, as Courier expands it",
    false_positives: "a mail client that asks for NOTIFY=NEVER itself on a blind copy",
    source: "Courier alias expansion; RFC 3461 §4.1",
    ..Signal::MARK
};

const CAF: Signal = Signal {
    id: "gmail.caf",
    platform: "gmail",
    mechanism: Some(Mechanism::ProviderForwarding),
    family: Family::Platform,
    weight: 12.0,
    about: "MAIL FROM mailbox+caf_=user=domain@ours that spells RCPT: Gmail's forwarding, naming both ends",
    false_positives: "none known",
    source: "public Gmail messages; Google Workspace forwarding",
    ..Signal::MARK
};

const EXO_SRS: Signal = Signal {
    id: "exchange_online.srs",
    platform: "exchange_online",
    mechanism: Some(Mechanism::InboxRule),
    family: Family::Platform,
    weight: 11.0,
    about: "MAIL FROM mailbox+SRS=hash=time=domain=user@ours: Exchange Online rewrote the sender of what it forwards",
    false_positives: "distribution groups and mail contacts with outside members use the same form",
    source: "Microsoft Learn: Sender Rewriting Scheme (SRS) in Exchange Online",
    ..Signal::MARK
};

const EXO_SRS_SHORT: Signal = Signal {
    id: "exchange_online.srs_short",
    platform: "exchange_online",
    mechanism: Some(Mechanism::InboxRule),
    family: Family::Platform,
    weight: 4.0,
    about: "MAIL FROM bounces+SRS=hash=time@ours: the short form, which hides both mailbox and sender",
    false_positives: "any application that relays a From domain the tenant has not verified",
    source: "Microsoft Learn: Sender Rewriting Scheme (SRS) in Exchange Online",
    ..Signal::MARK
};

const SRS: Signal = Signal {
    id: "srs.rewritten",
    mechanism: None,
    family: Family::Sender,
    weight: 6.0,
    about: "MAIL FROM SRS0 or SRS1 of an own domain around an outside address, on mail that was not submitted here",
    false_positives: "sites that rewrite every foreign sender, mail of their own applications included",
    source: "SRS: libsrs2, postsrsd, Exim srs_encode, OpenSMTPD srs",
    ..Signal::MARK
};

const SRS_SUBMITTED: Signal = Signal {
    id: "srs.submitted",
    mechanism: None,
    family: Family::Sender,
    weight: 1.0,
    about: "MAIL FROM SRS0 or SRS1 of an own domain on mail that was submitted here: a site that rewrites everything",
    false_positives: "ordinary submissions with a foreign sender",
    source: "postsrsd",
    ..Signal::MARK
};

const MAILBOX_SENDER: Signal = Signal {
    id: "sender.mailbox",
    mechanism: Some(Mechanism::MailboxForwarding),
    family: Family::Sender,
    weight: 5.5,
    about: "MAIL FROM is an own mailbox, From is outside: the mailbox sends on what others wrote",
    false_positives: "contact forms, helpdesks and newsletters that write From for others",
    source: "Exchange before 2023, IONOS, Zimbra, hMailServer, procmail",
    ..Signal::MARK
};

const NULL_SENDER: Signal = Signal {
    id: "sender.null",
    mechanism: None,
    family: Family::Sender,
    weight: 3.0,
    about: "MAIL FROM is null on what is no report, From is outside: maildrop, Domino's 'send copy to'",
    false_positives: "reports without the report type, careless automatic replies",
    source: "HCL Domino RouterUserRuleForwardReversePath; maildrop",
    ..Signal::MARK
};

/// Reports what the envelope tells.
pub(super) fn examine(scene: &Scene<'_>, found: &mut Vec<Evidence>) {
    for target in &scene.targets {
        found.extend(recipient(scene, target));
    }
    found.extend(sender(scene));
}

fn recipient(scene: &Scene<'_>, target: &Target) -> Option<Evidence> {
    let recipient = scene.message.recipients.get(target.recipient)?;
    if let Some(given) = &target.resolved_from {
        let value = format!("{given} is resolved to {}", target.destination);
        let names = Names::forwarder(given.mailbox());
        return Some(Evidence::new(&RESOLVED, "RCPT", &value).of_recipient(target.recipient).naming(names));
    }
    let original = recipient.original();
    let value = recipient.params.iter().collect::<Vec<_>>().join(" ");
    let evidence = |signal| Evidence::new(signal, "RCPT", &value).of_recipient(target.recipient);
    if let Some(original) = original.as_ref().filter(|original| scene.organization.owns(original)) {
        // A relay that logs in leaves its Received line; without any, the client is the first to have the message.
        if scene.message.auth_user.is_some() && scene.trace.hops.is_empty() {
            return Some(evidence(&ORCPT_CLAIMED));
        }
        return Some(evidence(&ORCPT).naming(Names::forwarder(original.mailbox())));
    }
    if !recipient.notify_never() || scene.addresses(&target.destination) {
        return None;
    }
    // Reports must never cause reports, so NOTIFY=NEVER beside a null sender says next to nothing.
    if scene.message.sender.is_null() {
        return scene.from_outside().then(|| evidence(&BCC_REPORT));
    }
    let names = Names { forwarder: copied_mailbox(scene), ..Names::default() };
    match original {
        Some(original) if original.same(&target.destination) => Some(evidence(&BCC).naming(names)),
        Some(_) => None,
        None => Some(evidence(&NEVER)),
    }
}

/// Whose mail a blind copy map copies: the own recipient that the trace names, else the own sender.
fn copied_mailbox(scene: &Scene<'_>) -> Option<Address> {
    scene.own_for.first().or_else(|| scene.own_sender()).map(Address::mailbox)
}

fn sender(scene: &Scene<'_>) -> Vec<Evidence> {
    let Some(address) = scene.sender.as_ref() else {
        let unexplained = scene.message.sender.is_null() && scene.foreign_author() && !scene.is_automatic();
        return if unexplained { vec![Evidence::new(&NULL_SENDER, "MAIL", "<>")] } else { Vec::new() };
    };
    let evidence = |signal| Evidence::new(signal, "MAIL", &address.to_string());
    let local = address.local();
    if let Some((mailbox, encoded)) = split_ignoring_case(local, "+caf_=") {
        return caf(scene, address, mailbox, encoded);
    }
    if let Some((mailbox, encoded)) = split_ignoring_case(local, "+srs=") {
        if !scene.organization.owns(address) {
            return Vec::new();
        }
        let fields: Vec<&str> = encoded.splitn(4, '=').collect();
        return match fields[..] {
            [_, _, domain, user] => {
                let names = Names {
                    forwarder: Address::new(mailbox, address.domain().as_str()),
                    destination: None,
                    original_sender: Address::new(user, domain),
                };
                vec![evidence(&EXO_SRS).naming(names)]
            }
            _ if mailbox.eq_ignore_ascii_case("bounces") => vec![evidence(&EXO_SRS_SHORT)],
            _ => Vec::new(),
        };
    }
    if let Some(original) = srs(local) {
        if !scene.organization.owns(address) || scene.organization.owns(&original) {
            return Vec::new();
        }
        let names = Names { original_sender: Some(original), ..Names::default() };
        let signal = if scene.from_outside() { &SRS } else { &SRS_SUBMITTED };
        return vec![evidence(signal).naming(names)];
    }
    if scene.own_sender().is_some() && scene.foreign_author() {
        // Mail that was written to the mailbox and is sent on in its name is more than a program writing for others.
        let addressed = scene.addressees.iter().any(|addressee| addressee.same_mailbox(address));
        let weight = if addressed { MAILBOX_SENDER.weight } else { MAILBOX_SENDER.weight / 3.0 };
        return vec![evidence(&MAILBOX_SENDER).weighing(weight).naming(Names::forwarder(address.mailbox()))];
    }
    Vec::new()
}

/// `mailbox+caf_=user=domain@ours`: conclusive for the recipient it spells, supporting for any other.
fn caf(scene: &Scene<'_>, address: &Address, mailbox: &str, encoded: &str) -> Vec<Evidence> {
    let forwarder = Address::new(mailbox, address.domain().as_str()).filter(|mailbox| scene.organization.owns(mailbox));
    let (Some(forwarder), Some((user, domain))) = (forwarder, encoded.rsplit_once('=')) else {
        return Vec::new();
    };
    let destination = Address::new(user, domain);
    let about = |target: &Target| {
        let spelled = destination.as_ref().is_some_and(|destination| destination.same_mailbox(&target.destination));
        let names =
            Names { forwarder: Some(forwarder.clone()), destination: destination.clone(), original_sender: None };
        Evidence::new(&CAF, "MAIL", &address.to_string())
            .weighing(if spelled { CAF.weight } else { CAF.weight / 2.0 })
            .of_recipient(target.recipient)
            .naming(names)
    };
    scene.targets.iter().map(about).collect()
}

/// The address inside `SRS0=hash=time=domain=user`, or inside SRS1, whatever the separator behind the tag.
fn srs(local: &str) -> Option<Address> {
    let tag = local.get(..4)?;
    let rest = local.get(4..)?.strip_prefix(['=', '+', '-'])?;
    if tag.eq_ignore_ascii_case("srs0") {
        let fields: Vec<&str> = rest.splitn(4, '=').collect();
        return match fields[..] {
            [_, _, domain, user] => Address::new(user, domain),
            _ => None,
        };
    }
    if tag.eq_ignore_ascii_case("srs1") {
        // SRS1=hash=first forwarder==hash=time=domain=user (both separators occur behind the forwarder).
        let (_, inner) = rest.split_once("==").or_else(|| rest.split_once("=+")).or_else(|| rest.split_once("=-"))?;
        let fields: Vec<&str> = inner.splitn(4, '=').collect();
        return match fields[..] {
            [_, _, domain, user] => Address::new(user, domain),
            _ => None,
        };
    }
    None
}

fn split_ignoring_case<'a>(text: &'a str, mark: &str) -> Option<(&'a str, &'a str)> {
    // ASCII marks: lower-casing ASCII keeps every byte where it is.
    let at = text.to_ascii_lowercase().find(mark)?;
    Some((&text[..at], &text[at + mark.len()..])).filter(|(before, _)| !before.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn senders_inside_rewritten_senders() {
        let inside = |local: &str| srs(local).map(|address| address.to_string());
        assert_eq!(inside("SRS0=h+/h=AB=partner.example=ann").as_deref(), Some("ann@partner.example"));
        assert_eq!(inside("srs0+hash=ab=partner.example=ann=x").as_deref(), Some("ann=x@partner.example"));
        assert_eq!(inside("SRS1=h=first.example==hh=AB=partner.example=ann").as_deref(), Some("ann@partner.example"));
        assert_eq!(inside("SRS0=short"), None);
        assert_eq!(inside("bounces+123-ann=partner.example"), None);
    }
}
