//! Sums the evidence on each external recipient and names what it comes to.

use super::{Assessment, Verdict, Weighed, Weights};
use crate::detect::{self, Evidence, Excuse, Family, Findings, Mechanism, Names, Polarity, Target};
use crate::message::{Address, Message};
use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;

/// How strong evidence has to be for its disagreement to be worth a report, in bits.
const CONFLICT_BITS: f64 = 5.0;

/// Judges every external recipient.
pub fn assess(message: &Message, findings: Findings, weights: &Weights) -> Vec<Assessment> {
    let Findings { targets, evidence, author } = findings;
    let evidence: Vec<Arc<Evidence>> =
        evidence.into_iter().map(|evidence| Arc::new(reweighed(evidence, weights))).collect();
    // What is about one recipient is found by its index: a thousand recipients must not each look through what was seen
    // of the others.
    let mut common = Vec::new();
    let mut particular: HashMap<usize, Vec<Arc<Evidence>>> = HashMap::new();
    for evidence in evidence {
        match evidence.recipient {
            None => common.push(evidence),
            Some(recipient) => particular.entry(recipient).or_default().push(evidence),
        }
    }
    let about = |target: &Target| common.iter().chain(particular.get(&target.recipient).into_iter().flatten()).cloned();
    targets.iter().map(|target| one(message, author.as_ref(), target, about(target), weights)).collect()
}

/// An administrator's weight replaces the row's; what circumstances took off stays off in proportion. A row that was set
/// to nothing is still shown, but explains and names nothing either.
fn reweighed(evidence: Evidence, weights: &Weights) -> Evidence {
    let weight = match weights.overrides.get(evidence.signal.id()) {
        Some(own) if evidence.signal.weight() != 0.0 => own * evidence.weight / evidence.signal.weight(),
        Some(own) => *own,
        None => evidence.weight,
    };
    if weight == 0.0 {
        return Evidence { weight, names: Names::default(), excuse: None, ..evidence };
    }
    Evidence { weight, ..evidence }
}

fn one(
    message: &Message,
    author: Option<&Address>,
    target: &Target,
    about_it: impl Iterator<Item = Arc<Evidence>>,
    weights: &Weights,
) -> Assessment {
    let mut seen: Vec<Weighed> =
        about_it.map(|evidence| Weighed { evidence, counted: 0.0, explained_by: None }).collect();
    let excuses = standing_excuses(&seen);
    for weighed in &mut seen {
        weighed.explained_by =
            excuses.iter().find(|(_, excuse)| explains(excuse, &weighed.evidence)).map(|(id, _)| id.clone());
    }
    count(&mut seen, &excuses);
    seen.sort_by(|a, b| {
        let by = |weighed: &Weighed| (weighed.counted.abs(), weighed.evidence.weight);
        by(b).0.total_cmp(&by(a).0).then(by(b).1.total_cmp(&by(a).1))
    });
    let bits = weights.prior + seen.iter().map(|weighed| weighed.counted).sum::<f64>();
    let confidence = Weights::confidence(bits);
    let forward = confidence >= weights.threshold;
    let (forwarder, forwarder_guessed) = if forward { forwarder(&seen) } else { (None, false) };
    let credible = |evidence: &Evidence| credible(evidence, forwarder.as_ref());
    let mechanism = forward.then(|| mechanism(&seen, credible));
    let verdict = match (forward, mechanism) {
        (true, Some(Mechanism::BccMap | Mechanism::Journal)) => Verdict::BulkCopy,
        (true, _) => Verdict::AutoForward,
        (false, _) => excuses.first().map_or(Verdict::Ordinary, |(_, excuse)| innocent(excuse)),
    };
    let platform = seen
        .iter()
        .filter(|weighed| forward && weighed.counted > 0.0 && credible(&weighed.evidence))
        .find_map(|weighed| weighed.evidence.signal.platform());
    if let Some(conflict) = forwarder.as_ref().and_then(|forwarder| conflict(&seen, forwarder)) {
        seen.push(Weighed { evidence: Arc::new(conflict), counted: 0.0, explained_by: None });
    }
    let original_sender = seen
        .iter()
        .filter(|weighed| weighed.evidence.trusted)
        .find_map(|weighed| weighed.evidence.names.original_sender.clone())
        .or_else(|| author.cloned())
        .or_else(|| message.sender.address.clone());
    Assessment {
        recipient: target.recipient,
        destination: target.destination.clone(),
        verdict,
        confidence,
        mechanism,
        platform,
        forwarder,
        forwarder_guessed,
        original_sender,
        evidence: seen,
    }
}

/// The excuses that hold. One is lost where an own mailbox that it does not explain stands in the trace: a list post that
/// a subscriber of ours forwards is a forward.
fn standing_excuses(seen: &[Weighed]) -> Vec<(Cow<'static, str>, Excuse)> {
    let stands = |excuse: &Excuse| match excuse {
        Excuse::List { directly: false, .. } => !seen.iter().any(|weighed| {
            let evidence = &weighed.evidence;
            evidence.signal.family() == Family::Delivered
                && evidence.trusted
                && evidence.names.forwarder.is_some()
                && !explains(excuse, evidence)
        }),
        _ => true,
    };
    seen.iter()
        .filter_map(|weighed| Some((weighed.evidence.signal.name(), weighed.evidence.excuse.clone()?)))
        .filter(|(_, excuse)| stands(excuse))
        .collect()
}

/// Whether an innocent cause would leave this very evidence.
fn explains(excuse: &Excuse, evidence: &Evidence) -> bool {
    if evidence.signal.polarity() == Polarity::Against {
        return false;
    }
    let generic = matches!(
        evidence.signal.family(),
        Family::Delivered
            | Family::Entry
            | Family::Author
            | Family::Addressing
            | Family::Sender
            | Family::Resent
            | Family::Verdict
            | Family::Origin
            | Family::Resubmission
            | Family::Correlation
    );
    let named = evidence.names.forwarder.as_ref();
    match excuse {
        Excuse::List { directly: true, .. } => generic,
        Excuse::List { addresses, .. } => {
            let of_list = |mailbox: &Address| {
                addresses.is_empty()
                    || addresses.iter().any(|list| {
                        list.domain().registrable() == mailbox.domain().registrable()
                            && mailbox.local().to_ascii_lowercase().contains(&list.local().to_ascii_lowercase())
                    })
            };
            generic && named.is_none_or(of_list)
        }
        Excuse::Manual(mailboxes) => {
            generic
                && (mailboxes.is_empty()
                    || named.is_none_or(|mailbox| mailboxes.iter().any(|known| known.same_mailbox(mailbox))))
        }
        // Software answers at once as well, and quotes.
        Excuse::Report | Excuse::AutoReply | Excuse::Meeting => generic || evidence.signal.family() == Family::Content,
        Excuse::OwnMessage => {
            matches!(
                evidence.signal.family(),
                Family::Entry
                    | Family::Author
                    | Family::Addressing
                    | Family::Sender
                    | Family::Origin
                    | Family::Correlation
            )
        }
        Excuse::Relay => {
            matches!(
                evidence.signal.family(),
                Family::Entry
                    | Family::Author
                    | Family::Addressing
                    | Family::Verdict
                    | Family::Origin
                    | Family::Correlation
            ) || (evidence.signal.family() == Family::Sender && named.is_none())
        }
    }
}

/// Of each family the strongest counts; what an innocent cause explains does not; the cause itself counts a little.
fn count(seen: &mut [Weighed], excuses: &[(Cow<'static, str>, Excuse)]) {
    let mut strongest: HashMap<Family, usize> = HashMap::new();
    for (index, weighed) in seen.iter().enumerate() {
        let evidence = &weighed.evidence;
        let holds = match evidence.signal.polarity() {
            Polarity::For => weighed.explained_by.is_none(),
            Polarity::Against => evidence.excuse.is_none() || excuses.iter().any(|(id, _)| id == evidence.signal.id()),
        };
        if !holds || evidence.weight == 0.0 {
            continue;
        }
        let best = strongest.entry(evidence.signal.family()).or_insert(index);
        if seen[*best].evidence.weight < evidence.weight {
            *best = index;
        }
    }
    for index in strongest.into_values() {
        let evidence = &seen[index].evidence;
        seen[index].counted = match evidence.signal.polarity() {
            Polarity::For => evidence.weight,
            Polarity::Against => -evidence.weight,
        };
    }
}

/// Whether evidence may say by what software a message was forwarded. Anybody can write a mark into a message for us;
/// from outside it is believed only if it names the very user that forwards, at whichever of our hosts.
fn credible(evidence: &Evidence, forwarder: Option<&Address>) -> bool {
    let names_it = |mailbox: &Address| forwarder.is_some_and(|forwarder| forwarder.same_user(mailbox));
    evidence.trusted || evidence.names.forwarder.as_ref().is_some_and(names_it)
}

/// By what it was forwarded: what names the mechanism most surely, whatever brought the most bits.
fn mechanism(seen: &[Weighed], credible: impl Fn(&Evidence) -> bool) -> Mechanism {
    let sureness = |evidence: &Evidence| match evidence.signal.family() {
        _ if !credible(evidence) => 0,
        Family::Platform => 3,
        Family::Dsn => 2,
        Family::Resubmission | Family::Body | Family::Content => 1,
        _ => 0,
    };
    let named = seen
        .iter()
        .filter(|weighed| weighed.explained_by.is_none() && weighed.evidence.signal.polarity() == Polarity::For)
        .filter(|weighed| weighed.evidence.weight > 0.0)
        .filter_map(|weighed| Some((weighed, weighed.evidence.signal.mechanism()?)))
        .max_by(|(a, _), (b, _)| {
            let by = |weighed: &Weighed| (sureness(&weighed.evidence), weighed.evidence.weight);
            by(a).0.cmp(&by(b).0).then(by(a).1.total_cmp(&by(b).1))
        });
    match named {
        Some((_, mechanism)) => mechanism,
        // Nothing but a relayed message: that is what address expansion by a mail server looks like.
        None => Mechanism::MtaForward,
    }
}

/// The mailbox that forwards, by the strongest evidence that names one, and whether that is a guess. Of several equally
/// strong ones the first, which stands topmost: where one mailbox forwards to the next, the last one lets it out.
fn forwarder(seen: &[Weighed]) -> (Option<Address>, bool) {
    let strongest = seen
        .iter()
        .rev()
        .filter(|weighed| weighed.explained_by.is_none() && weighed.evidence.names.forwarder.is_some())
        .max_by(|a, b| a.evidence.weight.total_cmp(&b.evidence.weight));
    match strongest {
        Some(weighed) => {
            (weighed.evidence.names.forwarder.clone(), weighed.evidence.signal.family() == Family::Addressing)
        }
        None => (None, false),
    }
}

/// Where another place as good as proof names another mailbox. Reported, not resolved: the stronger one was believed.
fn conflict(seen: &[Weighed], forwarder: &Address) -> Option<Evidence> {
    let other = seen.iter().find(|weighed| {
        let names_other = |mailbox: &Address| !mailbox.same_mailbox(forwarder);
        weighed.explained_by.is_none()
            && weighed.evidence.weight >= CONFLICT_BITS
            && weighed.evidence.names.forwarder.as_ref().is_some_and(names_other)
    })?;
    let named = other.evidence.names.forwarder.as_ref().map(ToString::to_string).unwrap_or_default();
    let value = format!("{} names {named}, not {forwarder}", other.evidence.signal.id());
    Some(Evidence::new(detect::CONFLICTING, other.evidence.place.clone(), &value))
}

fn innocent(excuse: &Excuse) -> Verdict {
    match excuse {
        Excuse::List { .. } => Verdict::List,
        Excuse::Report => Verdict::Bounce,
        Excuse::AutoReply => Verdict::AutoReply,
        Excuse::Meeting => Verdict::Meeting,
        Excuse::Manual(_) => Verdict::ManualForward,
        Excuse::Relay | Excuse::OwnMessage => Verdict::Ordinary,
    }
}
