//! What every detector needs to know of a message, worked out once.

use crate::message::{Address, Domain, Entry, Header, Message, Organization, Recipient, Trace};

/// A recipient outside.
#[derive(Debug, Clone)]
pub struct Target {
    /// Its index among the message's recipients.
    pub recipient: usize,
    /// Where the mail really goes: the address given, or the one the MTA resolved it to.
    pub destination: Address,
    /// The own address given, where the MTA resolved it to one outside (Sendmail's virtusertable).
    pub resolved_from: Option<Address>,
}

/// The recipients of a message that are outside.
pub fn targets(message: &Message, organization: &Organization) -> Vec<Target> {
    let target = |(index, recipient): (usize, &Recipient)| {
        let given = recipient.address.clone()?;
        if !organization.owns(&given) {
            return Some(Target { recipient: index, destination: given, resolved_from: None });
        }
        let resolved = recipient.resolved.clone().filter(|address| !organization.owns(address))?;
        let delivered_here =
            recipient.mailer.as_deref().is_some_and(|mailer| matches!(mailer, "local" | "virtual" | "lmtp"));
        (!delivered_here).then_some(Target { recipient: index, destination: resolved, resolved_from: Some(given) })
    };
    message.recipients.iter().enumerate().filter_map(target).collect()
}

/// A message with what follows from it.
#[derive(Debug)]
pub struct Scene<'a> {
    /// The message.
    pub message: &'a Message,
    /// What is ours.
    pub organization: &'a Organization,
    /// The recipients outside.
    pub targets: Vec<Target>,
    /// Its trace.
    pub trace: Trace,
    /// `From`, or `Sender` where there is none.
    pub authors: Vec<Address>,
    /// `To` and `Cc`.
    pub addressees: Vec<Address>,
    /// The envelope sender, BATV taken off.
    pub sender: Option<Address>,
    /// Own mailboxes that the message was delivered to, by the fields that delivery agents write: position, address.
    pub delivered: Vec<(usize, Address)>,
    /// Own mailboxes named by `for` in our own trace, top first.
    pub own_for: Vec<Address>,
}

/// Fields that name the mailbox a message was delivered to, most telling first.
const DELIVERY_FIELDS: [&str; 8] = [
    "Delivered-To",
    "X-Delivered-To",
    "X-Resolved-To",
    "X-Real-To",
    "Envelope-To",
    "X-Envelope-To",
    "X-Original-To",
    "X-Original-Recipient",
];

impl<'a> Scene<'a> {
    /// Looks a message over.
    pub fn new(message: &'a Message, organization: &'a Organization, targets: Vec<Target>) -> Self {
        let trace = Trace::of(message, organization);
        let mut authors = message.authors();
        if authors.is_empty() {
            authors = message.headers.addresses(&["Sender"]);
        }
        let addressees = message.headers.addresses(&["To", "Cc"]);
        let sender = message.sender.address.as_ref().map(without_batv);
        let delivered = DELIVERY_FIELDS
            .iter()
            .flat_map(|name| message.headers.all(name))
            .filter_map(|(at, field)| Some((at, delivery_address(field)?)))
            .filter(|(_, address)| organization.owns(address))
            .collect();
        let own_for = trace.own_for(organization).into_iter().cloned().collect();
        Self { message, organization, targets, trace, authors, addressees, sender, delivered, own_for }
    }

    /// Whether the message has an author, and none of them is ours.
    pub fn foreign_author(&self) -> bool {
        !self.authors.is_empty() && !self.authors.iter().any(|author| self.organization.owns(author))
    }

    /// Whether an author is ours.
    pub fn own_author(&self) -> Option<&Address> {
        self.authors.iter().find(|author| self.organization.owns(author))
    }

    /// The envelope sender, where it is ours.
    pub fn own_sender(&self) -> Option<&Address> {
        self.sender.as_ref().filter(|sender| self.organization.owns(sender))
    }

    /// Whether the message was taken from outside.
    pub fn from_outside(&self) -> bool {
        matches!(self.trace.entry, Entry::FromOutside(_))
    }

    /// The position of the field that our host wrote when it took the message from outside.
    pub fn entry_position(&self) -> Option<usize> {
        match self.trace.entry {
            Entry::FromOutside(index) => self.trace.hops.get(index).map(|(position, _)| *position),
            _ => None,
        }
    }

    /// Whether a client logged in to hand it over.
    pub fn submitted(&self) -> bool {
        self.message.auth_user.is_some() || matches!(self.trace.entry, Entry::Submitted(_))
    }

    /// Whether its trace begins on our side: it was written and handed in here, and no mailbox of ours has had it before.
    /// Without any trace nothing can be said, except where the client logged in.
    pub fn began_here(&self) -> bool {
        let whole_trace_is_ours = self.trace.own_hops == self.trace.hops.len() && !self.from_outside();
        let known = !self.trace.hops.is_empty() || self.message.auth_user.is_some();
        known && whole_trace_is_ours && self.delivered.is_empty() && self.own_for.is_empty()
    }

    /// Whether the field at this position was written on our side.
    pub fn trusts(&self, position: usize) -> bool {
        position < self.trace.boundary
    }

    /// Whether the message names the address as an addressee.
    pub fn addresses(&self, address: &Address) -> bool {
        self.addressees.iter().any(|addressee| addressee.same(address))
    }

    /// Own mailboxes that the message was delivered to on our side, most telling first, once each.
    pub fn delivered_here(&self) -> Vec<&Address> {
        let mut found: Vec<&Address> = Vec::new();
        let by_field = self.delivered.iter().filter(|(at, _)| self.trusts(*at)).map(|(_, address)| address);
        for address in by_field.chain(&self.own_for) {
            if !found.iter().any(|known| known.same_mailbox(address)) {
                found.push(address);
            }
        }
        found
    }

    /// Whether it says of itself that it is a report, or that software made it as a reply (RFC 3464, RFC 3834).
    pub fn is_automatic(&self) -> bool {
        self.lower("Content-Type").starts_with("multipart/report")
            || matches!(
                self.lower("Auto-Submitted").split([';', ' ']).next(),
                Some("auto-replied" | "auto-notified" | "auto-generated")
            )
            || self.has("X-Autoreply")
            || self.has("X-Autorespond")
            || self.has("X-Autoresponder")
    }

    /// Whether it is an automatic reply or notice of an own mailbox.
    pub fn is_own_reply(&self) -> bool {
        self.own_author().is_some()
            && (self.is_automatic() || self.message.sender.is_null() && self.has("X-Auto-Response-Suppress"))
    }

    /// The value of the first field of that name, lower case, unfolded; empty where there is none.
    pub fn lower(&self, name: &str) -> String {
        self.message.headers.first(name).map(|field| field.text().to_lowercase()).unwrap_or_default()
    }

    /// Whether there is a field of that name written on our side, or in a message that began on our side.
    pub fn has(&self, name: &str) -> bool {
        self.message.headers.first(name).is_some()
    }

    /// How a place in the header section is named in evidence.
    pub fn place(&self, position: usize, field: &Header) -> String {
        format!("header {} ({})", position + 1, field.name())
    }

    /// The own domain that `name` belongs to, if any.
    pub fn owns_domain(&self, name: &str) -> bool {
        Domain::new(name).is_some_and(|domain| self.organization.domains.contains(&domain))
    }
}

/// The address in a delivery field. qmail with virtual domains prefixes a number: `27-user@domain`.
fn delivery_address(field: &Header) -> Option<Address> {
    let address = field.address()?;
    let local = address.local();
    let unprefixed = local
        .split_once('-')
        .filter(|(number, rest)| !rest.is_empty() && !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit()));
    match unprefixed {
        Some((_, rest)) => Address::new(rest, address.domain().as_str()),
        None => Some(address),
    }
}

/// Takes off Bounce Address Tag Validation: `prvs=0123abcdef=user@domain`, `prvs=user/0123abcdef@domain`.
fn without_batv(sender: &Address) -> Address {
    let local = sender.local();
    let plain = local.get(..5).filter(|tag| tag.eq_ignore_ascii_case("prvs=")).and_then(|_| {
        let rest = &local[5..];
        match rest.split_once('=') {
            Some((_, user)) => Some(user),
            None => rest.split_once('/').map(|(user, _)| user),
        }
    });
    plain.and_then(|user| Address::new(user, sender.domain().as_str())).unwrap_or_else(|| sender.clone())
}
