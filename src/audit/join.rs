//! Rules beside traffic: which rule is used, which is not, and what leaves without a rule.

use super::finding::{Finding, Target};
use crate::message::Address;
use jiff::Timestamp;
use std::collections::HashMap;

/// What was seen of a pair.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Traffic {
    /// The mailbox that forwards.
    pub forwarder: String,
    /// Where it goes.
    pub destination: String,
    /// By what.
    pub mechanisms: Vec<String>,
    /// The first forward ever.
    pub first_seen: Timestamp,
    /// The last one.
    pub last_seen: Timestamp,
    /// Forwards in the days that were asked for.
    pub count: u64,
}

/// Rules and traffic.
#[derive(Debug, Default)]
pub struct Joined {
    /// For each rule, the traffic to its target: its place, and whether it is of the same mailbox.
    pub of_rule: Vec<Option<(usize, bool)>>,
    /// Traffic to targets that no rule has.
    pub without_rule: Vec<usize>,
}

/// Puts rules and traffic together.
pub fn join(findings: &[Finding], traffic: &[Traffic]) -> Joined {
    let mut to: HashMap<String, Vec<usize>> = HashMap::new();
    for (at, line) in traffic.iter().enumerate() {
        let destination = Address::parse(&line.destination);
        to.entry(destination.map_or_else(|| line.destination.to_lowercase(), |to| to.key())).or_default().push(at);
    }
    let mut used = vec![false; traffic.len()];
    let mut of_rule = Vec::with_capacity(findings.len());
    for finding in findings {
        let Target::Address(target) = &finding.target else {
            of_rule.push(None);
            continue;
        };
        // The local part of a pattern is not known before the mail is.
        let any = target.local() == "*" || target.local().contains(['$', '%']);
        let places: Vec<usize> = if any {
            let at_domain =
                |line: &Traffic| Address::parse(&line.destination).is_some_and(|to| to.domain() == target.domain());
            traffic.iter().enumerate().filter(|(_, line)| at_domain(line)).map(|(at, _)| at).collect()
        } else {
            to.get(&target.key()).cloned().unwrap_or_default()
        };
        for at in &places {
            used.get_mut(*at).into_iter().for_each(|used| *used = true);
        }
        let of = |at: &&usize| traffic.get(**at).is_some_and(|line| is_of(&finding.mailbox, &line.forwarder));
        let exact = places.iter().find(of).map(|at| (*at, true));
        of_rule.push(exact.or_else(|| places.first().map(|at| (*at, false))));
    }
    let without_rule = used.iter().enumerate().filter(|(_, used)| !**used).map(|(at, _)| at).collect();
    Joined { of_rule, without_rule }
}

/// Whether a forwarder is a rule's mailbox: a user's name, an address, a domain, or all.
fn is_of(mailbox: &str, forwarder: &str) -> bool {
    let Some(forwarder) = Address::parse(forwarder) else { return mailbox.eq_ignore_ascii_case(forwarder) };
    match (Address::parse(mailbox), mailbox.strip_prefix('@')) {
        (Some(mailbox), _) => mailbox.same_mailbox(&forwarder),
        (None, Some(domain)) => forwarder.domain().as_str().eq_ignore_ascii_case(domain),
        // Of a pattern nobody can tell.
        (None, None) => {
            mailbox == "*" || mailbox.starts_with('/') || forwarder.mailbox().local().eq_ignore_ascii_case(mailbox)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::Source;

    fn finding(mailbox: &str, target: &str) -> Finding {
        Finding {
            source: Source::Forward,
            file: "/x".into(),
            line: None,
            mailbox: mailbox.into(),
            target: crate::audit::target::target(target).unwrap(),
            keeps_copy: None,
            facts: None,
            notes: Vec::new(),
        }
    }

    fn traffic(forwarder: &str, destination: &str) -> Traffic {
        let time = Timestamp::UNIX_EPOCH;
        let mechanisms = Vec::new();
        Traffic {
            forwarder: forwarder.into(),
            destination: destination.into(),
            mechanisms,
            first_seen: time,
            last_seen: time,
            count: 1,
        }
    }

    #[test]
    fn rules_find_their_traffic() {
        let seen = [
            traffic("bob@corp.example", "x@ext.example"),
            traffic("alice+tag@corp.example", "X@ext.example"),
            traffic("carol@corp.example", "other@ext.example"),
            traffic("dave@corp.example", "any@archive.example"),
        ];
        let rules = [
            finding("alice", "x@ext.example"),
            finding("zoe@corp.example", "x@ext.example"),
            finding("@corp.example", "@archive.example"),
            finding("alice", "unused@ext.example"),
        ];
        let joined = join(&rules, &seen);
        assert_eq!(joined.of_rule, [Some((1, true)), Some((0, false)), Some((3, true)), None]);
        assert_eq!(joined.without_rule, [2]);
    }
}
