//! Splunk with indexer acknowledgement: only what is indexed is forgotten here.

use crate::http_server::{Fault, Server};
use crate::site::{arrived, daemon, send, wait_until, written};
use crate::support::Daemon;
use rusqlite::Connection;
use std::collections::BTreeSet;
use std::process::Command;

fn to(server: &Server, more: &str) -> (tempfile::TempDir, Daemon) {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("token"), "tok\n").unwrap();
    let daemon = daemon(&format!(
        "[[output]]\nname = \"splunk\"\nformat = \"splunk_hec\"\nto = \"http://{}/services/collector/event\"\n\
         token_file = \"{}/token\"\nlinger = \"50ms\"\n{more}\n",
        server.addr,
        folder.path().display()
    ));
    (folder, daemon)
}

fn waiting(daemon: &Daemon) -> usize {
    let database = Connection::open(daemon.path("spool/spool.db")).unwrap();
    database.query_row("SELECT count(*) FROM event", [], |row| row.get(0)).unwrap()
}

/// What `forwarden spool status` says of it.
fn status(daemon: &Daemon) -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_forwarden"));
    let output = command.args(["spool", "status", "--config"]).arg(daemon.path("forwarden.toml")).output().unwrap();
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn events_are_kept_until_they_are_indexed() {
    let server = Server::start(&[]);
    server.acks(|acks| acks.on = true);
    let (_folder, mut daemon) = to(&server, "acknowledge = true\ngzip = true");
    send(&daemon, 10);
    let wanted = written(&daemon, 10);
    arrived(&daemon, &wanted, || server.ids());
    wait_until(|| daemon.log(), "it to be asked again and again", || server.acks(|acks| acks.asked) >= 4);
    assert_eq!(waiting(&daemon), 10, "what is not indexed may be lost there");
    // It takes its time, and then all is well; no event went twice.
    server.acks(|acks| (acks.indexing, acks.late) = (true, 3));
    wait_until(|| daemon.log(), "nothing to wait", || waiting(&daemon) == 0);
    send(&daemon, 10);
    let wanted = written(&daemon, 20);
    let got = arrived(&daemon, &wanted, || server.ids());
    wait_until(|| daemon.log(), "nothing to wait", || waiting(&daemon) == 0);
    assert!(got.values().all(|count| *count == 1), "{got:?}");
    let channels = server.acks(|acks| acks.channels.clone());
    assert_eq!(channels.len(), 1, "one channel a run");
    daemon.stop();
    daemon.start_again();
    send(&daemon, 1);
    wait_until(|| daemon.log(), "another channel", || server.acks(|acks| acks.channels.len()) == 2);
    let asked = server.heads().into_iter().filter(|head| head.starts_with("POST /services/collector/ack "));
    assert!(
        asked.map(|head| head.to_lowercase()).all(|head| {
            head.contains("\r\nauthorization: splunk tok\r\n") && !head.contains("\r\ncontent-encoding:")
        })
    );
}

/// What is never acknowledged is sent again, and so is what a Splunk that was restarted forgot; nothing is lost, and what
/// came twice has its id.
#[test]
fn what_is_never_indexed_is_sent_again() {
    let server = Server::start(&[]);
    server.acks(|acks| acks.on = true);
    let (_folder, daemon) = to(&server, "acknowledge = true\ntimeout = \"2s\"");
    send(&daemon, 10);
    let wanted = written(&daemon, 10);
    let twice = |ids: &BTreeSet<String>| ids.iter().all(|id| server.ids().get(id).is_some_and(|count| *count >= 2));
    wait_until(|| daemon.log(), "them to come again", || twice(&wanted));
    assert!(daemon.log().contains("not indexed within"), "{}", daemon.log());
    assert!(status(&daemon).contains("waiting"), "{}", status(&daemon));
    // Restarted: it knows nothing of what it took.
    server.acks(|acks| {
        acks.forget();
        acks.indexing = true;
    });
    wait_until(|| daemon.log(), "nothing to wait", || waiting(&daemon) == 0);
    server.acks(|acks| acks.late = usize::MAX);
    send(&daemon, 10);
    let all = written(&daemon, 20);
    let later: BTreeSet<String> = all.difference(&wanted).cloned().collect();
    arrived(&daemon, &later, || server.ids());
    server.acks(|acks| {
        acks.forget();
        acks.late = 0;
    });
    wait_until(|| daemon.log(), "nothing to wait", || waiting(&daemon) == 0);
    assert!(twice(&later), "what was forgotten was sent again");
    let ids: BTreeSet<String> = server.ids().into_keys().collect();
    assert_eq!(ids, all);
}

/// A daemon that is told to end does not wait for an index for minutes: what was not acknowledged comes again.
#[test]
fn a_daemon_that_ends_leaves_the_rest_to_the_next() {
    let server = Server::start(&[]);
    server.acks(|acks| acks.on = true);
    let (_folder, mut daemon) = to(&server, "acknowledge = true");
    send(&daemon, 10);
    let wanted = written(&daemon, 10);
    arrived(&daemon, &wanted, || server.ids());
    daemon.stop();
    assert_eq!(waiting(&daemon), 10);
    server.acks(|acks| acks.indexing = true);
    daemon.start_again();
    wait_until(|| daemon.log(), "nothing to wait", || waiting(&daemon) == 0);
    let got = server.ids();
    assert!(wanted.iter().all(|id| got[id] == 2), "{got:?}");
}

/// Answers that fail while it is asked: a busy one is asked again, and after a broken connection events are sent again.
#[test]
fn it_may_fail_while_it_is_asked() {
    let busy = Fault::Status(503, Some("1"));
    // The first request asks whether acknowledgement is on, the second has the events.
    let faults = vec![None, None, Some(busy), Some(Fault::DropBefore), Some(Fault::DropBefore)];
    let server = Server::start_with(faults);
    server.acks(|acks| (acks.on, acks.indexing) = (true, true));
    let (_folder, daemon) = to(&server, "acknowledge = true");
    send(&daemon, 10);
    let wanted = written(&daemon, 10);
    arrived(&daemon, &wanted, || server.ids());
    wait_until(|| daemon.log(), "nothing to wait", || waiting(&daemon) == 0);
    assert!(server.ids().values().all(|count| *count <= 2), "{:?}", server.ids());
}

/// A key too many or too few is said by its name, and no event is taken over and over meanwhile.
#[test]
fn a_token_with_or_without_acknowledgement_is_told() {
    for (on, key, why) in
        [(true, "", "write acknowledge = true"), (false, "acknowledge = true", "or leave out acknowledge")]
    {
        let server = Server::start(&[]);
        server.acks(|acks| acks.on = on);
        let (_folder, daemon) = to(&server, key);
        send(&daemon, 3);
        written(&daemon, 3);
        wait_until(|| daemon.log(), "the reason", || status(&daemon).replace("\n ", "").contains(why));
        assert!(status(&daemon).contains(" held ") && daemon.log().contains(why), "{}", status(&daemon));
        assert_eq!((server.ids().len(), waiting(&daemon)), (0, 3));
        let mut command = Command::new(env!("CARGO_BIN_EXE_forwarden"));
        command.args(["outputs", "test", "splunk", "--config"]).arg(daemon.path("forwarden.toml"));
        let output = command.output().unwrap();
        assert!(!output.status.success() && String::from_utf8_lossy(&output.stderr).contains(why), "{output:?}");
    }
}
