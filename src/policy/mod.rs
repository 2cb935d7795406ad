//! Assessment → decision, one per external recipient. Pure and total: the same inputs give the same decision and trace.

mod class;
mod condition;
mod exception;
mod list;

pub use class::{Classes, DomainClass};
pub use condition::Condition;
pub use exception::Exception;
pub use list::{AddressList, Pattern};

use crate::assess::Assessment;
use crate::message::{Message, Organization};
use jiff::Timestamp;
use serde::Serialize;
use std::fmt;

/// Whether decisions are carried out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// Mail is never touched; what would have been done is reported.
    #[default]
    Observe,
    /// Decisions are carried out.
    Enforce,
}

/// The text of an SMTP reply (RFC 5321 §4.2, RFC 3463).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    /// `550`, `451`, …
    pub code: u16,
    /// `5.7.1`, …
    pub enhanced: String,
    /// The text; `{forwarder}`, `{destination}` and `{rule}` are filled in.
    pub text: String,
}

impl Reply {
    /// The reply of `reject` where none is configured.
    pub fn reject() -> Self {
        Self {
            code: 550,
            enhanced: "5.7.1".into(),
            text: "Automatic forwarding to outside addresses is not allowed".into(),
        }
    }

    /// The reply of `tempfail` where none is configured.
    pub fn tempfail() -> Self {
        Self { code: 451, enhanced: "4.7.1".into(), text: "Try again later".into() }
    }
}

/// What a rule asks for, for one recipient.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Report it. Every decision is reported; this says that nothing more is to be done.
    Log,
    /// Add the `X-Forwarden` header fields.
    Tag,
    /// Hold the message in the MTA's quarantine.
    Quarantine,
    /// Take the recipient out of the message.
    Strip,
    /// Refuse the message for good.
    Reject(Reply),
    /// Refuse the message for now.
    Tempfail(Reply),
    /// Take the message and drop it.
    Discard,
}

impl Action {
    /// The names of all actions, as the configuration writes them.
    pub const NAMES: [&'static str; 7] = ["log", "tag", "quarantine", "strip", "reject", "tempfail", "discard"];

    /// The name in events and in the configuration.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Log => "log",
            Self::Tag => "tag",
            Self::Quarantine => "quarantine",
            Self::Strip => "strip",
            Self::Reject(_) => "reject",
            Self::Tempfail(_) => "tempfail",
            Self::Discard => "discard",
        }
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// One rule.
#[derive(Debug, Clone)]
pub struct Rule {
    /// Its name in events.
    pub id: String,
    /// When it matches.
    pub when: Condition,
    /// What is then wanted.
    pub then: Vec<Action>,
}

/// Everything that decides.
#[derive(Debug, Clone, Default)]
pub struct Policy {
    /// Whether decisions are carried out.
    pub mode: Mode,
    /// What is wanted where no rule matches.
    pub default: Vec<Action>,
    /// Approved forwards; looked at before the rules.
    pub exceptions: Vec<Exception>,
    /// The rules; the first that matches decides.
    pub rules: Vec<Rule>,
    /// Which outside domains are of which kind.
    pub classes: Classes,
}

/// One step of the way to a decision: what was tried, and why it did or did not hold.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Step {
    /// `exception` or `rule`, with its id.
    pub tried: String,
    /// Whether it matched.
    pub matched: bool,
    /// The condition that did not hold, or what made it match.
    pub because: String,
}

/// What is to be done for one recipient.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    /// The recipient, by its index in the message.
    pub recipient: usize,
    /// The rule that matched.
    pub rule: Option<String>,
    /// The exception that matched.
    pub exception: Option<String>,
    /// What is wanted.
    pub actions: Vec<Action>,
    /// What was tried, in order.
    pub trace: Vec<Step>,
}

/// What a decision may look at.
#[derive(Debug, Clone, Copy)]
pub struct Case<'a> {
    /// The message.
    pub message: &'a Message,
    /// What is ours.
    pub organization: &'a Organization,
    /// The judgement on the recipient.
    pub assessment: &'a Assessment,
    /// Which outside domains are of which kind.
    pub classes: &'a Classes,
    /// Now.
    pub now: Timestamp,
}

impl Policy {
    /// Decides for one recipient: exceptions first, then the rules in order, then the default.
    pub fn decide(
        &self,
        message: &Message,
        organization: &Organization,
        assessment: &Assessment,
        now: Timestamp,
    ) -> Decision {
        let case = Case { message, organization, assessment, classes: &self.classes, now };
        let mut trace = Vec::new();
        let decision = |rule: Option<&str>, exception: Option<&str>, actions: &[Action], trace: Vec<Step>| Decision {
            recipient: assessment.recipient,
            rule: rule.map(str::to_owned),
            exception: exception.map(str::to_owned),
            actions: actions.to_vec(),
            trace,
        };
        if assessment.verdict.is_forward() {
            for exception in &self.exceptions {
                let result = exception.matches(&case);
                let matched = result.is_ok();
                trace.push(Step::new("exception", &exception.id, result));
                if matched {
                    return decision(None, Some(&exception.id), &[Action::Log], trace);
                }
            }
        }
        for rule in &self.rules {
            let result = rule.when.holds(&case);
            let matched = result.is_ok();
            trace.push(Step::new("rule", &rule.id, result));
            if matched {
                return decision(Some(&rule.id), None, &rule.then, trace);
            }
        }
        decision(None, None, &self.default, trace)
    }
}

impl Step {
    fn new(kind: &str, id: &str, result: Result<String, String>) -> Self {
        let matched = result.is_ok();
        Self { tried: format!("{kind} {id}"), matched, because: result.unwrap_or_else(|reason| reason) }
    }
}
