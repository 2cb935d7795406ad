//! The conditions of a rule.

use super::Case;
use super::class::DomainClass;
use super::index::Gate;
use super::list::AddressList;
use super::pair::PairList;
use super::time::Window;
use crate::assess::Verdict;
use crate::detect::Mechanism;
use crate::message::{Address, Direction};
use crate::state::Facts;
use ipnet::IpNet;
use jiff::SignedDuration;

/// What must hold for a rule to match.
#[derive(Debug, Clone)]
pub enum Condition {
    /// All of these. An empty one always holds.
    All(Vec<Self>),
    /// One of these.
    Any(Vec<Self>),
    /// This must not hold.
    Not(Box<Self>),
    /// The verdict is one of these.
    Verdict(Vec<Verdict>),
    /// The confidence is at least this, 0 to 1.
    Confidence(f64),
    /// The mechanism is one of these.
    Mechanism(Vec<Mechanism>),
    /// The software that left its mark is one of these.
    Platform(Vec<String>),
    /// Evidence with one of these ids is there.
    Evidence(Vec<String>),
    /// The forwarding mailbox is in the list; does not hold where it is not known.
    Forwarder(AddressList),
    /// The recipient is in the list.
    Destination(AddressList),
    /// The recipient's domain is of one of these kinds.
    DestinationClass(Vec<DomainClass>),
    /// The author is in the list.
    OriginalSender(AddressList),
    /// The envelope sender is in the list; the null sender never is.
    EnvelopeSender(AddressList),
    /// The user who logged in is one of these.
    AuthenticatedUser(Vec<String>),
    /// The client is in one of these networks.
    Client(Vec<IpNet>),
    /// The listener is one of these.
    Listener(Vec<String>),
    /// The message has at least so many octets.
    Size(u64),
    /// The message goes one of these ways.
    Direction(Vec<Direction>),
    /// Forwarder and destination are in the list; does not hold where the forwarder is not known.
    Pair(PairList),
    /// It is seen in this part of the week.
    Time(Window),
    /// One of these was never seen before.
    FirstSeen(Vec<First>),
    /// The mailbox has forwarded to this address for at least so long.
    PairAge(SignedDuration),
    /// The pair forwarded at least so often in the last 24 hours.
    PairCount(u32),
    /// The mailbox forwarded at least so often in the last 24 hours, wherever to.
    Forwards(u32),
    /// At least so many mailboxes forward to this address.
    FanIn(usize),
    /// At least this share of the mailbox's incoming mail went to this address in the last 24 hours, 0 to 1.
    Coverage(f64),
    /// The message came in at most so long ago.
    Latency(SignedDuration),
}

/// What can be seen for the first time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum First {
    /// This mailbox and this address together.
    Pair,
    /// This mailbox, forwarding anywhere.
    Forwarder,
    /// This address, fed by anybody.
    Destination,
}

impl First {
    /// All, by the names that the configuration uses.
    pub const ALL: [(&'static str, Self); 3] =
        [("pair", Self::Pair), ("forwarder", Self::Forwarder), ("destination", Self::Destination)];
}

/// Why a condition does not hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Missed {
    /// In words.
    pub(super) why: String,
    /// Whether it is not known: then its opposite does not hold either.
    pub(super) unknown: bool,
}

impl Missed {
    fn known(why: impl Into<String>) -> Self {
        Self { why: why.into(), unknown: false }
    }

    fn unknown(why: impl Into<String>) -> Self {
        Self { why: why.into(), unknown: true }
    }
}

type Holds = Result<String, Missed>;

impl Condition {
    /// The keys of a condition table, as the configuration writes them.
    pub const KEYS: [&'static str; 27] = [
        "all",
        "any",
        "not",
        "verdict",
        "confidence",
        "mechanism",
        "platform",
        "evidence",
        "forwarder",
        "destination",
        "destination_class",
        "original_sender",
        "envelope_sender",
        "authenticated_user",
        "client",
        "listener",
        "size",
        "direction",
        "pair",
        "time",
        "first_seen",
        "pair_age",
        "pair_count_24h",
        "forwards_24h",
        "fan_in",
        "coverage",
        "latency",
    ];

    /// Whether it holds: what made it hold, or the first thing that did not. What the state does not know neither holds nor
    /// fails: a condition on it does not hold, nor does its opposite.
    pub(super) fn holds(&self, case: &Case<'_>) -> Holds {
        let assessment = case.assessment;
        match self {
            Self::All(parts) => {
                let mut unknown = None;
                for part in parts {
                    match part.holds(case) {
                        Ok(_) => {}
                        Err(missed) if missed.unknown => unknown = unknown.or(Some(missed)),
                        Err(missed) => return Err(missed),
                    }
                }
                match unknown {
                    Some(missed) => Err(missed),
                    None if parts.is_empty() => Ok("it has no conditions".into()),
                    None => Ok("every condition holds".into()),
                }
            }
            Self::Any(parts) => {
                let mut missed = Vec::new();
                for part in parts {
                    match part.holds(case) {
                        Ok(reason) => return Ok(reason),
                        Err(reason) => missed.push(reason),
                    }
                }
                let unknown = missed.iter().any(|missed| missed.unknown);
                let why: Vec<String> = missed.into_iter().map(|missed| missed.why).collect();
                Err(Missed { why: format!("none of any: {}", why.join("; ")), unknown })
            }
            Self::Not(part) => match part.holds(case) {
                Ok(reason) => Err(Missed::known(format!("not: {reason}"))),
                Err(missed) if missed.unknown => Err(missed),
                Err(missed) => Ok(missed.why),
            },
            Self::Verdict(wanted) => {
                check(wanted.contains(&assessment.verdict), || format!("verdict is {}", assessment.verdict))
            }
            Self::Confidence(least) => check(assessment.confidence >= *least, || {
                format!("confidence is {:.3}, {least} is asked for", assessment.confidence)
            }),
            Self::Mechanism(wanted) => check(assessment.mechanism.is_some_and(|by| wanted.contains(&by)), || {
                format!("mechanism is {}", assessment.mechanism.map_or("none", Mechanism::name))
            }),
            Self::Platform(wanted) => {
                let platform = assessment.platform.as_deref().unwrap_or("not known");
                check(wanted.iter().any(|name| name == platform), || format!("platform is {platform}"))
            }
            Self::Evidence(wanted) => check(
                assessment.evidence.iter().any(|seen| wanted.iter().any(|id| id == seen.evidence.signal.id())),
                || format!("no evidence {}", wanted.join(", ")),
            ),
            Self::Forwarder(list) => in_list("forwarder", assessment.forwarder.as_ref(), list),
            Self::Destination(list) => in_list("destination", Some(&assessment.destination), list),
            Self::DestinationClass(wanted) => {
                let forwarder = assessment.forwarder.as_ref();
                let class = case.classes.of(&assessment.destination, forwarder, case.organization);
                // A mailbox at a free provider stays one when it bears the forwarder's name.
                let free =
                    class == DomainClass::LookAlike && case.classes.freemail.contains(assessment.destination.domain());
                let holds = wanted.contains(&class) || (free && wanted.contains(&DomainClass::Freemail));
                check(holds, || {
                    format!("destination is of class {class}{}", if free { ", at a free provider" } else { "" })
                })
            }
            Self::OriginalSender(list) => in_list("original sender", assessment.original_sender.as_ref(), list),
            Self::EnvelopeSender(list) => in_list("envelope sender", case.message.sender.address.as_ref(), list),
            Self::AuthenticatedUser(wanted) => {
                let user = case.message.auth_user.as_deref();
                check(user.is_some_and(|user| wanted.iter().any(|name| name == user)), || {
                    format!("authenticated user is {}", user.unwrap_or("not known"))
                })
            }
            Self::Client(networks) => {
                let addr = case.message.connection.client_addr;
                check(
                    addr.is_some_and(|addr| networks.iter().any(|network| network.contains(&addr.to_canonical()))),
                    || addr.map_or_else(|| "client is not known".into(), |addr| format!("client is {addr}")),
                )
            }
            Self::Listener(names) => {
                check(names.contains(&case.message.listener), || format!("listener is {}", case.message.listener))
            }
            Self::Size(least) => check(case.message.size >= *least, || format!("size is {} octets", case.message.size)),
            Self::Direction(wanted) => {
                let direction = case.message.direction;
                check(wanted.contains(&direction), || format!("direction is {}", direction.name()))
            }
            Self::Pair(list) => match &assessment.forwarder {
                None => Err(Missed::known("forwarder is not known")),
                Some(forwarder) => check(list.contains(forwarder, &assessment.destination), || {
                    format!("{forwarder} to {} looked up in {list}", assessment.destination)
                }),
            },
            Self::Time(window) => check(window.contains(case.now), || format!("it is {}", window.shown(case.now))),
            Self::FirstSeen(wanted) => {
                let facts = case.known()?;
                if facts.learning {
                    return Err(Missed::unknown("the state is still learning who forwards where"));
                }
                let is_new = |first: &&First| match first {
                    First::Pair => facts.pair_since.is_none(),
                    First::Forwarder => facts.forwarder_since.is_none(),
                    First::Destination => facts.destination_since.is_none(),
                };
                check(wanted.iter().any(|first| is_new(&first)), || {
                    facts.pair_since.map_or_else(
                        || "the pair was never seen".to_owned(),
                        |since| format!("the pair forwards since {}", since.strftime("%Y-%m-%d")),
                    )
                })
            }
            Self::PairAge(least) => {
                let since = case.known()?.pair_since;
                let age = since.map(|since| case.now.duration_since(since)).unwrap_or_default();
                check(since.is_some() && age >= *least, || format!("the pair is {} hours old", age.as_hours()))
            }
            Self::PairCount(least) => {
                let count = case.known()?.pair_count_24h;
                check(count >= *least, || format!("the pair forwarded {count} times in 24 hours"))
            }
            Self::Forwards(least) => {
                let count = case.known()?.forwards_24h;
                check(count >= *least, || format!("the mailbox forwarded {count} times in 24 hours"))
            }
            Self::FanIn(least) => {
                let count = case.known()?.fan_in;
                check(count >= *least, || format!("{count} mailboxes forward to it"))
            }
            Self::Coverage(least) => {
                let unwatched = || Missed::unknown("incoming mail of the mailbox is not watched");
                let share = case.known()?.coverage.ok_or_else(unwatched)?;
                check(share >= *least, || format!("{:.0} % of the mailbox's mail go there", share * 100.0))
            }
            Self::Latency(most) => {
                let unseen = || Missed::unknown("its arrival was not seen");
                let latency = case.known()?.latency.ok_or_else(unseen)?;
                check(latency <= *most, || format!("it came in {:.1} s ago", latency.as_secs_f64()))
            }
        }
    }

    /// What must be so for it to hold, as far as that can be looked up: rules that cannot match need not be tried.
    pub(super) fn gate(&self) -> Gate<'_> {
        let parts = match self {
            Self::All(parts) => parts.as_slice(),
            one => std::slice::from_ref(one),
        };
        let mut gate = Gate::default();
        for part in parts {
            match part {
                Self::Verdict(wanted) => gate.verdicts = Some(wanted),
                Self::Forwarder(list) => gate.forwarders = gate.forwarders.or_else(|| list.keys()),
                Self::Destination(list) => gate.destinations = gate.destinations.or_else(|| list.keys()),
                _ => {}
            }
        }
        gate
    }
}

impl Case<'_> {
    fn known(&self) -> Result<&Facts, Missed> {
        self.facts.ok_or_else(|| Missed::unknown("the state does not know"))
    }
}

fn check(holds: bool, found: impl Fn() -> String) -> Holds {
    if holds { Ok(found()) } else { Err(Missed::known(found())) }
}

fn in_list(what: &str, address: Option<&Address>, list: &AddressList) -> Holds {
    match address {
        None => Err(Missed::known(format!("{what} is not known"))),
        Some(address) if list.contains(address) => Ok(format!("{what} is {address}")),
        Some(address) => Err(Missed::known(format!("{what} {address} is not in {list}"))),
    }
}
