//! A real rsyslog or syslog-ng as the receiver, on loopback, in a folder of its own. Each writes down every record as it
//! came, and as it understood it.
//!
//! rsyslog is that of the system: without it these tests are skipped and say so; where `CI` is set, they fail. syslog-ng
//! excludes rsyslog in Debian, and is the one that `lab/siem-tools` unpacks.

use crate::certificates::Files;
use crate::support::{free_port, wait_for};
use nix::sys::signal::Signal;
use serde_json::{Map, Value};
use std::fmt::Write;
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// Which program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Rsyslog,
    SyslogNg,
}

/// How records are parted on the connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Framing {
    Octets,
    Line,
}

impl Framing {
    /// As an output has it.
    pub(crate) fn key(self) -> &'static str {
        match self {
            Self::Octets => "framing = \"octets\"",
            Self::Line => "framing = \"line\"",
        }
    }
}

/// Who it is on TLS, and who its clients must be.
pub(crate) struct Identity<'a> {
    pub(crate) own: &'a Files,
    /// The authority that must have signed the certificates of clients, where they need one.
    pub(crate) clients: Option<&'a Path>,
}

/// A record, as the receiver understood it.
#[derive(Debug)]
pub(crate) struct Read {
    /// Host, program, process and kind.
    pub(crate) header: [String; 4],
    /// The structured data of our own element.
    pub(crate) data: Map<String, Value>,
    pub(crate) message: String,
}

/// A running receiver. Ended when dropped.
pub(crate) struct SyslogServer {
    pub(crate) kind: Kind,
    folder: tempfile::TempDir,
    pub(crate) port: u16,
    child: Option<Child>,
}

impl SyslogServer {
    /// Starts one; `None` where there is none to be started.
    pub(crate) fn start(kind: Kind, framing: Framing, identity: Option<&Identity<'_>>) -> Option<Self> {
        if kind == Kind::Rsyslog && !Path::new("/usr/sbin/rsyslogd").exists() {
            assert!(std::env::var_os("CI").is_none(), "rsyslog is not installed");
            eprintln!("SKIPPED: rsyslog is not installed; lab/install-packages installs it");
            return None;
        }
        let folder = tempfile::tempdir().unwrap();
        let mut server = Self { kind, folder, port: free_port(), child: None };
        server.configure(framing, identity);
        server.start_again();
        Some(server)
    }

    /// Writes its configuration anew, for the next start.
    pub(crate) fn configure(&self, framing: Framing, identity: Option<&Identity<'_>>) {
        let text = match self.kind {
            Kind::Rsyslog => self.rsyslog(identity),
            Kind::SyslogNg => self.syslog_ng(framing, identity),
        };
        std::fs::write(self.path("conf"), text).unwrap();
    }

    /// rsyslog sees by itself how records are parted.
    fn rsyslog(&self, identity: Option<&Identity<'_>>) -> String {
        let (folder, port) = (self.folder.path().display(), self.port);
        let mut tls = String::new();
        let mut stream = String::new();
        if let Some(Identity { own, clients }) = identity {
            let ca = clients.unwrap_or(&own.certificate).display();
            let mode = if clients.is_some() { "x509/certvalid" } else { "anon" };
            let _ = write!(
                tls,
                " defaultNetstreamDriver=\"gtls\" defaultNetstreamDriverCAFile=\"{ca}\" \
                 defaultNetstreamDriverCertFile=\"{}\" defaultNetstreamDriverKeyFile=\"{}\"",
                own.certificate.display(),
                own.key.display()
            );
            stream = format!(" streamDriver.name=\"gtls\" streamDriver.mode=\"1\" streamDriver.authMode=\"{mode}\"");
        }
        // The default of 8 KiB would tear long records apart.
        format!(
            "global(workDirectory=\"{folder}\" maxMessageSize=\"64k\" net.enableDNS=\"off\"{tls})\n\
             module(load=\"imtcp\"{stream})\nmodule(load=\"mmpstrucdata\")\n\
             template(name=\"raw\" type=\"string\" string=\"%rawmsg%\\n\")\n\
             template(name=\"read\" type=\"list\" option.jsonf=\"on\") {{\n\
             property(outname=\"host\" name=\"hostname\" format=\"jsonf\")\n\
             property(outname=\"program\" name=\"app-name\" format=\"jsonf\")\n\
             property(outname=\"process\" name=\"procid\" format=\"jsonf\")\n\
             property(outname=\"kind\" name=\"msgid\" format=\"jsonf\")\n\
             property(outname=\"data\" name=\"$!rfc5424-sd\" format=\"jsonf\")\n\
             property(outname=\"message\" name=\"msg\" format=\"jsonf\") }}\n\
             input(type=\"imtcp\" address=\"127.0.0.1\" port=\"{port}\")\n\
             action(type=\"mmpstrucdata\" sd_name.lowercase=\"off\")\n\
             action(type=\"omfile\" file=\"{folder}/read\" template=\"read\")\n\
             action(type=\"omfile\" file=\"{folder}/out\" template=\"raw\")\n"
        )
    }

    /// `syslog()` counts octets, `network()` ends records by a line feed.
    fn syslog_ng(&self, framing: Framing, identity: Option<&Identity<'_>>) -> String {
        let (folder, port) = (self.folder.path().display(), self.port);
        let (driver, flags) = match framing {
            Framing::Octets => ("syslog", "store-raw-message"),
            Framing::Line => ("network", "syslog-protocol, store-raw-message"),
        };
        let mut transport = "transport(\"tcp\")".to_owned();
        if let Some(Identity { own, clients }) = identity {
            let peers = match clients {
                Some(ca) => format!("ca-file(\"{}\") peer-verify(required-trusted)", ca.display()),
                None => "peer-verify(optional-untrusted)".to_owned(),
            };
            transport = format!(
                "transport(\"tls\") tls(key-file(\"{}\") cert-file(\"{}\") {peers})",
                own.key.display(),
                own.certificate.display()
            );
        }
        format!(
            "@version: 3.38\noptions {{ keep-hostname(yes); log-msg-size(65536); time-reopen(1); }};\n\
             source s {{ {driver}(ip(127.0.0.1) port({port}) {transport} flags({flags})); }};\n\
             template read {{ template(\"$(format-json host=$HOST program=$PROGRAM process=$PID kind=$MSGID \
             message=$MESSAGE --key .SDATA.*)\\n\"); }};\n\
             destination d {{ file(\"{folder}/read\" template(read)); file(\"{folder}/out\" template(\"$RAWMSG\\n\")); }};\n\
             log {{ source(s); destination(d); }};\n"
        )
    }

    fn command(&self) -> Command {
        match self.kind {
            Kind::Rsyslog => {
                let mut command = Command::new("/usr/sbin/rsyslogd");
                command.args(["-n", "-f"]).arg(self.path("conf")).arg("-i").arg(self.path("pid"));
                command
            }
            Kind::SyslogNg => {
                let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/siem-tools/root");
                let program = root.join("usr/sbin/syslog-ng");
                assert!(program.exists(), "{} is missing: lab/siem-tools fetches it", program.display());
                let own = root.join("usr/lib/syslog-ng");
                let system = root.join(format!("usr/lib/{}-linux-gnu", std::env::consts::ARCH));
                let mut command = Command::new(program);
                command.env("LD_LIBRARY_PATH", format!("{}:{}", system.display(), own.display()));
                command.arg("-F").arg("--no-caps").arg("--module-path").arg(own.join("3.38"));
                command.arg("-f").arg(self.path("conf")).arg("-R").arg(self.path("persist"));
                command.arg("-c").arg(self.path("ctl")).arg("-p").arg(self.path("pid"));
                command
            }
        }
    }

    /// Starts it again after it was stopped.
    pub(crate) fn start_again(&mut self) {
        let log = std::fs::OpenOptions::new().append(true).create(true).open(self.path("log")).unwrap();
        let child = self.command().stdin(Stdio::null()).stdout(Stdio::null()).stderr(log).spawn().unwrap();
        self.child = Some(child);
        let what = format!("{:?}", self.kind);
        wait_for(&what, || {
            if let Some(status) = self.child.as_mut().unwrap().try_wait().unwrap() {
                panic!("{what} ended, {status}: {}", std::fs::read_to_string(self.path("log")).unwrap());
            }
            TcpStream::connect(("127.0.0.1", self.port)).ok()
        });
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
        wait_for("the receiver to end", || child.try_wait().unwrap());
    }

    /// What it got, a line a record.
    pub(crate) fn out(&self) -> PathBuf {
        self.path("out")
    }

    /// What it understood of that.
    pub(crate) fn read(&self) -> Vec<Read> {
        let text = std::fs::read_to_string(self.path("read")).unwrap_or_default();
        let whole = text.rfind('\n').map_or("", |end| &text[..end]);
        whole.lines().map(|line| self.understood(serde_json::from_str(line).unwrap())).collect()
    }

    fn understood(&self, mut record: Value) -> Read {
        let header = ["host", "program", "process", "kind"].map(|key| record[key].as_str().unwrap().to_owned());
        let mut data = match self.kind {
            Kind::Rsyslog => record["data"].take(),
            Kind::SyslogNg => record["_SDATA"].take(),
        };
        // Some versions of rsyslog write it as a text of JSON.
        if let Some(text) = data.as_str() {
            data = serde_json::from_str(text).unwrap();
        }
        let Value::Object(data) = data["forwarden@32473"].take() else { panic!("no data of ours: {record}") };
        Read { header, data, message: record["message"].as_str().unwrap().trim_start().to_owned() }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }
}

impl Drop for SyslogServer {
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}
