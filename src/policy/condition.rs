//! The conditions of a rule.

use super::Case;
use super::class::DomainClass;
use super::list::AddressList;
use crate::assess::Verdict;
use crate::detect::Mechanism;
use crate::message::Address;
use ipnet::IpNet;

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
}

impl Condition {
    /// The keys of a condition table, as the configuration writes them.
    pub const KEYS: [&'static str; 17] = [
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
    ];

    /// Whether it holds: what made it hold, or the first thing that did not.
    pub(super) fn holds(&self, case: &Case<'_>) -> Result<String, String> {
        let assessment = case.assessment;
        match self {
            Self::All(parts) => {
                for part in parts {
                    part.holds(case)?;
                }
                Ok(if parts.is_empty() { "it has no conditions".into() } else { "every condition holds".into() })
            }
            Self::Any(parts) => {
                let reasons: Vec<_> = parts.iter().map(|part| part.holds(case)).collect();
                match reasons.iter().position(Result::is_ok) {
                    Some(at) => reasons.into_iter().nth(at).unwrap_or_else(|| Ok(String::new())),
                    None => Err(format!(
                        "none of any: {}",
                        reasons.into_iter().filter_map(Result::err).collect::<Vec<_>>().join("; ")
                    )),
                }
            }
            Self::Not(part) => match part.holds(case) {
                Ok(reason) => Err(format!("not: {reason}")),
                Err(reason) => Ok(reason),
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
                let class = case.classes.of(assessment.destination.domain(), case.organization);
                check(wanted.contains(&class), || format!("destination is of class {class}"))
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
        }
    }
}

fn check(holds: bool, found: impl Fn() -> String) -> Result<String, String> {
    if holds { Ok(found()) } else { Err(found()) }
}

fn in_list(what: &str, address: Option<&Address>, list: &AddressList) -> Result<String, String> {
    match address {
        None => Err(format!("{what} is not known")),
        Some(address) if list.contains(address) => Ok(format!("{what} is {address}")),
        Some(address) => Err(format!("{what} {address} is not in {list}")),
    }
}
