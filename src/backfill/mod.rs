//! The inventory from what mail servers logged before anybody watched: Postfix, Sendmail, Dovecot's Sieve.
//!
//! A log is untrusted text: remote parties write parts of it (Message-IDs, replies). So every line is read by the rules of
//! the program that wrote it, a field counts only where that program puts it, and whatever does not fit is counted and
//! skipped. Memory is bounded, however long a line or a log is.

mod date;
mod dovecot;
mod fields;
mod input;
mod line;
mod postfix;
mod queue;
mod sendmail;

pub use date::Years;
pub use input::{Input, open};

use crate::message::{Address, Organization};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use queue::Queue;
use std::io::{self, BufRead};

/// A forward that a log tells of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Forward {
    /// The mailbox that forwards.
    pub forwarder: Address,
    /// Where it goes.
    pub destination: Address,
    /// `mta_forward` or `sieve_redirect`.
    pub mechanism: &'static str,
    /// When.
    pub time: Timestamp,
    /// Octets; 0 where the log does not say.
    pub size: u64,
    /// The Message-ID, without brackets.
    pub message_id: Option<String>,
    /// What the server calls the message, where it has no Message-ID: host and queue id.
    pub queue_id: String,
}

/// What became of the lines of a log.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// All.
    pub lines: u64,
    /// Octets.
    pub bytes: u64,
    /// Those that a mail server wrote about a message.
    pub mail: u64,
    /// Those that make no sense: no date, cut off, no text.
    pub nonsense: u64,
    /// Those that are too long to be read.
    pub too_long: u64,
    /// Deliveries to addresses outside.
    pub outside: u64,
    /// Forwards among them.
    pub forwards: u64,
    /// Posts of mailing lists, which are no forwards.
    pub lists: u64,
    /// Forwards of which the log does not say whose they are: Sendmail below `LogLevel` 11.
    pub of_whom: u64,
}

impl Counts {
    /// Adds those of another log.
    pub fn add(&mut self, other: &Self) {
        self.lines += other.lines;
        self.bytes += other.bytes;
        self.mail += other.mail;
        self.nonsense += other.nonsense;
        self.too_long += other.too_long;
        self.outside += other.outside;
        self.forwards += other.forwards;
        self.lists += other.lists;
        self.of_whom += other.of_whom;
    }
}

/// The longest line that is read. Syslog's own limit is 8 KiB in practice; a thousand aliases in one line are longer.
const MAX_LINE: usize = 64 << 10;

/// Reads logs, one after the other: what is known of a message in one is known in the next.
pub struct Scanner<'a> {
    organization: &'a Organization,
    /// What stands behind an address that has no domain.
    domain: String,
    zone: TimeZone,
    queue: Queue,
}

impl<'a> Scanner<'a> {
    /// For an organisation. Dates without a zone are of `zone`, addresses without a domain are at `domain`.
    pub fn new(organization: &'a Organization, domain: &str, zone: TimeZone) -> Self {
        Self { organization, domain: domain.to_owned(), zone, queue: Queue::default() }
    }

    /// Reads a log to its end and hands over each forward as it is found.
    ///
    /// # Errors
    /// The log cannot be read further. What was found before is handed over; the counts tell how far it got.
    pub fn scan(
        &mut self,
        mut log: impl BufRead,
        years: Years,
        counts: &mut Counts,
        found: &mut dyn FnMut(Forward),
    ) -> io::Result<()> {
        let mut dates = date::Dates::new(years, self.zone.clone());
        let mut long = Vec::new();
        loop {
            match input::next_line(&mut log, &mut long, MAX_LINE)? {
                input::Piece::End => return Ok(()),
                input::Piece::Line(bytes) => {
                    counts.bytes += bytes as u64;
                    self.line(&long, &mut dates, counts, found);
                }
                input::Piece::TooLong(bytes) => {
                    counts.bytes += bytes as u64;
                    counts.lines += 1;
                    counts.too_long += 1;
                }
            }
        }
    }

    fn line(&mut self, bytes: &[u8], dates: &mut date::Dates, counts: &mut Counts, found: &mut dyn FnMut(Forward)) {
        let bytes = bytes.trim_ascii_end();
        if bytes.is_empty() {
            return;
        }
        counts.lines += 1;
        let Some(line) = line::split(bytes, dates) else {
            counts.nonsense += 1;
            return;
        };
        let mut context = Context {
            organization: self.organization,
            domain: &self.domain,
            queue: &mut self.queue,
            time: line.time,
            host: line.host,
            counts,
            found,
        };
        // The session in the tag of a Dovecot's own log may hold a slash.
        let read = if line.is_dovecot() {
            dovecot::read(line.tag, line.text, &mut context)
        } else if let Some(service) = line.postfix_service() {
            postfix::read(service, line.text, &mut context)
        } else if line.is_sendmail() {
            sendmail::read(line.text, &mut context)
        } else {
            Reading::Other
        };
        match read {
            Reading::Mail => counts.mail += 1,
            Reading::Nonsense => counts.nonsense += 1,
            Reading::Other => {}
        }
    }
}

/// What a line was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reading {
    /// About a message.
    Mail,
    /// Meant to be, and not as the server writes it.
    Nonsense,
    /// About something else.
    Other,
}

/// What the reading of a line needs.
struct Context<'a> {
    organization: &'a Organization,
    domain: &'a str,
    queue: &'a mut Queue,
    time: Timestamp,
    host: &'a [u8],
    counts: &'a mut Counts,
    found: &'a mut dyn FnMut(Forward),
}

impl Context<'_> {
    /// An address as a log has it; one without a domain is at `domain`.
    fn address(&self, text: &[u8], domain: &str) -> Option<Address> {
        let text = std::str::from_utf8(text).ok()?.trim();
        let text = text.trim_start_matches('\\');
        if text.contains(char::is_control) || text.len() > 320 {
            return None;
        }
        if text.contains('@') { Address::parse(text) } else { Address::new(text.trim_matches(['<', '>']), domain) }
    }

    /// What the key of a message in the queue begins with, so that hosts that share a name of a message are told apart.
    fn queue_key(&self, id: &[u8]) -> Vec<u8> {
        [self.host, b" ", id].concat()
    }

    fn is_outside(&self, address: &Address) -> bool {
        !self.organization.owns(address) && address.domain().as_str().contains(['.', '['])
    }

    /// A forward, if that is what it is: from a mailbox of ours to an address outside.
    fn forward(
        &mut self,
        forwarder: Address,
        destination: Address,
        mechanism: &'static str,
        of: &queue::Entry,
        id: &[u8],
    ) {
        if !self.organization.owns(&forwarder) || !self.is_outside(&destination) {
            return;
        }
        // RFC 5321 leaves it to the server; list managers and aliases with an owner write in the list's name.
        let sender = of.sender.as_deref().and_then(|sender| self.address(sender.as_bytes(), self.domain));
        if of.is_list || sender.is_some_and(|sender| is_list(&sender, &forwarder)) {
            self.counts.lists += 1;
            return;
        }
        self.counts.forwards += 1;
        (self.found)(Forward {
            forwarder,
            destination,
            mechanism,
            time: self.time,
            size: of.size,
            message_id: of.message_id.as_deref().map(str::to_owned),
            queue_id: format!("{} {}", String::from_utf8_lossy(self.host), String::from_utf8_lossy(id)),
        });
    }
}

/// Whether mail with this sender is a post to `list`: `owner-staff@`, `staff-bounces@` for `staff@`.
fn is_list(sender: &Address, list: &Address) -> bool {
    let (sender, name) = (sender.local().to_ascii_lowercase(), list.mailbox().local().to_ascii_lowercase());
    let rest = sender.strip_prefix("owner-").or_else(|| sender.strip_prefix(&name));
    rest.is_some_and(|rest| {
        rest == name || ["-owner", "-bounces", "-bounce", "-admin", "-request"].iter().any(|end| rest.starts_with(end))
    })
}

#[cfg(test)]
mod tests;
