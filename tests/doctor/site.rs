//! A site to look at: configurations of Postfix in a folder, and a daemon that listens.

use crate::support::Daemon;
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// The services of an instance, without anything that listens.
const MASTER: &str = include_str!("../../lab/postfix/master.cf");

/// An organisation's own server, which forwards in every way.
const INNER: &str = "compatibility_level = 3.6\nmyhostname = mail.corp.example\nmydomain = corp.example\n\
     myorigin = corp.example\nmydestination = corp.example, mail.corp.example, localhost\nmynetworks = 127.0.0.0/8\n\
     alias_maps = texthash:$config_directory/aliases\nalias_database =\nvirtual_alias_maps = texthash:$config_directory/virtual\n\
     recipient_bcc_maps = texthash:$config_directory/bcc\n";

/// Without Postfix there is nothing to test: said once, and a failure where `CI` is set.
pub(crate) fn available() -> bool {
    let found = Path::new("/usr/sbin/postconf").exists();
    assert!(found || std::env::var_os("CI").is_none(), "Postfix is not installed: lab/install-packages");
    if !found {
        eprintln!("SKIPPED: Postfix is not installed; lab/install-packages installs it");
    }
    found
}

/// A site.
pub(crate) struct Site {
    pub(crate) daemon: Daemon,
    instances: Vec<&'static str>,
}

impl Site {
    /// The daemon alone.
    pub(crate) fn new(daemon: Daemon) -> Self {
        Self { daemon, instances: Vec::new() }
    }

    /// Layout A, as the snippets have it.
    pub(crate) fn a() -> Self {
        let mut site = Self::new(Daemon::start(""));
        let main = format!("{INNER}{}", snippet("layout-a.main.cf"));
        site.instance("inner", &main, &format!("smtp inet n - n - - smtpd\n{}", snippet("layout-a.master.cf")));
        site
    }

    /// Layout B, as the snippets have it.
    pub(crate) fn b() -> Self {
        Self::b_with(Daemon::start(""))
    }

    /// The same, with a daemon that has more listeners.
    pub(crate) fn b_with(daemon: Daemon) -> Self {
        let mut site = Self::new(daemon);
        let main = format!("{INNER}default_transport = smtp:[127.0.0.1]:10040\nsmtp_tls_security_level = may\n");
        site.instance("inner", &main, "smtp inet n - n - - smtpd\n");
        site.instance("out", &snippet("layout-b.main.cf"), &snippet("layout-b.master.cf"));
        // As `postmulti -e create` has it.
        let out = site.dir("out");
        site.add(
            "inner",
            "main.cf",
            &format!("multi_instance_enable = yes\nmulti_instance_directories = {}\n", out.display()),
        );
        site.instances.retain(|name| *name != "out");
        site
    }

    /// Layout C: a relay.
    pub(crate) fn c() -> Self {
        let mut site = Self::new(Daemon::start(""));
        let main = "compatibility_level = 3.6\nmyhostname = relay.corp.example\nmyorigin = corp.example\nmydestination =\n\
             local_recipient_maps =\nlocal_transport = error:no mailboxes here\nalias_maps =\nrelay_domains =\n\
             mynetworks = 127.0.0.0/8, 198.51.100.0/24\nsmtpd_relay_restrictions = permit_mynetworks, reject\n\
             smtpd_forbid_bare_newline = normalize\nsmtpd_milters = inet:127.0.0.1:8891\nmilter_default_action = tempfail\n";
        site.instance("relay", main, "smtp inet n - n - - smtpd\n");
        site
    }

    /// An instance; its milter is the daemon.
    pub(crate) fn instance(&mut self, name: &'static str, main: &str, master: &str) {
        let dir = self.dir(name);
        std::fs::create_dir_all(dir.join("queue")).unwrap();
        let port = self.daemon.addr.port().to_string();
        let mut main = format!("{}queue_directory = {}\n", main.replace("8891", &port), dir.join("queue").display());
        // Of what a snippet says twice with the line above, the last counts.
        main = main.replace("queue_directory = /var/spool/postfix-out\n", "");
        write(dir.join("main.cf"), main);
        write(dir.join("master.cf"), format!("{MASTER}{}", master.replace("8891", &port)));
        for table in ["aliases", "virtual", "bcc"] {
            write(dir.join(table), "");
        }
        self.instances.push(name);
    }

    pub(crate) fn dir(&self, name: &str) -> PathBuf {
        self.daemon.path(name)
    }

    /// Adds lines to a file of an instance; `@DIR@` is its folder.
    pub(crate) fn add(&self, name: &str, file: &str, lines: &str) {
        let path = self.dir(name).join(file);
        let text = std::fs::read_to_string(&path).unwrap_or_default();
        let lines = lines.replace("@DIR@", self.dir(name).to_str().unwrap());
        write(path, format!("{text}{lines}"));
    }

    /// Changes a text in a file of an instance.
    pub(crate) fn edit(&self, name: &str, file: &str, from: &str, to: &str) {
        let path = self.dir(name).join(file);
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(text.contains(from), "{from} is not in {}:\n{text}", path.display());
        write(path, text.replace(from, to));
    }

    /// Has the doctor look.
    pub(crate) fn look(&self, more: &[&str]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_forwarden"));
        command.arg("doctor").arg("--config").arg(self.daemon.path("forwarden.toml"));
        for name in &self.instances {
            command.arg("--postfix-config").arg(self.dir(name));
        }
        command.args(more).output().unwrap()
    }

    /// What it finds.
    pub(crate) fn findings(&self) -> Vec<Value> {
        let output = self.look(&["--format", "json"]);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(said, "", "nothing went wrong");
        let findings: Vec<Value> =
            String::from_utf8(output.stdout).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let wrong = findings.iter().any(|finding| finding["severity"] != "note");
        assert_eq!(output.status.code(), Some(i32::from(wrong)), "{findings:#?}");
        findings
    }

    /// Does what a finding says is to be changed.
    pub(crate) fn follow(&self, finding: &Value) {
        let file = PathBuf::from(finding["file"].as_str().unwrap());
        for line in finding["change"].as_array().unwrap().iter().map(|line| line.as_str().unwrap()) {
            if let Some(command) = line.strip_prefix("run: ") {
                assert!(shell(command).success(), "{command}");
                continue;
            }
            match file.file_name().unwrap().to_str().unwrap() {
                "main.cf" => set(&file, line),
                "master.cf" if line.starts_with("  -o ") => {
                    let (service, _) = finding["at"].as_str().unwrap().split_once(' ').unwrap();
                    let setting = line.trim_start_matches("  -o ").trim_matches(['{', '}', ' ']);
                    let dir = file.parent().unwrap().display();
                    assert!(shell(&format!("postconf -c {dir} -P '{service}/{setting}'")).success(), "{line}");
                }
                "master.cf" => {
                    let text = std::fs::read_to_string(&file).unwrap();
                    write(&file, format!("{text}{line}\n"));
                }
                _ => replace(&file, line),
            }
        }
    }
}

/// A parameter of main.cf: the old line goes.
fn set(file: &Path, line: &str) {
    let (name, _) = line.split_once(" =").unwrap();
    let text = std::fs::read_to_string(file).unwrap();
    let kept = text.lines().filter(|old| old.split([' ', '=']).next() != Some(name));
    let lines: Vec<&str> = kept.chain(std::iter::once(line)).collect();
    write(file, lines.join("\n") + "\n");
}

/// An entry of a table: `key value`, perhaps with `, then: command`.
fn replace(file: &Path, line: &str) {
    let (line, command) = line.split_once(", then: ").unwrap_or((line, "true"));
    let key = line.split_whitespace().next().unwrap();
    let text = std::fs::read_to_string(file).unwrap();
    assert!(text.lines().any(|old| old.split_whitespace().next() == Some(key)), "{key} is not in {text}");
    let lines: Vec<&str> =
        text.lines().map(|old| if old.split_whitespace().next() == Some(key) { line } else { old }).collect();
    write(file, lines.join("\n") + "\n");
    assert!(shell(command).success(), "{command}");
}

pub(crate) fn shell(command: &str) -> std::process::ExitStatus {
    Command::new("sh").args(["-c", &format!("PATH=$PATH:/usr/sbin; {command}")]).status().unwrap()
}

fn snippet(name: &str) -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("conf/postfix").join(name)).unwrap()
}

/// Writes a file that seems to be older than it is: Postfix's programs wait while one is of this very second.
fn write(path: impl AsRef<Path>, text: impl AsRef<[u8]>) {
    std::fs::write(&path, text).unwrap();
    let file = std::fs::File::options().write(true).open(&path).unwrap();
    file.set_modified(std::time::SystemTime::now() - std::time::Duration::from_secs(60)).unwrap();
}
