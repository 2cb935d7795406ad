//! Matches the catalogue's header rows against a message: one look-up a field, however many rows there are.

use super::evidence::{Evidence, Names};
use super::scene::Scene;
use super::signal::{Bind, Reads, Signal};
use crate::message::{Address, Header};
use std::collections::HashMap;

/// The header rows, by field name.
#[derive(Debug, Clone)]
pub struct Catalogue {
    rows: HashMap<String, Vec<&'static Signal>>,
}

impl Default for Catalogue {
    fn default() -> Self {
        let mut rows: HashMap<String, Vec<&'static Signal>> = HashMap::new();
        for signal in super::catalogue() {
            if let Reads::Header(name, ..) = &signal.reads {
                rows.entry(name.to_ascii_lowercase()).or_default().push(signal);
            }
        }
        Self { rows }
    }
}

impl Catalogue {
    /// Reports every field that a row recognises.
    pub(super) fn examine(&self, scene: &Scene<'_>, found: &mut Vec<Evidence>) {
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
                    bound(scene, signal, bind, position, field, &text, found);
                }
            }
        }
    }
}

/// What a mark counts that names nobody and came with the message from outside.
const FOREIGN_MARK_BITS: f64 = 1.0;

/// Reports a field if whom it names makes it evidence about us.
fn bound(
    scene: &Scene<'_>,
    signal: &'static Signal,
    bind: &Bind,
    position: usize,
    field: &Header,
    text: &str,
    found: &mut Vec<Evidence>,
) {
    let trusted = scene.trusts(position);
    let report = |names: Names| {
        let evidence = Evidence::new(signal, scene.place(position, field), text).naming(names);
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
        Bind::Forwarder => {
            if let Some(mailbox) = first_address(text).filter(ours) {
                // A mailbox of ours can only be named by those who know it: an outsider can, so the place still counts.
                found.push(report(Names::forwarder(mailbox)));
            }
        }
        Bind::Destination => {
            let named = all_addresses(text);
            for target in &scene.targets {
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
            for target in &scene.targets {
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
