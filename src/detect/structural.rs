//! Structure: what a relayed message shows although nobody marked it. Most detections rest on this.

use super::evidence::{Evidence, Family, Mechanism, Names};
use super::scene::Scene;
use super::signal::Signal;
use crate::message::{Address, Domain, Entry, Received};

/// The rows of this module.
pub(super) const SIGNALS: &[&Signal] = &[
    &DELIVERED_TO,
    &RECEIVED_FOR,
    &RETURN_PATH,
    &FETCHED,
    &CLIENT,
    &RESUBMITTED,
    &ENTRY,
    &FOREIGN_SENDER,
    &SUBMITTED,
    &FOREIGN_AUTHOR,
    &REWRITTEN_AUTHOR,
    &NOT_ADDRESSED,
    &ADDRESSEE,
    &OWN_VERDICT,
    &RESENT_FROM,
    &FOREIGN_ORIGIN,
    &LIMIT,
    &CONFLICT,
];

/// A row that only code can recognise.
const fn row(
    id: &'static str,
    family: Family,
    weight: f64,
    mechanism: Option<Mechanism>,
    about: &'static str,
    false_positives: &'static str,
    source: &'static str,
) -> Signal {
    Signal { id, mechanism, family, weight, about, false_positives, source, ..Signal::MARK }
}

const DELIVERED_TO: Signal = row(
    "trace.delivered_to",
    Family::Delivered,
    8.0,
    None,
    "Delivered-To or one of its kin names an own mailbox: it was delivered there, and now leaves",
    "automatic replies that keep the fields; a person who resends",
    "Postfix local(8), qmail-local(8), Courier, procmail, Dovecot",
);

const RECEIVED_FOR: Signal = row(
    "trace.received_for",
    Family::Delivered,
    7.9,
    Some(Mechanism::MtaForward),
    "a Received line of our own hosts says `for` an own mailbox, and now the message leaves",
    "lists that we host",
    "RFC 5321 §4.4",
);

const RETURN_PATH: Signal = row(
    "trace.return_path",
    Family::Delivered,
    3.0,
    None,
    "a Return-Path field, which is written at final delivery, on a message in transit",
    "gateways that write it early; a saved message sent again",
    "RFC 5321 §4.4",
);

const FETCHED: Signal = row(
    "trace.fetched",
    Family::Resubmission,
    8.0,
    Some(Mechanism::ClientRule),
    "a Received line by IMAP or POP3: a program fetched the message from a mailbox and sent it on",
    "mail collected from an outside mailbox into an own one, then forwarded",
    "fetchmail(1), getmail, fdm(1)",
);

const CLIENT: Signal = row(
    "trace.sent_again",
    Family::Resubmission,
    4.0,
    Some(Mechanism::ClientRule),
    "a client handed in, over SMTP, a message that had been delivered to an own mailbox",
    "a person who redirects a message from a mail client",
    "structure of a script that reads by IMAP and sends by SMTP",
);

const RESUBMITTED: Signal = row(
    "trace.handed_in_again",
    Family::Resubmission,
    3.0,
    Some(Mechanism::MdaForward),
    "a program on the mail host handed in a message that had come in before: a delivery agent sent it on",
    "a person who resends from a shell",
    "Postfix pickup(8) `from userid`, sendmail submit.cf, qmail-queue `invoked by uid`",
);

const ENTRY: Signal = row(
    "entry.from_outside",
    Family::Entry,
    6.0,
    None,
    "an own host took the message from a host outside, and now it leaves again",
    "mail for a domain we relay for; a list that we host",
    "RFC 5321 §4.4",
);

const FOREIGN_SENDER: Signal = row(
    "entry.foreign_sender",
    Family::Entry,
    5.0,
    None,
    "MAIL FROM is outside, although our own side hands the message over",
    "applications that send for others; a person with a private From",
    "RFC 5321 §3.6",
);

const SUBMITTED: Signal = row(
    "entry.submitted",
    Family::Entry,
    1.4,
    None,
    "MAIL FROM or From is outside, and a client logged in or an own machine handed it in",
    "persons with several identities, applications",
    "RFC 6409",
);

const FOREIGN_AUTHOR: Signal = row(
    "author.foreign",
    Family::Author,
    2.0,
    None,
    "From is outside",
    "contact forms, helpdesks, hosted lists",
    "RFC 5322 §3.6.2",
);

const REWRITTEN_AUTHOR: Signal = row(
    "author.rewritten",
    Family::Author,
    1.0,
    None,
    "From is ours and spells an author outside, whom Reply-To names: software sends on in its own name",
    "contact forms, helpdesks, hosted lists",
    "Amazon SES forwarders, alias services; RFC 5322 §3.6.2",
);

const NOT_ADDRESSED: Signal = row(
    "addressing.not_addressed",
    Family::Addressing,
    1.0,
    None,
    "the recipient is in none of To, Cc, Resent-To",
    "blind copies",
    "RFC 5322 §3.6.3",
);

const ADDRESSEE: Signal = row(
    "addressing.own_addressee",
    Family::Addressing,
    1.5,
    None,
    "To or Cc names an own mailbox, and the recipient is in neither",
    "blind copies of mail to colleagues",
    "RFC 5322 §3.6.3",
);

const OWN_VERDICT: Signal = row(
    "verdict.own_filters",
    Family::Verdict,
    4.0,
    None,
    "mail that leaves carries the verdict of our own filters on incoming mail (Authentication-Results, Received-SPF, ARC, SpamAssassin)",
    "lists that we host; a person who redirects",
    "RFC 8601 §5, RFC 7208 §9.1, RFC 8617",
);

const RESENT_FROM: Signal = row(
    "resent.own",
    Family::Resent,
    4.0,
    None,
    "Resent-From is an own mailbox, without the full block that a mail client writes",
    "resent by a person with a client that leaves fields to the server",
    "RFC 5322 §3.6.6; Exchange redirect, mailagent, formail",
);

const FOREIGN_ORIGIN: Signal = row(
    "origin.foreign",
    Family::Origin,
    0.5,
    None,
    "Message-ID or DKIM signature is of a domain outside, as the author is",
    "software services that write Message-ID themselves",
    "RFC 5322 §3.6.4, RFC 6376",
);

const LIMIT: Signal = row(
    "limit.exceeded",
    Family::Examination,
    0.0,
    None,
    "the message is longer than a limit allows, and was judged by what was read",
    "large address lists, long reference chains",
    "configuration, [limits]",
);

const CONFLICT: Signal = row(
    "evidence.conflict",
    Family::Examination,
    0.0,
    None,
    "two places name different forwarding mailboxes; the stronger one was believed",
    "a mailbox that is forwarded to by another one first",
    "assessment",
);

/// The row for two places that disagree; assessment adds it when it has compared them.
pub const CONFLICTING: &Signal = &CONFLICT;

/// Reports what the structure tells.
pub(super) fn examine(scene: &Scene<'_>, found: &mut Vec<Evidence>) {
    delivered(scene, found);
    entry(scene, found);
    resubmission(scene, found);
    addressing(scene, found);
    verdicts(scene, found);
    resent(scene, found);
    origin(scene, found);
    for exceeded in &scene.message.exceeded {
        found.push(Evidence::new(&LIMIT, "message", exceeded.name()));
    }
}

fn delivered(scene: &Scene<'_>, found: &mut Vec<Evidence>) {
    for (position, address) in &scene.delivered {
        let Some(field) = scene.message.headers.get(*position) else {
            continue;
        };
        let evidence = Evidence::new(&DELIVERED_TO, scene.place(*position, field), &field.text())
            .naming(Names::forwarder(address.mailbox()));
        found.push(if scene.trusts(*position) { evidence } else { evidence.untrusted() });
    }
    for (index, (position, hop)) in scene.trace.hops.iter().enumerate() {
        for address in hop.for_.iter().filter(|address| scene.organization.owns(address)) {
            let evidence =
                Evidence::new(&RECEIVED_FOR, format!("header {} (Received)", position + 1), &format!("for {address}"))
                    .naming(Names::forwarder(address.mailbox()));
            found.push(if index < scene.trace.own_hops { evidence } else { evidence.untrusted() });
        }
    }
    // Only where the message came through us: a client's copy of a stored message has one as well.
    for (position, field) in scene.message.headers.all("Return-Path").filter(|(position, _)| scene.trusts(*position)) {
        if scene.foreign_author() {
            found.push(Evidence::new(&RETURN_PATH, scene.place(position, field), &field.text()));
        }
    }
}

fn entry(scene: &Scene<'_>, found: &mut Vec<Evidence>) {
    let foreign_sender = scene.sender.as_ref().filter(|sender| !scene.organization.owns(sender));
    if scene.submitted() {
        if scene.foreign_author() || foreign_sender.is_some() {
            found.push(Evidence::new(&SUBMITTED, "connection", scene.message.auth_user.as_deref().unwrap_or("")));
        }
        return;
    }
    if let Some(hop) = scene.trace.entry_hop() {
        let client = hop.client_addr.map(|addr| addr.to_string()).or_else(|| hop.helo.clone()).unwrap_or_default();
        found.push(Evidence::new(&ENTRY, "Received", &format!("from {client}")));
    }
    if let Some(sender) = foreign_sender {
        // An own machine that hands in mail with a foreign sender, and no trace of an entry: as weak as a submission.
        let began_here = !scene.from_outside() && !scene.trace.hops.is_empty();
        let signal = if began_here { &SUBMITTED } else { &FOREIGN_SENDER };
        found.push(Evidence::new(signal, "MAIL", &sender.to_string()));
    }
}

fn resubmission(scene: &Scene<'_>, found: &mut Vec<Evidence>) {
    let own: Vec<&(usize, Received)> = scene.trace.hops.iter().take(scene.trace.own_hops).collect();
    for (index, (position, hop)) in own.iter().enumerate() {
        let place = || format!("header {} (Received)", position + 1);
        let with = hop.with.as_deref().unwrap_or_default();
        if with.starts_with("IMAP")
            || with.starts_with("POP3")
            || hop.comments.iter().any(|comment| is_fetcher(comment))
        {
            found.push(Evidence::new(&FETCHED, place(), with));
            continue;
        }
        let came_in_below = own[index + 1..].iter().any(|(_, below)| below.has_from);
        if is_handed_in(hop) && came_in_below {
            found.push(Evidence::new(&RESUBMITTED, place(), &hop.comments.join(" ")));
            continue;
        }
        // Over SMTP from another own machine, directly above a final delivery.
        let from_machine = hop.has_from && hop.client_addr.is_some_and(|addr| !addr.is_loopback());
        let Some((below_position, below)) = own.get(index + 1).map(|(at, hop)| (*at, hop)) else {
            continue;
        };
        let delivered_between =
            scene.delivered.iter().any(|(at, _)| (*position..below_position).contains(at)) && below.has_from;
        let by_lmtp =
            below.with.as_deref().is_some_and(|with| with.starts_with("LMTP")) && !below.comment_has("amavis");
        let outside = scene.trace.entry == Entry::FromOutside(index);
        if from_machine && (delivered_between || by_lmtp) && !outside {
            found.push(Evidence::new(&CLIENT, place(), with));
        }
    }
}

/// Whether a program on the host itself handed the message in.
fn is_handed_in(hop: &Received) -> bool {
    let says = |comment: &String| {
        comment.contains("from userid")
            || comment.contains("invoked by uid")
            || comment.contains("/Submit")
            || comment.starts_with("uid ")
    };
    hop.comments.iter().any(says) && (!hop.has_from || hop.helo.as_deref() == Some("localhost"))
}

fn is_fetcher(comment: &str) -> bool {
    ["fetchmail-", "getmail", "fdm ", "mpop", "isync"].iter().any(|program| comment.starts_with(program))
}

fn addressing(scene: &Scene<'_>, found: &mut Vec<Evidence>) {
    if scene.foreign_author() {
        let authors: Vec<String> = scene.authors.iter().map(ToString::to_string).collect();
        found.push(Evidence::new(&FOREIGN_AUTHOR, "From", &authors.join(", ")));
    }
    if let Some(author) = rewritten_author(scene) {
        let names = Names { original_sender: Some(author.clone()), ..Names::default() };
        found.push(Evidence::new(&REWRITTEN_AUTHOR, "From, Reply-To", &author.to_string()).naming(names));
    }
    let resent_to = scene.message.headers.addresses(&["Resent-To", "Resent-Cc"]);
    let own: Vec<&Address> = scene.addressees.iter().filter(|address| scene.organization.owns(address)).collect();
    for target in &scene.targets {
        if scene.addresses(&target.destination) || resent_to.iter().any(|address| address.same(&target.destination)) {
            continue;
        }
        let value: Vec<String> = scene.addressees.iter().take(5).map(ToString::to_string).collect();
        let evidence = |signal| Evidence::new(signal, "To, Cc", &value.join(", ")).of_recipient(target.recipient);
        if own.is_empty() {
            found.push(evidence(&NOT_ADDRESSED));
        } else {
            // With several it is anybody's guess; with one it is still a guess, and called one.
            let only = own.split_first().filter(|(first, others)| {
                scene.foreign_author() && others.iter().all(|other| other.same_mailbox(first))
            });
            let only = only.map(|(first, _)| first.mailbox());
            found.push(evidence(&ADDRESSEE).naming(Names { forwarder: only, ..Names::default() }));
        }
    }
}

/// The author outside whose address an own From spells, with an `@` or with words in its place.
fn rewritten_author(scene: &Scene<'_>) -> Option<Address> {
    scene.own_author()?;
    let reply_to = scene.message.headers.first("Reply-To")?.address()?;
    let from = scene.message.headers.first("From")?.decoded().to_lowercase();
    let spelled = from.contains(&reply_to.local().to_lowercase()) && from.contains(reply_to.domain().as_str());
    (spelled && !scene.organization.owns(&reply_to)).then_some(reply_to)
}

fn verdicts(scene: &Scene<'_>, found: &mut Vec<Evidence>) {
    if !scene.foreign_author() {
        return;
    }
    let own_host = |name: &str| {
        Domain::new(name.trim_matches([' ', '\t', '"']))
            .is_some_and(|host| host.as_str().contains('.') && scene.organization.owns_host(&host))
    };
    let headers = &scene.message.headers;
    let verdicts = ["Authentication-Results", "Received-SPF", "ARC-Authentication-Results", "X-Spam-Checker-Version"];
    let fields = verdicts.iter().flat_map(|name| headers.all(name));
    for (position, field) in fields.filter(|(position, _)| scene.trusts(*position)) {
        let text = field.text();
        let named = if field.is("Authentication-Results") {
            text.split([';', ' ']).next()
        } else if field.is("Received-SPF") {
            text.split_once("receiver=").and_then(|(_, rest)| rest.split([';', ' ', ')']).next())
        } else if field.is("ARC-Authentication-Results") {
            // Exchange Online names itself, and whose mail it judged.
            let recipient = text.split_once("smtp.rcpttodomain=").map(|(_, rest)| rest);
            let host = recipient.or_else(|| text.split(';').nth(1).map(str::trim_start));
            host.and_then(|host| host.split([' ', ';', ')']).next())
        } else if field.is("X-Spam-Checker-Version") {
            text.rsplit_once(" on ").map(|(_, host)| host)
        } else {
            None
        };
        if named.is_some_and(own_host) {
            found.push(Evidence::new(&OWN_VERDICT, scene.place(position, field), &text));
        }
    }
}

fn resent(scene: &Scene<'_>, found: &mut Vec<Evidence>) {
    for (position, field) in scene.message.headers.all("Resent-From") {
        let Some(mailbox) = field.address().filter(|address| scene.organization.owns(address)) else {
            continue;
        };
        let evidence = Evidence::new(&RESENT_FROM, scene.place(position, field), &field.text())
            .naming(Names::forwarder(mailbox.mailbox()));
        found.push(if scene.trusts(position) || !scene.from_outside() { evidence } else { evidence.weighing(3.0) });
    }
}

fn origin(scene: &Scene<'_>, found: &mut Vec<Evidence>) {
    if !scene.foreign_author() {
        return;
    }
    let foreign = |name: &str| Domain::new(name).is_some_and(|domain| !scene.organization.owns_host(&domain));
    let id = scene.message.message_id().unwrap_or_default();
    if id.rsplit_once('@').is_some_and(|(_, host)| foreign(host)) {
        found.push(Evidence::new(&FOREIGN_ORIGIN, "Message-ID", &id));
    }
}
