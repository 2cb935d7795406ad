//! A tree of files that stands for a host, and what the audit says of it.

use serde_json::Value;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use tempfile::TempDir;

pub(crate) struct Tree(TempDir);

impl Tree {
    /// One with alice, bob and carol, whose homes are the tester's.
    pub(crate) fn new() -> Self {
        let tree = Self(tempfile::tempdir().unwrap());
        let own = std::fs::metadata(tree.path("")).unwrap();
        // The temporary folder is closed to others; a root is not.
        std::fs::set_permissions(tree.path(""), PermissionsExt::from_mode(0o755)).unwrap();
        let line = |name: &str| format!("{name}:x:{}:{}:{name},,,:/home/{name}:/bin/sh\n", own.uid(), own.gid());
        tree.file("/etc/passwd", ["alice", "bob", "carol"].map(line).concat());
        for name in ["alice", "bob", "carol"] {
            std::fs::create_dir_all(tree.path(&format!("/home/{name}"))).unwrap();
        }
        tree
    }

    /// Where a path below the root is for the tester.
    pub(crate) fn path(&self, path: &str) -> PathBuf {
        self.0.path().join(path.trim_start_matches('/'))
    }

    pub(crate) fn file(&self, path: &str, text: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, text).unwrap();
        path
    }

    pub(crate) fn link(&self, path: &str, target: impl AsRef<Path>) {
        let path = self.path(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        symlink(target, path).unwrap();
    }

    /// The audit of the tree, as JSON.
    pub(crate) fn audit(&self, args: &[&str]) -> Found {
        let output = self.run(&[&["--format", "json"], args].concat());
        let text = String::from_utf8(output.stdout.clone()).unwrap();
        let lines = text.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|_| panic!("{line}"))).collect();
        Found { lines, status: output.status.code().unwrap(), said: String::from_utf8(output.stderr).unwrap() }
    }

    pub(crate) fn run(&self, args: &[&str]) -> Output {
        forwarden(&[&["audit", "--own", "corp.example", "--root", self.path("").to_str().unwrap()], args].concat())
    }
}

/// Runs the program; what it keeps for a moment, it does not leave behind.
pub(crate) fn forwarden(args: &[&str]) -> Output {
    let temporary = tempfile::tempdir().unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_forwarden"));
    let output = command.args(args).env("TMPDIR", temporary.path()).output().unwrap();
    assert_eq!(std::fs::read_dir(temporary.path()).unwrap().count(), 0, "{args:?} leaves something behind");
    output
}

/// What an audit found.
#[derive(Debug)]
pub(crate) struct Found {
    pub(crate) lines: Vec<Value>,
    pub(crate) status: i32,
    pub(crate) said: String,
}

impl Found {
    pub(crate) fn of_type(&self, kind: &str) -> Vec<&Value> {
        self.lines.iter().filter(|line| line["type"] == kind).collect()
    }

    /// Each rule as `source mailbox target copy file:line`.
    pub(crate) fn rules(&self) -> Vec<String> {
        let rules = self.of_type("rule");
        rules.iter().map(|rule| shown(rule)).collect()
    }

    pub(crate) fn rule(&self, target: &str) -> &Value {
        let rules = self.of_type("rule");
        rules.into_iter().find(|rule| rule["target"] == target).unwrap_or_else(|| panic!("no {target} in {self:#?}"))
    }

    /// Each problem as `place: reason`.
    pub(crate) fn problems(&self) -> Vec<String> {
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let problems = self.of_type("problem");
        problems.iter().map(|problem| format!("{}: {}", text(&problem["place"]), text(&problem["reason"]))).collect()
    }
}

pub(crate) fn shown(rule: &Value) -> String {
    let text = |key: &str| rule[key].as_str().unwrap().to_owned();
    let copy = match rule["keeps_copy"].as_bool() {
        Some(true) => "keeps",
        Some(false) => "moves",
        None => "?",
    };
    let line = rule["line"].as_u64().map(|line| format!(":{line}")).unwrap_or_default();
    format!("{} {} {} {copy} {}{line}", text("source"), text("mailbox"), text("target"), text("file"))
}

pub(crate) fn notes(rule: &Value) -> String {
    let notes = rule["notes"].as_array().unwrap();
    notes.iter().map(|note| note.as_str().unwrap()).collect::<Vec<_>>().join("; ")
}

/// A program that a test cannot do without.
pub(crate) fn command(program: &str) -> Command {
    let mut command = Command::new(program);
    command.env("PATH", format!("{}:/usr/sbin", std::env::var("PATH").unwrap_or_default()));
    command
}

/// Whether a program is installed. Where `CI` is set, it must be.
pub(crate) fn installed(program: &str) -> bool {
    let found = command("sh").args(["-c", &format!("command -v {program}")]).output().unwrap().status.success();
    assert!(found || std::env::var_os("CI").is_none(), "{program} is not installed");
    if !found {
        eprintln!("{program} is not installed: skipped");
    }
    found
}
