//! The manual against the program: links, snippets, generated pages, and the shipped files.

#![allow(clippy::expect_used, clippy::unwrap_used, clippy::panic, reason = "a test fails by them")]

mod support;

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use support::{Daemon, Mta};

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

/// Whether a line is the heading that this anchor leads to: its letters and digits in lower case, spaces as hyphens.
fn is_heading(line: &str, anchor: &str) -> bool {
    let kept = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_' | ' ');
    let name = line.trim_start_matches('#').trim();
    line.starts_with('#') && name.to_lowercase().replace(|c| !kept(c), "").replace(' ', "-") == anchor
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
            let (file, anchor) = target.split_once('#').unwrap_or((target, ""));
            let file = page.parent().unwrap().join(file);
            assert!(file.exists(), "{}: {target}", page.display());
            if !anchor.is_empty() {
                let text = std::fs::read_to_string(&file).unwrap();
                assert!(text.lines().any(|line| is_heading(line, anchor)), "{}: {target}", page.display());
            }
            checked += 1;
        }
    }
    assert!(checked > 10);
}

/// Every page stands in the book's table of contents, once, and what stands there is a page.
#[test]
fn the_book_has_every_page() {
    let contents = std::fs::read_to_string(root().join("docs/SUMMARY.md")).unwrap();
    let mut listed: Vec<&str> = contents.split("](").skip(1).filter_map(|rest| rest.split(')').next()).collect();
    listed.sort_unstable();
    let mut pages: Vec<String> = std::fs::read_dir(root().join("docs"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.ends_with(".md") && name != "SUMMARY.md")
        .collect();
    pages.sort();
    assert_eq!(listed, pages, "docs/SUMMARY.md");
}

/// What is to be done in an incident gets an answer from real events: the page's own commands, on what a daemon wrote.
#[test]
fn the_questions_of_an_incident_are_answered() {
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join("state");
    let daemon = Daemon::start(&format!("[state]\ndirectory = \"{}\"\n", state.display()));
    let mut mta = Mta::connect(daemon.addr);
    for (number, mailbox) in ["alice", "bob"].into_iter().enumerate() {
        let rcpt = format!("<x@drop.example> ORCPT=rfc822;{mailbox}@corp.example");
        let id = format!("<{number}@partner.example>");
        let fields = [("From", "ann@partner.example"), ("Subject", "Offer"), ("Message-ID", id.as_str())];
        mta.message("<ann@partner.example>", &[&rcpt], &fields);
        assert_eq!(mta.end_of_message().answer(), b'c');
    }
    daemon.events(2);
    let page = root().join("docs/incident.md");
    let mut asked = 0;
    for (_, line, block) in blocks("sh").into_iter().filter(|(from, ..)| *from == page) {
        for command in block.lines().filter(|line| !line.starts_with("EVENTS=") && !line.contains("systemctl")) {
            // The state is written a moment later.
            let said = support::wait_for(command, || {
                let output = Command::new("sh")
                    .args(["-c", &format!("forwarden() {{ \"$FORWARDEN\" \"$@\" --state \"$STATE\"; }}; {command}")])
                    .env("FORWARDEN", env!("CARGO_BIN_EXE_forwarden"))
                    .env("STATE", &state)
                    .env("EVENTS", daemon.path("events.jsonl"))
                    .output()
                    .unwrap();
                let said = String::from_utf8(output.stdout).unwrap();
                (!said.trim().is_empty()).then_some(said)
            });
            if command.contains("forwarder\":\"alice") && command.contains("destinations") {
                assert_eq!(said.trim(), "1 \"destinations\":[\"x@drop.example\"]", "{line}: {command}");
            }
            asked += 1;
        }
    }
    assert!(asked > 6, "only {asked}");
}

/// A new program is tried out beside the old one by the page's own commands.
#[test]
fn an_upgrade_can_be_tried_out() {
    let page = root().join("docs/upgrading.md");
    let mut tried = 0;
    for (_, line, block) in blocks("sh").into_iter().filter(|(from, ..)| *from == page) {
        for command in block.lines().filter(|line| line.starts_with("./forwarden ")) {
            let command = command
                .replace("./forwarden", "\"$FORWARDEN\"")
                .replace("/etc/forwarden/forwarden.toml", "conf/minimal.toml")
                .replace("/var/spool/samples", "conf/cookbook/messages");
            let output = Command::new("sh")
                .args(["-c", &command])
                .env("FORWARDEN", env!("CARGO_BIN_EXE_forwarden"))
                .current_dir(root())
                .output()
                .unwrap();
            assert!(output.status.success(), "{line}: {command}: {}", String::from_utf8_lossy(&output.stderr));
            tried += 1;
        }
    }
    assert_eq!(tried, 2);
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
        // The group need not exist where the tests run.
        std::fs::write(&file, text.replace("group = \"postfix\"", "group = \"root\"")).unwrap();
        let output = forwarden(&["check", "--config", file.to_str().unwrap()]);
        assert!(output.status.success(), "{}:{line}: {}", page.display(), String::from_utf8_lossy(&output.stdout));
        checked += 1;
    }
    assert!(checked > 0);
}

/// Parts of a configuration: the outputs of the manual and of conf/siem, with the files that they name.
#[test]
fn outputs_can_be_used() {
    let folder = tempfile::tempdir().unwrap();
    for secret in ["splunk.token", "elastic.key", "sentinel.secret", "kafka.password"] {
        std::fs::write(folder.path().join(secret), "s3cret\n").unwrap();
    }
    std::fs::copy(root().join("tests/config/good/tls/google.json"), folder.path().join("google.json")).unwrap();
    let shipped = ["splunk", "google"].map(|name| root().join(format!("conf/siem/{name}/output.toml")));
    let shipped = shipped.map(|path| (path.clone(), 1, std::fs::read_to_string(path).unwrap()));
    let of_outputs = |page: &Path| page.ends_with("docs/delivery.md") || page.ends_with("docs/siem.md");
    let outputs = blocks("toml").into_iter().filter(|(page, ..)| of_outputs(page)).chain(shipped);
    let before = "[organization]\ndomains = [\"corp.example\"]\n[[listener]]\nsocket = \"inet:127.0.0.1:8891\"\n";
    let mut checked = 0;
    for (page, line, text) in outputs {
        let text = text.replace("/etc/forwarden/", &format!("{}/", folder.path().display()));
        let spool = if text.contains("[spool]") { "" } else { "[spool]\n" };
        let file = folder.path().join("f.toml");
        std::fs::write(&file, format!("{before}{spool}{text}")).unwrap();
        let output = forwarden(&["check", "--config", file.to_str().unwrap()]);
        assert!(output.status.success(), "{}:{line}: {}", page.display(), String::from_utf8_lossy(&output.stdout));
        checked += 1;
    }
    assert!(checked >= 6, "only {checked}");
}

#[test]
fn shipped_configurations_can_be_used() {
    let mut checked = 0;
    for entry in std::fs::read_dir(root().join("conf")).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "toml") {
            continue;
        }
        let output = forwarden(&["check", "--config", path.to_str().unwrap()]);
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success() && !said.contains(" warning: "), "{said}");
        checked += 1;
    }
    assert_eq!(checked, 2, "a sample with every key, and the least that works");
}

/// The least that works stands in the manual as it is shipped.
#[test]
fn the_minimum_is_the_one_in_the_manual() {
    let minimum = std::fs::read_to_string(root().join("conf/minimal.toml")).unwrap();
    let page = std::fs::read_to_string(root().join("docs/configuration.md")).unwrap();
    assert!(page.contains(&format!("```toml\n{minimum}```\n")));
}

/// A command of a console block: what is typed, what is shown of its output, and its exit status.
struct Typed {
    command: String,
    shown: Vec<String>,
    status: i32,
}

/// `$ forwarden …`, then lines of its output, then, where it is not 0, `$ echo $?` and the exit status.
fn typed(block: &str) -> Vec<Typed> {
    let mut commands: Vec<Typed> = Vec::new();
    let mut lines = block.lines();
    while let Some(line) = lines.next() {
        if let Some(command) = line.strip_prefix("$ forwarden ") {
            commands.push(Typed { command: command.to_owned(), shown: Vec::new(), status: 0 });
        } else if line == "$ echo $?" {
            let status = lines.next().and_then(|line| line.parse().ok()).expect("an exit status below `$ echo $?`");
            commands.last_mut().expect("a command above `$ echo $?`").status = status;
        } else {
            let command = commands.last_mut().expect("a block that begins with `$ forwarden`");
            command.shown.push(line.to_owned());
        }
    }
    commands
}

/// Lines that are shown are printed, in that order; what lies between them may be left out.
#[test]
fn commands_run_and_print_what_is_shown() {
    let mut ran = 0;
    for (page, line, block) in blocks("console") {
        for Typed { command, shown, status } in typed(&block) {
            let output = Command::new("sh")
                .args(["-c", &format!("\"$FORWARDEN\" {command} 2>&1")])
                .env("FORWARDEN", env!("CARGO_BIN_EXE_forwarden"))
                .current_dir(root())
                .output()
                .unwrap();
            let said = String::from_utf8(output.stdout).unwrap();
            assert_eq!(output.status.code(), Some(status), "{}:{line}: {command}: {said}", page.display());
            let mut printed = said.lines();
            for wanted in shown.iter().filter(|wanted| *wanted != "…") {
                assert!(printed.any(|line| line == wanted), "{}:{line}: {wanted:?} is not in {said}", page.display());
            }
            ran += 1;
        }
    }
    assert!(ran > 2);
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

/// The page of metrics holds the table, and a row on each alert.
#[test]
fn the_page_of_metrics_has_the_table_and_the_alerts() {
    let page = std::fs::read_to_string(root().join("docs/metrics.md")).unwrap();
    let table = String::from_utf8(forwarden(&["metrics", "--format", "markdown"]).stdout).unwrap();
    assert!(
        page.ends_with(&format!("\n\n{table}")),
        "docs/metrics.md is behind; its end should be what `forwarden metrics --format markdown` prints:\n{table}"
    );
    let text = String::from_utf8(forwarden(&["metrics"]).stdout).unwrap();
    assert!(text.lines().count() > 40 && text.lines().all(|line| line.chars().count() <= 100), "{text}");
    let rules = std::fs::read_to_string(root().join("conf/prometheus/forwarden.rules.yml")).unwrap();
    let tests = std::fs::read_to_string(root().join("conf/prometheus/forwarden.test.yml")).unwrap();
    let alerts: Vec<&str> = rules.lines().filter_map(|line| line.trim().strip_prefix("- alert: ")).collect();
    assert!(alerts.len() > 10);
    for alert in alerts {
        assert!(page.contains(&format!("\n| `{alert}` | ")), "docs/metrics.md has no row on {alert}");
        assert!(tests.contains(&format!("alertname: {alert}\n")), "no test has the alert {alert}");
    }
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

/// The example on the page of events is what a daemon wrote: the same message is sent to one, and only what differs
/// from run to run may differ.
#[test]
fn the_example_event_is_a_real_one() {
    let daemon = Daemon::start(
        "[[rule]]\nid = \"hold\"\nwhen = { verdict = [\"auto_forward\"], confidence = 0.9 }\nthen = [\"quarantine\"]\n",
    );
    let message = std::fs::read(root().join("src/cli/demo/dot-forward.eml")).unwrap();
    let fields = forwarden::message::eml::split(&message).fields;
    let fields: Vec<(&str, String)> = fields
        .into_iter()
        .map(|(name, body)| {
            let body = std::str::from_utf8(body).unwrap().trim_start().replace("\r\n", "\n");
            (std::str::from_utf8(name).unwrap(), body)
        })
        .collect();
    let fields: Vec<(&str, &str)> = fields.iter().map(|(name, body)| (*name, body.as_str())).collect();
    let mut mta = Mta::connect(daemon.addr);
    let rcpt = "<alice.home@freemail.example> ORCPT=rfc822;alice@corp.example";
    mta.message("<ann@partner.example> SIZE=2048", &[rcpt], &fields);
    assert_eq!(mta.end_of_message_as("4XyZ1k3w5Tz9tR").answer(), b'c');
    let written = daemon.events(1).remove(0);

    let page = std::fs::read_to_string(root().join("docs/events.md")).unwrap();
    let block = page.split("```json\n").nth(1).and_then(|rest| rest.split("```").next()).unwrap();
    let shown: serde_json::Value = serde_json::from_str(block).unwrap();
    let lasting = |event: &serde_json::Value| {
        let mut event = event.as_object().unwrap().clone();
        for key in ["id", "message_uid", "time", "host"] {
            assert!(event.shift_remove(key).is_some(), "{key} is missing");
        }
        event
    };
    assert_eq!(lasting(&shown), lasting(&written), "docs/events.md is behind; the daemon wrote {written}");

    // Each question on the page gets an answer from what was written.
    let mut asked = 0;
    for (page, line, question) in blocks("sh").into_iter().filter(|(page, ..)| page.ends_with("docs/events.md")) {
        let events = daemon.path("events.jsonl");
        let question = question.replace("/var/log/forwarden/events.jsonl", events.to_str().unwrap());
        let answer = Command::new("sh").args(["-c", &question]).output().unwrap().stdout;
        assert!(!answer.trim_ascii().is_empty(), "{}:{line}: {question}", page.display());
        asked += 1;
    }
    assert!(asked > 3);
}

/// Every field of an event is explained on its page.
#[test]
fn every_field_of_an_event_is_explained() {
    let schema: serde_json::Value = serde_json::from_slice(&forwarden(&["schema"]).stdout).unwrap();
    let page = std::fs::read_to_string(root().join("docs/events.md")).unwrap();
    let mut fields = Vec::new();
    for part in [&schema, &schema["$defs"]["message"], &schema["$defs"]["fault"], &schema["$defs"]["exception"]] {
        for (name, field) in part["properties"].as_object().unwrap() {
            fields.push(name.clone());
            let inner = field.get("properties").or_else(|| field["items"].get("properties"));
            fields.extend(
                inner.and_then(|inner| inner.as_object()).into_iter().flatten().map(|(key, _)| format!("{name}.{key}")),
            );
        }
    }
    assert!(fields.len() > 50, "only {fields:?}");
    let rows: Vec<&str> = page.lines().filter(|line| line.starts_with("| `")).collect();
    for field in fields {
        assert!(rows.iter().any(|row| row.contains(&format!("`{field}`"))), "docs/events.md has no row on {field}");
    }
}

/// The page of the architecture names every module.
#[test]
fn the_architecture_has_every_module() {
    let page = std::fs::read_to_string(root().join("docs/architecture.md")).unwrap();
    let library = std::fs::read_to_string(root().join("src/lib.rs")).unwrap();
    let modules: Vec<&str> =
        library.lines().filter_map(|line| line.strip_prefix("pub mod ")?.strip_suffix(';')).collect();
    assert!(modules.len() > 10, "{modules:?}");
    for module in modules {
        assert!(page.contains(&format!("| `{module}` |")), "docs/architecture.md has no row on {module}");
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
        if layout == "layout-b" {
            // postmulti finds the instance by its name, and it is this instance that speaks TLS with the world.
            for (parameter, value) in [("multi_instance_name", "postfix-out"), ("smtp_tls_security_level", "may")] {
                let output =
                    Command::new(postconf).arg("-c").arg(folder.path()).args(["-h", parameter]).output().unwrap();
                assert_eq!(String::from_utf8_lossy(&output.stdout).trim(), value, "{parameter}");
            }
        }
    }
}
