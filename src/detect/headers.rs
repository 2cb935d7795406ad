//! Matches the catalogue's header rows against a message: one look-up a field, however many rows there are.

use super::evidence::{Evidence, Names};
use super::row::Row;
use super::scene::{Scene, Target};
use super::signal::{Bind, OwnSignal, Reads};
use crate::message::{Address, Header};
use std::collections::HashMap;
use std::sync::Arc;

/// The rows that need no code of their own.
#[derive(Debug, Clone)]
pub struct Catalogue {
    /// Those that read a header field, by its name in small letters.
    fields: HashMap<String, Vec<Row>>,
    /// Those that read MAIL FROM.
    senders: Vec<Row>,
    /// Those that read RCPT TO.
    recipients: Vec<Row>,
}

impl Default for Catalogue {
    fn default() -> Self {
        Self::with(&[])
    }
}

impl Catalogue {
    /// The program's own rows, and these of the administrator.
    pub fn with(own: &[Arc<OwnSignal>]) -> Self {
        let mut all = Self { fields: HashMap::new(), senders: Vec::new(), recipients: Vec::new() };
        super::catalogue().for_each(|signal| all.add(&signal.reads, Row::Built(signal)));
        own.iter().for_each(|signal| all.add(&signal.reads, Row::Own(Arc::clone(signal))));
        all
    }

    fn add<T: AsRef<str>, L>(&mut self, reads: &Reads<T, L>, row: Row) {
        match reads {
            Reads::Header(name, ..) => {
                self.fields.entry(name.as_ref().to_ascii_lowercase()).or_default().push(row);
            }
            Reads::Sender(..) => self.senders.push(row),
            Reads::Recipient(..) => self.recipients.push(row),
            Reads::Code => {}
        }
    }

    /// Reports everything that a row recognises.
    pub(super) fn examine(&self, scene: &Scene<'_>, found: &mut Vec<Evidence>) {
        self.examine_header(scene, found);
        self.examine_envelope(scene, found);
    }

    fn examine_header(&self, scene: &Scene<'_>, found: &mut Vec<Evidence>) {
        let headers = &scene.message.headers;
        let mut fields: Vec<(usize, &Header, &Vec<Row>)> = headers
            .names()
            .filter_map(|name| Some((name, self.fields.get(name)?)))
            .flat_map(|(name, rows)| headers.all(name).map(move |(position, field)| (position, field, rows)))
            .collect();
        // Top first, so that the same message gives the same evidence in the same order.
        fields.sort_unstable_by_key(|(position, ..)| *position);
        for (position, field, rows) in fields {
            let text = field.decoded();
            for row in rows {
                if row.matches(&text) && !(row.on_replies_too() && scene.is_own_reply()) {
                    let trusted = scene.trusts(position) && is_own_word(scene, position, &text, row);
                    let spot = Spot { place: scene.place(position, field), trusted, recipient: None };
                    bound(scene, row, spot, &text, found);
                }
            }
        }
    }

    /// The envelope was written by our own side.
    fn examine_envelope(&self, scene: &Scene<'_>, found: &mut Vec<Evidence>) {
        let spot = |place: &str, recipient| Spot { place: place.to_owned(), trusted: true, recipient };
        let sender = scene.message.sender.raw.trim_matches(['<', '>', ' ']);
        for row in self.senders.iter().filter(|row| row.matches(sender)) {
            bound(scene, row, spot("MAIL", None), sender, found);
        }
        if self.recipients.is_empty() {
            return;
        }
        for target in &scene.targets {
            let Some(recipient) = scene.message.recipients.get(target.recipient) else { continue };
            let address = recipient.raw.trim_matches(['<', '>', ' ']);
            let words: Vec<&str> = std::iter::once(address).chain(recipient.params.iter()).collect();
            let text = words.join(" ");
            for row in self.recipients.iter().filter(|row| row.matches(address) || row.matches(&text)) {
                bound(scene, row, spot("RCPT", Some(target.recipient)), &text, found);
            }
        }
    }
}

/// Whether what a row recognises is our own host's word. In the line at which the message was taken from outside all but
/// the `by` clause and what follows tells of the client, some of it in the client's own words (HELO): that a service
/// forwarded the message to us is no forward of ours.
fn is_own_word(scene: &Scene<'_>, position: usize, text: &str, row: &Row) -> bool {
    scene.entry_position() != Some(position) || text.split_once(" by ").is_some_and(|(_, own)| row.matches(own))
}

/// What a mark counts that names nobody and came with the message from outside.
const FOREIGN_MARK_BITS: f64 = 1.0;

/// Where a text stands.
struct Spot {
    place: String,
    /// Whether our side wrote it.
    trusted: bool,
    /// The recipient that it is about, where it is about one.
    recipient: Option<usize>,
}

/// Reports a text if whom it names makes it evidence about us.
fn bound(scene: &Scene<'_>, row: &Row, spot: Spot, text: &str, found: &mut Vec<Evidence>) {
    let Spot { place, trusted, recipient } = spot;
    let report = |names: Names| {
        let mut evidence = Evidence::new(row, place.clone(), text).naming(names);
        evidence.recipient = recipient;
        if trusted { evidence } else { evidence.untrusted() }
    };
    let ours = |address: &Address| scene.organization.owns(address);
    match row.bind() {
        // Below the boundary a mark that names nobody tells of somebody else's forward, on the way to us.
        Bind::Nobody if !trusted => found.push(report(Names::default()).weighing(FOREIGN_MARK_BITS.min(row.weight()))),
        Bind::Nobody => found.push(report(Names::default())),
        Bind::OriginalSender => {
            found.push(report(Names { original_sender: first_address(text), ..Names::default() }));
        }
        Bind::OwnDomain => {
            if scene.owns_domain(text.trim()) && scene.foreign_author() {
                found.push(report(Names::default()));
            }
        }
        Bind::Forwarder => {
            if let Some(mailbox) = first_address(text).filter(ours) {
                // A mailbox of ours can only be named by those who know it: an outsider can, so the place still counts.
                found.push(report(Names::forwarder(mailbox)));
            }
        }
        Bind::Destination => {
            let named = all_addresses(text);
            for target in about(scene, recipient) {
                if named.iter().any(|address| address.same_mailbox(&target.destination)) {
                    let names = Names { destination: Some(target.destination.clone()), ..Names::default() };
                    found.push(report(names).of_recipient(target.recipient));
                }
            }
        }
        Bind::ForwarderThenDestinations => {
            let named = all_addresses(text);
            let Some((mailbox, destinations)) = named.split_first() else {
                return;
            };
            if !ours(mailbox) {
                return;
            }
            for target in about(scene, recipient) {
                if destinations.iter().any(|address| address.same_mailbox(&target.destination)) {
                    let names = Names {
                        forwarder: Some(mailbox.clone()),
                        destination: Some(target.destination.clone()),
                        original_sender: None,
                    };
                    found.push(report(names).of_recipient(target.recipient));
                }
            }
        }
    }
}

/// The recipients that a text can be about.
fn about<'a>(scene: &'a Scene<'_>, recipient: Option<usize>) -> impl Iterator<Item = &'a Target> {
    scene.targets.iter().filter(move |target| recipient.is_none_or(|index| index == target.recipient))
}

/// The addresses in a field of no standard syntax: every token with an `@`, in order.
fn all_addresses(text: &str) -> Vec<Address> {
    text.split([' ', ',', ';', '<', '>', '(', ')', '"', '\t'])
        .filter(|token| token.contains('@'))
        .filter_map(Address::parse)
        .collect()
}

fn first_address(text: &str) -> Option<Address> {
    all_addresses(text).into_iter().next()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detect::{Body, Family, Polarity};

    #[test]
    fn an_own_row_goes_when_the_last_that_has_it_goes() {
        let own = Arc::new(OwnSignal {
            id: "local.test".into(),
            platform: String::new(),
            mechanism: None,
            family: Family::Platform,
            weight: 3.0,
            polarity: Polarity::For,
            reads: Reads::Header("X-Test".into(), Body::Any, Bind::Nobody),
            on_replies_too: false,
            about: String::new(),
            false_positives: "",
            source: "",
        });
        let there = Arc::downgrade(&own);
        let catalogue = Catalogue::with(&[own]);
        let evidence = Evidence::new(&catalogue.fields["x-test"][0], "header 1 (X-Test)", "");
        drop(catalogue);
        assert_eq!(there.upgrade().map(|row| row.id.clone()).as_deref(), Some("local.test"));
        drop(evidence);
        assert!(there.upgrade().is_none());
    }
}
