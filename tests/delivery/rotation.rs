//! Files that are moved away, by others or by the daemon itself: no event is lost, none is torn, and nothing holds a file
//! that is no longer wanted.

use crate::site::{daemon, daemon_with, ids, ids_in, send, wait_until, written};
use crate::small_disk::SmallDisk;
use crate::support::{Daemon, wait_for};
use nix::sys::signal::Signal;
use nix::sys::stat::utimes;
use nix::sys::time::{TimeVal, TimeValLike};
use std::collections::{BTreeMap, BTreeSet};
use std::hash::{BuildHasher, RandomState};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The files that the daemon has open.
fn open_files(daemon: &Daemon) -> Vec<String> {
    let entries = std::fs::read_dir(format!("/proc/{}/fd", daemon.pid())).unwrap();
    let target = |entry: std::io::Result<std::fs::DirEntry>| std::fs::read_link(entry.ok()?.path()).ok();
    entries.filter_map(target).map(|target| target.display().to_string()).collect()
}

/// The files of this name, the one that is written to and those that were moved.
fn files(folder: &Path, name: &str) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.filter(|path| path.file_name().is_some_and(|file| file.to_string_lossy().starts_with(name))).collect()
}

/// What is in them: how often each id, and how many lines are no event.
fn union(folder: &Path, name: &str) -> (BTreeMap<String, usize>, usize) {
    let (mut found, mut torn) = (BTreeMap::new(), 0);
    for path in files(folder, name) {
        let text = std::fs::read(&path).unwrap_or_default();
        for line in String::from_utf8_lossy(&text).lines() {
            match serde_json::from_str::<serde_json::Value>(line) {
                Ok(event) => *found.entry(event["id"].as_str().unwrap().to_owned()).or_insert(0) += 1,
                Err(_) => torn += 1,
            }
        }
    }
    (found, torn)
}

/// With a spool and without one; with the configuration as it was, and with one that cannot be used.
#[test]
fn a_signal_lets_go_of_a_moved_file() {
    for (spooled, broken) in [(true, false), (true, true), (false, false), (false, true)] {
        let daemon = if spooled { daemon("") } else { Daemon::start("") };
        send(&daemon, 5);
        written(&daemon, 5);
        let (path, moved) = (daemon.path("events.jsonl"), daemon.path("events.moved"));
        for round in 1..=2 {
            std::fs::rename(&path, &moved).unwrap();
            if broken && round == 1 {
                daemon.configure("[spool");
            }
            assert!(open_files(&daemon).iter().any(|open| open.ends_with("/events.moved")));
            daemon.signal(Signal::SIGHUP);
            let log = || daemon.log();
            wait_until(log, "the file to be made anew", || {
                path.exists() && !open_files(&daemon).iter().any(|open| open.contains("events.moved"))
            });
            assert_eq!(path.metadata().unwrap().mode() & 0o777, 0o640);
            assert_eq!(std::fs::read_to_string(&path).unwrap(), "", "no event has come yet");
            // One that is there already, as logrotate makes it, is used as it is.
            std::fs::rename(&path, daemon.path("empty")).unwrap();
            std::fs::write(&path, "").unwrap();
            let made = path.metadata().unwrap().ino();
            daemon.signal(Signal::SIGHUP);
            wait_until(log, "that one to be opened", || {
                !open_files(&daemon).iter().any(|open| open.ends_with("/empty"))
            });
            send(&daemon, 1);
            assert_eq!(written(&daemon, 1).len(), 1);
            assert_eq!(path.metadata().unwrap().ino(), made);
        }
        assert_eq!(daemon.log().contains("not reloaded"), broken);
    }
}

/// A file that cannot be opened anew is opened when it can be; nothing is lost.
#[test]
fn a_folder_that_is_gone_for_a_while_costs_nothing() {
    for spooled in [true, false] {
        let more = "[[output]]\nname = \"away\"\nto = \"file:FOLDER/out/away.jsonl\"\n";
        let daemon = if spooled { daemon("") } else { Daemon::start("") };
        // The folder must be there at the start.
        std::fs::create_dir(daemon.path("out")).unwrap();
        let port = daemon.addr.port();
        let mut daemon = daemon;
        daemon.stop();
        let listener = format!("[[listener]]\nname = \"outbound\"\nsocket = \"inet:127.0.0.1:{port}\"\n");
        let spool = if spooled { "[spool]\ndirectory = \"FOLDER/spool\"\nmin_free = 0\n" } else { "" };
        daemon.configure(&format!("{listener}{spool}{more}"));
        daemon.start_again();
        send(&daemon, 5);
        wait_for("the first", || (ids_in(&daemon.path("out/away.jsonl")).len() == 5).then_some(()));
        std::fs::rename(daemon.path("out"), daemon.path("gone")).unwrap();
        daemon.signal(Signal::SIGHUP);
        wait_until(|| daemon.log(), "a word on it", || daemon.log().contains("cannot be opened anew"));
        send(&daemon, 5);
        std::fs::create_dir(daemon.path("out")).unwrap();
        daemon.signal(Signal::SIGHUP);
        wait_for("the rest", || (ids_in(&daemon.path("out/away.jsonl")).len() == 5).then_some(()));
    }
}

/// A machine stopped in the middle of a line: the next one is not lost with it.
#[test]
fn a_torn_line_costs_no_other() {
    for spooled in [true, false] {
        let mut daemon = if spooled { daemon("") } else { Daemon::start("") };
        send(&daemon, 1);
        written(&daemon, 1);
        daemon.stop();
        let text = std::fs::read_to_string(daemon.path("events.jsonl")).unwrap();
        std::fs::write(daemon.path("events.jsonl"), format!("{text}{}", &text[..40])).unwrap();
        daemon.start_again();
        send(&daemon, 1);
        wait_until(|| daemon.log(), "the next", || union(daemon.folder.path(), "events.jsonl").0.len() == 2);
        assert_eq!(union(daemon.folder.path(), "events.jsonl").1, 1);
    }
}

fn rotated(spooled: bool, keys: &str) -> Daemon {
    let output = format!("[[output]]\nname = \"rotated\"\nto = \"file:FOLDER/rotated.jsonl\"\n{keys}\n");
    if spooled { daemon(&output) } else { Daemon::start(&output) }
}

/// Thousands of events in small files, and somebody else who moves some away as well: all are there once, whole.
#[test]
fn own_rotation_loses_nothing() {
    const ROUNDS: usize = 6;
    for spooled in [true, false] {
        let daemon = rotated(spooled, "rotate_bytes = 60_000\nrotate_keep = 200");
        let folder = daemon.folder.path();
        let path = daemon.path("rotated.jsonl");
        for round in 1..=ROUNDS {
            send(&daemon, 400);
            wait_for("the first file", || path.exists().then_some(()));
            std::fs::rename(&path, daemon.path(&format!("rotated.jsonl-{round}"))).unwrap();
        }
        let wanted = written(&daemon, 400 * ROUNDS);
        wait_until(|| daemon.log(), "all of them", || union(folder, "rotated.jsonl").0.len() == wanted.len());
        let (found, torn) = union(folder, "rotated.jsonl");
        assert_eq!(torn, 0);
        assert!(found.values().all(|count| *count == 1), "none twice");
        assert_eq!(found.keys().cloned().collect::<BTreeSet<_>>(), wanted);
        let files = files(folder, "rotated.jsonl");
        assert!(files.len() > 20, "{files:?}");
        for file in &files {
            let metadata = file.metadata().unwrap();
            assert!(metadata.len() <= 60_000, "{}: {}", file.display(), metadata.len());
            assert_eq!(metadata.mode() & 0o777, 0o640, "{}", file.display());
        }
        assert!(!daemon.path(".rotated.jsonl.new").exists());
        assert!(!open_files(&daemon).iter().any(|open| open.contains("rotated.jsonl.")), "what was moved is let go");
    }
}

/// So many files stay, the youngest, and the mode stays what an administrator made it.
#[test]
fn the_oldest_files_go() {
    for spooled in [true, false] {
        let daemon = rotated(spooled, "rotate_bytes = 30_000\nrotate_keep = 3");
        let path = daemon.path("rotated.jsonl");
        send(&daemon, 1);
        wait_for("the file", || path.exists().then_some(()));
        std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o644)).unwrap();
        send(&daemon, 299);
        let all: Vec<String> = written(&daemon, 300).into_iter().collect();
        wait_until(
            || daemon.log(),
            "the last",
            || union(daemon.folder.path(), "rotated.jsonl").0.contains_key(all.last().unwrap()),
        );
        let files = files(daemon.folder.path(), "rotated.jsonl");
        assert_eq!(files.len(), 4, "{files:?}");
        assert!(files.iter().all(|file| file.metadata().unwrap().mode() & 0o777 == 0o644));
        let left: Vec<String> = union(daemon.folder.path(), "rotated.jsonl").0.into_keys().collect();
        assert_eq!(left, all[all.len() - left.len()..], "the youngest, without a gap");
    }
}

/// A file of an earlier day is moved before the first event of today, and no more often.
#[test]
fn a_day_has_a_file() {
    for spooled in [true, false] {
        let daemon = rotated(spooled, "rotate_every = \"1d\"");
        let (path, first) = (daemon.path("rotated.jsonl"), daemon.path("rotated.jsonl.1"));
        send(&daemon, 3);
        wait_for("the events", || (ids_in(&path).len() == 3).then_some(()));
        assert!(!first.exists());
        let now = i64::try_from(std::time::UNIX_EPOCH.elapsed().unwrap().as_secs()).unwrap();
        let then = TimeVal::seconds(now - 86_400);
        utimes(&path, &then, &then).unwrap();
        send(&daemon, 3);
        wait_for("the events of today", || (ids_in(&path).len() == 3 && ids_in(&first).len() == 3).then_some(()));
        assert!(!daemon.path("rotated.jsonl.2").exists());
    }
}

/// Where no other file can be made, the old one goes on growing, and the log says so once a minute.
#[test]
fn what_cannot_be_rotated_goes_on() {
    for spooled in [true, false] {
        let daemon = rotated(spooled, "rotate_bytes = 10_000");
        std::fs::create_dir(daemon.path(".rotated.jsonl.new")).unwrap();
        send(&daemon, 200);
        let wanted = written(&daemon, 200);
        let path = daemon.path("rotated.jsonl");
        wait_until(|| daemon.log(), "all in one file", || ids_in(&path).len() == wanted.len());
        assert!(!daemon.path("rotated.jsonl.1").exists());
        let log = daemon.log();
        assert_eq!(log.matches("cannot be rotated").count(), 1, "{log}");
        assert!(log.contains(".rotated.jsonl.new"), "{log}");
    }
}

/// A daemon that is killed again and again, also in the middle of a rotation: what the other output has, the files have,
/// and no file was written over.
#[test]
fn a_killed_daemon_loses_no_rotated_file() {
    const KILLS: usize = 12;
    let mut daemon = rotated(true, "rotate_bytes = 10_000\nrotate_keep = 900");
    for kill in 1..=KILLS {
        send(&daemon, 120);
        std::thread::sleep(Duration::from_micros(RandomState::new().hash_one(kill) % 40_000));
        daemon.kill();
        daemon.start_again();
    }
    send(&daemon, 1);
    let folder = daemon.folder.path();
    // What is in the spool goes to both, at least once.
    let text = || std::fs::read_to_string(daemon.path("events.jsonl")).unwrap();
    wait_until(
        || daemon.log(),
        "both to have the same",
        || {
            let (here, there) = (ids(&text()), union(folder, "rotated.jsonl").0);
            !there.is_empty() && here.keys().eq(there.keys())
        },
    );
    daemon.stop();
    let folder = daemon.folder.path();
    let (found, torn) = union(folder, "rotated.jsonl");
    let files = files(folder, "rotated.jsonl").len();
    println!("{} events in {files} files, {torn} lines torn by {KILLS} kills", found.len());
    assert!(torn <= KILLS && files > 50);
    assert!(found.keys().eq(ids_in(&daemon.path("events.jsonl")).keys()));
}

/// A file system without room for another file, then without room for another event, then with room again.
#[test]
#[ignore = "make test-siem"]
fn a_full_disk_costs_no_rotated_file() {
    // The root, and one file.
    let Some(disk) = SmallDisk::mount("size=512k,nr_inodes=2") else { return };
    let path = disk.path.join("rotated.jsonl");
    let daemon = daemon_with(
        "",
        &format!(
            "[[output]]\nname = \"rotated\"\nto = \"file:{}\"\nrotate_bytes = 50_000\nrotate_keep = 100\n",
            path.display()
        ),
    );
    for _ in 0..10 {
        send(&daemon, 100);
    }
    let wanted = written(&daemon, 1_000);
    let log = || daemon.log();
    wait_until(log, "both to be said", || {
        log().contains("cannot be rotated") && log().contains("small/rotated.jsonl: No space left")
    });
    // Room, as an administrator makes it.
    disk.remount("size=16m,nr_inodes=1000");
    daemon.signal(Signal::SIGHUP);
    wait_until(log, "all of them", || union(&disk.path, "rotated.jsonl").0.len() == wanted.len());
    let (found, torn) = union(&disk.path, "rotated.jsonl");
    assert_eq!(torn, 0);
    assert!(found.values().all(|count| *count == 1));
}
