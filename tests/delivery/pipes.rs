//! Named pipes, whose reader may be missing, or stand still.

use crate::site::{daemon, ids, send, wait_until, written};
use crate::support::{Daemon, Mta, wait_for};
use nix::sys::stat::Mode;
use nix::unistd::mkfifo;
use std::fs::OpenOptions;
use std::io::Read;
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;
use std::process::Command;
use tempfile::TempDir;

fn pipe() -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("pipe");
    mkfifo(&path, Mode::S_IRUSR | Mode::S_IWUSR).unwrap();
    (folder, path)
}

fn output(path: &std::path::Path) -> String {
    format!("[[output]]\nname = \"pipe\"\nformat = \"json\"\nto = \"file:{}\"\n", path.display())
}

#[test]
fn events_wait_for_somebody_to_read_the_pipe() {
    let (_folder, path) = pipe();
    let daemon = daemon(&output(&path));
    send(&daemon, 5);
    let wanted = written(&daemon, 5);
    wait_until(|| daemon.log(), "the missing reader", || daemon.log().contains("nobody reads this pipe"));
    daemon.assert_serving();
    let mut reader = std::fs::File::open(&path).unwrap();
    let mut text = Vec::new();
    wait_for("the events", || {
        let mut octets = [0; 65_536];
        let count = reader.read(&mut octets).unwrap();
        text.extend_from_slice(&octets[..count]);
        let found = ids(&String::from_utf8_lossy(&text));
        wanted.iter().all(|id| found.contains_key(id)).then_some(())
    });
}

#[test]
fn without_a_spool_a_pipe_that_nobody_reads_is_told_at_the_start() {
    let (folder, path) = pipe();
    let config = folder.path().join("forwarden.toml");
    let text = format!(
        "[organization]\ndomains = [\"corp.example\"]\n[[listener]]\nsocket = \"unix:{}/sock\"\n{}",
        folder.path().display(),
        output(&path)
    );
    std::fs::write(&config, text).unwrap();
    let ended =
        Command::new(env!("CARGO_BIN_EXE_forwarden")).args(["serve", "--config"]).arg(&config).output().unwrap();
    let said = String::from_utf8_lossy(&ended.stderr);
    assert!(!ended.status.success() && said.contains("pipe: nobody reads this pipe"), "{said}");
}

#[test]
fn a_reader_that_stands_still_holds_up_neither_mail_nor_the_end() {
    for spool in ["", "[spool]\ndirectory = \"FOLDER/spool\"\nmin_free = 0\n"] {
        let (_folder, path) = pipe();
        let nonblocking = nix::fcntl::OFlag::O_NONBLOCK.bits();
        let reader = OpenOptions::new().read(true).custom_flags(nonblocking).open(&path).unwrap();
        let mut daemon = Daemon::start(&format!("{spool}{}", output(&path)));
        // More than a pipe holds.
        send(&daemon, 300);
        written(&daemon, 300);
        daemon.assert_serving();
        daemon.stop();
        drop(reader);
    }
}

/// Without a spool, memory holds so many events and no more: what there is no room for is told when there is.
#[test]
fn without_a_spool_what_is_lost_is_told() {
    let (_folder, path) = pipe();
    let nonblocking = nix::fcntl::OFlag::O_NONBLOCK.bits();
    let mut reader = OpenOptions::new().read(true).custom_flags(nonblocking).open(&path).unwrap();
    let daemon = Daemon::start(&output(&path));
    let mut mta = Mta::connect(daemon.addr);
    // An event for each of these forwards.
    let forwards: Vec<String> =
        (0..500).map(|number| format!("<x@ext.example> ORCPT=rfc822;user{number}@corp.example")).collect();
    let rcpts: Vec<&str> = forwards.iter().map(String::as_str).collect();
    let (messages, headers) = (24, [("From", "ann@partner.example"), ("Message-ID", "<many@partner.example>")]);
    for _ in 0..messages {
        mta.message("<ann@partner.example>", &rcpts, &headers);
        assert_eq!(mta.end_of_message().answer(), b'c');
    }
    let mut text = Vec::new();
    let told = wait_for("what was lost", || {
        let mut octets = vec![0; 1 << 20];
        while let Ok(count @ 1..) = reader.read(&mut octets) {
            text.extend_from_slice(&octets[..count]);
        }
        let text = String::from_utf8_lossy(&text);
        let line = text.lines().find(|line| line.contains("\"kind\":\"loss\"") && line.ends_with('}'))?;
        Some(serde_json::from_str::<serde_json::Value>(line).unwrap())
    });
    assert_eq!((told["output"].as_str(), told["reason"].as_str()), (Some("pipe"), Some("queue_full")));
    wait_for("the rest", || {
        let mut octets = vec![0; 1 << 20];
        while let Ok(count @ 1..) = reader.read(&mut octets) {
            text.extend_from_slice(&octets[..count]);
        }
        let received = ids(&String::from_utf8_lossy(&text)).len() - 1;
        (received + usize::try_from(told["count"].as_u64().unwrap()).unwrap() == rcpts.len() * messages).then_some(())
    });
}
