//! Requests, and what becomes of events when receivers refuse, fail or break off.

use crate::http_server::{Fault, Server};
use crate::site::{arrived, daemon, send, wait_until, written};
use crate::support::{Daemon, Mta};
use rusqlite::Connection;

fn to(server: &Server, format: &str, path: &str, more: &str) -> Daemon {
    let addr = server.addr;
    daemon(&format!(
        "[[output]]\nname = \"siem\"\nformat = \"{format}\"\nto = \"http://{addr}{path}\"\nlinger = \"50ms\"\n{more}\n"
    ))
}

/// A forward by a mailbox of this name.
fn forward_of(daemon: &Daemon, name: &str) {
    let mut mta = Mta::connect(daemon.addr);
    let rcpt = format!("<x@ext.example> ORCPT=rfc822;{name}@corp.example");
    mta.message("<ann@partner.example>", &[&rcpt], &[("From", "ann@partner.example"), ("Message-ID", "<p@x.example>")]);
    assert_eq!(mta.end_of_message().answer(), b'c');
}

fn database(daemon: &Daemon) -> Connection {
    Connection::open(daemon.path("spool/spool.db")).unwrap()
}

fn number(daemon: &Daemon, sql: &str) -> usize {
    database(daemon).query_row(sql, [], |row| row.get(0)).unwrap()
}

fn token(text: &str) -> (tempfile::TempDir, String) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("token");
    std::fs::write(&file, format!("{text}\n")).unwrap();
    let key = format!("token_file = \"{}\"", file.display());
    (folder, key)
}

#[test]
fn splunk_gets_every_event_through_faults_of_every_kind() {
    let server = Server::start(&[
        Fault::Status(503, Some("1")),
        Fault::DropBefore,
        Fault::DropAfter,
        Fault::Status(429, None),
        Fault::Status(500, None),
    ]);
    let (_folder, token) = token("tok");
    let daemon = to(&server, "splunk_hec", "/services/collector/event", &format!("{token}\ngzip = true"));
    send(&daemon, 50);
    let wanted = written(&daemon, 50);
    let got = arrived(&daemon, &wanted, || server.ids());
    wait_until(|| daemon.log(), "an answer at last", || server.requests() > 5);
    assert!(got.values().all(|count| *count <= 2), "what was taken without an answer came again, with its id");
    let head = server.heads().pop().unwrap().to_lowercase();
    assert!(head.starts_with("post /services/collector/event http/1.1\r\n"), "{head}");
    assert!(head.contains("content-encoding: gzip") && head.contains("content-type: application/json"), "{head}");
}

#[test]
fn each_item_of_bulk_counts_for_itself() {
    let server = Server::start(&[Fault::DropAfter, Fault::Partial, Fault::Partial]);
    let daemon = to(&server, "elasticsearch_bulk", "/_bulk", "batch_events = 20");
    send(&daemon, 30);
    forward_of(&daemon, "poison");
    send(&daemon, 30);
    let all = written(&daemon, 61);
    let taken = || all.iter().filter(|id| server.ids().contains_key(*id)).count();
    wait_until(|| daemon.log(), "all but one", || taken() == 60);
    wait_until(|| daemon.log(), "the one", || number(&daemon, "SELECT count(*) FROM dead") == 1);
    assert!(server.ids().values().all(|count| *count == 1), "none is stored twice");
    assert!(server.conflicts() > 0, "409 counts as taken");
    let dead: String = database(&daemon).query_row("SELECT id FROM dead", [], |row| row.get(0)).unwrap();
    assert!(all.contains(&dead) && !server.ids().contains_key(&dead));
    assert_eq!(server.wrong(), Vec::<String>::new());
}

/// A batch that is refused is halved until the one event is found that is to blame.
#[test]
fn one_bad_event_does_not_hold_up_the_others() {
    let server = Server::start(&[]);
    let daemon = to(&server, "json", "/lines", "");
    send(&daemon, 20);
    forward_of(&daemon, "poison");
    send(&daemon, 20);
    let all = written(&daemon, 41);
    let taken = || all.iter().filter(|id| server.ids().contains_key(*id)).count();
    wait_until(|| daemon.log(), "all but one", || taken() == 40);
    wait_until(|| daemon.log(), "the one", || number(&daemon, "SELECT count(*) FROM dead") == 1);
    let said: String = database(&daemon).query_row("SELECT error FROM dead", [], |row| row.get(0)).unwrap();
    assert!(said.contains("422") && said.contains("thanks") && !said.contains('\u{1b}'), "{said}");
    wait_until(
        || daemon.log(),
        "the loss to be told",
        || std::fs::read_to_string(daemon.path("events.jsonl")).unwrap().contains("\"reason\":\"refused\""),
    );
}

/// A wrong token loses nothing: events wait, and the spool says why.
#[test]
fn a_wrong_token_holds_events_back() {
    let server = Server::start(&[]);
    let (folder, token) = token("wrong");
    let mut daemon = to(&server, "splunk_hec", "/services/collector/event", &token);
    send(&daemon, 10);
    let wanted = written(&daemon, 10);
    wait_until(
        || daemon.log(),
        "it to be held",
        || {
            number(&daemon, "SELECT count(*) FROM output WHERE name = 'siem' AND state = 'held' AND error LIKE '%403%'")
                == 1
        },
    );
    assert_eq!(number(&daemon, "SELECT count(*) FROM event"), 10);
    std::fs::write(folder.path().join("token"), "tok\n").unwrap();
    daemon.stop();
    daemon.start_again();
    arrived(&daemon, &wanted, || server.ids());
    assert_eq!(number(&daemon, "SELECT count(*) FROM dead"), 0);
}

#[test]
fn sentinel_gets_lists_with_a_token_that_is_asked_for_once() {
    let server = Server::start(&[Fault::Status(429, Some("1"))]);
    let folder = tempfile::tempdir().unwrap();
    let secret = folder.path().join("secret");
    std::fs::write(&secret, "s3cret+\n").unwrap();
    let daemon = to(
        &server,
        "sentinel",
        "/dataCollectionRules/dcr-0/streams/Custom-ForwardenEmail?api-version=2023-01-01",
        &format!(
            "oauth_url = \"http://{}/token\"\noauth_client = \"me\"\noauth_secret_file = \"{}\"\noauth_scope = \"all\"",
            server.addr,
            secret.display()
        ),
    );
    send(&daemon, 25);
    let wanted = written(&daemon, 25);
    arrived(&daemon, &wanted, || server.ids());
    assert_eq!((server.tokens(), server.wrong()), (1, Vec::new()));
    assert!(server.heads().iter().any(|head| head.contains("?api-version=2023-01-01")));
    assert!(!daemon.log().contains("s3cret"));
}
