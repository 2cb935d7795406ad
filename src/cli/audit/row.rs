//! A rule as it is printed: what the configuration says of it, and what was seen of it.

use crate::audit::{Finding, Target, Traffic, Users};
use crate::config::Config;
use crate::message::Address;
use crate::policy::Exception;
use jiff::Timestamp;
use serde::Serialize;

/// A rule: the contract of `--format json`.
#[derive(Debug, Serialize)]
pub(super) struct Row {
    r#type: &'static str,
    /// Which kind of rule it is.
    pub source: &'static str,
    /// Whose mail.
    pub mailbox: String,
    /// Where it goes.
    pub target: String,
    /// The kind of domain; or `local`, `delivery`, `program`, `unclear`.
    pub class: &'static str,
    /// Whether it may leave the organisation.
    pub leaves: bool,
    /// Whether the mailbox keeps a copy; null where that is not known.
    pub keeps_copy: Option<bool>,
    /// The file.
    pub file: String,
    /// The line in it.
    pub line: Option<usize>,
    /// Who owns it.
    pub owner: Option<String>,
    /// Its permissions, in octal digits.
    pub mode: Option<String>,
    /// When it was last changed.
    pub modified: Option<Timestamp>,
    /// When anything of it last changed, its dates included.
    pub changed: Option<Timestamp>,
    /// Whole days since it was last changed.
    pub age_days: Option<i64>,
    /// What else is to be known.
    pub notes: Vec<String>,
    /// The exception that approves it.
    pub exception: Option<String>,
    /// What was seen of it; null where nothing is remembered, or nothing was seen.
    pub traffic: Option<Seen>,
    /// Whether there is anything remembered that it could be compared with.
    pub compared: bool,
}

/// What was seen of a rule.
#[derive(Debug, Serialize)]
pub(super) struct Seen {
    /// The mailbox that forwarded.
    pub forwarder: String,
    /// Whether it is the rule's own.
    pub same_mailbox: bool,
    /// How often in the days that were asked for.
    pub count: u64,
    /// The first time.
    pub first_seen: Timestamp,
    /// The last time.
    pub last_seen: Timestamp,
}

/// Traffic without a rule: the contract of `--format json`.
#[derive(Debug, Serialize)]
pub(super) struct Unruled {
    r#type: &'static str,
    /// The mailbox that forwards.
    pub forwarder: String,
    /// Where it goes.
    pub destination: String,
    /// The kind of domain.
    pub class: Option<&'static str>,
    /// By what, as the mail tells.
    pub mechanism: Vec<String>,
    /// How often in the days that were asked for.
    pub count: u64,
    /// The first time.
    pub first_seen: Timestamp,
    /// The last time.
    pub last_seen: Timestamp,
}

/// What a rule is compared with: the place of its traffic, whether it is of the same mailbox, and all traffic.
pub(super) type Compared<'a> = (Option<(usize, bool)>, &'a [Traffic]);

impl Row {
    /// What is printed of a rule.
    pub(super) fn new(
        finding: &Finding,
        users: &Users,
        config: &Config,
        seen: Option<Compared<'_>>,
        now: Timestamp,
    ) -> Self {
        let mailbox = mailbox(&finding.mailbox, config);
        let (target, class, leaves) = match &finding.target {
            Target::Address(address) => {
                (address.to_string(), class(address, mailbox.as_ref(), config), !config.organization.owns(address))
            }
            Target::Local(name) => (name.clone(), "local", false),
            Target::Delivery(command) => (format!("|{command}"), "delivery", false),
            Target::Program(command) => (format!("|{command}"), "program", true),
            Target::Unclear(text) => (text.clone(), "unclear", true),
        };
        let modified = finding.facts.and_then(|facts| Timestamp::from_second(facts.modified).ok());
        let traffic = seen.and_then(|(place, traffic)| {
            let (at, same_mailbox) = place?;
            let line = traffic.get(at)?;
            let (first_seen, last_seen) = (line.first_seen, line.last_seen);
            Some(Seen { forwarder: line.forwarder.clone(), same_mailbox, count: line.count, first_seen, last_seen })
        });
        Self {
            r#type: "rule",
            source: finding.source.name(),
            exception: exception(finding, config, now),
            mailbox: finding.mailbox.clone(),
            target,
            class,
            leaves,
            keeps_copy: finding.keeps_copy,
            file: finding.file.display().to_string(),
            line: finding.line,
            owner: finding.facts.map(|facts| users.owner(facts.uid)),
            mode: finding.facts.map(|facts| format!("{:04o}", facts.mode)),
            modified,
            changed: finding.facts.and_then(|facts| Timestamp::from_second(facts.changed).ok()),
            age_days: modified.map(|modified| now.duration_since(modified).as_hours().div_euclid(24)),
            notes: finding.notes.clone(),
            traffic,
            compared: seen.is_some(),
        }
    }
}

impl Unruled {
    /// What is printed of traffic.
    pub(super) fn new(line: &Traffic, config: &Config) -> Self {
        let forwarder = Address::parse(&line.forwarder);
        Self {
            r#type: "traffic",
            class: Address::parse(&line.destination).map(|to| class(&to, forwarder.as_ref(), config)),
            forwarder: line.forwarder.clone(),
            destination: line.destination.clone(),
            mechanism: line.mechanisms.clone(),
            count: line.count,
            first_seen: line.first_seen,
            last_seen: line.last_seen,
        }
    }
}

/// The mailbox as an address: of a user's name at an own domain, of which one is as good as the other for its kind.
fn mailbox(name: &str, config: &Config) -> Option<Address> {
    if name.contains('@') {
        return Address::parse(name);
    }
    Address::new(name, config.organization.domains.iter().min()?.as_str())
}

fn class(to: &Address, mailbox: Option<&Address>, config: &Config) -> &'static str {
    // Mail for `user%elsewhere@own` leaves, although its domain is an own one.
    if config.organization.domains.contains(to.domain()) && !config.organization.owns(to) {
        return "other";
    }
    config.policy.classes.of(to, mailbox, &config.organization).name()
}

/// The exception that approves a pair, by whatever mechanism it is used.
fn exception(finding: &Finding, config: &Config, now: Timestamp) -> Option<String> {
    let Target::Address(to) = &finding.target else { return None };
    let covers = |exception: &&Exception| {
        covers_mailbox(exception, &finding.mailbox, config)
            && exception.destination.contains(to)
            && exception.expires.is_none_or(|expires| expires > now)
    };
    config.policy.exceptions.iter().find(covers).map(|exception| exception.id.clone())
}

/// Whether an exception is for all that a rule is for: a mailbox, a user at an own domain, a domain, or everybody.
fn covers_mailbox(exception: &Exception, name: &str, config: &Config) -> bool {
    let written = |wanted: &str| exception.card.forwarder.iter().any(|text| text.trim().eq_ignore_ascii_case(wanted));
    let domain = |domain: &str| written(&format!("@{domain}")) || written(&format!("@.{domain}"));
    let mut own = config.organization.domains.iter();
    if written("*") {
        return true;
    }
    match (Address::parse(name), name.strip_prefix('@')) {
        (Some(mailbox), _) => exception.forwarder.contains(&mailbox),
        (None, Some(name)) => domain(name),
        // Whom a pattern of a table is for, nobody can tell: all must be covered.
        (None, None) if name == "*" || name.contains(['/', '@']) => own.all(|own| domain(own.as_str())),
        (None, None) => {
            own.any(|own| Address::new(name, own.as_str()).is_some_and(|own| exception.forwarder.contains(&own)))
        }
    }
}
