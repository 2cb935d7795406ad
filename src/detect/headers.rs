//! Matches the catalogue's header rows against a message: one look-up a field, however many rows there are.

use super::evidence::{Evidence, Names};
use super::scene::{Scene, Target};
use super::signal::{Bind, Body, Reads, Signal};
use crate::message::{Address, Header};
use std::collections::HashMap;

/// The header rows, by field name.
#[derive(Debug, Clone)]
pub struct Catalogue {
    rows: HashMap<String, Vec<&'static Signal>>,
    /// The rows that read the envelope.
    envelope: Vec<&'static Signal>,
}

impl Default for Catalogue {
    fn default() -> Self {
        Self::with(&[])
    }
}

impl Catalogue {
    /// The program's own rows, and these of the administrator.
    pub fn with(own: &[&'static Signal]) -> Self {
        let mut rows: HashMap<String, Vec<&'static Signal>> = HashMap::new();
        let mut envelope = Vec::new();
        for signal in super::catalogue().chain(own.iter().copied()) {
            match &signal.reads {
                Reads::Header(name, ..) => rows.entry(name.to_ascii_lowercase()).or_default().push(signal),
                Reads::Sender(..) | Reads::Recipient(..) => envelope.push(signal),
                Reads::Code => {}
            }
        }
        Self { rows, envelope }
    }

    /// Reports everything that a row recognises.
    pub(super) fn examine(&self, scene: &Scene<'_>, found: &mut Vec<Evidence>) {
        self.examine_header(scene, found);
        for signal in &self.envelope {
            envelope(scene, signal, found);
        }
    }

    fn examine_header(&self, scene: &Scene<'_>, found: &mut Vec<Evidence>) {
        let headers = &scene.message.headers;
        let mut fields: Vec<(usize, &Header, &Vec<&'static Signal>)> = headers
            .names()
            .filter_map(|name| Some((name, self.rows.get(name)?)))
            .flat_map(|(name, rows)| headers.all(name).map(move |(position, field)| (position, field, rows)))
            .collect();
        // Top first, so that the same message gives the same evidence in the same order.
        fields.sort_unstable_by_key(|(position, ..)| *position);
        for (position, field, rows) in fields {
            let text = field.text();
            for signal in rows {
                let Reads::Header(_, body, bind) = &signal.reads else { continue };
                if body.matches(&text) && !(signal.on_replies_too && scene.is_own_reply()) {
                    let trusted = scene.trusts(position) && is_own_word(scene, position, &text, body);
                    let spot = Spot { place: scene.place(position, field), trusted, recipient: None };
                    bound(scene, signal, bind, spot, &text, found);
                }
            }
        }
    }
}

/// Whether what a row recognises is our own host's word. In the line at which the message was taken from outside all but
/// the `by` clause and what follows tells of the client, some of it in the client's own words (HELO): that a service
/// forwarded the message to us is no forward of ours.
fn is_own_word(scene: &Scene<'_>, position: usize, text: &str, body: &Body) -> bool {
    scene.entry_position() != Some(position) || text.split_once(" by ").is_some_and(|(_, own)| body.matches(own))
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

/// Reports what a row recognises in the envelope, which our own side wrote.
fn envelope(scene: &Scene<'_>, signal: &'static Signal, found: &mut Vec<Evidence>) {
    let spot = |place: &str, recipient| Spot { place: place.to_owned(), trusted: true, recipient };
    match &signal.reads {
        Reads::Sender(body, bind) => {
            let text = scene.message.sender.raw.trim_matches(['<', '>', ' ']);
            if body.matches(text) {
                bound(scene, signal, bind, spot("MAIL", None), text, found);
            }
        }
        Reads::Recipient(body, bind) => {
            for target in &scene.targets {
                let Some(recipient) = scene.message.recipients.get(target.recipient) else { continue };
                let words = std::iter::once(recipient.raw.trim_matches(['<', '>', ' '])).chain(recipient.params.iter());
                let text = words.collect::<Vec<_>>().join(" ");
                if body.matches(&text) {
                    bound(scene, signal, bind, spot("RCPT", Some(target.recipient)), &text, found);
                }
            }
        }
        Reads::Header(..) | Reads::Code => {}
    }
}

/// Reports a text if whom it names makes it evidence about us.
fn bound(scene: &Scene<'_>, signal: &'static Signal, bind: &Bind, spot: Spot, text: &str, found: &mut Vec<Evidence>) {
    let Spot { place, trusted, recipient } = spot;
    let report = |names: Names| {
        let mut evidence = Evidence::new(signal, place.clone(), text).naming(names);
        evidence.recipient = recipient;
        if trusted { evidence } else { evidence.untrusted() }
    };
    let ours = |address: &Address| scene.organization.owns(address);
    match bind {
        // Below the boundary a mark that names nobody tells of somebody else's forward, on the way to us.
        Bind::Nobody if !trusted => found.push(report(Names::default()).weighing(FOREIGN_MARK_BITS.min(signal.weight))),
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
