//! The order of things: detect, assess, decide, plan; then record. The only place that knows it.

use crate::action::{self, Plan};
use crate::assess::{self, Assessment, Weights};
use crate::clock::Clock;
use crate::detect::{self, Catalogue};
use crate::event::{self, Event, Judged};
use crate::message::{Message, Organization};
use crate::policy::{Decision, Mode, Policy};
use crate::sink::Sink;
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
}

impl Engine {
    /// Judges a message. `may_edit` is false at a listener that only observes.
    pub fn inspect(&self, message: &Message, may_edit: bool) -> Inspection {
        self.inspect_as(message, &self.organization, may_edit)
    }

    /// Judges a message of another organisation: stored cases bring their own.
    pub fn inspect_as(&self, message: &Message, organization: &Organization, may_edit: bool) -> Inspection {
        let findings = detect::inspect(message, organization, &self.catalogue);
        let assessments = assess::assess(message, findings, &self.weights);
        let now = self.clock.now();
        let decisions: Vec<Decision> =
            assessments.iter().map(|assessment| self.policy.decide(message, organization, assessment, now)).collect();
        let plan = action::plan(message, &assessments, &decisions);
        let mode = if may_edit { self.policy.mode } else { Mode::Observe };
        Inspection { assessments, decisions, plan, mode }
    }

    /// Reports what was judged and done. `error` is the edit that failed.
    pub fn record(&self, message: &Message, inspection: &Inspection, error: Option<&str>) {
        let events = self.events(message, &self.organization, inspection, error);
        events.into_iter().for_each(|event| self.sink.send(event));
    }

    /// The events that tell what was judged and done.
    pub fn events(
        &self,
        message: &Message,
        organization: &Organization,
        inspection: &Inspection,
        error: Option<&str>,
    ) -> Vec<Event> {
        event::judged(Judged {
            message,
            organization,
            classes: &self.policy.classes,
            assessments: &inspection.assessments,
            decisions: &inspection.decisions,
            plan: &inspection.plan,
            mode: inspection.mode,
            error,
            now: self.clock.now(),
            host: &self.host,
            ordinary: self.report_ordinary,
        })
    }

    /// Reports something else.
    pub fn report(&self, body: event::Body) {
        self.sink.send(Event::new(self.clock.now(), &self.host, body));
    }
}
