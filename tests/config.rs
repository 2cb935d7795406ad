//! Configurations and what `forwarden check` says of them: `tests/config/bad` cannot be used, `odd` is warned of, `good` is
//! fine. Beside each stands what must be printed, whole. `@DIR@` stands for the folder, where a path must be absolute.

#![allow(clippy::expect_used, clippy::panic, reason = "a test fails by them")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use tempfile::TempDir;

const DIR: &str = "@DIR@";

fn source() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/config")
}

/// Copies a folder, with its own path in the place of `@DIR@`.
fn copy(from: &Path, to: &Path, root: &Path) {
    fs::create_dir_all(to).expect("a folder");
    for entry in fs::read_dir(from).expect("a folder") {
        let (from, to) = entry.map(|entry| (entry.path(), to.join(entry.file_name()))).expect("an entry");
        if from.is_dir() {
            copy(&from, &to, root);
            continue;
        }
        let bytes = fs::read(&from).expect("a file");
        // What is no text is there to be no text.
        let bytes = match String::from_utf8(bytes) {
            Ok(text) => text.replace(DIR, &root.display().to_string()).into_bytes(),
            Err(error) => error.into_bytes(),
        };
        fs::write(&to, bytes).expect("a file");
    }
}

fn check(folder: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_forwarden"));
    command.current_dir(folder).arg("check").args(arguments);
    command.output().expect("forwarden starts")
}

/// Checks every configuration of a folder and compares what is printed and the exit status.
fn walk(folder: &str, status: i32, at_least: usize) {
    let temporary = TempDir::new().expect("a folder");
    let root = temporary.path();
    copy(&source(), root, root);
    let files = fs::read_dir(root.join(folder)).expect("a folder").map(|entry| entry.expect("an entry").path());
    let mut files: Vec<PathBuf> = files.filter(|path| path.extension().is_some_and(|kind| kind == "toml")).collect();
    files.sort();
    assert!(files.len() >= at_least, "only {} configurations in {folder}", files.len());
    let mut wrong = Vec::new();
    for file in files {
        let name = file.strip_prefix(root).expect("below the root").display().to_string();
        let expected = fs::read_to_string(source().join(&name).with_extension("expected"));
        let expected = expected.unwrap_or_else(|error| panic!("{name}: what is expected: {error}"));
        let output = check(root, &["--config", &name]);
        let printed = String::from_utf8_lossy(&output.stdout).replace(&root.display().to_string(), DIR);
        let complaint = String::from_utf8_lossy(&output.stderr);
        if printed != expected || output.status.code() != Some(status) || !complaint.is_empty() {
            wrong.push(format!(
                "{name}: expected exit status {status} and\n{expected}\nfound {} and\n{printed}{complaint}",
                output.status
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn what_cannot_be_used_is_refused_with_reasons() {
    walk("bad", 1, 40);
}

#[test]
fn what_is_odd_is_warned_of() {
    walk("odd", 0, 8);
}

#[test]
fn what_is_fine_is_fine() {
    walk("good", 0, 4);
}

/// An expectation without its configuration would be checked by nobody.
#[test]
fn every_expectation_has_its_configuration() {
    for folder in ["bad", "odd", "good"] {
        for entry in fs::read_dir(source().join(folder)).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.extension().is_some_and(|kind| kind == "expected") {
                assert!(path.with_extension("toml").exists(), "{}", path.display());
            }
        }
    }
}

#[test]
fn a_file_that_is_not_there() {
    let folder = TempDir::new().expect("a folder");
    let output = check(folder.path(), &["--config", "forwarden.toml"]);
    assert_eq!(output.status.code(), Some(1));
    let printed = String::from_utf8_lossy(&output.stdout);
    assert!(printed.starts_with("forwarden.toml: error: forwarden.toml cannot be read: No such file"), "{printed}");
    assert!(printed.ends_with("forwarden.toml: cannot be used: 1 error, 0 warnings\n"), "{printed}");
}

/// The sample, as it is and with every setting taken out of its comment, its policy test included.
#[test]
fn the_sample_is_fine() {
    let folder = TempDir::new().expect("a folder");
    let sample = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("conf/forwarden.toml")).expect("a file");
    let setting = |line: &str| match line.strip_prefix('#') {
        Some(rest) if !rest.is_empty() && !rest.starts_with(' ') => rest.to_owned(),
        _ => line.to_owned(),
    };
    let full: Vec<String> = sample.lines().map(setting).collect();
    // The machine on which this runs may have no mail server, and no templates.
    let full = full
        .join("\n")
        .replace("group = \"postfix\"", "group = \"root\"")
        .replace("user = \"forwarden\"", "user = \"daemon\"")
        .replace("/etc/forwarden/templates", &source().join("good/templates").display().to_string())
        .replace("/etc/forwarden/tls", &source().join("good/tls").display().to_string());
    let message = source().join("good/messages/forward.eml");
    fs::create_dir(folder.path().join("tests")).expect("a folder");
    fs::copy(message, folder.path().join("tests/forward.eml")).expect("a message");
    for (name, text, expected) in [
        ("as-it-is.toml", &sample, "fine (1 listener, 0 rules, 0 exceptions, 0 tests passed)"),
        ("full.toml", &full, "fine (2 listeners, 5 rules, 1 exception, 2 tests passed)"),
    ] {
        fs::write(folder.path().join(name), text).expect("a file");
        let output = check(folder.path(), &["--config", name]);
        assert_eq!(String::from_utf8_lossy(&output.stdout), format!("{name}: {expected}\n"));
        assert_eq!(output.status.code(), Some(0));
    }
}

/// The JSON says what the text says, in fields.
#[test]
fn problems_as_json() {
    let output = check(&source(), &["--config", "bad/policy.toml", "--format", "json"]);
    assert_eq!(output.status.code(), Some(1));
    let text = String::from_utf8(output.stdout).expect("text");
    let lines: Vec<serde_json::Value> =
        text.lines().map(|line| serde_json::from_str(line).expect("a JSON object a line")).collect();
    let expected = fs::read_to_string(source().join("bad/policy.expected")).expect("what is expected");
    let as_text: Vec<String> = lines
        .iter()
        .map(|line| {
            let field = |name: &str| line[name].as_str().expect("a string").to_owned();
            let [file, severity, key, text] = ["file", "severity", "key", "text"].map(field);
            format!("{file}:{}: {severity}: {key}: {text}", line["line"])
        })
        .collect();
    let expected: Vec<&str> = expected.lines().collect();
    assert_eq!(as_text, expected[..expected.len() - 1]);
    assert!(!as_text.is_empty());
}

/// An include beside a configuration that is named without a folder.
#[test]
fn includes_are_relative_to_the_file() {
    let folder = TempDir::new().expect("a folder");
    let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).expect("a file");
    write("forwarden.toml", "include = [\"part-*.toml\"]\n[organization]\ndomains = [\"corp.example\"]\n");
    write("part-1.toml", "[[listener]]\nsocket = \"inet:127.0.0.1:8891\"\n");
    write("part-2.toml", "[[listener]]\nsocket = \"inet:127.0.0.1:8892\"\n");
    let output = check(folder.path(), &["--config", "forwarden.toml"]);
    let printed = String::from_utf8_lossy(&output.stdout);
    assert!(printed.contains("(2 listeners,"), "{printed}");
    assert_eq!(output.status.code(), Some(0));
}
