//! Where Dovecot looks for scripts: its settings, of version 2.3 and of 2.4, without asking it.

use crate::audit::Audit;
use crate::audit::tree::As;
use crate::audit::users::User;
use std::path::{Path, PathBuf};

const FILES: &[&str] = &["/etc/dovecot/dovecot.conf", "/etc/dovecot/local.conf"];
const FOLDER: &str = "/etc/dovecot/conf.d";

/// Where scripts are. Paths may hold `~`, `%h`, `%u`, `%n`, `%d`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::audit) struct Places {
    /// The active script of a user.
    pub active: Vec<String>,
    /// The folder of a user's scripts.
    pub storage: Vec<String>,
    /// Scripts, or folders of scripts, that run for everybody.
    pub everybody: Vec<String>,
    /// The folder of the site's scripts, for includes.
    pub global: Vec<String>,
}

/// Reads them from the configuration.
pub(super) fn read(audit: &mut Audit) -> Places {
    let mut files: Vec<PathBuf> = FILES.iter().map(PathBuf::from).collect();
    let more = audit.names(Path::new(FOLDER), As::System);
    files.extend(more.into_iter().filter(|path| path.extension().is_some_and(|extension| extension == "conf")));
    let mut places = Places { active: Vec::new(), storage: Vec::new(), everybody: Vec::new(), global: Vec::new() };
    for path in files {
        if let Some(file) = audit.read(&path, As::System) {
            add(&mut places, &file.text());
        }
    }
    places.active.extend(["~/.dovecot.sieve"].map(str::to_owned));
    places.storage.extend(["~/sieve"].map(str::to_owned));
    for paths in [&mut places.active, &mut places.storage, &mut places.everybody, &mut places.global] {
        let mut seen = std::collections::HashSet::new();
        paths.retain(|path| seen.insert(path.clone()));
    }
    places
}

/// A block `sieve_script NAME { … }` of version 2.4.
#[derive(Default)]
struct Block {
    kind: Option<String>,
    path: Option<String>,
    active: Option<String>,
}

/// Takes in what a file sets.
fn add(places: &mut Places, text: &str) {
    let mut blocks: Vec<Option<Block>> = Vec::new();
    for line in text.lines() {
        let line = line.trim();
        if line.starts_with('#') {
            continue;
        }
        if let Some(head) = line.strip_suffix('{') {
            let mut words = head.split_whitespace();
            let is_script = words.next() == Some("sieve_script");
            // Without a type it is what it is called.
            blocks.push(is_script.then(|| Block { kind: words.next().map(str::to_owned), ..Block::default() }));
            continue;
        }
        if line.starts_with('}') {
            if let Some(Some(block)) = blocks.pop() {
                close(places, block);
            }
            continue;
        }
        let Some((key, value)) = line.split_once('=') else { continue };
        let (key, value) = (key.trim(), value.trim().trim_matches(['"', '\'']).to_owned());
        if let Some(Some(block)) = blocks.last_mut() {
            match key.strip_prefix("sieve_script_").unwrap_or(key) {
                "type" => block.kind = Some(value),
                "path" => block.path = Some(value),
                "active_path" => block.active = Some(value),
                _ => {}
            }
            continue;
        }
        set(places, key, &value);
    }
}

fn close(places: &mut Places, block: Block) {
    match block.kind.as_deref() {
        Some("personal") => {
            places.storage.extend(block.path);
            places.active.extend(block.active);
        }
        Some("before" | "after" | "default") => places.everybody.extend(block.path),
        Some("global") => places.global.extend(block.path),
        _ => {}
    }
}

/// A setting of version 2.3.
fn set(places: &mut Places, key: &str, value: &str) {
    // `file:~/sieve;active=~/.dovecot.sieve`.
    let mut parts = value.split(';');
    let path = parts.next().unwrap_or_default();
    let path = path.strip_prefix("file:").unwrap_or(path).to_owned();
    let active = parts.find_map(|part| part.trim().strip_prefix("active=")).map(str::to_owned);
    if path.is_empty() {
        return;
    }
    match key {
        "sieve" => {
            if value.starts_with("file:") || active.is_some() {
                places.active.extend(active);
                places.storage.push(path);
            } else {
                places.active.push(path);
            }
        }
        "sieve_dir" => places.storage.push(path),
        "sieve_global" | "sieve_global_dir" => places.global.push(path),
        "sieve_default" | "sieve_global_path" => places.everybody.push(path),
        _ if key.starts_with("sieve_before") || key.starts_with("sieve_after") => places.everybody.push(path),
        _ => {}
    }
}

/// The path of a user. `None` where it holds what is not known.
pub(super) fn of_user(path: &str, user: &User) -> Option<PathBuf> {
    let home = user.home.display().to_string();
    let (local, domain) = user.name.split_once('@').unwrap_or((&user.name, ""));
    let path = match path.strip_prefix("~/") {
        Some(rest) => format!("{home}/{rest}"),
        None => path.to_owned(),
    };
    let long = [("%{user}", &*user.name), ("%{user|username}", local), ("%{user|domain}", domain), ("%{home}", &home)];
    let short = [("%u", &*user.name), ("%n", local), ("%d", domain), ("%h", &home)];
    let path = long.iter().chain(&short).fold(path, |path, (name, value)| path.replace(name, value));
    // As Dovecot does, a path that is not absolute is one in the home.
    Some(user.home.join(path)).filter(|path| !path.to_string_lossy().contains('%'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn places(text: &str) -> Places {
        let mut places = Places { active: Vec::new(), storage: Vec::new(), everybody: Vec::new(), global: Vec::new() };
        add(&mut places, text);
        places
    }

    #[test]
    fn settings_of_both_versions() {
        let old = places(
            "plugin {\n  sieve = file:~/sieve;active=~/.active\n  #sieve_before = /no\n  sieve_before2 = /b\n  sieve_global = /g\n}\n",
        );
        assert_eq!(
            (old.active, old.storage, old.everybody, old.global),
            (vec!["~/.active".to_owned()], vec!["~/sieve".to_owned()], vec!["/b".to_owned()], vec!["/g".to_owned()])
        );
        let new = places(
            "sieve_script one {\n  type = before\n  path = /b\n}\nsieve_script personal {\n  path = ~/s\n  active_path = ~/.a\n}\n",
        );
        assert_eq!(
            (new.active, new.storage, new.everybody),
            (vec!["~/.a".to_owned()], vec!["~/s".to_owned()], vec!["/b".to_owned()])
        );
    }

    #[test]
    fn paths_of_users() {
        let user = User { name: "alice@corp.example".into(), uid: 1, gid: 1, home: "/v/alice".into() };
        let path = |path: &str| of_user(path, &user).map(|path| path.display().to_string());
        assert_eq!(path("~/sieve").as_deref(), Some("/v/alice/sieve"));
        assert_eq!(path("/s/%d/%n.sieve").as_deref(), Some("/s/corp.example/alice.sieve"));
        assert_eq!(path("/s/%{auth_user}"), None);
    }
}
