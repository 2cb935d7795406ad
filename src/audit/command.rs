//! The mail servers' own programs: `postconf`, `postmap`, `makemap`.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

/// How much a program may print, in octets.
const MAX_BYTES: u64 = 256 << 20;

/// How long a program may take: directories in the network are asked, too.
const PATIENCE: Duration = Duration::from_secs(120);

/// Runs a program of Postfix with the configuration in a folder, and returns what it prints.
///
/// # Errors
/// It is not there, or says why it fails.
pub(super) fn postfix(
    program: &str,
    folder: &Path,
    arguments: &[&str],
    input: Option<String>,
) -> Result<String, String> {
    let folder = folder.display().to_string();
    let arguments: Vec<&str> = ["-c", &folder].into_iter().chain(arguments.iter().copied()).collect();
    run(program, &arguments, input)
}

/// Runs a program, and returns what it prints.
///
/// # Errors
/// It is not there, or says why it fails.
pub(super) fn run(program: &str, arguments: &[&str], input: Option<String>) -> Result<String, String> {
    let mut command = Command::new(program);
    let path = std::env::var_os("PATH").unwrap_or_default();
    // Where they are kept is on no user's path.
    command.env("PATH", [&path, OsStr::new(":/usr/sbin:/usr/local/sbin")].join(OsStr::new("")));
    command.args(arguments);
    command.stdin(if input.is_some() { Stdio::piped() } else { Stdio::null() });
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let named = |error: &io::Error| match error.kind() {
        io::ErrorKind::NotFound => format!("{program} is not installed"),
        _ => format!("{program}: {error}"),
    };
    let mut child = command.spawn().map_err(|error| named(&error))?;
    // It answers while it reads, so that one thread alone could wait for ever.
    let writer = child.stdin.take().zip(input).map(|(mut pipe, input)| {
        std::thread::spawn(move || {
            // A program that ends early says itself why.
            let _ = pipe.write_all(input.as_bytes());
        })
    });
    let (sender, receiver) = mpsc::channel();
    for (at, pipe) in
        [child.stdout.take().map(OwnedFd::from), child.stderr.take().map(OwnedFd::from)].into_iter().enumerate()
    {
        let sender = sender.clone();
        std::thread::spawn(move || {
            let mut text = Vec::new();
            let read = pipe.map_or(Ok(0), |pipe| File::from(pipe).take(MAX_BYTES + 1).read_to_end(&mut text));
            // Nobody listens any more if it took too long.
            let _ = sender.send((at, read.map(|_| text)));
        });
    }
    drop(sender);
    let mut texts = [Vec::new(), Vec::new()];
    let end = Instant::now() + PATIENCE;
    let failed = loop {
        match receiver.recv_timeout(end.saturating_duration_since(Instant::now())) {
            Ok((_, Ok(text))) if text.len() as u64 > MAX_BYTES => break Some("says more than is taken in".to_owned()),
            Ok((at, Ok(text))) => texts.get_mut(at).into_iter().for_each(|place| place.clone_from(&text)),
            Ok((_, Err(error))) => break Some(error.to_string()),
            Err(mpsc::RecvTimeoutError::Timeout) => {
                break Some(format!("has no answer after {} s", PATIENCE.as_secs()));
            }
            Err(mpsc::RecvTimeoutError::Disconnected) => break None,
        }
    };
    if let Some(reason) = failed {
        // What it was doing only read.
        let _ = child.kill();
        let _ = child.wait();
        return Err(format!("{program}: {reason}"));
    }
    let status = child.wait().map_err(|error| named(&error))?;
    writer.into_iter().for_each(|writer| drop(writer.join()));
    let [out, err] = texts;
    let said = String::from_utf8_lossy(&err).trim().replace('\n', "; ");
    // Keys that are not found are exit status 1, and nothing is said.
    let not_found = status.code() == Some(1) && said.is_empty();
    if !status.success() && !not_found {
        return Err(if said.is_empty() { format!("{program}: {status}") } else { said });
    }
    Ok(String::from_utf8_lossy(&out).into_owned())
}

/// A folder of our own with copies of tables, for programs that would follow links out of the root. Gone when dropped.
#[derive(Debug)]
pub(super) struct Copies(PathBuf);

impl Copies {
    /// Makes the folder, with a configuration in which nothing is set.
    ///
    /// # Errors
    /// There is no room for it.
    pub(super) fn new() -> io::Result<Self> {
        let folder = std::env::temp_dir().join(format!("forwarden-audit-{}", uuid::Uuid::now_v7()));
        std::fs::DirBuilder::new().mode(0o700).create(&folder)?;
        let copies = Self(folder);
        copies.add("main.cf", b"")?;
        Ok(copies)
    }

    /// The folder.
    pub(super) fn folder(&self) -> &Path {
        &self.0
    }

    /// Puts a file into it.
    ///
    /// # Errors
    /// There is no room for it.
    pub(super) fn add(&self, name: &str, bytes: &[u8]) -> io::Result<()> {
        let mut options = std::fs::OpenOptions::new();
        options.write(true).create_new(true).mode(0o600).open(self.0.join(name))?.write_all(bytes)
    }
}

impl Drop for Copies {
    fn drop(&mut self) {
        // What stays behind is in the temporary folder, which is emptied anyhow.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
