//! What the state remembers of a message that leaves: it, or its text, came in for a mailbox of ours. Sees forwards from
//! which everything was stripped, and those that a client or a script makes anew.

use super::evidence::{Evidence, Family, Mechanism, Names};
use super::scene::Scene;
use super::signal::Signal;
use crate::message::Address;
use crate::state::{Kind, Twin};
use jiff::SignedDuration;

/// The rows of this module.
pub(super) const SIGNALS: &[&Signal] = &[&SAME_MESSAGE, &SAME_SIGNATURE, &SAME_TEXT, &REFERS];

const SAME_MESSAGE: Signal = Signal {
    id: "correlation.message_id",
    mechanism: None,
    family: Family::Correlation,
    weight: 9.0,
    about: "a message with this Message-ID came in for an own mailbox a while ago, and now it leaves",
    false_positives: "mail to a mailbox of ours and, through us, to somebody outside; a person who redirects",
    source: "state: arrivals at an inbound listener",
    ..Signal::MARK
};

const SAME_SIGNATURE: Signal = Signal {
    id: "correlation.body_hash",
    mechanism: Some(Mechanism::ClientRule),
    family: Family::Correlation,
    weight: 7.0,
    about: "a message whose DKIM signature has the same body hash came in for an own mailbox, and now leaves under another \
            Message-ID",
    false_positives: "the same newsletter, sent to several",
    source: "state: arrivals at an inbound listener; RFC 6376 §3.5",
    ..Signal::MARK
};

const SAME_TEXT: Signal = Signal {
    id: "correlation.text",
    mechanism: Some(Mechanism::ClientRule),
    family: Family::Content,
    weight: 9.0,
    about: "the text came in for an own mailbox seconds ago, and leaves in a new message: a client's or a script's forward; after \
            minutes it may be a person's, and counts less",
    false_positives: "a person who is quick; text modules that many messages share",
    source: "state: arrivals at an inbound listener",
    ..Signal::MARK
};

const REFERS: Signal = Signal {
    id: "correlation.reference",
    mechanism: Some(Mechanism::ClientRule),
    family: Family::Content,
    weight: 2.5,
    about: "it refers to a message that came in for an own mailbox seconds ago: sooner than a person answers",
    false_positives: "automatic replies without a mark",
    source: "state: arrivals at an inbound listener; RFC 5322 §3.6.4",
    ..Signal::MARK
};

/// Up to here software is likelier than a person.
const AT_ONCE: SignedDuration = SignedDuration::from_secs(15);
/// Up to here a person has hardly read it.
const SOON: SignedDuration = SignedDuration::from_secs(120);

/// Reports what came in before.
pub(super) fn examine(scene: &Scene<'_>, twins: &[Twin], found: &mut Vec<Evidence>) {
    let Some(kind) = twins.first().map(|twin| twin.by) else { return };
    // Only what proves most: who refers to a message that came in for others too says nothing of these.
    let alike: Vec<&Twin> = twins.iter().take_while(|twin| twin.by == kind).collect();
    let Some(first) = alike.first() else { return };
    let (signal, weight) = match kind {
        Kind::MessageId => (&SAME_MESSAGE, SAME_MESSAGE.weight),
        Kind::BodyHash => (&SAME_SIGNATURE, SAME_SIGNATURE.weight),
        Kind::Text if first.latency <= AT_ONCE => (&SAME_TEXT, SAME_TEXT.weight),
        Kind::Text if first.latency <= SOON => (&SAME_TEXT, SAME_TEXT.weight / 2.0),
        Kind::Text => (&SAME_TEXT, SAME_TEXT.weight / 4.0),
        Kind::Reference if first.latency <= AT_ONCE => (&REFERS, REFERS.weight),
        Kind::Reference => return,
    };
    let mailboxes: Vec<&Address> = alike.iter().map(|twin| &twin.mailbox).collect();
    let value = format!(
        "{} for {}",
        seconds(first.latency),
        mailboxes.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
    );
    let names = forwarder(scene, &mailboxes).map(|mailbox| Names::forwarder(mailbox.mailbox())).unwrap_or_default();
    found.push(Evidence::new(signal, "state", &value).weighing(weight).naming(names));
}

/// Of the mailboxes that a message came in for the one that sends, where one does; the only one else.
fn forwarder<'a>(scene: &Scene<'_>, mailboxes: &[&'a Address]) -> Option<&'a Address> {
    let sends = |mailbox: &&&Address| {
        let same = |address: &Address| address.same_mailbox(mailbox);
        scene.own_sender().is_some_and(same) || scene.authors.iter().any(same)
    };
    match mailboxes {
        [only] => Some(only),
        several => several.iter().find(sends).copied(),
    }
}

fn seconds(latency: SignedDuration) -> String {
    format!("came in {:.1} s ago", latency.as_secs_f64())
}
