//! What ships for systemd, by systemd's own programs, and what the daemon says to a service manager: readiness, reloads, that
//! it is alive. Sockets that it is handed refuse no connection while the daemon is started again.

#![allow(clippy::expect_used, clippy::unwrap_used, clippy::panic, reason = "a test fails by them")]

mod support;

use nix::fcntl::{FcntlArg, FdFlag, fcntl};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::net::{SocketAddr, TcpListener};
use std::os::fd::{AsFd, AsRawFd};
use std::os::unix::net::{UnixDatagram, UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use support::{Mta, PATIENCE, forward, free_port, read_events, wait_for};

const ALICE: &str = "<x@ext.example> ORCPT=rfc822;alice@corp.example";

fn conf(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("conf").join(name)
}

/// Runs one of systemd's programs; `None` where it is not installed and need not be.
fn systemd(program: &str, args: &[&str]) -> Option<(ExitStatus, String)> {
    match Command::new(program).args(args).env("SYSTEMD_COLORS", "0").output() {
        Ok(output) => {
            let said = [output.stdout, output.stderr].concat();
            Some((output.status, String::from_utf8_lossy(&said).into_owned()))
        }
        Err(error) => {
            assert!(std::env::var_os("CI").is_none(), "{program}: {error}");
            eprintln!("SKIPPED: {program} is not installed; lab/install-packages installs it");
            None
        }
    }
}

/// Ended by its pid when dropped.
struct Running(Child);

impl Running {
    fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(i32::try_from(self.0.id()).unwrap()), signal).unwrap();
    }

    fn wait(&mut self) -> ExitStatus {
        wait_for("the daemon to end", || self.0.try_wait().unwrap())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A folder with a configuration that has these listeners.
fn site(listeners: &[String]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let listeners: String = listeners
        .iter()
        .enumerate()
        .map(|(number, socket)| format!("[[listener]]\nname = \"l{number}\"\nsocket = \"{socket}\"\n"))
        .collect();
    let events = folder.path().join("events.jsonl");
    let text = format!(
        "[organization]\ndomains = [\"corp.example\"]\n{listeners}[events]\noutput = \"file:{}\"\n",
        events.display()
    );
    std::fs::write(folder.path().join("f.toml"), text).unwrap();
    folder
}

fn log(folder: &Path) -> String {
    std::fs::read_to_string(folder.join("log")).unwrap_or_default()
}

/// Appends, so that one log tells of all daemons of a test.
fn log_file(folder: &Path) -> std::fs::File {
    std::fs::File::options().create(true).append(true).open(folder.join("log")).unwrap()
}

/// A message on a connection of its own, answered.
fn send(addr: SocketAddr) {
    let mut mta = Mta::connect(addr);
    let (from, rcpt, headers) = forward(ALICE);
    mta.message(from, &rcpt, &headers);
    assert_eq!(mta.end_of_message().answer(), b'c');
}

#[test]
fn the_unit_gives_nothing_away_that_is_not_needed() {
    let unit = conf("forwarden.service");
    let args = ["security", "--offline=true", "--threshold=20", "--no-pager", unit.to_str().unwrap()];
    let Some((status, said)) = systemd("systemd-analyze", &args) else { return };
    let line = said.lines().find(|line| line.contains("Overall exposure level")).unwrap_or_default();
    assert!(status.success() && line.contains("OK"), "{said}");
}

#[test]
fn systemd_understands_the_units() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["forwarden.service", "forwarden.socket"] {
        // The program need not be installed where the tests run.
        let text = std::fs::read_to_string(conf(name)).unwrap();
        let text = text.replace("/usr/bin/forwarden", env!("CARGO_BIN_EXE_forwarden"));
        std::fs::write(folder.path().join(name), text).unwrap();
    }
    for name in ["forwarden.service", "forwarden.socket"] {
        let unit = folder.path().join(name);
        let Some((status, said)) = systemd("systemd-analyze", &["verify", "--man=no", unit.to_str().unwrap()]) else {
            return;
        };
        // It loads the units that these name as well, and complains of what is wrong with the machine.
        let ours: Vec<&str> = said.lines().filter(|line| line.contains("forwarden")).collect();
        assert!(status.success() && ours.is_empty(), "{said}");
    }
}

/// systemd makes the user and the folders, in a root of their own.
#[test]
fn the_user_and_the_folders_are_made() {
    let root = tempfile::tempdir().unwrap();
    std::fs::create_dir(root.path().join("etc")).unwrap();
    let option = format!("--root={}", root.path().display());
    let (users, folders) = (conf("sysusers.conf"), conf("tmpfiles.conf"));
    let Some((status, said)) = systemd("systemd-sysusers", &[&option, users.to_str().unwrap()]) else { return };
    assert!(status.success(), "{said}");
    let accounts = std::fs::read_to_string(root.path().join("etc/passwd")).unwrap();
    assert!(accounts.contains("forwarden:x:") && accounts.contains(":/var/lib/forwarden:"), "{accounts}");
    if !nix::unistd::geteuid().is_root() {
        assert!(std::env::var_os("CI").is_none(), "CI runs as root");
        return;
    }
    let (status, said) = systemd("systemd-tmpfiles", &[&option, "--create", folders.to_str().unwrap()]).unwrap();
    assert!(status.success(), "{said}");
    for folder in ["etc/forwarden", "run/forwarden", "var/lib/forwarden", "var/log/forwarden"] {
        assert!(root.path().join(folder).is_dir(), "{folder}: {said}");
    }
}

/// The service manager's end of the notification socket.
struct Manager(UnixDatagram);

impl Manager {
    fn at(path: &Path) -> Self {
        let socket = UnixDatagram::bind(path).unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        Self(socket)
    }

    /// The next message that holds this line.
    fn hears(&self, line: &str) -> String {
        loop {
            let mut buffer = [0; 4096];
            let length = self.0.recv(&mut buffer).unwrap_or_else(|error| panic!("{line} is not said: {error}"));
            let said = String::from_utf8_lossy(&buffer[..length]).into_owned();
            if said.lines().any(|said| said.starts_with(line)) {
                return said;
            }
        }
    }
}

#[test]
fn the_service_manager_is_told() {
    let port = free_port();
    let folder = site(&[format!("inet:127.0.0.1:{port}")]);
    let config = folder.path().join("f.toml");
    let manager = Manager::at(&folder.path().join("notify"));
    let child = Command::new(env!("CARGO_BIN_EXE_forwarden"))
        .args(["serve", "--config", config.to_str().unwrap()])
        .env("NOTIFY_SOCKET", folder.path().join("notify"))
        .env("WATCHDOG_USEC", "200000")
        .stderr(log_file(folder.path()))
        .spawn()
        .unwrap();
    let mut daemon = Running(child);
    assert!(manager.hears("READY=1").contains("STATUS=mode observe, listeners: 1, rules: 0"));
    send(([127, 0, 0, 1], port).into());
    for _ in 0..3 {
        manager.hears("WATCHDOG=1");
    }

    daemon.signal(Signal::SIGHUP);
    assert!(manager.hears("RELOADING=1").contains("MONOTONIC_USEC="));
    assert!(manager.hears("READY=1").contains("STATUS=reloaded"));
    std::fs::write(&config, "rubbish").unwrap();
    daemon.signal(Signal::SIGHUP);
    manager.hears("RELOADING=1");
    assert!(manager.hears("READY=1").contains("STATUS=NOT RELOADED"));
    manager.hears("WATCHDOG=1");

    daemon.signal(Signal::SIGTERM);
    manager.hears("STOPPING=1");
    assert_eq!(daemon.wait().code(), Some(0));
}

/// The daemon, started with these sockets as the service manager would hand them over.
fn start_with_sockets(folder: &Path, sockets: &[&dyn AsFd]) -> Running {
    let mut script = String::from("LISTEN_PID=$$ LISTEN_FDS=\"$1\"; export LISTEN_PID LISTEN_FDS; ");
    let mut copies = Vec::new();
    for (index, socket) in sockets.iter().enumerate() {
        // A copy that outlives exec, with a number that the shell's own do not reach.
        let copy = socket.as_fd().try_clone_to_owned().unwrap();
        fcntl(&copy, FcntlArg::F_SETFD(FdFlag::empty())).unwrap();
        script += &format!("exec {}<&{}; ", index + 3, copy.as_raw_fd());
        copies.push(copy);
    }
    script += "exec \"$0\" serve --config \"$2\"";
    let child = Command::new("bash")
        .args(["-c", &script, env!("CARGO_BIN_EXE_forwarden"), &sockets.len().to_string()])
        .arg(folder.join("f.toml"))
        .stdin(Stdio::null())
        .stderr(log_file(folder))
        .spawn()
        .unwrap();
    Running(child)
}

#[test]
fn a_restart_refuses_no_connection() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = listener.local_addr().unwrap();
    let folder = site(&[format!("inet:{addr}")]);
    let (stop, sent) = (AtomicBool::new(false), AtomicUsize::new(0));
    std::thread::scope(|scope| {
        let sender = scope.spawn(|| {
            while !stop.load(Ordering::Relaxed) {
                // Refused, or cut off before its message was answered: either would fail here.
                send(addr);
                sent.fetch_add(1, Ordering::Relaxed);
            }
        });
        for _ in 0..3 {
            let mut daemon = start_with_sockets(folder.path(), &[&listener]);
            let before = sent.load(Ordering::Relaxed);
            wait_for("mail to flow", || {
                (sent.load(Ordering::Relaxed) > before + 5 || sender.is_finished()).then_some(())
            });
            daemon.signal(Signal::SIGTERM);
            assert_eq!(daemon.wait().code(), Some(0), "{}", log(folder.path()));
        }
        // One message is waiting in the socket now.
        let _daemon = start_with_sockets(folder.path(), &[&listener]);
        stop.store(true, Ordering::Relaxed);
        sender.join().unwrap();
    });
    let sent = sent.load(Ordering::Relaxed);
    let events = read_events(&folder.path().join("events.jsonl"));
    assert!(sent > 15 && events.len() >= sent - 1, "{sent} sent, {} events", events.len());
}

#[test]
fn a_unix_socket_that_was_handed_over_stays() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("out.sock");
    let listener = UnixListener::bind(&path).unwrap();
    let port = free_port();
    let folder = site(&[format!("unix:{}", path.display()), format!("inet:127.0.0.1:{port}")]);
    let mut daemon = start_with_sockets(folder.path(), &[&listener]);
    // The other listener is not handed over, and made as ever.
    wait_for("the daemon", || Mta::is_listening(([127, 0, 0, 1], port).into()).then_some(()));
    UnixStream::connect(&path).unwrap();
    daemon.signal(Signal::SIGTERM);
    assert_eq!(daemon.wait().code(), Some(0), "{}", log(folder.path()));
    assert!(path.exists());
    UnixStream::connect(&path).unwrap();
}

#[test]
fn a_socket_that_no_listener_has_is_refused() {
    let (ours, other) = (TcpListener::bind("127.0.0.1:0").unwrap(), TcpListener::bind("127.0.0.1:0").unwrap());
    let folder = site(&[format!("inet:{}", ours.local_addr().unwrap())]);
    let mut daemon = start_with_sockets(folder.path(), &[&ours, &other]);
    assert_eq!(daemon.wait().code(), Some(78));
    let wanted = format!(
        "the service manager listens on inet:{0}, and no [[listener]] does: write [[listener]] with socket = \"inet:{0}\"",
        other.local_addr().unwrap()
    );
    assert!(log(folder.path()).contains(&wanted), "{}", log(folder.path()));
}

#[test]
fn what_is_no_listening_socket_is_refused() {
    let datagrams = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    let (connected, _peer) = UnixStream::pair().unwrap();
    let file = tempfile::tempfile().unwrap();
    for (socket, why) in [
        (&datagrams as &dyn AsFd, "is not a valid tcp socket"),
        (&connected, "it does not listen"),
        (&file, "is not a socket"),
    ] {
        let folder = site(&[format!("inet:127.0.0.1:{}", free_port())]);
        let mut daemon = start_with_sockets(folder.path(), &[socket]);
        assert_eq!(daemon.wait().code(), Some(78));
        let said = log(folder.path());
        assert!(said.contains("socket 3 of the service manager: ") && said.contains(why), "{said}");
    }
}

/// systemd's own program listens, and starts the daemon at the first connection.
#[test]
fn systemd_starts_it_at_the_first_connection() {
    let port = free_port();
    let addr = SocketAddr::from(([127, 0, 0, 1], port));
    let folder = site(&[format!("inet:{addr}")]);
    let started = Command::new("systemd-socket-activate")
        .args(["-l", &addr.to_string(), env!("CARGO_BIN_EXE_forwarden"), "serve", "--config"])
        .arg(folder.path().join("f.toml"))
        .stderr(log_file(folder.path()))
        .spawn();
    let Ok(child) = started else {
        assert!(std::env::var_os("CI").is_none(), "systemd is not installed");
        return;
    };
    let mut daemon = Running(child);
    wait_for("systemd to listen", || log(folder.path()).contains("Listening on").then_some(()));
    send(addr);
    wait_for("the event", || (!read_events(&folder.path().join("events.jsonl")).is_empty()).then_some(()));
    daemon.signal(Signal::SIGTERM);
    assert_eq!(daemon.wait().code(), Some(0));
}
