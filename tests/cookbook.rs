//! The cookbook: every policy in conf/cookbook is fine, its tests try out every rule and exception in it, and the manual
//! lists it.

#![allow(clippy::expect_used, clippy::unwrap_used, clippy::panic, reason = "a test fails by them")]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;
use toml::{Table, Value};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("conf/cookbook")
}

/// Each recipe: its name, its text, what it holds.
fn recipes() -> Vec<(String, String, Table)> {
    let files = std::fs::read_dir(folder()).unwrap().map(|entry| entry.unwrap().path());
    let mut recipes: Vec<_> = files
        .filter(|path| path.extension().is_some_and(|kind| kind == "toml"))
        .map(|path| {
            let text = std::fs::read_to_string(&path).unwrap();
            let table = text.parse().unwrap_or_else(|error| panic!("{}: {error}", path.display()));
            (path.file_name().unwrap().to_str().unwrap().to_owned(), text, table)
        })
        .collect();
    recipes.sort_by(|a, b| a.0.cmp(&b.0));
    assert!(recipes.len() >= 10, "{}", recipes.len());
    recipes
}

fn tables<'a>(table: &'a Table, key: &str) -> impl Iterator<Item = &'a Table> {
    table.get(key).and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_table)
}

fn word<'a>(table: &'a Table, key: &str) -> Option<&'a str> {
    table.get(key).and_then(Value::as_str)
}

#[test]
fn every_recipe_does_what_its_tests_say() {
    for (name, _, table) in recipes() {
        let output = Command::new(env!("CARGO_BIN_EXE_forwarden"))
            .current_dir(folder())
            .args(["check", "--config", &name])
            .output()
            .unwrap();
        let printed = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success(), "{printed}");
        // No warning, and no test left out.
        let tests = tables(&table, "test").count();
        assert!(printed.starts_with(&format!("{name}: fine (")), "{printed}");
        assert!(printed.ends_with(&format!(", {tests} tests passed)\n")), "{printed}");
        assert!(tests >= 3, "{name} has {tests} tests");
    }
}

/// A rule or exception that no test expects could be wrong without anybody noticing; so could one that holds everything.
#[test]
fn the_tests_of_a_recipe_try_out_all_of_it() {
    for (name, _, table) in recipes() {
        let expected: BTreeSet<&str> = tables(&table, "test")
            .filter_map(|test| test.get("expect")?.as_table())
            .flat_map(|expect| ["rule", "exception", "would_rule"].into_iter().filter_map(|key| word(expect, key)))
            .collect();
        for id in
            ["rule", "exception"].into_iter().flat_map(|key| tables(&table, key)).filter_map(|one| word(one, "id"))
        {
            assert!(expected.contains(id), "{name}: no test expects {id}");
        }
        assert!(expected.len() > 1, "{name}: all its tests expect the same");
    }
}

#[test]
fn every_message_is_used_and_there() {
    let used: BTreeSet<String> = recipes()
        .iter()
        .flat_map(|(_, _, table)| {
            tables(table, "test").filter_map(|test| word(test, "message")).map(str::to_owned).collect::<Vec<_>>()
        })
        .collect();
    let there: BTreeSet<String> = std::fs::read_dir(folder().join("messages"))
        .unwrap()
        .map(|entry| format!("messages/{}", entry.unwrap().file_name().to_str().unwrap()))
        .collect();
    assert_eq!(used, there);
}

/// The manual's table has a row for each, with its first line.
#[test]
fn the_manual_lists_every_recipe() {
    let page = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/policy.md")).unwrap();
    for (name, text, _) in recipes() {
        let about = text.lines().next().unwrap().strip_prefix("# ").unwrap();
        let row = format!("| [{}](../conf/cookbook/{name}) | {about} |", name.strip_suffix(".toml").unwrap());
        assert!(page.contains(&row), "docs/policy.md has no row: {row}");
    }
}
