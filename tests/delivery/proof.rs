//! What takes minutes: `make test-siem` runs it.

use crate::http_server::{Fault, Server};
use crate::receiver::{self, Reserved};
use crate::site::{arrived, daemon, ids, ids_in, send, wait_until, written};
use crate::small_disk::SmallDisk;
use crate::support::{Daemon, wait_for};
use crate::syslog_server::{Framing, Kind, SyslogServer};
use nix::sys::signal::Signal;
use rusqlite::Connection;
use std::collections::{BTreeMap, BTreeSet};
use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

const KILLS: usize = 20;
const EVENTS: usize = 10_000;

/// A daemon that is killed at random times, twenty times in ten thousand events, and a receiver that fails: every event that
/// was in the spool reaches the receiver, and no other does.
#[test]
#[ignore = "make test-siem"]
fn a_daemon_that_is_killed_loses_nothing_that_was_written() {
    // None is a request that goes well.
    let fault = |number: usize| match number % 6 {
        1 => Some(Fault::DropAfter),
        3 => Some(Fault::Status(503, Some("0"))),
        5 => Some(Fault::DropBefore),
        _ => None,
    };
    let faults: Vec<Option<Fault>> = (0..60).map(fault).collect();
    let server = Server::start_with(faults);
    let mut daemon = daemon(&format!(
        "[[output]]\nname = \"siem\"\nformat = \"json\"\nto = \"http://{}/lines\"\nlinger = \"0s\"\nbatch_events = 50\n",
        server.addr
    ));
    // Beside each event that is written, in the same transaction, its id.
    let database = wait_for("the spool", || {
        let path = daemon.path("spool/spool.db");
        let database = path.exists().then(|| Connection::open(path).ok()).flatten()?;
        database.busy_timeout(Duration::from_secs(10)).ok()?;
        database
            .execute_batch(
                "CREATE TABLE IF NOT EXISTS written (id TEXT NOT NULL);
                 CREATE TRIGGER IF NOT EXISTS noted AFTER INSERT ON event BEGIN INSERT INTO written VALUES (new.id); END;",
            )
            .ok()
            .map(|()| database)
    });
    drop(database);
    for kill in 1..=KILLS {
        send(&daemon, EVENTS / KILLS);
        // Somewhere among writing, sending and moving on.
        std::thread::sleep(Duration::from_micros(RandomState::new().hash_one(kill) % 60_000));
        daemon.kill();
        daemon.start_again();
    }
    let database = Connection::open(daemon.path("spool/spool.db")).unwrap();
    let noted: BTreeSet<String> = database
        .prepare("SELECT id FROM written")
        .unwrap()
        .query_map([], |row| row.get(0))
        .unwrap()
        .map(Result::unwrap)
        .collect();
    let got = arrived(&daemon, &noted, || server.ids());
    let invented: Vec<&String> = got.keys().filter(|id| !noted.contains(*id)).collect();
    assert!(invented.is_empty(), "{} came that were never written", invented.len());
    let twice: usize = got.values().map(|count| count - 1).sum();
    println!(
        "{EVENTS} messages answered, {} events written and all of them received, {} in the last moments before a kill \
         were not, {twice} received twice",
        noted.len(),
        EVENTS - noted.len()
    );
    // At most what a group holds, for each kill.
    assert!(noted.len() > EVENTS / 2);
}

/// A file system of 12 MiB runs full, with nothing kept free: mail is answered all the same, the youngest events reach the
/// receiver when it comes, and it is told how many it missed.
#[test]
#[ignore = "make test-siem"]
fn a_full_disk_costs_the_oldest_events_and_no_mail() {
    let Some(disk) = SmallDisk::mount("size=12m") else { return };
    let (port, reserved) = Reserved::port();
    let daemon = Daemon::start(&format!(
        "[spool]\ndirectory = \"{}\"\nmin_free = 0\n[[output]]\nname = \"late\"\nformat = \"json\"\nto = \"tcp:127.0.0.1:{port}\"\n",
        disk.path.display()
    ));
    for _ in 0..40 {
        send(&daemon, 200);
    }
    daemon.assert_serving();
    send(&daemon, 100);
    let received = receiver::tcp(reserved);
    // What an event tells of a loss is told again where that event is lost itself.
    let told = || -> u64 {
        let text = received.text();
        let losses: BTreeMap<String, u64> = text
            .lines()
            .filter(|line| line.contains("\"kind\":\"loss\""))
            .filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok())
            .filter(|loss| loss["output"] == "late" || loss["output"].is_null())
            .map(|loss| (loss["id"].to_string(), loss["count"].as_u64().unwrap()))
            .collect();
        losses.values().sum()
    };
    let messages = || {
        let text = received.text();
        text.lines().filter(|line| line.contains("\"kind\":\"message\"")).flat_map(|line| ids(line).into_keys()).count()
            as u64
    };
    let all = || format!("{} received and {} told as lost of 8101: {}", messages(), told(), daemon.log());
    wait_until_long(all, "every one to be received or told as lost", || messages() + told() >= 8_101);
    println!("{}", all().lines().next().unwrap());
    assert!(messages() > 200 && told() > 1_000, "{}", all());
    // None is told twice: beside messages only the few events that tell of faults can be among the lost.
    assert!(messages() + told() < 8_120, "{}", all());
}

/// What is told at most once a minute takes as long.
fn wait_until_long(log: impl Fn() -> String, what: &str, mut done: impl FnMut() -> bool) {
    for _ in 0..150 {
        if done() {
            return;
        }
        std::thread::sleep(Duration::from_secs(1));
    }
    panic!("waited in vain for {what}: {}", log());
}

/// A receiver that stands still, and goes on after its connections were given up: mail does not notice, and nothing is lost.
#[test]
#[ignore = "make test-siem"]
fn a_receiver_that_stands_still_gets_everything_when_it_goes_on() {
    let Some(rsyslog) = SyslogServer::start(Kind::Rsyslog, Framing::Octets, None) else { return };
    let daemon = daemon(&format!(
        "[[output]]\nname = \"siem\"\nformat = \"syslog\"\nto = \"tcp:127.0.0.1:{}\"\ntimeout = \"1s\"\n",
        rsyslog.port
    ));
    send(&daemon, 100);
    rsyslog.signal(Signal::SIGSTOP);
    for _ in 0..20 {
        send(&daemon, 200);
    }
    let wanted = written(&daemon, 4_100);
    wait_until(|| daemon.log(), "it to be given up", || daemon.log().contains("no answer within 1 s"));
    rsyslog.signal(Signal::SIGCONT);
    arrived(&daemon, &wanted, || ids_in(&rsyslog.out()));
}
