//! The daemon under test.

use crate::ports;
use crate::wait::{wait_for, wait_until};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;
use std::fs::{self, File};
use std::net::TcpStream;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};

/// What kind of socket the daemon listens on.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Socket {
    Unix,
    Inet,
}

impl Socket {
    /// An address of that kind, in the words of both Postfix and the daemon.
    pub(crate) fn address(self, dir: &Path, name: &str) -> String {
        match self {
            Self::Unix => format!("unix:{}", dir.join(name).with_extension("sock").display()),
            Self::Inet => format!("inet:127.0.0.1:{}", ports::free_port()),
        }
    }
}

/// A daemon that runs until it is dropped.
pub(crate) struct Daemon {
    dir: PathBuf,
    addresses: Vec<String>,
    child: Child,
}

impl Daemon {
    /// Starts `forwarden serve` with the configuration in `dir`, and waits until it listens on all of `addresses`.
    pub(crate) fn start(dir: &Path, addresses: &[String]) -> Self {
        let mut daemon = Self { dir: dir.to_owned(), addresses: addresses.to_vec(), child: spawn(dir) };
        daemon.wait_until_it_listens();
        daemon
    }

    /// Starts it again after it ended.
    pub(crate) fn restart(&mut self) {
        assert!(self.child.try_wait().expect("its state").is_some(), "it still runs");
        self.child = spawn(&self.dir);
        self.wait_until_it_listens();
    }

    fn wait_until_it_listens(&mut self) {
        wait_until("the daemon listens", || {
            if let Some(status) = self.child.try_wait().expect("its state") {
                panic!("the daemon ended with {status}:\n{}", self.log());
            }
            self.listens()
        });
    }

    /// Whether it takes sessions on all its sockets.
    pub(crate) fn listens(&self) -> bool {
        self.addresses.iter().all(|address| match address.split_once(':') {
            Some(("unix", path)) => UnixStream::connect(path).is_ok(),
            Some(("inet", address)) => TcpStream::connect(address).is_ok(),
            _ => panic!("no address: {address}"),
        })
    }

    /// Ends it as a power cut would.
    pub(crate) fn kill(&mut self) {
        self.child.kill().expect("it can be killed");
        self.child.wait().expect("it ended");
    }

    /// Waits until it has ended.
    pub(crate) fn wait(&mut self) -> ExitStatus {
        wait_for("the daemon ends", || self.child.try_wait().expect("its state"))
    }

    /// SIGTERM asks it to end, SIGHUP to read its configuration again.
    pub(crate) fn signal(&self, signal: Signal) {
        let pid = Pid::from_raw(self.child.id().try_into().expect("a process id"));
        kill(pid, signal).expect("a signal can be sent");
    }

    /// What it logged so far, over all its starts.
    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.dir.join("forwarden.log")).expect("the daemon's log")
    }

    /// The events so far.
    pub(crate) fn events(&self) -> Vec<Value> {
        let text = fs::read_to_string(self.dir.join("events.jsonl")).unwrap_or_default();
        // The last line may still be on its way.
        let whole = text.split_inclusive('\n').filter(|line| line.ends_with('\n'));
        whole.map(|line| serde_json::from_str(line).expect("an event in JSON")).collect()
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            eprintln!("--- log of the daemon ---\n{}", self.log());
            eprintln!("--- events ---\n{}", fs::read_to_string(self.dir.join("events.jsonl")).unwrap_or_default());
        }
    }
}

fn spawn(dir: &Path) -> Child {
    let log = File::options().create(true).append(true).open(dir.join("forwarden.log")).expect("a log");
    Command::new(env!("CARGO_BIN_EXE_forwarden"))
        .arg("serve")
        .arg("--config")
        .arg(dir.join("forwarden.toml"))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(log)
        .spawn()
        .expect("the daemon can be started")
}
