//! The trace of a message (its `Received` fields) read against what is ours: how far down its lines can be believed,
//! and how the message came in.

use super::Message;
use super::address::Address;
use super::domain::Domain;
use super::organization::Organization;
use super::received::Received;
use std::net::IpAddr;

/// The trace, top first.
#[derive(Debug, Clone)]
pub struct Trace {
    /// Each hop with the position of its field in the header section.
    pub hops: Vec<(usize, Received)>,
    /// How the message entered our side, at the lowest line that our own hosts wrote.
    pub entry: Entry,
    /// Fields at or above this position were written on our side; those below came with the message. Equal to the number
    /// of fields where nothing came from outside.
    pub boundary: usize,
    /// How many of `hops` our own hosts wrote.
    pub own_hops: usize,
}

/// How a message came to our side.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Entry {
    /// An own host took it from a host outside, without a login: index into `hops`.
    FromOutside(usize),
    /// A client logged in to hand it over, wherever it was: index into `hops`.
    Submitted(usize),
    /// It began on our side: on the mail host itself, or at an own host or workstation.
    Inside,
}

impl Trace {
    /// Reads the trace of `message`.
    ///
    /// The topmost line was written by whoever handed the message over, so it is as trustworthy as that client. From
    /// there each line vouches for the next one down, until one says that it took the message from outside.
    pub fn of(message: &Message, organization: &Organization) -> Self {
        let hops: Vec<(usize, Received)> =
            message.headers.all("Received").map(|(at, field)| (at, Received::parse(&field.text()))).collect();
        let fields = message.headers.len();
        let mut trace = Self { hops, entry: Entry::Inside, boundary: fields, own_hops: 0 };
        if message.auth_user.is_none() && !client_is_ours(message, organization) {
            // Nobody of ours handed it over: no line of it is ours.
            trace.boundary = 0;
            return trace;
        }
        // The system that hands over may be named otherwise than our mail domains (a hosted one): its hosts are known by
        // the registrable domain of the first.
        let system = trace.hops.first().and_then(|(_, hop)| hop.by.clone());
        let of_system = |by: &Domain| system.as_ref().is_some_and(|system| system.registrable() == by.registrable());
        for (index, (position, hop)) in trace.hops.iter().enumerate() {
            let by_ours = |by: &Domain| organization.owns_host(by) || of_system(by) || is_unqualified(by.as_str());
            let ours = index == 0 || hop.by.as_ref().is_none_or(by_ours);
            if !ours {
                // A line of a stranger under one of ours that names no outside client: it came with the message.
                trace.boundary = *position;
                break;
            }
            trace.own_hops = index + 1;
            if hop.is_authenticated() {
                trace.entry = Entry::Submitted(index);
                trace.boundary = *position + 1;
            } else if comes_from_outside(hop, organization)
                && !client_name(hop, organization).is_some_and(|name| of_system(&name))
            {
                trace.entry = Entry::FromOutside(index);
                trace.boundary = *position + 1;
                break;
            } else if !matches!(trace.entry, Entry::Submitted(_)) {
                trace.boundary = fields;
            }
        }
        trace
    }

    /// The hops that our own hosts wrote, top first.
    pub fn own(&self) -> impl Iterator<Item = &Received> {
        self.hops.iter().take(self.own_hops).map(|(_, hop)| hop)
    }

    /// The hop at which the message was taken from outside, if it was.
    pub fn entry_hop(&self) -> Option<&Received> {
        match self.entry {
            Entry::FromOutside(index) => self.hops.get(index).map(|(_, hop)| hop),
            _ => None,
        }
    }

    /// Own mailboxes named by `for` in lines our own hosts wrote, top first.
    pub fn own_for(&self, organization: &Organization) -> Vec<&Address> {
        self.own().flat_map(|hop| hop.for_.iter()).filter(|address| organization.owns(address)).collect()
    }
}

fn client_is_ours(message: &Message, organization: &Organization) -> bool {
    match message.connection.client_addr {
        // A client without an address came over a UNIX socket or was not told: an outbound hop serves only our side.
        None => true,
        Some(addr) if organization.owns_addr(addr) || organization.networks.is_empty() => true,
        Some(_) => {
            let looked_up = message.connection.client_name.as_deref().and_then(Domain::new);
            looked_up.is_some_and(|name| organization.owns_host(&name))
        }
    }
}

fn comes_from_outside(hop: &Received, organization: &Organization) -> bool {
    if !hop.has_from {
        return false;
    }
    match hop.client_addr {
        Some(addr) if organization.owns_addr(addr) || is_private(addr) => false,
        Some(_) => !client_name(hop, organization).is_some_and(|name| organization.owns_host(&name)),
        None => hop
            .helo
            .as_deref()
            .and_then(Domain::new)
            .is_some_and(|name| !organization.owns_host(&name) && !is_unqualified(name.as_str())),
    }
}

/// What a hop's client is called. The looked-up name was checked by our own host; the HELO name is the client's own
/// say-so, and counts only where no networks are configured to tell better.
fn client_name(hop: &Received, organization: &Organization) -> Option<Domain> {
    let helo = || hop.helo.as_deref().filter(|_| organization.networks.is_empty()).and_then(Domain::new);
    hop.client_name.clone().or_else(helo)
}

fn is_unqualified(name: &str) -> bool {
    !name.contains('.')
}

fn is_private(addr: IpAddr) -> bool {
    match addr {
        IpAddr::V4(v4) => v4.is_private() || v4.is_link_local(),
        IpAddr::V6(v6) => v6.is_unique_local() || v6.is_unicast_link_local(),
    }
}
