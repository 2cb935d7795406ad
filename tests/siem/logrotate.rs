//! The real logrotate with the file that is shipped, again and again while mail comes in without a pause, and files that are
//! moved without a word: no event is lost, none is there twice, none is torn, in whatever dialect.

use crate::support::{Daemon, Mta, wait_for};
use crate::{file, succeeds, tool};
use std::collections::BTreeMap;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

/// The files that outputs write: dialect, file, how a record begins, what stands before its id, and how it ends.
const OUTPUTS: &[(&str, &str, &str, &str, &str)] = &[
    ("json", "events.jsonl", "{", "\"id\":\"", "}"),
    ("ecs", "ecs.jsonl", "{", "\"id\":\"", "}"),
    ("gelf", "gelf.json", "{", "\"_event_id\":\"", "}"),
    ("elasticsearch_bulk", "bulk.json", "", "\"_id\":\"", "}"),
    ("cef", "cef.log", "CEF:0|", " externalId=", ""),
    ("leef", "leef.log", "LEEF:2.0|", "eventUid=", ""),
    ("syslog", "syslog.log", "<134>1 ", " id=\"", "}"),
];

/// The shipped file, for this folder, user and daemon.
fn configuration(folder: &Path, pid: i32) -> String {
    let text = std::fs::read_to_string(file("conf/logrotate")).unwrap();
    let user = nix::unistd::User::from_uid(nix::unistd::geteuid()).unwrap().unwrap();
    let group = nix::unistd::Group::from_gid(nix::unistd::getegid()).unwrap().unwrap();
    // There may be no systemd here. Its line is the one that sends the signal.
    let (before, script) = text.split_once("    postrotate\n").unwrap();
    let (script, after) = script.split_once("    endscript\n").unwrap();
    assert!(script.contains("systemctl kill --signal=HUP"), "{script}");
    let text = format!("{before}    postrotate\n        kill -HUP {pid}\n    endscript\n{after}");
    let text = text
        .replace("/var/log/forwarden", &folder.display().to_string())
        .replace(" forwarden forwarden\n", &format!(" {} {}\n", user.name, group.name));
    assert!(text.contains(&format!("create 0640 {} ", user.name)) && text.contains(&format!("su {} ", user.name)));
    text
}

/// The files of an output, moved, compressed or not.
fn files(folder: &Path, name: &str) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.filter(|path| path.file_name().is_some_and(|file| file.to_string_lossy().starts_with(name))).collect()
}

fn text(path: &Path) -> String {
    if path.extension().is_some_and(|extension| extension == "gz") {
        return succeeds(Command::new("gzip").arg("-dc").arg(path));
    }
    std::fs::read_to_string(path).unwrap()
}

/// How often each id is in the files of an output; every line must be whole.
fn ids(folder: &Path, output: &(&str, &str, &str, &str, &str)) -> BTreeMap<String, usize> {
    let (dialect, name, begin, mark, end) = output;
    let mut found = BTreeMap::new();
    for path in files(folder, name) {
        let text = text(&path);
        let whole = text.rfind('\n').map_or("", |end| &text[..end]);
        for line in whole.lines() {
            assert!(line.starts_with(begin) && line.ends_with(end), "{}: {line}", path.display());
            if end == &"}" && begin != &"<134>1 " {
                serde_json::from_str::<serde_json::Value>(line).unwrap_or_else(|error| panic!("{error}: {line}"));
            }
            let id = line.split_once(mark).and_then(|(_, rest)| rest.get(..36));
            match id {
                Some(id) => *found.entry(id.to_owned()).or_insert(0) += 1,
                // The document stands behind its line of metadata.
                None => assert!(*dialect == "elasticsearch_bulk", "{}: {line}", path.display()),
            }
        }
    }
    found
}

fn turn(rotate: &Path, state: &Path) {
    succeeds(tool("usr/sbin/logrotate").arg("--force").arg("--state").arg(state).arg(rotate));
}

fn nothing_is_lost(spooled: bool) {
    let outputs: String = OUTPUTS[1..]
        .iter()
        .map(|(format, file, ..)| {
            format!("[[output]]\nname = \"{format}\"\nformat = \"{format}\"\nto = \"file:FOLDER/{file}\"\n")
        })
        .collect();
    let spool = if spooled { "[spool]\ndirectory = \"FOLDER/spool\"\nmin_free = 0\n" } else { "" };
    let daemon = Daemon::start(&format!("{spool}{outputs}"));
    let folder = daemon.folder.path();
    // logrotate refuses folders that others may write to.
    std::fs::set_permissions(folder, PermissionsExt::from_mode(0o750)).unwrap();
    let rotate = folder.join("rotate.conf");
    std::fs::write(&rotate, configuration(folder, daemon.pid())).unwrap();
    let (stop, answered) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let mail = {
        let (stop, answered, addr) = (Arc::clone(&stop), Arc::clone(&answered), daemon.addr);
        std::thread::spawn(move || {
            let mut mta = Mta::connect(addr);
            while !stop.load(Ordering::Relaxed) {
                let headers = [("From", "dave@corp.example"), ("Message-ID", "<rotated@corp.example>")];
                mta.message("<dave@corp.example>", &["<ann@partner.example>"], &headers);
                assert_eq!(mta.end_of_message().answer(), b'c');
                answered.fetch_add(1, Ordering::Relaxed);
                // A busy machine takes its time to rotate, and the outputs have as much to catch up with.
                std::thread::sleep(std::time::Duration::from_millis(5));
            }
        })
    };
    let more = |count| {
        let wanted = answered.load(Ordering::Relaxed) + count;
        wait_for("more mail", || (answered.load(Ordering::Relaxed) >= wanted).then_some(()));
    };
    for round in 1..=8 {
        more(150);
        for (_, name, ..) in OUTPUTS {
            // An empty file would stay where it is.
            let written = || folder.join(name).metadata().is_ok_and(|file| file.len() > 0);
            wait_for(name, || written().then_some(()));
        }
        if round % 3 == 0 {
            // Without a signal, and with nothing in the place of what was moved.
            for (_, name, ..) in OUTPUTS {
                std::fs::rename(folder.join(name), folder.join(format!("{name}-moved-{round}"))).unwrap();
            }
        } else {
            turn(&rotate, &folder.join("state"));
        }
    }
    more(150);
    stop.store(true, Ordering::Relaxed);
    mail.join().unwrap();
    let sent = answered.load(Ordering::Relaxed);
    for output in OUTPUTS {
        let found = wait_for(output.1, || Some(ids(folder, output)).filter(|found| found.len() >= sent));
        assert_eq!(found.len(), sent, "{}", output.0);
        assert!(found.values().all(|count| *count == 1), "{}: none twice", output.0);
        let files = files(folder, output.1);
        assert!(files.len() >= 8, "{files:?}");
        for file in files {
            assert_eq!(file.metadata().unwrap().mode() & 0o777, 0o640, "{}", file.display());
        }
    }
    println!("{sent} messages while files were moved 8 times: all in each of {} outputs, once", OUTPUTS.len());
}

#[test]
#[ignore = "make test-siem"]
fn logrotate_loses_nothing_with_a_spool() {
    nothing_is_lost(true);
}

#[test]
#[ignore = "make test-siem"]
fn logrotate_loses_nothing_without_a_spool() {
    nothing_is_lost(false);
}

/// Every file that the manual or the sample proposes in that folder is one that is rotated.
#[test]
fn what_is_proposed_is_rotated() {
    let config = std::fs::read_to_string(file("conf/logrotate")).unwrap();
    let patterns: Vec<&str> =
        config.split_whitespace().filter_map(|word| word.strip_prefix("/var/log/forwarden/*")).collect();
    let mut names = 0;
    for path in ["docs", "conf", "conf/cookbook", ""] {
        for entry in std::fs::read_dir(file(path)).unwrap() {
            let path = entry.unwrap().path();
            let read = path.extension().is_some_and(|extension| ["md", "toml"].iter().any(|known| *known == extension));
            for found in std::fs::read_to_string(&path).unwrap_or_default().split("file:/var/log/forwarden/").skip(1) {
                let name = found.split(|c: char| c.is_whitespace() || "\"`|,".contains(c)).next().unwrap();
                assert!(!read || patterns.iter().any(|end| name.ends_with(end)), "{}: {name}", path.display());
                names += 1;
            }
        }
    }
    assert!(names >= 5, "{names}");
}
