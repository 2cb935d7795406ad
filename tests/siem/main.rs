//! What is shipped for receivers, tried with the receivers themselves. `make test-siem` fetches them and runs these tests.

#![allow(clippy::expect_used, clippy::unwrap_used, clippy::panic, reason = "a test fails by them")]

mod logrotate;
mod prometheus;
mod receivers;
mod sigma;
mod site;
#[path = "../support/mod.rs"]
mod support;
mod wazuh;

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

/// A file of this repository.
fn file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

/// A program that `lab/siem-tools` fetched, with the libraries that came with it.
fn tool(path: &str) -> Command {
    let root = file("target/siem-tools/root");
    let program = root.join(path);
    assert!(program.exists(), "{} is missing: lab/siem-tools fetches it", program.display());
    let mut command = Command::new(program);
    let libraries = root.join(format!("usr/lib/{}-linux-gnu", std::env::consts::ARCH));
    command.env("LD_LIBRARY_PATH", format!("{}:{}", libraries.display(), root.join("lib").display()));
    command.stdin(Stdio::null());
    command
}

/// Runs it to its end; what it said.
fn succeeds(command: &mut Command) -> String {
    let Output { status, stdout, stderr } = command.output().unwrap();
    let said = String::from_utf8_lossy(&stdout).into_owned() + &String::from_utf8_lossy(&stderr);
    assert!(status.success(), "{command:?}: {said}");
    said
}
