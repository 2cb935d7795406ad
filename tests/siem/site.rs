//! A daemon in which everything has happened that events tell of: what is shipped for receivers is tried with its events.

use crate::support::{Daemon, Mta, free_port, wait_for};
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::process::Command;
use tempfile::TempDir;

/// The daemon, and where it keeps things.
pub(crate) struct Site {
    pub(crate) daemon: Daemon,
    /// The port of its metrics.
    pub(crate) admin: u16,
    state: TempDir,
}

impl Site {
    /// Starts it, and lets all of it happen.
    pub(crate) fn start() -> Self {
        let (admin, hop, state) = (free_port(), mail_server(), tempfile::tempdir().unwrap());
        let folder = state.path().display();
        let daemon = Daemon::start(&format!(
            r#"
[policy]
mode = "enforce"
[organization.classes]
freemail = ["freemail.example"]
[[admin]]
socket = "inet:127.0.0.1:{admin}"
[state]
directory = "{folder}/state"
learning = "0s"
fan_in = 2
burst = 6
imbalance = 6
[spool]
directory = "{folder}/spool"
[quarantine]
directory = "{folder}/quarantine"
[quarantine.release]
hop = "127.0.0.1:{hop}"
[[exception]]
id = "auditor"
forwarder = "carol@corp.example"
destination = "*"
[[exception]]
id = "ended"
forwarder = "dora@corp.example"
destination = "*"
owner = "finance"
expires = 2026-01-01
[[rule]]
id = "store"
when = {{ verdict = "auto_forward", destination = "@held.example" }}
then = ["store"]
[[rule]]
id = "tag"
when = {{ verdict = "auto_forward" }}
then = ["tag"]
[[output]]
name = "ecs"
format = "ecs"
to = "file:{folder}/ecs.jsonl"
[[output]]
name = "splunk"
format = "splunk_hec"
to = "file:{folder}/splunk.jsonl"
[[output]]
name = "leef"
format = "leef"
to = "file:{folder}/leef.log"
"#
        ));
        let site = Self { daemon, admin, state };
        site.happens();
        site
    }

    /// A file in which an output has written.
    pub(crate) fn output(&self, name: &str) -> String {
        std::fs::read_to_string(self.state.path().join(name)).unwrap()
    }

    /// Where that file is.
    pub(crate) fn path(&self, name: &str) -> std::path::PathBuf {
        self.state.path().join(name)
    }

    /// A mailbox forwards a message.
    pub(crate) fn forward(&self, forwarder: &str, destination: &str) {
        let rcpt = format!("<{destination}> ORCPT=rfc822;{forwarder}@corp.example");
        let to = format!("{forwarder}@corp.example");
        let id = format!("<{}@partner.example>", uuid());
        let mut mta = Mta::connect(self.daemon.addr);
        let headers = [("From", "Ann <ann@partner.example>"), ("To", &to), ("Message-ID", &id)];
        mta.message("<ann@partner.example>", &[&rcpt], &headers);
        mta.end_of_message();
    }

    fn happens(&self) {
        // The first that is ever seen is where learning begins.
        self.forward("ivan", "ivan@home.example");
        self.forward("alice", "alice.home@freemail.example");
        self.forward("bob", "alice.home@freemail.example");
        self.forward("carol", "carol.home@freemail.example");
        self.forward("dora", "dora@accountant.example");
        (0..6).for_each(|_| self.forward("erin", "erin@home.example"));
        self.forward("erin", "erin@elsewhere.example");
        self.forward("frida", "frida@held.example");
        // A BCC map: nobody was asked, and nobody is told.
        let mut mta = Mta::connect(self.daemon.addr);
        let copy = "<audit@archive.example> ORCPT=rfc822;audit@archive.example NOTIFY=NEVER";
        let headers =
            [("From", "ann@partner.example"), ("To", "frank@corp.example"), ("Message-ID", "<bcc@partner.example>")];
        mta.message("<ann@partner.example>", &[copy], &headers);
        mta.end_of_message();
        // What is no forward, and what somebody forwards by hand.
        self.daemon.assert_serving();
        let mut mta = Mta::connect(self.daemon.addr);
        let headers = [
            ("From", "gina@corp.example"),
            ("To", "ann@partner.example"),
            ("Subject", "Fwd: minutes"),
            ("Message-ID", "<by-hand@corp.example>"),
        ];
        mta.message("<gina@corp.example>", &["<ann@partner.example>"], &headers);
        mta.end_of_message();
        self.release();
    }

    /// Somebody lets go of what is held.
    fn release(&self) {
        let command = |arguments: &[&str]| {
            let mut command = Command::new(env!("CARGO_BIN_EXE_forwarden"));
            let output = command
                .arg("quarantine")
                .args(arguments)
                .arg("--config")
                .arg(self.daemon.path("forwarden.toml"))
                .output();
            let output = output.unwrap();
            assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
            String::from_utf8(output.stdout).unwrap()
        };
        let held: Vec<serde_json::Value> =
            command(&["list", "--format", "json"]).lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(held.len(), 1, "{held:?}");
        command(&["release", held[0]["id"].as_str().unwrap()]);
        wait_for("the event of a release", || {
            self.daemon.events(1).iter().any(|event| event["kind"] == "quarantine").then_some(())
        });
        // Every output has every event.
        let count = self.daemon.events(1).len();
        for name in ["ecs.jsonl", "splunk.jsonl", "leef.log"] {
            wait_for(name, || (self.output(name).lines().count() >= count).then_some(()));
        }
    }

    /// The events by their ids.
    pub(crate) fn events(&self) -> BTreeMap<String, serde_json::Value> {
        let events = self.daemon.events(1).into_iter();
        events.map(|event| (event["id"].as_str().unwrap().to_owned(), event)).collect()
    }
}

/// A mail server that takes whatever comes, as long as the test runs; its port.
fn mail_server() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for stream in listener.incoming().take(10).flatten() {
            let mut out = stream.try_clone().unwrap();
            let mut lines = BufReader::new(stream).lines().map_while(Result::ok);
            let _ = out.write_all(b"220 hop\r\n");
            while let Some(line) = lines.next() {
                let verb = line.split([' ', ':']).next().unwrap_or_default().to_ascii_uppercase();
                let reply: &[u8] = match verb.as_str() {
                    "EHLO" => b"250-hop\r\n250-DSN\r\n250 8BITMIME\r\n",
                    "DATA" => {
                        let _ = out.write_all(b"354 go on\r\n");
                        lines.by_ref().take_while(|line| line != ".").for_each(drop);
                        b"250 taken\r\n"
                    }
                    "QUIT" => b"221 bye\r\n",
                    _ => b"250 fine\r\n",
                };
                if out.write_all(reply).is_err() || verb == "QUIT" {
                    break;
                }
            }
        }
    });
    port
}

/// Something that is not there twice.
fn uuid() -> String {
    use std::sync::atomic::{AtomicU32, Ordering};
    static NEXT: AtomicU32 = AtomicU32::new(0);
    format!("m{}", NEXT.fetch_add(1, Ordering::Relaxed))
}
