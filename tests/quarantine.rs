//! The store of our own: through the real milter socket and the real commands, on disks that fail as well.

#![allow(clippy::expect_used, clippy::unwrap_used, clippy::panic, reason = "a test fails by them")]

mod support;

use serde_json::Value;
use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use support::{Daemon, Mta, free_port, wait_for};

const FORWARDED: &str = "<x@freemail.example> ORCPT=rfc822;alice@corp.example";

/// A daemon that stores what is forwarded to freemail.example, and answers failures as `on_error` says.
fn daemon(folder: &Path, on_error: &str, more: &str) -> Daemon {
    let port = free_port();
    let text = format!(
        "[[listener]]\nname = \"outbound\"\nsocket = \"inet:127.0.0.1:{port}\"\non_error = \"{on_error}\"\n\
         [policy]\nmode = \"enforce\"\n\
         [[rule]]\nid = \"freemail\"\nwhen = {{ verdict = \"auto_forward\", destination = \"@freemail.example\" }}\n\
         then = \"store\"\n\
         [quarantine]\ndirectory = \"{}\"\n{more}",
        folder.display()
    );
    let daemon = Daemon::start_with(&text, ([127, 0, 0, 1], port).into());
    wait_for("the daemon to listen", || Mta::is_listening(daemon.addr).then_some(()));
    daemon
}

/// Sends a forward to the first of these recipients, and tells the answer and the recipients that were taken out.
fn send(daemon: &Daemon, recipients: &[&str], id: &str, body: &[u8]) -> (u8, Vec<String>) {
    let mut mta = Mta::connect(daemon.addr);
    let message_id = format!("<{id}@partner.example>");
    mta.message(
        "<ann@partner.example> BODY=8BITMIME",
        recipients,
        &[("From", "Ann <ann@partner.example>"), ("Subject", " two\n\tlines "), ("Message-ID", &message_id)],
    );
    // In pieces, as an MTA does.
    let (before, last) = body.split_at(body.len() - body.len() % 65_536);
    before.chunks(65_536).for_each(|piece| mta.step(b'B', piece, 0x10, 0x8_0000));
    let replies = mta.end_of_message_with("4XyZ1k0q2Rz9tQ", last);
    (replies.answer(), replies.edits(b'-'))
}

fn files(folder: &Path, ending: &str) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let mut paths: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.retain(|path| path.to_string_lossy().ends_with(ending));
    paths.sort();
    paths
}

fn quarantine(daemon: &Daemon, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_forwarden"));
    command.arg("quarantine").args(arguments).arg("--config").arg(daemon.path("forwarden.toml")).output().unwrap()
}

fn list(daemon: &Daemon, arguments: &[&str]) -> Vec<Value> {
    let output = quarantine(daemon, &[&["list", "--format", "json"], arguments].concat());
    String::from_utf8(output.stdout).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn a_message_is_safe_before_a_recipient_is_taken_out() {
    let folder = tempfile::tempdir().unwrap();
    let store = folder.path().join("new/store");
    let daemon = daemon(&store, "tempfail", "");
    let body = b".dot\r\nraw \x80\xff\r\n\r\n";
    let (answer, taken_out) = send(&daemon, &[FORWARDED, "<zoe@other.example>"], "one", body);
    assert_eq!((answer, taken_out), (b'c', vec!["<x@freemail.example>|".to_owned()]));
    let event = daemon.events(2).into_iter().find(|event| event["action"] == "stored").unwrap();
    let id = event["quarantine_id"].as_str().unwrap();

    let [file] = &files(&store, ".mail")[..] else { panic!("not one file") };
    assert_eq!(file.file_stem().unwrap(), id);
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(file), mode(&store), mode(&store.join("index.db"))), (0o600, 0o700, 0o600));
    let whole = fs::read(file).unwrap();
    let end = whole.iter().position(|&byte| byte == b'\n').unwrap();
    let expected = [
        &b"From: Ann <ann@partner.example>\r\nSubject:  two\r\n\tlines \r\nMessage-ID: <one@partner.example>\r\n\r\n"[..],
        body,
    ]
    .concat();
    assert_eq!(String::from_utf8_lossy(&whole[end + 1..]), String::from_utf8_lossy(&expected));
    assert_eq!(quarantine(&daemon, &["show", "--raw", id]).stdout, expected);
    let record: Value = serde_json::from_slice(&whole[..end]).unwrap();
    assert_eq!(record["recipients"][0]["params"][0], "ORCPT=rfc822;alice@corp.example");
    assert_eq!(record["sender"]["params"][0], "BODY=8BITMIME");

    // Nobody is left: the whole message is taken.
    assert_eq!(send(&daemon, &[FORWARDED], "two", b"x\r\n"), (b'd', Vec::new()));
    assert_eq!(list(&daemon, &[]).len(), 2);
}

/// Root looks at the store before the daemon has made it, and takes a recipient out of it: all of it stays the daemon's, or it
/// could store nothing any more.
#[test]
fn what_root_does_leaves_the_store_to_its_owner() {
    if !nix::unistd::geteuid().is_root() {
        assert!(std::env::var_os("CI").is_none(), "CI runs as root");
        return;
    }
    const NOBODY: u32 = 65534;
    let folder = tempfile::tempdir().unwrap();
    std::os::unix::fs::chown(folder.path(), Some(NOBODY), Some(NOBODY)).unwrap();
    let store = folder.path().join("new/store");
    let config = folder.path().join("f.toml");
    let text = format!(
        "[organization]\ndomains = [\"corp.example\"]\n[[listener]]\nsocket = \"inet:127.0.0.1:{}\"\n\
         [quarantine]\ndirectory = \"{}\"\n",
        free_port(),
        store.display()
    );
    fs::write(&config, text).unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_forwarden"))
        .args(["quarantine", "list", "--config"])
        .arg(&config)
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let owners = || {
        let entries = fs::read_dir(&store).unwrap().map(|entry| entry.unwrap().path());
        let mut owned: Vec<_> = entries.chain([store.clone(), folder.path().join("new")]).collect();
        owned.retain(|path| fs::metadata(path).is_ok_and(|metadata| metadata.uid() != NOBODY));
        owned
    };
    assert!(store.join("index.db").exists());
    assert_eq!(owners(), Vec::<PathBuf>::new());

    let daemon = daemon(&store, "tempfail", "");
    send(&daemon, &["<y@freemail.example> ORCPT=rfc822;bob@corp.example", FORWARDED], "one", b"x\r\n");
    assert!(quarantine(&daemon, &["delete", "--destination", "y@freemail.example"]).status.success());
    assert_eq!(list(&daemon, &[]).len(), 1);
    assert_eq!(owners(), Vec::<PathBuf>::new());
}

#[test]
fn messages_are_found_and_deleted() {
    let folder = tempfile::tempdir().unwrap();
    let daemon = daemon(folder.path(), "tempfail", "");
    send(&daemon, &[FORWARDED], "one", b"x\r\n");
    send(&daemon, &["<y@freemail.example> ORCPT=rfc822;bob@corp.example", FORWARDED], "two", b"x\r\n");
    let ids = |arguments: &[&str]| {
        let found = list(&daemon, arguments);
        found.iter().map(|line| line["message_id"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(ids(&[]).len(), 2);
    assert_eq!(ids(&["--forwarder", "bob@corp.example"]), ["two@partner.example"]);
    assert_eq!(ids(&["--destination", "x@freemail.example"]).len(), 2);
    assert!(ids(&["--older-than", "1h"]).is_empty());
    assert_eq!(ids(&["--newer-than", "1h"]).len(), 2);

    // Only the recipient that is meant goes.
    assert!(quarantine(&daemon, &["delete", "--destination", "y@freemail.example"]).status.success());
    assert!(ids(&["--destination", "y@freemail.example"]).is_empty());
    assert_eq!(ids(&[]).len(), 2);
    let id = list(&daemon, &[])[0]["id"].as_str().unwrap().to_owned();
    let output = quarantine(&daemon, &["delete", &id]);
    assert_eq!(String::from_utf8_lossy(&output.stdout), format!("deleted {id} for x@freemail.example\n"));
    assert!(!quarantine(&daemon, &["delete", &id]).status.success(), "it is gone");
    assert_eq!(quarantine(&daemon, &["delete"]).status.code(), Some(2), "never everything by mistake");
    let deleted = wait_for("events of both", || {
        let events = support::read_events(&daemon.path("events.jsonl"));
        let deleted: Vec<Value> = events.into_iter().filter(|event| event["kind"] == "quarantine").collect();
        (deleted.len() == 2).then_some(deleted)
    });
    assert!(deleted.iter().all(|event| event["change"] == "deleted" && event["by"].is_string()));
}

#[test]
fn the_index_is_made_anew_from_the_messages() {
    let folder = tempfile::tempdir().unwrap();
    let daemon = daemon(folder.path(), "tempfail", "");
    send(&daemon, &[FORWARDED], "one", b"x\r\n");
    let before = list(&daemon, &[]);
    for damage in [None, Some(&b"this is no database, and long enough to be seen as none: 0123456789"[..])] {
        files(folder.path(), ".db-wal").iter().chain(&files(folder.path(), ".db-shm")).for_each(|path| {
            fs::remove_file(path).unwrap();
        });
        match damage {
            None => fs::remove_file(folder.path().join("index.db")).unwrap(),
            Some(bytes) => fs::write(folder.path().join("index.db"), bytes).unwrap(),
        }
        assert_eq!(list(&daemon, &[]), before);
    }
    let aside = fs::read_dir(folder.path()).unwrap().filter_map(Result::ok);
    assert!(aside.into_iter().any(|entry| entry.file_name().to_string_lossy().starts_with("index.db.broken-")));
    // The daemon finds its way, too, and says what it met.
    files(folder.path(), ".db-wal").iter().chain(&files(folder.path(), ".db-shm")).for_each(|path| {
        fs::remove_file(path).unwrap();
    });
    fs::remove_file(folder.path().join("index.db")).unwrap();
    fs::write(folder.path().join("index.db"), vec![b'?'; 8192]).unwrap();
    assert_eq!(send(&daemon, &[FORWARDED], "two", b"x\r\n").0, b'd');
    let fault = wait_for("the fault", || {
        let events = support::read_events(&daemon.path("events.jsonl"));
        events.into_iter().find(|event| event["kind"] == "fault" && event["action"] == "set_aside")
    });
    assert!(fault["error"].as_str().unwrap().contains("index.db.broken-"), "{fault:#}");
    assert_eq!(list(&daemon, &[]).len(), 2);
}

/// A file that is no message is named by `list`, stays where it is, and keeps nobody from the others.
#[test]
fn a_file_that_is_no_message() {
    let folder = tempfile::tempdir().unwrap();
    let daemon = daemon(folder.path(), "tempfail", "");
    send(&daemon, &[FORWARDED], "one", b"x\r\n");
    let stray = folder.path().join("20261124T132211-5e0c11d3.mail");
    fs::write(&stray, "garbage\n").unwrap();
    let listed = quarantine(&daemon, &["list", "--format", "json"]);
    assert_eq!((listed.status.code(), listed.stdout.split(|&byte| byte == b'\n').count()), (Some(1), 2));
    assert!(String::from_utf8_lossy(&listed.stderr).contains(stray.to_str().unwrap()));
    let line: Value = serde_json::from_slice(&listed.stdout).unwrap();
    assert!(quarantine(&daemon, &["delete", line["id"].as_str().unwrap()]).status.success());
    assert!(stray.exists());
}

#[test]
fn a_locked_index_loses_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let daemon = daemon(folder.path(), "tempfail", "");
    send(&daemon, &[FORWARDED], "one", b"x\r\n");
    let other = rusqlite::Connection::open(folder.path().join("index.db")).unwrap();
    other.execute_batch("BEGIN EXCLUSIVE").unwrap();
    assert_eq!(send(&daemon, &[FORWARDED], "two", b"x\r\n").0, b'd');
    let events = daemon.events(3);
    let fault = events.iter().find(|event| event["kind"] == "fault").unwrap();
    assert_eq!((fault["fault"].as_str(), fault["action"].as_str()), (Some("quarantine"), Some("later")));
    other.execute_batch("ROLLBACK").unwrap();
    assert_eq!(list(&daemon, &[]).len(), 2);
}

#[test]
fn the_oldest_make_room() {
    let folder = tempfile::tempdir().unwrap();
    let daemon = daemon(folder.path(), "tempfail", "max_bytes = 1_048_576\n");
    let body = vec![b'x'; 400 << 10];
    for id in ["one", "two", "three"] {
        assert_eq!(send(&daemon, &[FORWARDED], id, &body[..]).0, b'd');
        // Ids are of a second.
        std::thread::sleep(std::time::Duration::from_millis(1100));
    }
    let left: Vec<String> = list(&daemon, &[]).iter().map(|line| line["message_id"].as_str().unwrap().into()).collect();
    assert_eq!(left, ["two@partner.example", "three@partner.example"]);
    let events = daemon.events(4);
    let trimmed = events.iter().find(|event| event["kind"] == "quarantine").unwrap();
    assert_eq!((trimmed["change"].as_str(), trimmed["by"].as_str()), (Some("trimmed"), None));
    assert_eq!(trimmed["message_id"], "one@partner.example");
    // One that fits nowhere meets on_error.
    let huge = vec![b'x'; (1 << 20) - 1];
    assert_eq!(send(&daemon, &[FORWARDED], "huge", &huge).0, b't');
}

/// What cannot be stored: `on_error` decides, the event says so, and nothing is taken out.
fn assert_on_error(make: impl Fn(&Path) -> PathBuf, more: &str, said: &str) {
    for (on_error, answer) in [("tempfail", b't'), ("accept", b'c'), ("quarantine", b'c')] {
        let folder = tempfile::tempdir().unwrap();
        let store = make(folder.path());
        let daemon = daemon(&store, on_error, more);
        let mut mta = Mta::connect(daemon.addr);
        mta.message("<ann@partner.example>", &[FORWARDED, "<zoe@other.example>"], &[("From", "ann@partner.example")]);
        let replies = mta.end_of_message_with("4XyZ1k0q2Rz9tQ", &vec![b'x'; 300 << 10]);
        assert_eq!(replies.answer(), answer, "{on_error}: {replies:?}");
        assert_eq!(replies.edits(b'-'), Vec::<String>::new(), "{on_error}");
        assert_eq!(replies.edits(b'q').len(), usize::from(on_error == "quarantine"), "{on_error}");
        let event = wait_for("the event", || {
            let events = support::read_events(&daemon.path("events.jsonl"));
            events.into_iter().find(|event| event["rule"] == "freemail")
        });
        assert_eq!((event["outcome"].as_str(), event["action"].as_str()), (Some("failure"), Some("logged")));
        assert!(event["error"].as_str().unwrap().contains(said), "{event:#}");
        assert!(event["quarantine_id"].is_null());
        assert!(files(&store, ".mail").is_empty() && files(&store, ".new").is_empty());
        daemon.assert_serving();
    }
}

#[test]
fn no_free_space_is_left_over() {
    assert_on_error(Path::to_owned, "min_free = 1_000_000_000_000_000\n", "octets are free");
}

#[test]
fn something_else_stands_in_its_place() {
    let make = |folder: &Path| {
        fs::write(folder.join("store"), "").unwrap();
        folder.join("store")
    };
    assert_on_error(make, "", "not stored");
}

/// A file system of its own, unmounted when dropped.
struct Mount(PathBuf);

impl Mount {
    fn new(folder: &Path, options: &str) -> Option<Self> {
        let mounted = Command::new("mount").args(["-n", "-t", "tmpfs", "-o", options, "tmpfs"]).arg(folder).output();
        let mounted = mounted.is_ok_and(|output| output.status.success());
        assert!(mounted || std::env::var_os("CI").is_none(), "a file system can be mounted by root only");
        mounted.then(|| Self(folder.to_owned()))
    }
}

impl Drop for Mount {
    fn drop(&mut self) {
        let _ = Command::new("umount").args(["-n", "-l"]).arg(&self.0).status();
    }
}

#[test]
fn a_full_disk() {
    let folder = tempfile::tempdir().unwrap();
    let Some(_mount) = Mount::new(folder.path(), "size=200k,mode=0700") else { return };
    assert_on_error(|_| folder.path().to_owned(), "min_free = 0\n", "octets are free");
}

/// Room enough, but none for one more file: the index has its three.
#[test]
fn a_disk_that_takes_no_file() {
    let folder = tempfile::tempdir().unwrap();
    let Some(_mount) = Mount::new(folder.path(), "size=8m,mode=0700,nr_inodes=4") else { return };
    assert_on_error(|_| folder.path().to_owned(), "min_free = 0\n", "No space left");
}

#[test]
fn a_disk_that_is_read_only() {
    let folder = tempfile::tempdir().unwrap();
    let Some(_mount) = Mount::new(folder.path(), "size=1m,mode=0700,ro") else { return };
    assert_on_error(|_| folder.path().to_owned(), "min_free = 0\n", "Read-only");
}

#[test]
fn a_store_that_is_taken_away_while_it_is_used() {
    let folder = tempfile::tempdir().unwrap();
    let store = folder.path().join("store");
    let daemon = daemon(&store, "tempfail", "");
    assert_eq!(send(&daemon, &[FORWARDED], "one", b"x\r\n").0, b'd');
    fs::remove_dir_all(&store).unwrap();
    assert_eq!(send(&daemon, &[FORWARDED], "two", b"x\r\n").0, b'd');
    assert_eq!(list(&daemon, &[]).len(), 1);
    fs::set_permissions(&store, Permissions::from_mode(0o700)).unwrap();
}

/// A rule that only watches asks for no body and stores nothing.
#[test]
fn observing_stores_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let daemon = daemon(folder.path(), "tempfail", "");
    let text = fs::read_to_string(daemon.path("forwarden.toml")).unwrap();
    fs::write(daemon.path("forwarden.toml"), text.replace("\"enforce\"", "\"observe\"")).unwrap();
    daemon.signal(nix::sys::signal::Signal::SIGHUP);
    wait_for("the reload", || daemon.log().contains("reloaded").then_some(()));
    assert_eq!(send(&daemon, &[FORWARDED], "one", b"x\r\n"), (b'c', Vec::new()));
    assert_eq!(daemon.events(1)[0]["would"][0], "stored");
    assert!(files(folder.path(), ".mail").is_empty());
}

/// There is room when it is looked for, and none any more when the record of a thousand recipients is written behind it.
#[test]
fn a_disk_that_fills_up_inside_a_write() {
    let folder = tempfile::tempdir().unwrap();
    let Some(_mount) = Mount::new(folder.path(), "size=4m,mode=0700") else { return };
    let daemon = daemon(folder.path(), "tempfail", "min_free = 0\n");
    assert_eq!(send(&daemon, &[FORWARDED], "one", b"x\r\n").0, b'd');
    let body = vec![b'x'; 300 << 10];
    let free = || {
        let file_system = nix::sys::statvfs::statvfs(folder.path()).unwrap();
        usize::try_from(file_system.blocks_available() * file_system.fragment_size()).unwrap()
    };
    let filler = folder.path().join("filler");
    fs::write(&filler, vec![0; free() - body.len() - (32 << 10)]).unwrap();
    let recipients: Vec<String> =
        (0..1000).map(|n| format!("<x{n}@freemail.example> ORCPT=rfc822;alice{n}@corp.example")).collect();
    let recipients: Vec<&str> = recipients.iter().map(String::as_str).collect();
    assert_eq!(send(&daemon, &recipients, "two", &body), (b't', Vec::new()));
    let events = daemon.events(1001);
    let failed = events.iter().find(|event| event["outcome"] == "failure").unwrap();
    assert!(failed["error"].as_str().unwrap().contains("No space left"), "{failed:#}");
    assert!(failed["quarantine_id"].is_null());
    assert_eq!((files(folder.path(), ".mail").len(), files(folder.path(), ".new").len()), (1, 0));
    // The MTA tries again when there is room.
    fs::remove_file(filler).unwrap();
    assert_eq!(send(&daemon, &recipients, "two", &body).0, b'd');
    assert_eq!(list(&daemon, &[]).len(), 2);
}

/// The MTA goes away between the end of the message and the edits: it has the message still, so the store must not have it.
#[test]
fn an_edit_that_fails_takes_the_message_back() {
    let folder = tempfile::tempdir().unwrap();
    let (store, socket) = (folder.path().join("store"), folder.path().join("out.sock"));
    let more =
        format!("[[listener]]\nname = \"unix\"\nsocket = \"unix:{}\"\non_error = \"accept\"\n", socket.display());
    let daemon = daemon(&store, "tempfail", &more);
    wait_for("the socket", || socket.exists().then_some(()));
    let mut mta = Mta::connect_unix(&socket);
    mta.message("<ann@partner.example>", &[FORWARDED, "<zoe@other.example>"], &[("From", "ann@partner.example")]);
    mta.macros(b'E', &[("i", "4XyZ1k0q2Rz9tQ")]);
    mta.raw(b"\0\0\0\x01E");
    drop(mta);
    let event = wait_for("the event", || {
        let events = support::read_events(&daemon.path("events.jsonl"));
        events.into_iter().find(|event| event["rule"] == "freemail")
    });
    assert_eq!(
        (event["outcome"].as_str(), event["on_error"].as_str()),
        (Some("failure"), Some("tempfail")),
        "{event:#}"
    );
    assert!(event["quarantine_id"].is_null(), "{event:#}");
    assert!(files(&store, ".mail").is_empty() && files(&store, ".new").is_empty());
    // When it comes again, it is stored once.
    assert_eq!(send(&daemon, &[FORWARDED, "<zoe@other.example>"], "one", b"x\r\n").0, b'c');
    assert_eq!(list(&daemon, &[]).len(), 1);
}
