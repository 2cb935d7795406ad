//! Which rules and exceptions can match a message at all. A policy of ten thousand must not cost a message more than one of
//! ten: what asks for a verdict, a forwarder or a destination that the message does not have is not tried.

use super::list::AddressList;
use super::{Exception, Rule};
use crate::assess::{Assessment, Verdict};
use std::collections::HashMap;

/// Shorter policies are tried whole, and so the trace of a decision names every rule.
const SHORT: usize = 100;

/// Where to look for what can match.
#[derive(Debug, Clone, Default)]
pub struct Index {
    rules: Option<Table>,
    exceptions: Option<Table>,
}

/// Positions in order, by what must be so.
#[derive(Debug, Clone, Default)]
struct Table {
    /// By verdict: those that name no mailbox.
    open: HashMap<Verdict, Vec<usize>>,
    /// By verdict and key of the forwarder, or of the destination.
    of_forwarder: HashMap<(Verdict, String), Vec<usize>>,
    of_destination: HashMap<(Verdict, String), Vec<usize>>,
}

impl Index {
    /// Of these.
    pub fn new(rules: &[Rule], exceptions: &[Exception]) -> Self {
        let of_rules = || {
            let mut table = Table::default();
            for (at, rule) in rules.iter().enumerate() {
                let gate = rule.when.gate();
                let verdicts = gate.verdicts.map_or_else(|| Verdict::ALL.to_vec(), <[Verdict]>::to_vec);
                table.add(at, &verdicts, gate.forwarders, gate.destinations);
            }
            table
        };
        let of_exceptions = || {
            let mut table = Table::default();
            let verdicts: Vec<Verdict> = Verdict::ALL.into_iter().filter(|verdict| verdict.is_forward()).collect();
            for (at, exception) in exceptions.iter().enumerate() {
                let keys = |list: &AddressList| list.only_mailboxes().cloned();
                let (forwarders, destinations) = (keys(&exception.forwarder), keys(&exception.destination));
                table.add(at, &verdicts, forwarders.as_ref(), destinations.as_ref());
            }
            table
        };
        Self { rules: (rules.len() > SHORT).then(of_rules), exceptions: (exceptions.len() > SHORT).then(of_exceptions) }
    }

    /// The rules that can match, in their order.
    pub(super) fn rules<'a>(&self, rules: &'a [Rule], assessment: &Assessment) -> Vec<&'a Rule> {
        pick(self.rules.as_ref(), rules, assessment)
    }

    /// The exceptions that can match, in their order.
    pub(super) fn exceptions<'a>(&self, exceptions: &'a [Exception], assessment: &Assessment) -> Vec<&'a Exception> {
        pick(self.exceptions.as_ref(), exceptions, assessment)
    }
}

fn pick<'a, T>(table: Option<&Table>, all: &'a [T], assessment: &Assessment) -> Vec<&'a T> {
    match table {
        None => all.iter().collect(),
        Some(table) => table.candidates(assessment).into_iter().filter_map(|at| all.get(at)).collect(),
    }
}

impl Table {
    fn add<'k>(
        &mut self,
        at: usize,
        verdicts: &[Verdict],
        forwarders: Option<impl IntoIterator<Item = &'k String>>,
        destinations: Option<impl IntoIterator<Item = &'k String>>,
    ) {
        let (by, keys): (&mut HashMap<_, _>, Vec<&String>) = match (forwarders, destinations) {
            (Some(keys), _) => (&mut self.of_forwarder, keys.into_iter().collect()),
            (None, Some(keys)) => (&mut self.of_destination, keys.into_iter().collect()),
            (None, None) => {
                verdicts.iter().for_each(|verdict| self.open.entry(*verdict).or_default().push(at));
                return;
            }
        };
        for verdict in verdicts {
            for key in &keys {
                by.entry((*verdict, (*key).clone())).or_default().push(at);
            }
        }
    }

    /// The positions that can match, in order.
    fn candidates(&self, assessment: &Assessment) -> Vec<usize> {
        let verdict = assessment.verdict;
        let mut found: Vec<usize> = self.open.get(&verdict).cloned().unwrap_or_default();
        let mut look = |by: &HashMap<(Verdict, String), Vec<usize>>, address: &crate::message::Address| {
            // A list finds an address as it is and without its tag.
            for key in [address.key(), address.mailbox().key()] {
                found.extend(by.get(&(verdict, key)).into_iter().flatten());
            }
        };
        if let Some(forwarder) = assessment.forwarder.as_ref().filter(|_| !self.of_forwarder.is_empty()) {
            look(&self.of_forwarder, forwarder);
        }
        if !self.of_destination.is_empty() {
            look(&self.of_destination, &assessment.destination);
        }
        found.sort_unstable();
        found.dedup();
        found
    }
}
