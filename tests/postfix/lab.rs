//! The lab, as the tests use it: brought up by `lab/postfix-lab`, looked into by the files it keeps.

use crate::smtp::Session;
use serde_json::Value;
use std::collections::HashMap;
use std::io::Write;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;
use std::{env, fs, io};

const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/lab/postfix-lab");

/// Where the milter sits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Layout {
    /// In a loop through the same instance.
    A,
    /// On an outbound instance of its own.
    B,
}

/// One of the two servers; in layout A they are the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Server {
    /// The organisation's own.
    Inner,
    /// The one with the milter.
    Hop,
}

/// What the sink was sent in one transaction.
#[derive(Clone, Debug)]
pub(crate) struct Arrived {
    pub(crate) sender: String,
    pub(crate) recipients: Vec<String>,
    pub(crate) message: Vec<u8>,
}

impl Arrived {
    /// The message as text, for a look at its header fields.
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.message).into_owned()
    }

    /// The bodies of the header fields of that name, unfolded.
    pub(crate) fn fields(&self, name: &str) -> Vec<String> {
        let text = self.text();
        let (header, _) = text.split_once("\r\n\r\n").expect("a message with a body");
        let unfolded = header.replace("\r\n\t", " ").replace("\r\n ", " ");
        unfolded
            .split("\r\n")
            .filter_map(|line| line.split_once(':'))
            .filter(|(field, _)| field.eq_ignore_ascii_case(name))
            .map(|(_, body)| body.trim().to_owned())
            .collect()
    }
}

/// Whether Postfix can be started here. Says so if not; where `CI` is set, that is a failure.
pub(crate) fn available() -> bool {
    static AVAILABLE: LazyLock<bool> = LazyLock::new(|| {
        let installed = Command::new("sh")
            .args(["-c", "PATH=$PATH:/usr/sbin; command -v postfix >/dev/null && [ \"$(id -u)\" = 0 ]"])
            .status()
            .is_ok_and(|status| status.success());
        assert!(
            installed || env::var_os("CI").is_none(),
            "the tests need Postfix (lab/install-packages) and root to start it"
        );
        if !installed {
            // Written past the test harness, which shows nothing of a test that passes.
            let _ =
                writeln!(io::stderr(), "SKIPPED: the tests against Postfix: it is not installed, or this is not root");
        }
        installed
    });
    *AVAILABLE
}

/// An example program, built as the tests were. Cargo builds the examples for `cargo test`, but not for
/// `cargo test --test postfix`, and a stale one would mislead.
fn example(name: &str) -> PathBuf {
    static PROFILE_DIR: LazyLock<PathBuf> = LazyLock::new(|| {
        let profile_dir = Path::new(env!("CARGO_BIN_EXE_forwarden")).parent().expect("the binary's folder");
        let target_dir = profile_dir.parent().expect("the target folder");
        let profile = match profile_dir.file_name().and_then(|name| name.to_str()) {
            Some("debug") => "dev",
            Some(name) => name,
            None => panic!("the binary's folder has no name"),
        };
        let status = Command::new(env!("CARGO"))
            .args(["build", "--quiet", "--example", "sink", "--profile", profile, "--target-dir"])
            .arg(target_dir)
            .arg("--manifest-path")
            .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml"))
            .status()
            .expect("cargo can be run");
        assert!(status.success(), "the examples do not build");
        profile_dir.to_owned()
    });
    PROFILE_DIR.join("examples").join(name)
}

/// A lab that runs until it is dropped.
pub(crate) struct Lab {
    dir: PathBuf,
    env: HashMap<String, String>,
}

impl Lab {
    /// Brings a lab up under `dir`; `milter` and `observer` are addresses as Postfix writes them.
    pub(crate) fn up(dir: &Path, layout: Layout, milter: Option<&str>, observer: Option<&str>) -> Self {
        let mut command = Command::new(SCRIPT);
        command.arg("up").arg(dir).arg("--sink").arg(example("sink"));
        command.args(["--layout", if layout == Layout::A { "a" } else { "b" }]);
        for (option, address) in [("--milter", milter), ("--observer", observer)] {
            if let Some(address) = address {
                command.args([option, address]);
            }
        }
        let output = command.output().expect("the lab's script can be run");
        assert!(output.status.success(), "no lab: {}", String::from_utf8_lossy(&output.stderr));
        let env = fs::read_to_string(dir.join("lab.env")).expect("the lab's places");
        let env = env.lines().filter_map(|line| line.split_once('='));
        let env = env.map(|(key, value)| (key.to_owned(), value.to_owned())).collect();
        Self { dir: dir.to_owned(), env }
    }

    fn place(&self, server: Server, what: &str) -> &str {
        let server = if server == Server::Inner { "INNER" } else { "HOP" };
        &self.env[&format!("LAB_{server}_{what}")]
    }

    pub(crate) fn address(&self, server: Server) -> SocketAddr {
        self.place(server, "ADDRESS").parse().expect("an address")
    }

    /// The folder of a server's configuration.
    pub(crate) fn config(&self, server: Server) -> &str {
        self.place(server, "CONFIG")
    }

    /// What a server logged so far.
    pub(crate) fn log(&self, server: Server) -> String {
        fs::read_to_string(self.place(server, "LOG")).expect("a server's log")
    }

    /// A session as a host inside.
    pub(crate) fn session(&self, server: Server) -> Session {
        Session::connect(self.address(server), "desk.corp.example").expect("a session")
    }

    /// A session with the organisation's server as the outside host that mail of `sender` comes from.
    pub(crate) fn session_from_outside(&self, sender: &str) -> Session {
        let (_, domain) = sender.split_once('@').expect("a sender with a domain");
        let host = format!("mx.{domain}");
        Session::connect_as(self.address(Server::Inner), &host, "203.0.113.10").expect("a session")
    }

    /// All that reached the outside world so far, in order.
    pub(crate) fn sink(&self) -> Vec<Arrived> {
        let entries = fs::read_dir(&self.env["LAB_SINK_DIR"]).expect("the sink's folder");
        let paths = entries.map(|entry| entry.expect("an entry").path());
        let mut envelopes: Vec<_> = paths.filter(|path| path.extension().is_some_and(|e| e == "json")).collect();
        envelopes.sort();
        envelopes.iter().map(|path| read_transaction(path)).collect()
    }

    /// The mail in a server's queue, as `postqueue -j` tells it.
    pub(crate) fn queue(&self, server: Server) -> Vec<Value> {
        let listing = self.postfix(server, "postqueue", &["-j"]);
        listing.lines().map(|line| serde_json::from_str(line).expect("JSON of postqueue")).collect()
    }

    /// Releases a mail that is held, and has it delivered at once.
    pub(crate) fn release(&self, server: Server, queue_id: &str) {
        self.postfix(server, "postsuper", &["-H", queue_id]);
        self.postfix(server, "postqueue", &["-i", queue_id]);
    }

    /// Sets a parameter of main.cf, `name=value`, and has the server read it.
    pub(crate) fn set(&self, server: Server, parameter: &str) {
        self.postfix(server, "postconf", &["-e", parameter]);
        self.reload(server);
    }

    /// Adds a service to master.cf, as `postconf -M` writes it, and has the server read it.
    pub(crate) fn add_service(&self, server: Server, service: &str) {
        self.postfix(server, "postconf", &["-M", "-e", service]);
        self.reload(server);
    }

    fn reload(&self, server: Server) {
        // Postfix does not trust a file that was changed this very second.
        let minute_ago = std::time::SystemTime::now() - std::time::Duration::from_secs(60);
        for name in ["main.cf", "master.cf"] {
            let file = fs::File::options().write(true).open(Path::new(self.config(server)).join(name));
            file.and_then(|file| file.set_modified(minute_ago)).expect("a configuration file");
        }
        self.postfix(server, "postfix", &["reload"]);
    }

    /// The next hop of the outside world.
    pub(crate) fn outside(&self) -> String {
        let address = fs::read_to_string(self.dir.join("sink.address")).expect("the sink's address");
        let (host, port) = address.trim().rsplit_once(':').expect("a port");
        format!("[{host}]:{port}")
    }

    fn postfix(&self, server: Server, program: &str, arguments: &[&str]) -> String {
        let output = Command::new(format!("/usr/sbin/{program}"))
            .args(["-c", self.place(server, "CONFIG")])
            .args(arguments)
            .output()
            .expect("a program of Postfix");
        assert!(output.status.success(), "{program}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).expect("text")
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        if std::thread::panicking() {
            for server in ["inner", "hop"] {
                if let Ok(log) = fs::read_to_string(self.dir.join(server).join("log")) {
                    eprintln!("--- log of {server} ---\n{log}");
                }
            }
        }
        let status = Command::new(SCRIPT).arg("down").arg(&self.dir).status();
        if !status.is_ok_and(|status| status.success()) {
            eprintln!("the lab in {} did not go down", self.dir.display());
        }
    }
}

fn read_transaction(path: &Path) -> Arrived {
    let envelope: Value = serde_json::from_slice(&fs::read(path).expect("an envelope")).expect("JSON of the sink");
    let address = |path: &Value| path["address"].as_str().expect("an address").to_owned();
    Arrived {
        sender: address(&envelope["mail"]),
        recipients: envelope["recipients"].as_array().expect("recipients").iter().map(address).collect(),
        message: fs::read(path.with_extension("eml")).expect("a message"),
    }
}
