//! Inspection → events: one for each group of recipients that share verdict, forwarder, mechanism, decision and outcome.

use super::{
    Body, Client, EMAIL_FORWARDING_RULE, Envelope, Event, EvidenceItem, Failure, HeaderSummary, MessageEvent, Outcome,
};
use crate::action::{Carried, Done};
use crate::assess::Assessment;
use crate::message::{Address, Message, Organization};
use crate::policy::{Classes, Decision, Mode};
use jiff::Timestamp;
use std::collections::HashMap;
use std::sync::Arc;
use uuid::Uuid;

/// How many addresses of a kind an event carries at the most.
const ADDRESSES: usize = 100;

/// How many pieces of evidence an event carries at the most.
const EVIDENCE: usize = 100;

/// How many characters of a subject, a name or an address an event carries at the most.
const CHARS: usize = 320;

/// What was seen, decided and done to one message.
#[derive(Debug, Clone, Copy)]
pub struct Judged<'a> {
    /// The message.
    pub message: &'a Message,
    /// What is ours.
    pub organization: &'a Organization,
    /// Kinds of outside domains.
    pub classes: &'a Classes,
    /// One for each external recipient.
    pub assessments: &'a [Assessment],
    /// One for each assessment.
    pub decisions: &'a [Decision],
    /// For each decision, what was done and what would have been.
    pub carried: &'a [Carried],
    /// Whether decisions are carried out.
    pub mode: Mode,
    /// The edit that failed, where one did.
    pub failure: Option<Failure<'a>>,
    /// The id under which it was stored, where it was.
    pub stored_as: Option<&'a str>,
    /// Now.
    pub now: Timestamp,
    /// This host.
    pub host: &'a str,
    /// Whether mail in which nothing was found is reported too.
    pub ordinary: bool,
}

/// The events of a message.
pub fn judged(case: Judged<'_>) -> Vec<Event> {
    // By forwarder first: a message of a thousand forwarders must not compare each with all the others.
    let mut of_forwarder: HashMap<Option<&Address>, Vec<usize>> = HashMap::new();
    let mut groups: Vec<Vec<usize>> = Vec::new();
    for (index, assessment) in case.assessments.iter().enumerate() {
        if assessment.verdict == crate::assess::Verdict::Ordinary && !case.ordinary {
            continue;
        }
        let candidates = of_forwarder.entry(assessment.forwarder.as_ref()).or_default();
        let first_of = |group: usize| groups.get(group).and_then(|group| group.first());
        match candidates.iter().find(|&&group| first_of(group).is_some_and(|&first| alike(&case, first, index))) {
            Some(&group) => groups[group].push(index),
            None => {
                candidates.push(groups.len());
                groups.push(vec![index]);
            }
        }
    }
    if groups.is_empty() {
        return Vec::new();
    }
    let message_uid = Uuid::now_v7();
    let (envelope, headers) = (Arc::new(envelope(case.message)), Arc::new(summary(case.message)));
    groups
        .iter()
        .filter_map(|group| event(&case, message_uid, group, &envelope, &headers))
        .map(|body| Event::new(case.now, case.host, Body::Message(Box::new(body))))
        .collect()
}

fn alike(case: &Judged<'_>, a: usize, b: usize) -> bool {
    let (Some(x), Some(y)) = (case.assessments.get(a), case.assessments.get(b)) else {
        return false;
    };
    let (dx, dy) = (case.decisions.get(a), case.decisions.get(b));
    x.verdict == y.verdict
        && x.forwarder == y.forwarder
        && x.mechanism == y.mechanism
        && x.platform == y.platform
        && dx.map(|d| (&d.rule, &d.exception, &d.actions)) == dy.map(|d| (&d.rule, &d.exception, &d.actions))
        && case.carried.get(a) == case.carried.get(b)
}

fn envelope(message: &Message) -> Envelope {
    Envelope {
        mail_from: cut(bare(&message.sender.raw)),
        rcpt_to: message.recipients.iter().take(ADDRESSES).map(|recipient| cut(bare(&recipient.raw))).collect(),
        rcpt_count: message.recipients.len(),
    }
}

fn summary(message: &Message) -> HeaderSummary {
    HeaderSummary {
        from: message.authors().iter().take(ADDRESSES).map(ToString::to_string).collect(),
        to: message.headers.addresses(&["To", "Cc"]).iter().take(ADDRESSES).map(ToString::to_string).collect(),
        subject: message.subject().as_deref().map(cut),
    }
}

fn event(
    case: &Judged<'_>,
    message_uid: Uuid,
    group: &[usize],
    envelope: &Arc<Envelope>,
    headers: &Arc<HeaderSummary>,
) -> Option<MessageEvent> {
    let first = *group.first()?;
    let (assessment, decision) = (case.assessments.get(first)?, case.decisions.get(first)?);
    let message = case.message;
    let carried = case.carried.get(first)?;
    let would = carried.would.as_ref();
    let assessed = || group.iter().filter_map(|&index| case.assessments.get(index));
    let members = || assessed().map(|member| &member.destination);
    let mut destination_domains: Vec<String> =
        members().map(|address| address.domain().registrable().to_owned()).collect();
    destination_domains.sort();
    destination_domains.dedup();
    destination_domains.truncate(ADDRESSES);
    let class =
        |member: &Assessment| case.classes.of(&member.destination, member.forwarder.as_ref(), case.organization).name();
    let mut destination_classes: Vec<&str> = assessed().map(class).collect();
    destination_classes.sort_unstable();
    destination_classes.dedup();
    Some(MessageEvent {
        message_uid,
        listener: message.listener.clone(),
        mode: case.mode,
        verdict: assessment.verdict.name(),
        confidence: rounded(assessment.confidence),
        mechanism: assessment.mechanism.map(crate::detect::Mechanism::name),
        platform: assessment.platform.clone(),
        forwarder: assessment.forwarder.as_ref().map(ToString::to_string),
        forwarder_guessed: assessment.forwarder_guessed,
        destinations: members().take(ADDRESSES).map(ToString::to_string).collect(),
        destination_count: group.len(),
        destination_domains,
        destination_classes,
        original_sender: assessment.original_sender.as_ref().map(ToString::to_string),
        action: if case.failure.is_some() { Done::Logged.name() } else { carried.done.name() },
        actions: decision.actions.iter().map(crate::policy::Action::name).collect(),
        would: would.map(|would| would.done.name()).into_iter().collect(),
        would_rule: would.and_then(|would| would.rule.clone()),
        held_back: would.map(|would| would.held_back),
        outcome: if case.failure.is_some() { Outcome::Failure } else { Outcome::Success },
        error: case.failure.map(|failure| cut(failure.error)),
        on_error: case.failure.map(|failure| failure.on_error),
        rule: decision.rule.clone(),
        exception: decision.exception.clone(),
        trace: decision.trace.clone(),
        evidence: assessment
            .evidence
            .iter()
            .take(EVIDENCE)
            .map(|seen| EvidenceItem {
                id: seen.evidence.signal.name(),
                weight: seen.evidence.weight,
                counted: seen.counted,
                polarity: seen.evidence.signal.polarity(),
                place: seen.evidence.place.clone(),
                value: seen.evidence.value.clone(),
                explained_by: seen.explained_by.clone(),
            })
            .collect(),
        evidence_count: assessment.evidence.len(),
        envelope: Arc::clone(envelope),
        headers: Arc::clone(headers),
        message_id: message.message_id().as_deref().map(cut),
        queue_id: message.queue_id.clone(),
        quarantine_id: case.stored_as.filter(|_| carried.done == Done::Stored).map(str::to_owned),
        size: message.size,
        client: Client {
            ip: message.connection.client_addr.map(|addr| addr.to_string()),
            name: message.connection.client_name.as_deref().map(cut),
            helo: message.connection.helo.as_deref().map(cut),
            auth_user: message.auth_user.as_deref().map(cut),
        },
        threat: assessment.verdict.is_forward().then_some(EMAIL_FORWARDING_RULE),
    })
}

fn bare(path: &str) -> &str {
    path.trim().trim_start_matches('<').trim_end_matches('>')
}

fn cut(text: &str) -> String {
    text.chars().take(CHARS).collect()
}

/// Three digits are all that a confidence is worth.
fn rounded(confidence: f64) -> f64 {
    (confidence * 1000.0).round() / 1000.0
}
