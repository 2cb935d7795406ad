//! Assessment → decision, one per external recipient. Pure and total: the same inputs give the same decision and trace.

mod class;
mod condition;
mod exception;
mod index;
mod list;
mod pair;
mod rollout;
mod time;

pub use class::{Classes, DomainClass};
pub use condition::{Condition, First};
use exception::Tried;
pub use exception::{Card, Exception, Lapse};
pub use index::Index;
pub use list::{AddressList, Pattern};
pub use pair::PairList;
pub use rollout::place;
pub use time::Window;

use crate::assess::Assessment;
use crate::message::{Address, Message, Organization};
use crate::state::Facts;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::fmt;

/// Whether decisions are carried out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// Mail is never touched; what would have been done is reported.
    #[default]
    Observe,
    /// Decisions are carried out.
    Enforce,
}

/// What keeps a decision from being carried out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HeldBack {
    /// The listener only observes.
    Listener,
    /// `policy.mode` is `observe`.
    Policy,
    /// The rule's own mode is `observe`.
    Rule,
    /// The forwarder is not among the rule's per cent.
    Rollout,
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
    Tag(Tag),
    /// Hold the message in the MTA's quarantine; where that would keep it from others, as [`Store`](Self::Store).
    Quarantine,
    /// Take the recipient out of the message, and keep the message for it in a store of our own.
    Store,
    /// Put this mailbox of ours in the recipient's place.
    Redirect(Address),
    /// Add this mailbox of ours to the recipients.
    Copy(Address),
    /// Take the recipient out of the message.
    Strip,
    /// Refuse the message for good.
    Reject(Reply),
    /// Refuse the message for now.
    Tempfail(Reply),
    /// Take the message and drop it.
    Discard,
    /// Tell people inside.
    Notify(Vec<Whom>),
}

/// What `tag` adds beside the `X-Forwarden` fields.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tag {
    /// A prefix of the subject.
    pub subject: Option<String>,
    /// Header fields of the administrator's own: name and template.
    pub fields: Vec<(String, String)>,
}

/// Whom a rule wants told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Whom {
    /// The mailbox that forwards.
    Forwarder,
    /// Who looks after security.
    Security,
    /// The owners of exceptions that would cover the forward and no longer apply.
    Owner,
    /// Somebody else inside.
    Mailbox(Address),
}

impl Action {
    /// The names of all actions, as the configuration writes them.
    pub const NAMES: [&'static str; 11] =
        ["log", "tag", "quarantine", "store", "redirect", "copy", "strip", "reject", "tempfail", "discard", "notify"];

    /// The name in events and in the configuration.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Log => "log",
            Self::Tag(_) => "tag",
            Self::Quarantine => "quarantine",
            Self::Store => "store",
            Self::Redirect(_) => "redirect",
            Self::Copy(_) => "copy",
            Self::Strip => "strip",
            Self::Reject(_) => "reject",
            Self::Tempfail(_) => "tempfail",
            Self::Discard => "discard",
            Self::Notify(_) => "notify",
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
    /// Whether it decides. With `observe` it is passed over, and what it would have done is reported.
    pub mode: Mode,
    /// For how many of a hundred forwarders it decides, by their [`place`]; the others' mail passes it over.
    pub rollout: u8,
}

impl Rule {
    /// Whether it decides wherever its conditions hold.
    pub fn decides(&self) -> bool {
        self.mode == Mode::Enforce && self.rollout >= 100
    }

    /// What keeps it from deciding, though its conditions hold: why, and in words.
    fn held_back(&self, forwarder: Option<&Address>) -> Option<(HeldBack, String)> {
        if self.mode == Mode::Observe {
            return Some((HeldBack::Rule, "held back, its mode is observe".into()));
        }
        let rollout = self.rollout;
        if rollout >= 100 {
            return None;
        }
        match forwarder {
            None => Some((HeldBack::Rollout, format!("held back, rollout {rollout} and the forwarder is not known"))),
            Some(forwarder) => {
                let place = place(forwarder);
                let text =
                    || format!("held back, rollout {rollout} is for places below it, and {forwarder} is at {place}");
                (place >= rollout).then(|| (HeldBack::Rollout, text()))
            }
        }
    }
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
    /// Whether there is a store of our own, so that `quarantine` need not hold a message that others are to get.
    pub has_store: bool,
    /// Which of them can match at all, for long policies; made anew whenever they change.
    pub index: Index,
}

/// One step of the way to a decision: what was tried, and why it did or did not hold.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
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
    /// What would have been wanted instead, where a rule that matched was held back.
    pub instead: Option<Instead>,
    /// Exceptions that would have covered it, but no longer apply; none where another covers it.
    pub lapsed: Vec<(String, Lapse)>,
    /// What was tried, in order.
    pub trace: Vec<Step>,
}

/// The first rule that matched and was held back: it would have decided.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Instead {
    /// The rule.
    pub rule: String,
    /// What it asks for.
    pub actions: Vec<Action>,
    /// What holds it back.
    pub by: HeldBack,
}

impl Decision {
    /// Whether it asks for more than a report.
    pub fn acts(&self) -> bool {
        self.actions.iter().any(|action| !matches!(action, Action::Log | Action::Notify(_)))
    }

    /// The decision for a recipient for whom somebody released this very message: it passes.
    pub fn released(mut self) -> Self {
        let mut step = Step::new("release", "", Ok("was let go from quarantine by hand, and passes once".to_owned()));
        step.tried.truncate("release".len());
        self.trace.push(step);
        Self { rule: None, exception: None, actions: vec![Action::Log], instead: None, ..self }
    }

    /// The decision as it would be, were no rule held back.
    pub fn unheld(&self) -> Self {
        match &self.instead {
            None => self.clone(),
            Some(instead) => Self {
                rule: Some(instead.rule.clone()),
                actions: instead.actions.clone(),
                instead: None,
                ..self.clone()
            },
        }
    }
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
    /// What the state knows; `None` where it does not.
    pub facts: Option<&'a Facts>,
    /// Now.
    pub now: Timestamp,
}

impl Policy {
    /// Whether a message may come into the store, so that all of it has to be at hand.
    pub fn may_store(&self) -> bool {
        let stores = |action: &Action| matches!(action, Action::Store | Action::Quarantine);
        self.has_store
            && self.mode == Mode::Enforce
            && self.rules.iter().flat_map(|rule| &rule.then).chain(&self.default).any(stores)
    }

    /// Decides for one recipient: exceptions first, then the rules in order, then the default. A rule that is held back
    /// does not decide: mail is treated as if it were not there, and the decision says what it would have asked for.
    /// `used` is how often an exception applied today.
    pub fn decide(
        &self,
        message: &Message,
        organization: &Organization,
        assessment: &Assessment,
        facts: Option<&Facts>,
        now: Timestamp,
        used: &dyn Fn(&str) -> u64,
    ) -> Decision {
        let case = Case { message, organization, assessment, classes: &self.classes, facts, now };
        let mut trace = Vec::new();
        let mut lapsed = Vec::new();
        let mut instead: Option<Instead> = None;
        let decision = |rule: Option<&str>, exception: Option<&str>, actions: &[Action]| Decision {
            recipient: assessment.recipient,
            rule: rule.map(str::to_owned),
            exception: exception.map(str::to_owned),
            actions: actions.to_vec(),
            instead: None,
            lapsed: Vec::new(),
            trace: Vec::new(),
        };
        if assessment.verdict.is_forward() {
            for exception in self.index.exceptions(&self.exceptions, assessment) {
                let result = match exception.tries(&case, || used(&exception.id)) {
                    Tried::Covers(because) => Ok(because),
                    Tried::Misses(because) => Err(because),
                    Tried::Lapsed(lapse, because) => {
                        lapsed.push((exception.id.clone(), lapse));
                        Err(because)
                    }
                };
                let matched = result.is_ok();
                trace.push(Step::new("exception", &exception.id, result));
                if matched {
                    return Decision { trace, ..decision(None, Some(&exception.id), &[Action::Log]) };
                }
            }
        }
        for rule in self.index.rules(&self.rules, assessment) {
            let result = rule.when.holds(&case).map_err(|missed| missed.why);
            let held_back = if result.is_ok() { rule.held_back(assessment.forwarder.as_ref()) } else { None };
            let matched = result.is_ok();
            let result = match &held_back {
                Some((_, why)) => result.map(|because| format!("{because}; {why}")),
                None => result,
            };
            trace.push(Step::new("rule", &rule.id, result));
            match held_back {
                Some((by, _)) if instead.is_none() => {
                    instead = Some(Instead { rule: rule.id.clone(), actions: rule.then.clone(), by });
                }
                None if matched => {
                    return Decision { instead, lapsed, trace, ..decision(Some(&rule.id), None, &rule.then) };
                }
                _ => {}
            }
        }
        Decision { instead, lapsed, trace, ..decision(None, None, &self.default) }
    }
}

impl Step {
    fn new(kind: &str, id: &str, result: Result<String, String>) -> Self {
        let matched = result.is_ok();
        Self { tried: format!("{kind} {id}"), matched, because: result.unwrap_or_else(|reason| reason) }
    }
}
