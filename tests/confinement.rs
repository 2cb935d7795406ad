//! Rights that the daemon gives up where no service manager takes them: those of root, and those to the file system. Where
//! they cannot be given up, nothing is served.

#![allow(clippy::expect_used, clippy::unwrap_used, clippy::panic, reason = "a test fails by them")]

mod support;

use landlock::{
    ABI, Access, AccessFs, CompatLevel, Compatible, PathBeneath, PathFd, Ruleset, RulesetAttr, RulesetCreatedAttr,
};
use nix::sys::signal::Signal;
use nix::unistd::geteuid;
use std::fs::File;
use std::net::SocketAddr;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Output};
use support::{Daemon, Mta, forward, free_port, read_events, wait_for};

/// The user and group that own nothing.
const NOBODY: u32 = 65534;
const ALICE: &str = "<x@ext.example> ORCPT=rfc822;alice@corp.example";

/// Whether the tests run as root, as they must in continuous integration.
fn is_root() -> bool {
    assert!(geteuid().is_root() || std::env::var_os("CI").is_none(), "CI runs as root");
    geteuid().is_root()
}

/// Whether this kernel has Landlock; continuous integration's has.
fn has_landlock() -> bool {
    let made = Ruleset::default()
        .set_compatibility(CompatLevel::HardRequirement)
        .handle_access(AccessFs::from_all(ABI::V2))
        .and_then(Ruleset::create);
    if let Err(error) = &made {
        eprintln!("SKIPPED: no Landlock here: {error}");
    }
    made.is_ok()
}

/// Ended by its pid when dropped.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Runs the daemon with this configuration as that user, to its end.
fn run(folder: &Path, more: &str, uid: Option<u32>) -> Output {
    let config = folder.join("f.toml");
    let port = free_port();
    let text = format!(
        "[organization]\ndomains = [\"corp.example\"]\n[[listener]]\nsocket = \"inet:127.0.0.1:{port}\"\n{more}\n"
    );
    std::fs::write(&config, text).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_forwarden"));
    command.args(["serve", "--config"]).arg(config);
    if let Some(uid) = uid {
        command.uid(uid).gid(uid);
    }
    command.output().unwrap()
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn send(mta: &mut Mta) {
    let (from, rcpt, headers) = forward(ALICE);
    mta.message(from, &rcpt, &headers);
    assert_eq!(mta.end_of_message().answer(), b'c');
}

#[test]
fn root_is_given_up_by_every_thread() {
    if !is_root() {
        return;
    }
    // Root's alone: the socket can be made there only before the rights are given up.
    let roots = tempfile::tempdir().unwrap();
    let socket = roots.path().join("out.sock");
    let home = tempfile::tempdir().unwrap();
    chown(home.path(), Some(NOBODY), Some(NOBODY)).unwrap();
    let (config, events, log) = (home.path().join("f.toml"), home.path().join("events.jsonl"), home.path().join("log"));
    let addr = SocketAddr::from(([127, 0, 0, 1], free_port()));
    let text = format!(
        "[organization]\ndomains = [\"corp.example\"]\n\
         [[listener]]\nname = \"u\"\nsocket = \"unix:{}\"\ngroup = \"1\"\n[[listener]]\nname = \"t\"\nsocket = \"inet:{addr}\"\n\
         [events]\noutput = \"file:{}\"\n[state]\ndirectory = \"{}\"\n[daemon]\nuser = \"nobody\"\n",
        socket.display(),
        events.display(),
        home.path().join("state").display()
    );
    std::fs::write(&config, text).unwrap();
    let child = Command::new(env!("CARGO_BIN_EXE_forwarden"))
        .args(["serve", "--config"])
        .arg(&config)
        .stderr(File::create(&log).unwrap())
        .spawn()
        .unwrap();
    let mut daemon = Running(child);
    let said = || std::fs::read_to_string(&log).unwrap();
    wait_for("the daemon", || (said().contains("ready") || daemon.0.try_wait().unwrap().is_some()).then_some(()));
    assert!(said().contains("ready") && !said().contains("memory_only"), "{}", said());
    assert_eq!(std::fs::metadata(&socket).unwrap().gid(), 1);
    UnixStream::connect(&socket).unwrap();
    send(&mut Mta::connect(addr));
    wait_for("the event", || (!read_events(&events).is_empty()).then_some(()));
    assert_eq!(std::fs::metadata(&events).unwrap().uid(), NOBODY);
    assert_eq!(std::fs::metadata(home.path().join("state/state.db")).unwrap().uid(), NOBODY);
    let mut threads = 0;
    for thread in std::fs::read_dir(format!("/proc/{}/task", daemon.0.id())).unwrap() {
        let status = std::fs::read_to_string(thread.unwrap().path().join("status")).unwrap();
        let field = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':')).unwrap();
            line.split_whitespace().map(str::to_owned).collect::<Vec<_>>()
        };
        assert_eq!(field("Uid"), ["65534"; 4]);
        assert_eq!(field("Gid"), ["65534"; 4]);
        assert!(!field("Groups").contains(&"0".to_owned()), "{status}");
        assert_eq!(field("CapPrm"), ["0000000000000000"]);
        assert_eq!(field("CapEff"), ["0000000000000000"]);
        assert_eq!(field("NoNewPrivs"), ["1"]);
        threads += 1;
    }
    assert!(threads > 1);
}

#[test]
fn another_user_cannot_be_become() {
    if !is_root() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
    let output = run(folder.path(), "[daemon]\nuser = \"daemon\"", Some(NOBODY));
    assert_eq!(output.status.code(), Some(1), "{}", said(&output));
    let wanted = "runs as user 65534 and cannot become \"daemon\": start it as root or as \"daemon\"";
    assert!(said(&output).contains(wanted), "{}", said(&output));
}

#[test]
fn a_confined_daemon_works_and_reaches_nothing_else() {
    if !has_landlock() {
        return;
    }
    let port = free_port();
    let (home, elsewhere) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let listeners = format!(
        "[[listener]]\nname = \"t\"\nsocket = \"inet:127.0.0.1:{port}\"\n\
         [[listener]]\nname = \"u\"\nsocket = \"unix:{0}/out.sock\"\n\
         [state]\ndirectory = \"{0}\"\n[quarantine]\ndirectory = \"{0}/quarantine\"\nmin_free = 0\n\
         [daemon]\nlandlock = true\n[policy]\nmode = \"enforce\"\n\
         [[rule]]\nid = \"store\"\nwhen = {{ verdict = \"auto_forward\" }}\nthen = [\"store\"]\n\
         [[output]]\nname = \"rotated\"\nto = \"file:{0}/rotated.jsonl\"\nrotate_bytes = 10_000\n",
        home.path().display()
    );
    let mut daemon = Daemon::start_with(&listeners, ([127, 0, 0, 1], port).into());
    wait_for("the daemon", || daemon.log().contains("ready").then_some(()));
    assert!(daemon.log().contains("confined by Landlock"), "{}", daemon.log());
    let store = |daemon: &Daemon| {
        let mut mta = Mta::connect(daemon.addr);
        let (from, rcpt, headers) = forward(ALICE);
        mta.message(from, &rcpt, &headers);
        let replies = mta.end_of_message();
        // All of its recipients are stored for.
        assert_eq!(replies.answer(), b'd', "{}", daemon.log());
    };
    store(&daemon);
    assert_eq!(daemon.events(1)[0]["action"], "stored");

    // Rotation, and a reload.
    std::fs::rename(daemon.path("events.jsonl"), daemon.path("events.jsonl.1")).unwrap();
    store(&daemon);
    assert_eq!(daemon.events(1)[0]["action"], "stored");
    daemon.signal(Signal::SIGHUP);
    wait_for("the reload", || daemon.log().contains(": reloaded ").then_some(()));

    // Its own rotation.
    for _ in 0..20 {
        store(&daemon);
    }
    wait_for("a file that was moved", || home.path().join("rotated.jsonl.1").exists().then_some(()));
    assert!(!daemon.log().contains("cannot be rotated"), "{}", daemon.log());

    // A list elsewhere cannot be read, and says so.
    let list = elsewhere.path().join("list");
    std::fs::write(&list, "partner.example\n").unwrap();
    daemon.configure(&format!("{listeners}[organization.classes]\npartner = \"file:{}\"\n", list.display()));
    daemon.signal(Signal::SIGHUP);
    wait_for("the refusal", || daemon.log().contains("not reloaded").then_some(()));
    assert!(daemon.log().contains("Permission denied"), "{}", daemon.log());
    store(&daemon);

    daemon.signal(Signal::SIGTERM);
    assert_eq!(daemon.wait().code(), Some(0));
    assert!(!home.path().join("out.sock").exists());
}

#[test]
fn a_folder_that_is_missing_is_named() {
    if !has_landlock() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let output = run(folder.path(), "[daemon]\nlandlock = true\n[state]\ndirectory = \"/nonexistent/state\"", None);
    assert_eq!(output.status.code(), Some(78));
    let wanted = "daemon.landlock: there is no folder /nonexistent/state: make it";
    assert!(said(&output).contains(wanted), "{}", said(&output));
}

/// The kernel takes sixteen layers of rules from a process, and no more: what this thread starts cannot be confined.
#[test]
fn what_cannot_be_confined_is_not_served() {
    if !has_landlock() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let output = std::thread::scope(|scope| {
        let thread = scope.spawn(|| {
            for _ in 0..16 {
                let all = AccessFs::from_all(ABI::V2);
                let rules = Ruleset::default().handle_access(all).unwrap().create().unwrap();
                let rules = rules.add_rule(PathBeneath::new(PathFd::new("/").unwrap(), all)).unwrap();
                rules.restrict_self().unwrap();
            }
            run(folder.path(), "[daemon]\nlandlock = true", None)
        });
        thread.join().unwrap()
    });
    assert_eq!(output.status.code(), Some(78), "{}", said(&output));
    assert!(said(&output).contains("daemon.landlock: "), "{}", said(&output));
    assert!(!said(&output).contains("ready"), "{}", said(&output));
}
