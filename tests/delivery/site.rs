//! A daemon with a spool and outputs, mail for it, and what came of it.

use crate::support::{Daemon, Mta, PATIENCE, forward, wait_for};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::Instant;

/// A daemon that spools, with these outputs beside its file of events.
pub(crate) fn daemon(outputs: &str) -> Daemon {
    daemon_with("", outputs)
}

/// The same, with more keys of `[spool]`.
pub(crate) fn daemon_with(spool: &str, outputs: &str) -> Daemon {
    Daemon::start(&format!("[spool]\ndirectory = \"FOLDER/spool\"\nmin_free = 0\n{spool}\n{outputs}"))
}

/// Sends so many forwards on one connection.
pub(crate) fn send(daemon: &Daemon, count: usize) {
    let mut mta = Mta::connect(daemon.addr);
    for _ in 0..count {
        let (from, to, headers) = forward("<x@ext.example> ORCPT=rfc822;alice@corp.example");
        mta.message(from, &to, &headers);
        assert_eq!(mta.end_of_message().answer(), b'c');
    }
}

/// How often each id stands in this text: behind `id="` of structured data, or `"id":"` of JSON.
pub(crate) fn ids(text: &str) -> BTreeMap<String, usize> {
    let mut found = BTreeMap::new();
    for line in text.lines() {
        let id = ["id=\"", "\"id\":\"", "\"event_id\":\"", "\"EventUid\":\"", "\"productLogId\":\"", "\"_id\":\""]
            .iter()
            .filter_map(|mark| line.split_once(mark))
            .filter_map(|(_, rest)| rest.get(..36))
            .find(|id| id.bytes().all(|b| b.is_ascii_hexdigit() || b == b'-'));
        if let Some(id) = id {
            *found.entry(id.to_owned()).or_insert(0) += 1;
        }
    }
    found
}

/// The ids in a file of lines, the last of which may not be whole yet.
pub(crate) fn ids_in(path: &Path) -> BTreeMap<String, usize> {
    let text = std::fs::read(path).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    ids(text.rfind('\n').map_or("", |end| &text[..end]))
}

/// The ids of the daemon's own file, as soon as there are so many.
pub(crate) fn written(daemon: &Daemon, count: usize) -> BTreeSet<String> {
    wait_for("the file of events", || {
        let ids = ids_in(&daemon.path("events.jsonl"));
        (ids.len() >= count).then(|| ids.into_keys().collect())
    })
}

/// Waits until it is so; shows the log where it never is.
pub(crate) fn wait_until(log: impl Fn() -> String, what: &str, mut done: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !done() {
        assert!(begun.elapsed() < PATIENCE, "waited in vain for {what}: {}", log());
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
}

/// Waits until these have all arrived; how often each did.
pub(crate) fn arrived(
    daemon: &Daemon,
    wanted: &BTreeSet<String>,
    mut received: impl FnMut() -> BTreeMap<String, usize>,
) -> BTreeMap<String, usize> {
    let begun = Instant::now();
    loop {
        let ids = received();
        if wanted.iter().all(|id| ids.contains_key(id)) {
            return ids;
        }
        let missing = wanted.iter().filter(|id| !ids.contains_key(*id)).count();
        assert!(
            begun.elapsed() < PATIENCE * 3,
            "{missing} of {} events did not arrive: {}",
            wanted.len(),
            daemon.log()
        );
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
}
