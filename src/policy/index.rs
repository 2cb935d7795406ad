//! Which rules and exceptions can match a message at all. A policy of ten thousand must not cost a message more than one of
//! ten: what asks for a verdict, a forwarder or a destination that the message does not have is not tried.

use super::list::{AddressList, keys_of};
use super::{Exception, Rule};
use crate::assess::{Assessment, Verdict};
use std::collections::HashMap;

/// Policies up to here are tried whole, so that the trace of a decision names every rule; each costs a forward some 0.5 µs.
const SHORT: usize = 30;

/// Where to look for what can match.
#[derive(Debug, Clone, Default)]
pub struct Index {
    rules: Option<Table>,
    exceptions: Option<Table>,
}

/// What a rule or an exception asks for at least; `None` where that cannot be looked up.
#[derive(Debug, Default)]
pub(super) struct Gate<'a> {
    /// Verdicts.
    pub(super) verdicts: Option<&'a [Verdict]>,
    /// Keys of forwarders.
    pub(super) forwarders: Option<Vec<String>>,
    /// Keys of destinations.
    pub(super) destinations: Option<Vec<String>>,
}

/// Positions by key, each row in order.
type Rows = HashMap<String, Vec<usize>>;

/// Positions in order, by what must be so.
#[derive(Debug, Clone, Default)]
struct Table {
    /// By verdict: those that name neither a forwarder nor a destination.
    open: HashMap<Verdict, Vec<usize>>,
    of_forwarder: Rows,
    of_destination: Rows,
    /// The verdicts that each position asks for; `None` is any.
    verdicts: Vec<Option<Vec<Verdict>>>,
}

impl Index {
    /// Of these.
    pub fn new(rules: &[Rule], exceptions: &[Exception]) -> Self {
        let of_rules = || Table::new(rules.iter().map(|rule| rule.when.gate()).collect());
        let of_exceptions = || Table::new(exceptions.iter().map(Exception::gate).collect());
        Self { rules: (rules.len() > SHORT).then(of_rules), exceptions: (exceptions.len() > SHORT).then(of_exceptions) }
    }

    /// The rules that can match, in their order.
    pub(super) fn rules<'a>(&'a self, rules: &'a [Rule], assessment: &Assessment) -> impl Iterator<Item = &'a Rule> {
        pick(self.rules.as_ref(), rules, assessment)
    }

    /// The exceptions that can match, in their order.
    pub(super) fn exceptions<'a>(
        &'a self,
        exceptions: &'a [Exception],
        assessment: &Assessment,
    ) -> impl Iterator<Item = &'a Exception> {
        pick(self.exceptions.as_ref(), exceptions, assessment)
    }
}

fn pick<'a, T>(table: Option<&'a Table>, all: &'a [T], assessment: &Assessment) -> impl Iterator<Item = &'a T> {
    let whole = if table.is_none() { all } else { &[] };
    let found = table.map(|table| table.candidates(assessment));
    whole.iter().chain(found.into_iter().flatten().filter_map(|at| all.get(at)))
}

impl Gate<'_> {
    /// What lists ask for.
    pub(super) fn of_lists(forwarder: &AddressList, destination: &AddressList) -> Self {
        Self { verdicts: None, forwarders: forwarder.keys(), destinations: destination.keys() }
    }
}

impl Table {
    fn new(gates: Vec<Gate<'_>>) -> Self {
        let (forwarders, destinations) =
            (shared(gates.iter().map(|gate| &gate.forwarders)), shared(gates.iter().map(|gate| &gate.destinations)));
        // What names both stands where it has fewer neighbours: `@corp.example` may forward to a thousand partners.
        let by_forwarder: Vec<bool> = gates
            .iter()
            .map(|gate| match (&gate.forwarders, &gate.destinations) {
                (Some(from), Some(to)) => crowd(&forwarders, from) <= crowd(&destinations, to),
                (from, _) => from.is_some(),
            })
            .collect();
        let mut table = Self::default();
        for (at, (gate, by_forwarder)) in gates.into_iter().zip(by_forwarder).enumerate() {
            let (rows, keys) = if by_forwarder {
                (&mut table.of_forwarder, gate.forwarders)
            } else {
                (&mut table.of_destination, gate.destinations)
            };
            match keys {
                Some(keys) => keys.into_iter().for_each(|key| rows.entry(key).or_default().push(at)),
                None => {
                    let verdicts = gate.verdicts.unwrap_or(&Verdict::ALL);
                    verdicts.iter().for_each(|verdict| table.open.entry(*verdict).or_default().push(at));
                }
            }
            table.verdicts.push(gate.verdicts.map(<[Verdict]>::to_vec));
        }
        table
    }

    /// The positions that can match, in order.
    fn candidates(&self, assessment: &Assessment) -> impl Iterator<Item = usize> {
        let verdict = assessment.verdict;
        let mut rows: Vec<&[usize]> = self.open.get(&verdict).map(Vec::as_slice).into_iter().collect();
        let sides = [
            (&self.of_forwarder, assessment.forwarder.as_ref()),
            (&self.of_destination, Some(&assessment.destination)),
        ];
        for (of, address) in sides.into_iter().filter(|(of, _)| !of.is_empty()) {
            let keys = address.into_iter().flat_map(keys_of);
            rows.extend(keys.filter_map(|key| of.get(&key)).map(Vec::as_slice));
        }
        let asks = |at: usize| self.verdicts.get(at).and_then(Option::as_ref);
        merged(rows).filter(move |at| asks(*at).is_none_or(|verdicts| verdicts.contains(&verdict)))
    }
}

/// How many name each key.
fn shared<'a>(lists: impl Iterator<Item = &'a Option<Vec<String>>>) -> HashMap<&'a str, usize> {
    let mut of = HashMap::new();
    lists.flatten().flatten().for_each(|key| *of.entry(key.as_str()).or_default() += 1);
    of
}

/// How many are tried with what has these keys, at most.
fn crowd(shared: &HashMap<&str, usize>, keys: &[String]) -> usize {
    keys.iter().filter_map(|key| shared.get(key.as_str())).copied().max().unwrap_or_default()
}

/// What stands in rows that are in order: in order, and once. Nothing is copied, for the first that matches is often an
/// early one.
fn merged(mut rows: Vec<&[usize]>) -> impl Iterator<Item = usize> {
    std::iter::from_fn(move || {
        let least = rows.iter().filter_map(|row| row.first()).min().copied()?;
        for row in &mut rows {
            if let Some((first, rest)) = row.split_first()
                && *first == least
            {
                *row = rest;
            }
        }
        Some(least)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_become_one_in_order() {
        let rows: Vec<&[usize]> = vec![&[1, 4, 9], &[], &[0, 4, 5], &[9]];
        assert_eq!(merged(rows).collect::<Vec<_>>(), [0, 1, 4, 5, 9]);
        assert_eq!(merged(Vec::new()).next(), None);
    }

    #[test]
    fn what_names_both_stands_where_it_has_fewer_neighbours() {
        let gates = (0..5).map(|n| Gate {
            verdicts: None,
            forwarders: Some(vec!["@corp.example".into()]),
            destinations: Some(vec![format!("@partner{n}.example")]),
        });
        let table = Table::new(gates.collect());
        assert!(table.of_forwarder.is_empty());
        assert_eq!(table.of_destination["@partner3.example"], [3]);
    }
}
