//! The manual against the program: links, snippets, generated pages, and the shipped files.

#![allow(clippy::expect_used, clippy::unwrap_used, clippy::panic, reason = "a test fails by them")]

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn pages() -> Vec<PathBuf> {
    let mut pages = vec![root().join("README.md"), root().join("CHANGELOG.md")];
    for folder in ["docs", "benches"] {
        let entries = std::fs::read_dir(root().join(folder)).unwrap().map(|entry| entry.unwrap().path());
        pages.extend(entries.filter(|path| path.extension().is_some_and(|extension| extension == "md")));
    }
    assert!(pages.len() > 8);
    pages
}

/// The fenced blocks of that language: page, line, text.
fn blocks(language: &str) -> Vec<(PathBuf, usize, String)> {
    let mut found = Vec::new();
    for page in pages() {
        let text = std::fs::read_to_string(&page).unwrap();
        let mut open: Option<(usize, String)> = None;
        for (index, line) in text.lines().enumerate() {
            match &mut open {
                Some((_, block)) if line != "```" => *block += &format!("{line}\n"),
                Some(_) => {
                    let (line, block) = open.take().unwrap();
                    found.push((page.clone(), line, block));
                }
                None if line == format!("```{language}") => open = Some((index + 1, String::new())),
                None => {}
            }
        }
    }
    assert!(!found.is_empty(), "no {language} block in any page");
    found
}

fn forwarden(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_forwarden")).current_dir(root()).args(args).output().unwrap()
}

#[test]
fn links_lead_somewhere() {
    let mut checked = 0;
    for page in pages() {
        let text = std::fs::read_to_string(&page).unwrap();
        for (at, _) in text.match_indices("](") {
            let target = text[at + 2..].split(')').next().unwrap();
            if target.starts_with("http") || target.starts_with('#') {
                continue;
            }
            let file = page.parent().unwrap().join(target.split('#').next().unwrap());
            assert!(file.exists(), "{}: {target}", page.display());
            checked += 1;
        }
    }
    assert!(checked > 10);
}

#[test]
fn whole_configurations_can_be_used() {
    let folder = tempfile::tempdir().unwrap();
    let mut checked = 0;
    for (page, line, text) in blocks("toml") {
        if !(text.contains("[organization]") && text.contains("[[listener]]")) {
            continue;
        }
        let file = folder.path().join("f.toml");
        std::fs::write(&file, &text).unwrap();
        let output = forwarden(&["check", "--config", file.to_str().unwrap()]);
        assert!(output.status.success(), "{}:{line}: {}", page.display(), String::from_utf8_lossy(&output.stdout));
        checked += 1;
    }
    assert!(checked > 0);
    let sample = forwarden(&["check", "--config", "conf/forwarden.toml"]);
    assert!(sample.status.success(), "{}", String::from_utf8_lossy(&sample.stdout));
}

#[test]
fn commands_run() {
    let mut ran = 0;
    for (page, line, text) in blocks("console") {
        for command in text.lines().filter_map(|line| line.strip_prefix("$ forwarden ")) {
            let script = format!("\"$FORWARDEN\" {command}");
            let output = Command::new("sh")
                .args(["-c", &script])
                .env("FORWARDEN", env!("CARGO_BIN_EXE_forwarden"))
                .current_dir(root())
                .output()
                .unwrap();
            assert!(
                output.status.success(),
                "{}:{line}: {command}: {}",
                page.display(),
                String::from_utf8_lossy(&output.stderr)
            );
            ran += 1;
        }
    }
    assert!(ran > 0);
}

#[test]
fn the_readme_says_what_explain_says() {
    let output = forwarden(&[
        "explain",
        "src/cli/demo/virtual-alias.eml",
        "--own",
        "corp.example",
        "--rcpt",
        "carol@agency.example ORCPT=rfc822;carol@corp.example",
    ]);
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.contains("auto_forward") && text.contains("forwarder   carol@corp.example"), "{text}");
    assert!(text.lines().all(|line| line.chars().count() <= 100), "{text}");
}

#[test]
fn the_page_of_detectors_is_the_catalogue() {
    let page = std::fs::read_to_string(root().join("docs/detectors.md")).unwrap();
    let generated = String::from_utf8(forwarden(&["detectors", "--format", "markdown"]).stdout).unwrap();
    assert!(
        page == generated,
        "docs/detectors.md is behind: forwarden detectors --format markdown > docs/detectors.md"
    );
}

#[test]
fn the_example_event_follows_the_schema() {
    let schema: serde_json::Value = serde_json::from_slice(&forwarden(&["schema"]).stdout).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    for (page, line, text) in blocks("json") {
        let event: serde_json::Value = serde_json::from_str(&text).unwrap();
        let problems: Vec<String> = validator.iter_errors(&event).map(|error| error.to_string()).collect();
        assert!(problems.is_empty(), "{}:{line}: {problems:?}", page.display());
    }
}

#[test]
fn every_dependency_has_its_line() {
    let manifest = std::fs::read_to_string(root().join("Cargo.toml")).unwrap();
    let page = std::fs::read_to_string(root().join("docs/dependencies.md")).unwrap();
    let section = |name: &str| {
        let text = manifest.split_once(&format!("[{name}]\n")).unwrap().1.to_owned();
        let names: Vec<String> = text
            .lines()
            .take_while(|line| !line.starts_with('['))
            .filter_map(|line| line.split_once(" = ").map(|(name, _)| name.to_owned()))
            .collect();
        names
    };
    for name in section("dependencies").into_iter().chain(section("dev-dependencies")) {
        assert!(page.contains(&name), "{name} is not in docs/dependencies.md");
    }
}

/// The Postfix snippets are what Postfix takes: parsed by postconf itself.
#[test]
fn postfix_reads_the_snippets() {
    for layout in ["layout-a", "layout-b"] {
        let folder = tempfile::tempdir().unwrap();
        for (snippet, name) in [("main.cf", "main.cf"), ("master.cf", "master.cf")] {
            std::fs::copy(root().join(format!("conf/postfix/{layout}.{snippet}")), folder.path().join(name)).unwrap();
        }
        let postconf = std::iter::once("/usr/sbin/postconf").find(|path| Path::new(path).exists());
        let Some(postconf) = postconf else {
            assert!(std::env::var_os("CI").is_none(), "Postfix is not installed");
            eprintln!("SKIPPED: Postfix is not installed; lab/install-packages installs it");
            return;
        };
        for option in ["-n", "-M"] {
            let output = Command::new(postconf).arg("-c").arg(folder.path()).arg(option).output().unwrap();
            let said = String::from_utf8_lossy(&output.stderr).into_owned();
            assert!(output.status.success() && !said.contains("unused parameter"), "{layout} {option}: {said}");
            assert!(!output.stdout.is_empty(), "{layout} {option}");
        }
    }
}
