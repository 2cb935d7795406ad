//! Files by way of the spool, and what outlives the daemon.

use crate::receiver::{self, Reserved};
use crate::site::{arrived, daemon, daemon_with, ids, ids_in, send, wait_until, written};
use crate::support::wait_for;
use rusqlite::Connection;

/// What was not delivered is delivered by the next daemon, and what was is not delivered again.
#[test]
fn the_next_daemon_goes_on_where_the_last_one_ended() {
    let (port, reserved) = Reserved::port();
    let mut daemon =
        daemon(&format!("[[output]]\nname = \"late\"\nformat = \"json\"\nto = \"tcp:127.0.0.1:{port}\"\n"));
    send(&daemon, 40);
    daemon.stop();
    assert_eq!(ids_in(&daemon.path("events.jsonl")).len(), 40, "the file had all before the end");
    let received = receiver::tcp(reserved);
    daemon.start_again();
    send(&daemon, 10);
    let wanted = written(&daemon, 50);
    let counts = arrived(&daemon, &wanted, || ids(&received.text()));
    assert!(counts.values().all(|count| *count == 1));
    assert!(ids_in(&daemon.path("events.jsonl")).values().all(|count| *count == 1));
}

#[test]
fn a_file_that_was_moved_away_is_made_anew() {
    let daemon = daemon("");
    let mut moved = 0;
    for round in 1..=5 {
        send(&daemon, 20);
        wait_for("the events", || (moved + ids_in(&daemon.path("events.jsonl")).len() == round * 20).then_some(()));
        moved += ids_in(&daemon.path("events.jsonl")).len();
        std::fs::rename(daemon.path("events.jsonl"), daemon.path(&format!("events.{round}"))).unwrap();
    }
    send(&daemon, 1);
    assert_eq!(written(&daemon, 1).len(), 1);
}

/// A file that is no database any longer is set aside; an event says so, and mail and events go on.
#[test]
fn a_damaged_spool_is_set_aside() {
    let mut daemon = daemon("");
    send(&daemon, 5);
    written(&daemon, 5);
    daemon.stop();
    std::fs::write(daemon.path("spool/spool.db"), "no database ".repeat(1_000)).unwrap();
    let _ = std::fs::remove_file(daemon.path("spool/spool.db-wal"));
    daemon.start_again();
    send(&daemon, 5);
    let events = daemon.events(11);
    let fault = events.iter().find(|event| event["kind"] == "fault").expect("an event that says so");
    assert_eq!((&fault["fault"], &fault["action"]), (&"spool".into(), &"set_aside".into()));
    let aside = std::fs::read_dir(daemon.path("spool"))
        .unwrap()
        .filter(|entry| entry.as_ref().unwrap().file_name().to_string_lossy().starts_with("spool.db.broken-"));
    assert_eq!(aside.count(), 1);
}

/// Of a file with one broken page, the events on the others are delivered.
#[test]
fn what_can_be_read_of_a_damaged_spool_is_delivered() {
    let (port, reserved) = Reserved::port();
    let mut daemon =
        daemon(&format!("[[output]]\nname = \"late\"\nformat = \"json\"\nto = \"tcp:127.0.0.1:{port}\"\n"));
    send(&daemon, 200);
    let wanted = written(&daemon, 200);
    daemon.stop();
    let path = daemon.path("spool/spool.db");
    Connection::open(&path).unwrap().execute_batch("PRAGMA wal_checkpoint(TRUNCATE)").unwrap();
    let mut octets = std::fs::read(&path).unwrap();
    // A page in the middle, of events.
    let page = octets.len() / 4096 / 2 * 4096;
    octets[page..page + 4096].fill(0x55);
    std::fs::write(&path, octets).unwrap();
    let received = receiver::tcp(reserved);
    daemon.start_again();
    send(&daemon, 1);
    let log = || daemon.log();
    wait_until(log, "most of them", || {
        wanted.iter().filter(|id| ids(&received.text()).contains_key(*id)).count() > 150
    });
    wait_for("the fault", || ids_in(&daemon.path("events.jsonl")).len().ge(&201).then_some(()));
}

/// Where more waits than the spool may hold, the oldest go: the receiver gets the rest, and an event that says how many
/// it never had.
#[test]
fn the_oldest_are_dropped_and_the_loss_is_told() {
    let (port, reserved) = Reserved::port();
    let daemon = daemon_with(
        "max_bytes = 4194304",
        &format!("[[output]]\nname = \"late\"\nformat = \"json\"\nto = \"tcp:127.0.0.1:{port}\"\n"),
    );
    // In steps, so that the file does not fall behind.
    let mut all = written(&daemon, 0);
    for step in 1..=8 {
        send(&daemon, 500);
        all = written(&daemon, 500 * step);
    }
    let loss = wait_for("the loss to be told", || {
        let text = std::fs::read_to_string(daemon.path("events.jsonl")).unwrap();
        text.lines().find(|line| line.contains("\"kind\":\"loss\"")).map(str::to_owned)
    });
    let loss: serde_json::Value = serde_json::from_str(&loss).unwrap();
    assert_eq!((&loss["output"], &loss["reason"]), (&"late".into(), &"spool_full".into()));
    let received = receiver::tcp(reserved);
    let last = all.iter().next_back().unwrap().clone();
    wait_for("the youngest", || ids(&received.text()).contains_key(&last).then_some(()));
    let got = ids(&received.text());
    assert!(received.text().contains("\"kind\":\"loss\""));
    let missing = all.iter().filter(|id| !got.contains_key(*id)).count();
    assert!(missing > 0 && got.len() > 1_000, "{missing} missing, {} there", got.len());
    // What was in the hands of the output already came first; after that, the oldest are those that went.
    let gaps = all.iter().zip(all.iter().skip(1)).filter(|(a, b)| got.contains_key(*a) && !got.contains_key(*b));
    assert!(gaps.count() <= 1, "the oldest are those that went");
    let database = Connection::open(daemon.path("spool/spool.db")).unwrap();
    let dropped: usize =
        database.query_row("SELECT dropped FROM output WHERE name = 'late'", [], |row| row.get(0)).unwrap();
    assert_eq!(dropped, missing, "every one was counted");
}
