//! The lab (`lab/sendmail-lab`), as the tests use it.

use crate::mail::mail;
use crate::wait::{wait_for, wait_until};
use serde_json::Value;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use tempfile::TempDir;

const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/lab/sendmail-lab");

/// Our own domain, and both listeners of `conf/sendmail`.
const CONFIG: &str = r#"
[organization]
domains = ["corp.example"]
networks = ["198.51.100.0/24"]

[[listener]]
name = "inbound"
role = "observe"
direction = "inbound"
socket = "inet:127.0.0.1:8890"

[[listener]]
name = "outbound"
socket = "inet:127.0.0.1:8891"

[events]
output = "file:/lab/events.jsonl"
ordinary = true

[quarantine]
directory = "/lab/quarantine"

[quarantine.release]
hop = "127.0.0.1:10040"
sendmail = "/etc/mail/sendmail-out.cf"
"#;

/// The folder of what cargo built.
fn programs() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_forwarden")).parent().expect("the build's folder")
}

/// What the sink was sent in one transaction.
pub(crate) struct Arrived {
    pub(crate) sender: String,
    pub(crate) recipients: Vec<String>,
    pub(crate) message: String,
}

/// A lab with a daemon in it, both running until this is dropped.
pub(crate) struct Lab {
    daemon: Child,
    dir: TempDir,
}

impl Lab {
    /// Everything up and running; `policy` is the rest of the configuration.
    pub(crate) fn up(policy: &str) -> Self {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/sendmail-root");
        assert!(root.join(".forwarden-lab").exists(), "there is no Debian with Sendmail: make test-sendmail");
        build_examples();
        let dir = TempDir::with_prefix("forwarden-").expect("a temporary folder");
        fs::write(dir.path().join("forwarden.toml"), format!("{CONFIG}{policy}")).expect("a configuration");
        let mut command = Command::new(SCRIPT);
        command.arg("up").arg(dir.path()).arg("--root").arg(root).arg("--bin").arg(programs());
        let output = command.output().expect("the lab's script");
        assert!(output.status.success(), "no lab: {}", String::from_utf8_lossy(&output.stderr));
        let daemon = start(dir.path());
        let lab = Self { daemon, dir };
        lab.daemon_listens();
        lab
    }

    fn daemon_listens(&self) {
        wait_until("the daemon is ready", || self.file("daemon.log").contains(" ready "));
    }

    /// A file of the lab as text; empty where there is none yet.
    pub(crate) fn file(&self, name: &str) -> String {
        fs::read_to_string(self.dir.path().join(name)).unwrap_or_default()
    }

    /// Runs a command inside.
    pub(crate) fn run(&self, command: &[&str], stdin: &[u8]) -> Output {
        let mut child = inside(self.dir.path(), command)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the lab's script");
        // A command that wants no input is not given any.
        let _ = child.stdin.take().expect("a pipe").write_all(stdin);
        child.wait_with_output().expect("its output")
    }

    /// Runs `forwarden` inside; what it printed.
    pub(crate) fn forwarden(&self, arguments: &[&str]) -> String {
        let command: Vec<&str> = std::iter::once("/opt/forwarden/forwarden").chain(arguments.iter().copied()).collect();
        let output = self.run(&[&command[..], &["--config", "/lab/forwarden.toml"]].concat(), b"");
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{arguments:?}: {said}");
        String::from_utf8(output.stdout).expect("text")
    }

    /// Ends the daemon.
    pub(crate) fn stop_daemon(&mut self) {
        let output = self.run(&["/bin/sh", "-c", "kill $(cat /lab/forwarden.pid)"], b"");
        assert!(output.status.success());
        self.daemon.wait().expect("its end");
        fs::remove_file(self.dir.path().join("daemon.log")).expect("its log");
    }

    /// Starts it again.
    pub(crate) fn start_daemon(&mut self) {
        self.daemon = start(self.dir.path());
        self.daemon_listens();
    }

    /// Hands a message to a server: what went wrong, if anything.
    fn send(
        &self,
        server: &str,
        source: &str,
        sender: &str,
        recipients: &[&str],
        message: &[u8],
    ) -> Result<(), String> {
        let mut command =
            vec!["/opt/forwarden/examples/smtp-send", "--to", server, "--source", source, "--from", sender];
        recipients.iter().for_each(|recipient| command.extend(["--rcpt", recipient]));
        let output = self.run(&command, message);
        if output.status.success() { Ok(()) } else { Err(String::from_utf8_lossy(&output.stderr).into_owned()) }
    }

    /// `ann@partner.example` writes to somebody inside.
    pub(crate) fn ann_writes_to(&self, recipient: &str, id: &str) {
        let address = recipient.split(' ').next().expect("an address");
        self.ann_sends(recipient, &mail(id, "ann@partner.example", address, ""));
    }

    /// `ann@partner.example` sends this to somebody inside.
    pub(crate) fn ann_sends(&self, recipient: &str, message: &[u8]) {
        let source = "mx.partner.example=203.0.113.10";
        self.send("198.51.100.10:25", source, "ann@partner.example", &[recipient], message).expect("it is taken");
    }

    /// `dave@corp.example` writes to somebody outside.
    pub(crate) fn dave_writes_to(&self, recipient: &str, id: &str) {
        let source = "desk.corp.example=198.51.100.20";
        let message = mail(id, "dave@corp.example", recipient, "");
        self.send("198.51.100.10:25", source, "dave@corp.example", &[recipient], &message).expect("it is taken");
    }

    /// The server in front hands a message to the hop.
    pub(crate) fn hop_is_sent(&self, recipients: &[&str], message: &[u8]) -> Result<(), String> {
        let source = "mail.corp.example=127.0.0.1";
        self.send("127.0.0.1:10040", source, "ann@partner.example", recipients, message)
    }

    /// All that reached the outside world so far for this address.
    pub(crate) fn arrived_at(&self, recipient: &str) -> Vec<Arrived> {
        let entries = fs::read_dir(self.dir.path().join("sink")).expect("the sink's folder");
        let paths = entries.map(|entry| entry.expect("an entry").path());
        let mut envelopes: Vec<PathBuf> = paths.filter(|path| path.extension().is_some_and(|e| e == "json")).collect();
        envelopes.sort();
        let read = |path: &PathBuf| {
            let envelope: Value = serde_json::from_slice(&fs::read(path).expect("an envelope")).expect("JSON");
            let address = |path: &Value| path["address"].as_str().expect("an address").to_owned();
            Arrived {
                sender: address(&envelope["mail"]),
                recipients: envelope["recipients"].as_array().expect("recipients").iter().map(address).collect(),
                message: fs::read_to_string(path.with_extension("eml")).expect("a message"),
            }
        };
        envelopes.iter().map(read).filter(|arrived| arrived.recipients.iter().any(|to| to == recipient)).collect()
    }

    /// Waits for the first mail to arrive outside at this address.
    #[track_caller]
    pub(crate) fn arrives_at(&self, recipient: &str) -> Arrived {
        wait_for(&format!("mail arrives at {recipient}"), || self.arrived_at(recipient).into_iter().next())
    }

    /// The events so far of this listener on mail to this destination.
    pub(crate) fn events_for(&self, listener: &str, destination: &str) -> Vec<Value> {
        let text = self.file("events.jsonl");
        let whole = text.split_inclusive('\n').filter(|line| line.ends_with('\n'));
        let events = whole.map(|line| serde_json::from_str::<Value>(line).expect("an event"));
        let to =
            |event: &Value| event["destinations"].as_array().is_some_and(|all| all.iter().any(|to| to == destination));
        events.filter(|event| event["listener"] == listener && to(event)).collect()
    }

    /// Waits for the first of them.
    #[track_caller]
    pub(crate) fn event_for(&self, listener: &str, destination: &str) -> Value {
        wait_for(&format!("an event for {destination}"), || self.events_for(listener, destination).into_iter().next())
    }

    /// The files in a queue, `mqueue` or `mqueue-out`.
    pub(crate) fn queue(&self, name: &str) -> Vec<String> {
        let entries = fs::read_dir(self.dir.path().join("spool").join(name)).expect("a queue");
        entries.map(|entry| entry.expect("an entry").file_name().into_string().expect("a name")).collect()
    }

    /// Waits until a queue is empty.
    #[track_caller]
    pub(crate) fn queue_runs_empty(&self, name: &str) {
        wait_until(&format!("{name} is empty"), || self.queue(name).is_empty());
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        if std::thread::panicking() {
            for name in ["maillog", "daemon.log", "events.jsonl"] {
                eprintln!("--- {name} ---\n{}", self.file(name));
            }
        }
        let status = Command::new(SCRIPT).arg("down").arg(self.dir.path()).status();
        if !status.is_ok_and(|status| status.success()) {
            eprintln!("the lab in {} did not go down", self.dir.path().display());
        }
        let _ = self.daemon.kill();
        let _ = self.daemon.wait();
    }
}

fn inside(dir: &Path, command: &[&str]) -> Command {
    let mut script = Command::new(SCRIPT);
    script.arg("exec").arg(dir).args(command);
    script
}

/// Starts the daemon inside. Its process id there is in a file: what is started here only leads to it.
fn start(dir: &Path) -> Child {
    let serve = "echo $$ >/lab/forwarden.pid
        exec /opt/forwarden/forwarden serve --config /lab/forwarden.toml 2>/lab/daemon.log";
    let mut command = inside(dir, &["/bin/sh", "-c", serve]);
    command.stdin(Stdio::null()).stdout(Stdio::null()).spawn().expect("the lab's script")
}

/// Cargo builds the examples for `cargo test`, but not for `cargo test --test sendmail`.
fn build_examples() {
    static BUILT: std::sync::Once = std::sync::Once::new();
    BUILT.call_once(|| {
        let target = programs().parent().expect("the target folder");
        let profile = programs().file_name().and_then(|name| name.to_str()).expect("a profile");
        let profile = if profile == "debug" { "dev" } else { profile };
        let status = Command::new(env!("CARGO"))
            .args([
                "build",
                "--quiet",
                "--example",
                "sink",
                "--example",
                "smtp-send",
                "--profile",
                profile,
                "--target-dir",
            ])
            .arg(target)
            .arg("--manifest-path")
            .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml"))
            .status()
            .expect("cargo");
        assert!(status.success(), "the examples do not build");
    });
}
