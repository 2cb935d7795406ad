//! Named pipes, whose reader may be missing, or stand still.

use crate::site::{daemon, ids, send, wait_until, written};
use crate::support::{Daemon, wait_for};
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
