//! rsyslog and syslog-ng with the configurations that are shipped: they find nothing wrong in them, and have every event
//! that was sent, over TLS, whole.

use crate::support::{free_port, wait_for};
use crate::{file, succeeds, tool};
use serde_json::Value;
use std::io::Write;
use std::path::Path;
use std::process::{Child, Command, Stdio};

/// Ended by its pid.
struct Receiver(Child);

impl Drop for Receiver {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A key, and a certificate of this name that is its own authority.
fn certificate(folder: &Path, name: &str) {
    let openssl = format!(
        "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN={name} \
         -addext subjectAltName=DNS:{name} -keyout key.pem -out cert.pem && cp cert.pem ca.pem"
    );
    succeeds(Command::new("sh").args(["-c", &openssl]).current_dir(folder));
}

/// A shipped configuration, for this folder and port.
fn configuration(name: &str, folder: &Path, port: u16) -> String {
    let text = std::fs::read_to_string(file(name)).unwrap();
    let folder = folder.display().to_string();
    text.replace("/etc/rsyslog.d/tls", &folder)
        .replace("/etc/syslog-ng/tls", &folder)
        .replace("/var/log/remote", &folder)
        .replace("0.0.0.0", "127.0.0.1")
        .replace("6514", &port.to_string())
}

/// The records as RFC 6587 frames them, and one that is not ours.
fn sent() -> (Vec<u8>, Vec<Value>) {
    let records = std::fs::read_to_string(file("tests/dialects/syslog")).unwrap();
    let mut bytes = Vec::new();
    let mut documents = Vec::new();
    for record in records.lines() {
        bytes.extend(format!("{} {record}", record.len()).bytes());
        let document = &record[record.find("] {").unwrap() + 2..];
        documents.push(serde_json::from_str(document).unwrap());
    }
    let other = "<13>1 2026-11-24T02:46:22.123Z mx1.corp.example cron 1 - - no event";
    bytes.extend(format!("{} {other}", other.len()).bytes());
    (bytes, documents)
}

fn send(folder: &Path, port: u16, bytes: &[u8]) {
    wait_for("the receiver to listen", || std::net::TcpStream::connect(("127.0.0.1", port)).ok());
    let mut client = Command::new("openssl")
        .args([
            "s_client",
            "-quiet",
            "-no_ign_eof",
            "-verify_return_error",
            "-CAfile",
            "ca.pem",
            "-cert",
            "cert.pem",
            "-key",
            "key.pem",
        ])
        .args(["-verify_hostname", "mx1.corp.example", "-connect", &format!("127.0.0.1:{port}")])
        .current_dir(folder)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    client.stdin.take().unwrap().write_all(bytes).unwrap();
    let output = client.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

fn lines(path: &Path) -> Vec<String> {
    std::fs::read_to_string(path).unwrap_or_default().lines().map(str::to_owned).collect()
}

/// Sends all of it, and looks at what has come.
fn has_everything(folder: &Path, port: u16) {
    let (bytes, documents) = sent();
    send(folder, port, &bytes);
    let received = wait_for("the documents", || {
        let received = lines(&folder.join("forwarden.jsonl"));
        (received.len() >= documents.len()).then_some(received)
    });
    let received: Vec<Value> = received.iter().map(|line| serde_json::from_str(line).unwrap()).collect();
    for (received, document) in received.iter().zip(&documents) {
        assert!(received == document, "{received}\nis not\n{document}");
    }
    assert_eq!(received.len(), documents.len());
    let forwards = wait_for("forwards", || {
        let forwards = lines(&folder.join("forwarden-forwards.log"));
        (forwards.len() >= 2).then_some(forwards)
    });
    assert_eq!(forwards.len(), 2, "{forwards:?}");
    assert!(forwards.iter().all(|line| line.contains("alice@corp.example") && line.contains("mx1.corp.example")));
    let other = wait_for("what is not ours", || {
        let other = lines(&folder.join("forwarden-other.log"));
        (!other.is_empty()).then_some(other)
    });
    assert!(other.len() == 1 && other[0].contains("no event"), "{other:?}");
}

#[test]
#[ignore = "make test-siem"]
fn rsyslog_takes_every_event() {
    let (folder, port) = (tempfile::tempdir().unwrap(), free_port());
    certificate(folder.path(), "mx1.corp.example");
    let config = folder.path().join("rsyslog.conf");
    std::fs::write(&config, configuration("conf/siem/rsyslog/forwarden.conf", folder.path(), port)).unwrap();
    let modules = file(&format!("target/siem-tools/root/usr/lib/{}-linux-gnu/rsyslog", std::env::consts::ARCH));
    let rsyslogd = || {
        let mut command = tool("usr/sbin/rsyslogd");
        command.arg("-M").arg(&modules).arg("-f").arg(&config).arg("-i").arg(folder.path().join("pid"));
        command
    };
    let said = succeeds(rsyslogd().arg("-N1"));
    assert!(!said.contains("rror") && !said.contains("warning"), "{said}");
    let log = std::fs::File::create(folder.path().join("said")).unwrap();
    let _receiver = Receiver(rsyslogd().arg("-n").stderr(log).spawn().unwrap());
    has_everything(folder.path(), port);
}

#[test]
#[ignore = "make test-siem"]
fn syslog_ng_takes_every_event() {
    let (folder, port) = (tempfile::tempdir().unwrap(), free_port());
    certificate(folder.path(), "mx1.corp.example");
    let config = folder.path().join("syslog-ng.conf");
    let text = configuration("conf/siem/syslog-ng/forwarden.conf", folder.path(), port);
    std::fs::write(&config, format!("@version: 3.38\n{text}")).unwrap();
    let libraries = file("target/siem-tools/root/usr/lib/syslog-ng");
    let syslog_ng = || {
        let mut command = tool("usr/sbin/syslog-ng");
        let path = command.get_envs().find(|(name, _)| *name == "LD_LIBRARY_PATH").unwrap().1.unwrap().to_owned();
        command.env("LD_LIBRARY_PATH", format!("{}:{}", path.display(), libraries.display()));
        command.arg("--module-path").arg(libraries.join("3.38")).arg("-f").arg(&config).arg("--no-caps");
        command.arg("-R").arg(folder.path().join("persist")).arg("-c").arg(folder.path().join("ctl"));
        command.arg("-p").arg(folder.path().join("pid"));
        command
    };
    let said = succeeds(syslog_ng().arg("-s"));
    assert!(said.trim().is_empty(), "{said}");
    let log = std::fs::File::create(folder.path().join("said")).unwrap();
    let _receiver = Receiver(syslog_ng().arg("-F").stderr(log).spawn().unwrap());
    has_everything(folder.path(), port);
}
