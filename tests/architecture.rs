//! The arrows of docs/architecture.md: which module may use which. A `use` that points the wrong way fails here.

#![allow(clippy::expect_used, clippy::panic, reason = "a test fails by them")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Each module, and the modules of ours that it may use.
const ARROWS: &[(&str, &[&str])] = &[
    ("clock", &[]),
    ("metrics", &[]),
    ("owned", &[]),
    ("word", &[]),
    ("message", &[]),
    ("privacy", &["message"]),
    ("state", &["message", "privacy", "metrics", "owned", "word"]),
    ("backfill", &["message"]),
    ("detect", &["message", "state"]),
    ("assess", &["message", "detect"]),
    ("policy", &["message", "state", "detect", "assess"]),
    ("usage", &["policy"]),
    ("action", &["message", "assess", "policy"]),
    ("quarantine", &["message", "assess", "policy", "owned"]),
    ("event", &["message", "privacy", "state", "detect", "assess", "policy", "action", "quarantine", "word"]),
    ("sink", &["event", "privacy", "policy", "metrics", "owned"]),
    ("notify", &["message", "policy", "metrics"]),
    (
        "engine",
        &[
            "notify",
            "message",
            "state",
            "detect",
            "assess",
            "policy",
            "usage",
            "action",
            "quarantine",
            "event",
            "sink",
            "clock",
            "metrics",
        ],
    ),
    ("audit", &["message"]),
    ("frontend", &["message", "engine", "action", "quarantine", "policy", "event", "metrics"]),
    ("admin", &["frontend", "metrics"]),
    ("doctor", &["message", "frontend"]),
    (
        "config",
        &[
            "privacy",
            "message",
            "notify",
            "state",
            "detect",
            "assess",
            "policy",
            "action",
            "quarantine",
            "sink",
            "frontend",
        ],
    ),
    ("control", &["policy", "frontend"]),
    (
        "app",
        &[
            "admin",
            "control",
            "notify",
            "privacy",
            "message",
            "state",
            "detect",
            "assess",
            "policy",
            "usage",
            "quarantine",
            "event",
            "sink",
            "engine",
            "frontend",
            "config",
            "clock",
            "metrics",
        ],
    ),
    (
        "cli",
        &[
            "audit",
            "control",
            "backfill",
            "privacy",
            "message",
            "state",
            "detect",
            "assess",
            "policy",
            "usage",
            "action",
            "quarantine",
            "event",
            "sink",
            "engine",
            "frontend",
            "doctor",
            "config",
            "app",
            "clock",
            "metrics",
        ],
    ),
];

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

/// The modules of ours that a file names, `crate::x` anywhere outside comments.
fn used(text: &str) -> Vec<String> {
    let code = text.lines().filter(|line| !line.trim_start().starts_with("//"));
    let mut names = Vec::new();
    for line in code {
        for (at, _) in line.match_indices("crate::") {
            let rest = &line[at + "crate::".len()..];
            if let Some(group) = rest.strip_prefix('{') {
                names.extend(
                    group.split(['{', '}', ',']).map(|part| part.trim().split("::").next().unwrap_or("").to_owned()),
                );
            } else {
                names.push(rest.split(|c: char| !c.is_alphanumeric() && c != '_').next().unwrap_or("").to_owned());
            }
        }
    }
    names
}

#[test]
fn modules_use_only_what_they_may() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let arrows: BTreeMap<&str, &[&str]> = ARROWS.iter().copied().collect();
    let mut files = Vec::new();
    sources(&root, &mut files);
    let mut wrong = Vec::new();
    let mut seen = 0;
    for file in &files {
        let relative = file.strip_prefix(&root).expect("below src");
        let module = relative.components().next().expect("a name").as_os_str().to_string_lossy();
        let module = module.trim_end_matches(".rs");
        if matches!(module, "lib" | "main") {
            continue;
        }
        let allowed = arrows.get(module).unwrap_or_else(|| panic!("{module} is not in the table of arrows"));
        seen += 1;
        for name in used(&std::fs::read_to_string(file).expect("a source file")) {
            if name != module && arrows.contains_key(name.as_str()) && !allowed.contains(&name.as_str()) {
                wrong.push(format!("{}: {module} may not use {name}", relative.display()));
            }
        }
    }
    assert!(seen > 20, "only {seen} files were read");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Protocol crates stay in the frontend, the command-line crate in cli: nobody else need know them.
#[test]
fn protocol_crates_stay_in_the_frontend() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    sources(&root, &mut files);
    for file in &files {
        let text = std::fs::read_to_string(file).expect("a source file");
        let relative = file.strip_prefix(&root).expect("below src").display().to_string();
        let in_frontend = relative.starts_with("frontend") || relative.starts_with("cli/demo");
        assert!(in_frontend || !text.contains("indymilter::"), "{relative} uses indymilter");
        assert!(
            relative.starts_with("cli") || relative == "main.rs" || !text.contains("clap::"),
            "{relative} uses clap"
        );
    }
}

#[test]
fn the_reader_sees_grouped_and_nested_uses() {
    assert_eq!(used("use crate::policy::{self, Decision};"), ["policy"]);
    assert_eq!(used("use crate::{engine::Engine, sink};"), ["engine", "sink", ";"]);
    assert!(used("// crate::engine").is_empty());
}
