//! A real rsyslog as the receiver, on loopback, in a folder of its own. Without it these tests are skipped and say so;
//! where `CI` is set, they fail.

use crate::support::{free_port, wait_for};
use nix::sys::signal::Signal;
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// A running rsyslog. Ended when dropped.
pub(crate) struct Rsyslog {
    folder: tempfile::TempDir,
    pub(crate) port: u16,
    child: Option<Child>,
}

impl Rsyslog {
    /// Plain TCP.
    pub(crate) fn tcp() -> Option<Self> {
        Self::start("module(load=\"imtcp\")\n", "")
    }

    /// Starts one with this before and within its input; `None` where there is no rsyslog.
    pub(crate) fn start(before: &str, within: &str) -> Option<Self> {
        if !Path::new("/usr/sbin/rsyslogd").exists() {
            assert!(std::env::var_os("CI").is_none(), "rsyslog is not installed");
            eprintln!("SKIPPED: rsyslog is not installed; lab/install-packages installs it");
            return None;
        }
        let folder = tempfile::tempdir().unwrap();
        let port = free_port();
        let path = folder.path().display();
        // The default of 8 KiB would tear long records apart.
        let config = format!(
            "global(workDirectory=\"{path}\" maxMessageSize=\"64k\" net.enableDNS=\"off\")\n{before}\
             template(name=\"raw\" type=\"string\" string=\"%rawmsg%\\n\")\n\
             input(type=\"imtcp\" address=\"127.0.0.1\" port=\"{port}\" {within})\n\
             action(type=\"omfile\" file=\"{path}/out\" template=\"raw\")\n"
        );
        std::fs::write(folder.path().join("rsyslog.conf"), config).unwrap();
        let mut rsyslog = Self { folder, port, child: None };
        rsyslog.start_again();
        Some(rsyslog)
    }

    /// Starts it again after it was stopped.
    pub(crate) fn start_again(&mut self) {
        let log = std::fs::OpenOptions::new().append(true).create(true).open(self.path("log")).unwrap();
        let child = Command::new("/usr/sbin/rsyslogd")
            .args(["-n", "-f"])
            .arg(self.path("rsyslog.conf"))
            .arg("-i")
            .arg(self.path("pid"))
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .unwrap();
        self.child = Some(child);
        wait_for("rsyslog", || TcpStream::connect(("127.0.0.1", self.port)).ok());
    }

    pub(crate) fn signal(&self, signal: Signal) {
        let child = self.child.as_ref().unwrap();
        let pid = nix::unistd::Pid::from_raw(i32::try_from(child.id()).unwrap());
        nix::sys::signal::kill(pid, signal).unwrap();
    }

    /// Ends it as an administrator would.
    pub(crate) fn stop(&mut self) {
        self.signal(Signal::SIGTERM);
        let child = self.child.as_mut().unwrap();
        wait_for("rsyslog to end", || child.try_wait().unwrap());
    }

    /// What it wrote.
    pub(crate) fn out(&self) -> PathBuf {
        self.path("out")
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }
}

impl Drop for Rsyslog {
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}
