//! What was approved: who answers for it, what passed by it, and whether it is still wanted.

use super::rows::day;
use super::table::Column;
use crate::policy::Exception;
use crate::state::Line;
use crate::usage::Book;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use std::collections::{BTreeSet, HashMap};

/// The columns.
pub(super) const COLUMNS: [Column; 14] = [
    Column::shown("exception", "exception", 22),
    Column::shown("owner", "owner", 16),
    Column::shown("count", "mails", 7),
    Column::shown("forwarders", "mailboxes", 10),
    Column::shown("used", "in all", 7),
    Column::shown("last_used", "last used", 11),
    Column::shown("ends", "ends", 11),
    Column::shown("state", "state", 8),
    Column::shown("reason", "reason", 0),
    Column::shown("ticket", "ticket", 0),
    Column::detail("forwarder", "forwarder"),
    Column::detail("destination", "destination"),
    Column::detail("created", "created"),
    Column::detail("bytes", "octets"),
];

/// How soon an end is soon.
const SOON: SignedDuration = SignedDuration::from_hours(24 * 30);
/// After how long without a use nobody seems to want it.
const IDLE: SignedDuration = SignedDuration::from_hours(24 * 90);

/// A row for each exception, those by which most passed first.
pub(super) fn rows(
    exceptions: &[Exception],
    book: Option<&Book>,
    lines: &[Line],
    now: Timestamp,
) -> Vec<(Vec<Value>, Vec<u64>)> {
    // What was applied last to a pair is what is known of it.
    let mut by_rule: HashMap<&str, Vec<&Line>> = HashMap::new();
    for line in lines {
        if let Some(rule) = &line.rule {
            by_rule.entry(rule).or_default().push(line);
        }
    }
    let mut rows: Vec<(u64, Vec<Value>, Vec<u64>)> = exceptions
        .iter()
        .map(|exception| {
            let passed = by_rule.get(exception.id.as_str()).map(Vec::as_slice).unwrap_or_default();
            let count: u64 = passed.iter().map(|line| line.count).sum();
            let forwarders: BTreeSet<&str> = passed.iter().map(|line| line.forwarder.as_str()).collect();
            let used = book.and_then(|book| book.exceptions.get(&exception.id));
            let card = &exception.card;
            let idle = used.map(|used| now.duration_since(used.idle_since(card.created)));
            let state = match exception.expires {
                Some(expires) if expires <= now => "expired",
                Some(expires) if expires.duration_since(now) <= SOON => "ends",
                _ if idle.is_some_and(|idle| idle >= IDLE) => "unused",
                _ => "valid",
            };
            // The end of a day is the beginning of the next.
            let ends =
                exception.expires.map(|end| day(end.saturating_sub(SignedDuration::from_secs(1)).unwrap_or(end)));
            let cells = vec![
                exception.id.as_str().into(),
                json!(card.owner),
                count.into(),
                forwarders.len().into(),
                json!(used.map(|used| used.total)),
                json!(used.and_then(|used| used.last).map(day)),
                json!(ends),
                state.into(),
                json!(card.reason),
                json!(card.ticket),
                card.forwarder.join(" ").into(),
                card.destination.join(" ").into(),
                json!(card.created.map(day)),
                passed.iter().map(|line| line.bytes).sum::<u64>().into(),
            ];
            let days = passed.iter().map(|line| line.daily.len()).max().unwrap_or_default();
            let daily = (0..days).map(|at| passed.iter().filter_map(|line| line.daily.get(at)).sum()).collect();
            (count, cells, daily)
        })
        .collect();
    rows.sort_by_key(|(count, ..)| std::cmp::Reverse(*count));
    rows.into_iter().map(|(_, cells, daily)| (cells, daily)).collect()
}
