//! The syslog of this host and its journal: a real rsyslog, a real syslog-ng and a real journald, each at a socket of its own.

use crate::site::{daemon, send, wait_until, written};
use crate::support::{Daemon, wait_for};
use nix::sys::signal::Signal;
use serde_json::Value;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// Ended by its pid.
struct Listener(Child);

impl Listener {
    fn start(command: &mut Command, log: &Path) -> Self {
        let log = std::fs::File::create(log).unwrap();
        Self(command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log).spawn().unwrap())
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        // It may have children, which it ends itself.
        let pid = nix::unistd::Pid::from_raw(i32::try_from(self.0.id()).unwrap());
        let _ = nix::sys::signal::kill(pid, Signal::SIGTERM);
        let _ = self.0.wait();
    }
}

fn output(name: &str, format: &str, socket: &Path) -> String {
    format!("[[output]]\nname = \"{name}\"\nformat = \"{format}\"\nto = \"unix:{}\"\n", socket.display())
}

/// Every record was read as one of this program and process, of a priority that suits it, and is a document.
fn are_read(daemon: &Daemon, records: &[Value], wanted: &BTreeSet<String>) {
    let mut ids = BTreeSet::new();
    for record in records {
        assert_eq!(record["program"], "forwarden", "{record}");
        assert_eq!(record["process"], daemon.pid().to_string(), "{record}");
        assert_eq!(record["facility"], "16", "{record}");
        assert_eq!(record["severity"], "4", "{record}");
        let document: Value = serde_json::from_str(record["message"].as_str().unwrap()).unwrap();
        assert_eq!(document["event"]["code"], "auto_forward");
        ids.insert(document["event"]["id"].as_str().unwrap().to_owned());
    }
    assert_eq!((records.len(), &ids), (wanted.len(), wanted));
}

fn is_read_at(socket: &Path, records: impl Fn() -> Vec<Value>, said: &Path) {
    wait_for("the socket", || socket.exists().then_some(()));
    let daemon = daemon(&output("local", "syslog_local", socket));
    send(&daemon, 50);
    let wanted = written(&daemon, 50);
    let log = || daemon.log() + &std::fs::read_to_string(said).unwrap_or_default();
    wait_until(log, "the records", || records().len() >= 50);
    are_read(&daemon, &records(), &wanted);
}

/// The whole lines of a file of JSON.
fn lines(path: &Path) -> Vec<Value> {
    let text = std::fs::read_to_string(path).unwrap_or_default();
    let whole = text.rfind('\n').map_or("", |end| &text[..end]);
    whole.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"))).collect()
}

#[test]
fn rsyslog_reads_what_programs_of_its_host_say() {
    if !Path::new("/usr/sbin/rsyslogd").exists() {
        assert!(std::env::var_os("CI").is_none(), "rsyslog is not installed");
        eprintln!("SKIPPED: rsyslog is not installed; lab/install-packages installs it");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let property =
        |(outname, name): (&str, &str)| format!("property(outname=\"{outname}\" name=\"{name}\" format=\"jsonf\")\n");
    let properties: String = [
        ("program", "programname"),
        ("process", "procid"),
        ("facility", "syslogfacility"),
        ("severity", "syslogseverity"),
        ("message", "msg"),
    ]
    .map(property)
    .concat();
    let config = format!(
        "global(workDirectory=\"{0}\" net.enableDNS=\"off\")\nmodule(load=\"imuxsock\" sysSock.use=\"off\")\n\
         input(type=\"imuxsock\" socket=\"{0}/log\")\ntemplate(name=\"read\" type=\"list\" option.jsonf=\"on\") {{\n{properties} }}\n\
         action(type=\"omfile\" file=\"{0}/read\" template=\"read\")\n",
        folder.path().display()
    );
    std::fs::write(path("conf"), config).unwrap();
    let mut command = Command::new("/usr/sbin/rsyslogd");
    let _rsyslog =
        Listener::start(command.args(["-n", "-f"]).arg(path("conf")).arg("-i").arg(path("pid")), &path("said"));
    is_read_at(&path("log"), || lines(&path("read")), &path("said"));
}

#[test]
#[ignore = "make test-siem"]
fn syslog_ng_reads_what_programs_of_its_host_say() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/siem-tools/root");
    let program = root.join("usr/sbin/syslog-ng");
    assert!(program.exists(), "{} is missing: lab/siem-tools fetches it", program.display());
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let config = format!(
        "@version: 3.38\nsource s {{ unix-dgram(\"{0}/log\"); }};\n\
         destination d {{ file(\"{0}/read\" template(\"$(format-json program=$PROGRAM process=$PID \
         facility=$FACILITY_NUM severity=$LEVEL_NUM message=$MESSAGE)\\n\")); }};\nlog {{ source(s); destination(d); }};\n",
        folder.path().display()
    );
    std::fs::write(path("conf"), config).unwrap();
    let own = root.join("usr/lib/syslog-ng");
    let system = root.join(format!("usr/lib/{}-linux-gnu", std::env::consts::ARCH));
    let mut command = Command::new(program);
    command.env("LD_LIBRARY_PATH", format!("{}:{}", system.display(), own.display()));
    command.arg("-F").arg("--no-caps").arg("--module-path").arg(own.join("3.38")).arg("-f").arg(path("conf"));
    command.arg("-R").arg(path("persist")).arg("-c").arg(path("ctl")).arg("-p").arg(path("pid"));
    let _syslog_ng = Listener::start(&mut command, &path("said"));
    is_read_at(&path("log"), || lines(&path("read")), &path("said"));
}

/// A journald with mounts of its own, so that it is not that of the host; `None` where there can be none.
fn journald(log: &Path) -> Option<(Listener, PathBuf)> {
    let script = "mount -t tmpfs none /run && mount -t tmpfs none /etc/systemd && mkdir -p /run/systemd/journal && \
                  printf '[Journal]\\nStorage=volatile\\nReadKMsg=no\\nAudit=no\\nRateLimitBurst=0\\n' >/etc/systemd/journald.conf && \
                  touch /run/ours && exec /lib/systemd/systemd-journald";
    let mut command = Command::new("unshare");
    command.args(["--mount", "--propagation", "private", "sh", "-c", script]);
    let mut listener = Listener::start(&mut command, log);
    let root = PathBuf::from(format!("/proc/{}/root", listener.0.id()));
    let started = wait_for("journald", || {
        if listener.0.try_wait().unwrap().is_some() {
            return Some(false);
        }
        (root.join("run/ours").exists() && root.join("run/systemd/journal/socket").exists()).then_some(true)
    });
    if started {
        return Some((listener, root));
    }
    let said = std::fs::read_to_string(log).unwrap();
    assert!(std::env::var_os("CI").is_none(), "journald cannot be started: {said}");
    eprintln!("SKIPPED: journald cannot be started: {said}");
    None
}

/// By both of its sockets.
#[test]
#[ignore = "make test-siem"]
fn journald_reads_what_programs_of_its_host_say() {
    let folder = tempfile::tempdir().unwrap();
    let Some((_journald, root)) = journald(&folder.path().join("said")) else { return };
    let sockets = root.join("run/systemd/journal");
    let daemon = daemon(
        &(output("local", "syslog_local", &sockets.join("dev-log"))
            + &output("fields", "journald", &sockets.join("socket"))),
    );
    send(&daemon, 50);
    let wanted = written(&daemon, 50);
    let entries = |filter: &[&str]| -> Vec<Value> {
        let mut command = Command::new("journalctl");
        command.arg("--directory").arg(root.join("run/log/journal")).args(["--output", "json", "--all", "--no-pager"]);
        let output = command.args(filter).output().unwrap();
        let lines = String::from_utf8(output.stdout).unwrap();
        lines.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
    };
    // As the manual asks.
    let local = || entries(&["_TRANSPORT=syslog", "SYSLOG_IDENTIFIER=forwarden"]);
    let fields = || entries(&["FORWARDEN_CODE=auto_forward", "FORWARDEN_FORWARDER=alice@corp.example"]);
    let log = || daemon.log() + &std::fs::read_to_string(folder.path().join("said")).unwrap_or_default();
    wait_until(log, "the entries", || local().len() >= 50 && fields().len() >= 50);
    let renamed = |entry: &Value| {
        serde_json::json!({
            "program": entry["SYSLOG_IDENTIFIER"], "process": entry["SYSLOG_PID"], "facility": entry["SYSLOG_FACILITY"],
            "severity": entry["PRIORITY"], "message": entry["MESSAGE"],
        })
    };
    are_read(&daemon, &local().iter().map(renamed).collect::<Vec<_>>(), &wanted);
    let entries = fields();
    let ids: BTreeSet<String> =
        entries.iter().map(|entry| entry["FORWARDEN_ID"].as_str().unwrap().to_owned()).collect();
    assert_eq!((entries.len(), ids), (50, wanted));
    for entry in entries {
        assert_eq!(entry["_TRANSPORT"], "journal");
        assert_eq!(entry["PRIORITY"], "4");
        assert_eq!(entry["SYSLOG_IDENTIFIER"], "forwarden");
        assert_eq!(entry["FORWARDEN_DESTINATIONS"], "x@ext.example");
        assert!(entry["MESSAGE"].as_str().unwrap().contains("alice@corp.example"), "{entry}");
    }
}
