//! Two configurations, the same mail: what would change, by rule and by forwarder.

use crate::cli::source::{json, printable};
use crate::engine::Inspection;
use crate::policy::{Action, HeldBack};
use serde::Serialize;
use std::collections::BTreeMap;
use std::io::{self, Write};

/// What a configuration makes of one recipient.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
struct Treatment {
    verdict: &'static str,
    rule: Option<String>,
    exception: Option<String>,
    actions: Vec<&'static str>,
    action: &'static str,
    would: Vec<&'static str>,
    would_rule: Option<String>,
    held_back: Option<HeldBack>,
}

impl Treatment {
    fn all(inspection: &Inspection) -> Vec<Self> {
        let sides = inspection.assessments.iter().zip(&inspection.decisions).zip(&inspection.carried);
        sides
            .map(|((assessment, decision), carried)| {
                let would = carried.would.as_ref();
                Self {
                    verdict: assessment.verdict.name(),
                    rule: decision.rule.clone(),
                    exception: decision.exception.clone(),
                    actions: decision.actions.iter().map(Action::name).collect(),
                    action: carried.done.name(),
                    would: would.iter().map(|would| would.done.name()).collect(),
                    would_rule: would.and_then(|would| would.rule.clone()),
                    held_back: would.map(|would| would.held_back),
                }
            })
            .collect()
    }

    /// `rule freemail: quarantined`, with what would have been done in braces.
    fn text(&self) -> String {
        let by = match (&self.exception, &self.rule) {
            (Some(exception), _) => format!("exception {exception}"),
            (_, Some(rule)) => format!("rule {rule}"),
            _ => "default".to_owned(),
        };
        let would =
            match (self.would.first(), self.would_rule.as_ref().filter(|rule| Some(*rule) != self.rule.as_ref())) {
                (Some(would), Some(rule)) => format!(" (would be {would} by {rule})"),
                (Some(would), None) => format!(" (would be {would})"),
                _ => String::new(),
            };
        format!("{by}: {}{would}", self.action)
    }
}

/// One recipient that would be treated otherwise: the contract of `--format json`.
#[derive(Debug, Serialize)]
struct Change<'a> {
    case: &'a str,
    recipient: String,
    forwarder: Option<String>,
    before: &'a Treatment,
    after: &'a Treatment,
}

/// The changes seen so far.
#[derive(Debug, Default)]
pub(super) struct Changes {
    recipients: usize,
    changed: usize,
    by_rule: BTreeMap<(String, String), usize>,
    by_forwarder: BTreeMap<(String, String, String), usize>,
}

impl Changes {
    /// Whether there is any.
    pub(super) fn any(&self) -> bool {
        self.changed > 0
    }

    /// Compares what two configurations make of a message. With `lines`, each change is written there at once.
    pub(super) fn compare(
        &mut self,
        case: &str,
        before: &Inspection,
        after: &Inspection,
        mut lines: Option<&mut dyn Write>,
    ) -> io::Result<()> {
        let (old, new) = (Treatment::all(before), Treatment::all(after));
        for ((assessment, old), new) in before.assessments.iter().zip(&old).zip(&new) {
            self.recipients += 1;
            if old == new {
                continue;
            }
            self.changed += 1;
            // The new configuration may know the forwarder where the old one does not: own domains may be new.
            let now = after.assessments.iter().find(|after| after.recipient == assessment.recipient);
            let forwarder = assessment.forwarder.as_ref().or_else(|| now?.forwarder.as_ref()).map(ToString::to_string);
            if let Some(out) = &mut lines {
                let recipient = assessment.destination.to_string();
                let change = Change { case, recipient, forwarder, before: old, after: new };
                writeln!(out, "{}", json(&change))?;
                continue;
            }
            let forwarder = forwarder.map_or_else(|| "not known".to_owned(), |forwarder| printable(&forwarder, 44));
            let (old, new) = (old.text(), new.text());
            *self.by_rule.entry((old.clone(), new.clone())).or_default() += 1;
            *self.by_forwarder.entry((forwarder, old, new)).or_default() += 1;
        }
        Ok(())
    }

    /// The changes for people.
    pub(super) fn summary(&self, out: &mut dyn Write) -> io::Result<()> {
        let (recipients, changed) = (self.recipients, self.changed);
        if changed == 0 {
            return writeln!(out, "nothing changes for {recipients} outside recipients");
        }
        writeln!(out, "by rule")?;
        let mut rules: Vec<_> = self.by_rule.iter().collect();
        rules.sort_by_key(|(_, count)| std::cmp::Reverse(**count));
        for ((old, new), count) in rules {
            writeln!(out, "  {count:>6}  {old}\n      to  {new}")?;
        }
        writeln!(out, "\nby forwarder")?;
        let mut last = None;
        for ((forwarder, old, new), count) in &self.by_forwarder {
            if last != Some(forwarder) {
                writeln!(out, "  {forwarder}")?;
                last = Some(forwarder);
            }
            writeln!(out, "  {count:>6}  {old}\n      to  {new}")?;
        }
        writeln!(out, "\n{changed} of {recipients} outside recipients would be treated otherwise")
    }
}
