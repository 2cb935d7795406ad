//! The order of things: detect, assess, decide, plan; then record. The only place that knows it.

use crate::action::{self, Carried, Plan};
use crate::assess::{self, Assessment, Verdict, Weights};
use crate::clock::Clock;
use crate::detect::{self, Catalogue};
use crate::event::{self, Event, Failure, Judged};
use crate::message::{Address, Direction, Message, Organization, Recipient};
use crate::notify::{self, Notifier};
use crate::policy::{Action, Decision, HeldBack, Mode, Policy};
use crate::quarantine::{self, Quarantine};
use crate::sink::Sink;
use crate::state::{Arrival, Departure, Facts, Pair, Prints, Store, Twin};
use crate::usage::Usage;
use jiff::Timestamp;
use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

/// Everything a message is judged by. Pinned by a session for its life; a reload makes a new one.
pub struct Engine {
    /// What is ours.
    pub organization: Organization,
    /// What is looked for.
    pub catalogue: Catalogue,
    /// How it is weighed.
    pub weights: Weights,
    /// What is done about it.
    pub policy: Policy,
    /// Whether mail in which nothing was found is reported too.
    pub report_ordinary: bool,
    /// This host's name, for events.
    pub host: String,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Where events go.
    pub sink: Arc<dyn Sink>,
    /// What is remembered of earlier mail, where anything is.
    pub state: Option<Arc<dyn Store>>,
    /// How often exceptions are used.
    pub usage: Arc<Usage>,
    /// The store of our own, where there is one.
    pub quarantine: Option<Arc<Quarantine>>,
    /// How people inside are told, where they are.
    pub notifier: Option<Arc<Notifier>>,
}

/// The engine of the day. A session takes it once and keeps it; a reload puts another in its place.
pub struct Current(RwLock<Arc<Engine>>);

impl Current {
    /// Begins with this one.
    pub fn new(engine: Engine) -> Self {
        Self(RwLock::new(Arc::new(engine)))
    }

    /// The engine for a session that begins now.
    pub fn get(&self) -> Arc<Engine> {
        Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Sessions that begin from now on get this one.
    pub fn set(&self, engine: Engine) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(engine);
    }
}

/// What the engine found and decided for one message.
#[derive(Debug, Clone)]
pub struct Inspection {
    /// One for each external recipient.
    pub assessments: Vec<Assessment>,
    /// One for each assessment.
    pub decisions: Vec<Decision>,
    /// What policy asks for.
    pub plan: Plan,
    /// Whether it is to be carried out.
    pub mode: Mode,
    /// For each decision, what is done and what would have been.
    pub carried: Vec<Carried>,
    /// What is known of each assessment's forward; `None` where nothing is remembered, or it is none.
    pub facts: Vec<Option<Facts>>,
    /// What passes because it was released: by what it is known, and for whom.
    pub released: Vec<(String, String)>,
}

impl Engine {
    /// Judges a message. `may_edit` is false at a listener that only observes.
    pub fn inspect(&self, message: &Message, may_edit: bool) -> Inspection {
        self.inspect_as(message, &self.organization, may_edit)
    }

    /// Judges a message of another organisation: stored cases bring their own.
    pub fn inspect_as(&self, message: &Message, organization: &Organization, may_edit: bool) -> Inspection {
        let now = self.clock.now();
        let twins = self.twins(message, now);
        let findings = detect::inspect(message, organization, &self.catalogue, &twins);
        let assessments = assess::assess(message, findings, &self.weights);
        let facts: Vec<Option<Facts>> =
            assessments.iter().map(|assessment| self.facts(assessment, &twins, now)).collect();
        // What this message uses up is counted with what was used before it.
        let mut here: HashMap<String, u64> = HashMap::new();
        let mut decisions: Vec<Decision> = Vec::new();
        let mut released = Vec::new();
        for (assessment, facts) in assessments.iter().zip(&facts) {
            let used = |id: &str| self.usage.today(id, now) + here.get(id).copied().unwrap_or_default();
            let decision = self.policy.decide(message, organization, assessment, facts.as_ref(), now, &used);
            if let Some(id) = &decision.exception {
                *here.entry(id.clone()).or_default() += 1;
            }
            let release = if may_edit { self.release(message, &decision, now) } else { None };
            decisions.push(if release.is_some() { decision.released() } else { decision });
            released.extend(release);
        }
        let has_store = self.policy.has_store;
        let plan = action::plan(message, &assessments, &decisions, has_store);
        let held_back = match self.policy.mode {
            _ if !may_edit => Some(HeldBack::Listener),
            Mode::Observe => Some(HeldBack::Policy),
            Mode::Enforce => None,
        };
        let mode = if held_back.is_some() { Mode::Observe } else { Mode::Enforce };
        let carried = action::carried(message, &assessments, &decisions, &plan, held_back, has_store);
        Inspection { assessments, decisions, plan, mode, carried, facts, released }
    }

    /// Whether somebody released this message for the recipient of a decision. Asked only where something would be done.
    fn release(&self, message: &Message, decision: &Decision, now: Timestamp) -> Option<(String, String)> {
        let quarantine = self.quarantine.as_ref().filter(|_| decision.acts())?;
        let recipient = quarantine::release_recipient(&message.recipients.get(decision.recipient)?.raw);
        let key = quarantine::release_key(message);
        quarantine.is_released(&key, &recipient, now).then_some((key, recipient))
    }

    /// Reports what was judged and done, or could not be. `stored_as` is the id under which it was stored.
    pub fn record(
        &self,
        message: &Message,
        inspection: &Inspection,
        failure: Option<Failure<'_>>,
        stored_as: Option<&str>,
    ) {
        let events = self.events(message, &self.organization, inspection, failure, stored_as);
        events.into_iter().for_each(|event| self.sink.send(event));
        count_actions(inspection, failure.is_some());
        if let Some(state) = &self.state {
            self.remember(state.as_ref(), message, inspection);
        }
        if message.direction == Direction::Outbound {
            self.count_exceptions(message, inspection);
        }
        if failure.is_none() && inspection.mode == Mode::Enforce {
            self.tell(message, inspection);
        }
    }

    /// Tells people inside of what was done, where rules want them told.
    fn tell(&self, message: &Message, inspection: &Inspection) {
        let Some(notifier) = &self.notifier else { return };
        let sides = inspection.assessments.iter().zip(&inspection.decisions).zip(&inspection.carried);
        for ((assessment, decision), carried) in sides {
            let whom = decision.actions.iter().find_map(|action| match action {
                Action::Notify(whom) => Some(whom),
                _ => None,
            });
            let Some(whom) = whom else { continue };
            let lapsed = decision.lapsed.iter().filter_map(|(id, lapse)| {
                Some((self.policy.exceptions.iter().find(|exception| exception.id == *id)?, lapse))
            });
            let facts = notify::Facts {
                forwarder: assessment.forwarder.clone(),
                destination: assessment.destination.clone(),
                mechanism: assessment.mechanism.map_or("unknown", detect::Mechanism::name),
                action: carried.done.name(),
                rule: decision.rule.clone().unwrap_or_else(|| "default".to_owned()),
                lapsed: lapsed.clone().map(|(known, lapse)| format!("{} ({})", known.id, lapse.name())).collect(),
                owners: lapsed.filter_map(|(known, _)| Address::parse(known.card.owner.as_deref()?)).collect(),
                confidence: assessment.confidence,
                subject: message.subject(),
                time: self.clock.now(),
                host: self.host.clone(),
            };
            notifier.tell(whom, &facts, &self.organization);
        }
    }

    /// Counts the exceptions that applied, and reports those that did not any more: each once a day.
    fn count_exceptions(&self, message: &Message, inspection: &Inspection) {
        let now = self.clock.now();
        for (decision, assessment) in inspection.decisions.iter().zip(&inspection.assessments) {
            if let Some(id) = &decision.exception {
                self.usage.used(id, now);
            }
            for (id, lapse) in &decision.lapsed {
                let exception = || self.policy.exceptions.iter().find(|exception| exception.id == *id);
                if self.usage.is_news(id, *lapse, now)
                    && let Some(exception) = exception()
                {
                    let used = self.usage.today(id, now);
                    let event = event::ExceptionEvent::new(exception, *lapse, used, message, assessment);
                    self.report(event::Body::Exception(Box::new(event)));
                }
            }
        }
    }

    /// Where the message came in before. Nothing is asked of what does not leave.
    fn twins(&self, message: &Message, now: Timestamp) -> Vec<Twin> {
        let Some(state) = self.state.as_ref().filter(|_| message.direction == Direction::Outbound) else {
            return Vec::new();
        };
        state.twins(&Prints::of_departure(message, state.key()), now).unwrap_or_default()
    }

    fn facts(&self, assessment: &Assessment, twins: &[Twin], now: Timestamp) -> Option<Facts> {
        let pair = pair(assessment)?;
        let facts = self.state.as_ref()?.facts(pair, now)?;
        let same = |twin: &&Twin| twin.mailbox.same_mailbox(pair.forwarder);
        Some(Facts { latency: twins.iter().find(same).map(|twin| twin.latency), ..facts })
    }

    /// Tells the state what came in and what left, and reports what it finds remarkable.
    fn remember(&self, state: &dyn Store, message: &Message, inspection: &Inspection) {
        let now = self.clock.now();
        // A relay that carries mail both ways has one listener for both: what is for nobody outside has come in.
        let own = |recipient: &Recipient| recipient.address.as_ref().is_some_and(|to| self.organization.owns(to));
        if message.direction == Direction::Inbound || message.recipients.iter().all(own) {
            let prints = Prints::of_arrival(message, state.key());
            for mailbox in message.recipients.iter().filter(|recipient| own(recipient)) {
                let Some(mailbox) = mailbox.address.clone() else { continue };
                state.arrived(Arrival { mailbox, prints: prints.clone(), time: now });
            }
            return;
        }
        let by_hand = |assessment: &Assessment| assessment.verdict == Verdict::ManualForward;
        if inspection.assessments.iter().any(by_hand)
            && let Some(author) = message.authors().iter().find(|author| self.organization.owns(author))
        {
            state.sent_on_by_hand(author, now);
        }
        for (index, assessment) in inspection.assessments.iter().enumerate() {
            let Some(pair) = pair(assessment) else { continue };
            let decision = inspection.decisions.get(index);
            let behaviours = state.departed(Departure {
                forwarder: pair.forwarder.clone(),
                destination: pair.destination.clone(),
                mechanism: assessment.mechanism.map_or("unknown", detect::Mechanism::name),
                time: now,
                size: message.size,
                message_id: message.message_id(),
                latency: inspection.facts.get(index).and_then(|facts| facts.as_ref()?.latency),
                looks_forwarded: detect::looks_forwarded(message),
                rule: decision.and_then(|decision| decision.exception.clone().or_else(|| decision.rule.clone())),
            });
            for behaviour in behaviours {
                self.report(event::Body::Behaviour(event::BehaviourEvent::new(behaviour, message, pair)));
            }
        }
    }

    /// The events that tell what was judged and done.
    pub fn events(
        &self,
        message: &Message,
        organization: &Organization,
        inspection: &Inspection,
        failure: Option<Failure<'_>>,
        stored_as: Option<&str>,
    ) -> Vec<Event> {
        event::judged(Judged {
            message,
            organization,
            classes: &self.policy.classes,
            assessments: &inspection.assessments,
            decisions: &inspection.decisions,
            carried: &inspection.carried,
            mode: inspection.mode,
            failure,
            stored_as,
            now: self.clock.now(),
            host: &self.host,
            ordinary: self.report_ordinary,
        })
    }

    /// Reports something else.
    pub fn report(&self, body: event::Body) {
        count(&body);
        self.sink.send(Event::new(self.clock.now(), &self.host, body));
    }
}

/// Who forwards where, where that is what an assessment says.
fn pair(assessment: &Assessment) -> Option<Pair<'_>> {
    let forwarder = assessment.forwarder.as_ref().filter(|_| assessment.verdict.is_forward())?;
    Some(Pair { forwarder, destination: &assessment.destination })
}

/// Counts what was done about each forward.
fn count_actions(inspection: &Inspection, failed: bool) {
    for (assessment, carried) in inspection.assessments.iter().zip(&inspection.carried) {
        if assessment.verdict.is_forward() {
            let done = if failed { action::Done::Logged } else { carried.done };
            ::metrics::counter!(crate::metrics::ACTIONS.name, "action" => done.name()).increment(1);
        }
    }
}

/// Counts what is reported beside messages.
fn count(body: &event::Body) {
    match body {
        event::Body::Behaviour(event) => {
            ::metrics::counter!(crate::metrics::BEHAVIOURS.name, "behaviour" => event.behaviour.name()).increment(1);
        }
        event::Body::Exception(event) => {
            let change = event.change.name();
            ::metrics::counter!(crate::metrics::EXCEPTION_LAPSES.name, "change" => change).increment(1);
        }
        event::Body::Quarantine(event) => {
            let change = event.change.clone();
            ::metrics::counter!(crate::metrics::QUARANTINE_CHANGES.name, "change" => change).increment(1);
        }
        _ => {}
    }
}
