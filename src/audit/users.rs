//! Whose homes are looked at: those of the root's own list of users, or of a pattern.

use super::tree::{As, Tree};
use crate::message::Address;
use std::collections::{HashMap, HashSet};
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::path::{Component, Path, PathBuf};

/// A user with a home.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// The name; an address where a pattern found the home in a folder named like a domain.
    pub name: String,
    /// User id.
    pub uid: u32,
    /// Group id.
    pub gid: u32,
    /// The home, as it is named below the root.
    pub home: PathBuf,
}

/// The users, and the names of owners.
#[derive(Debug, Default)]
pub struct Users {
    /// Those whose homes are looked at, each home once.
    pub all: Vec<User>,
    names: HashMap<u32, String>,
}

impl Users {
    /// Reads the list of users; with patterns, homes are those that they find.
    ///
    /// # Errors
    /// The list cannot be read, or a pattern's folder: the file, and why.
    pub fn read(tree: &Tree, patterns: &[PathBuf]) -> (Self, Vec<(PathBuf, String)>) {
        let mut problems = Vec::new();
        let path = Path::new("/etc/passwd");
        let listed = match tree.read(path, As::System) {
            Ok(Some(text)) => parse(&text.text()),
            Ok(None) => {
                if patterns.is_empty() {
                    problems
                        .push((path.to_owned(), "is not there: no homes are known, name them by --home".to_owned()));
                }
                Vec::new()
            }
            Err(reason) => {
                problems.push((path.to_owned(), reason));
                Vec::new()
            }
        };
        let mut names = HashMap::new();
        for user in &listed {
            names.entry(user.uid).or_insert_with(|| user.name.clone());
        }
        let mut all = Vec::new();
        if patterns.is_empty() {
            all = listed;
        } else {
            for pattern in patterns {
                find(tree, pattern, &listed, &mut all, &mut problems);
            }
        }
        let mut homes = HashSet::new();
        all.retain(|user| user.home != Path::new("/") && homes.insert(user.home.clone()));
        (Self { all, names }, problems)
    }

    /// An owner's name; the number where there is none.
    pub fn owner(&self, uid: u32) -> String {
        match self.names.get(&uid) {
            Some(name) => name.clone(),
            None if uid == 0 => "root".to_owned(),
            None => uid.to_string(),
        }
    }
}

/// The lines of passwd(5).
fn parse(text: &str) -> Vec<User> {
    let user = |line: &str| {
        let mut fields = line.split(':');
        let name = fields.next().filter(|name| !name.is_empty() && !name.starts_with(['+', '-', '#']))?;
        let uid = fields.nth(1)?.parse().ok()?;
        let gid = fields.next()?.parse().ok()?;
        let home = fields.nth(1).map(Path::new).filter(|home| home.is_absolute())?;
        Some(User { name: name.to_owned(), uid, gid, home: home.components().collect() })
    };
    text.lines().filter_map(user).collect()
}

/// The homes that a pattern finds.
fn find(tree: &Tree, pattern: &Path, listed: &[User], found: &mut Vec<User>, problems: &mut Vec<(PathBuf, String)>) {
    let mut paths = vec![PathBuf::from("/")];
    for part in pattern.components() {
        let Component::Normal(part) = part else { continue };
        let mut next = Vec::new();
        for path in paths {
            if !part.as_bytes().iter().any(|byte| b"*?".contains(byte)) {
                next.push(path.join(part));
                continue;
            }
            match tree.names(&path, As::System) {
                Ok(names) => {
                    let names = names.unwrap_or_default();
                    next.extend(names.iter().filter_map(|name| matched(&path, part, name)));
                }
                Err(reason) => problems.push((path, reason)),
            }
        }
        paths = next;
    }
    let before = found.len();
    for home in paths {
        match tree.folder(&home) {
            Ok(Some((uid, gid))) => {
                let user = listed.iter().find(|user| user.home == home).cloned();
                found.push(user.unwrap_or_else(|| User { name: name_of(&home), uid, gid, home }));
            }
            Ok(None) => {}
            Err(reason) => problems.push((home, reason)),
        }
    }
    if found.len() == before {
        problems.push((pattern.to_owned(), "no folder is named so".to_owned()));
    }
}

fn matched(path: &Path, pattern: &OsStr, name: &OsString) -> Option<PathBuf> {
    let (pattern, bytes) = (pattern.as_bytes(), name.as_bytes());
    // As in a shell, a star stands for no hidden name.
    let hidden = bytes.starts_with(b".") && !pattern.starts_with(b".");
    (!hidden && is_like(pattern, bytes)).then(|| path.join(name))
}

/// Whether a name is like a pattern with `*` and `?`.
fn is_like(pattern: &[u8], name: &[u8]) -> bool {
    let (mut at, mut place) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while place < name.len() {
        match pattern.get(at) {
            Some(b'*') => {
                star = Some((at, place));
                at += 1;
            }
            Some(&byte) if byte == b'?' || name.get(place) == Some(&byte) => {
                at += 1;
                place += 1;
            }
            _ => match star {
                Some((kept, from)) => {
                    star = Some((kept, from + 1));
                    (at, place) = (kept + 1, from + 1);
                }
                None => return false,
            },
        }
    }
    pattern.get(at..).is_some_and(|rest| rest.iter().all(|&byte| byte == b'*'))
}

/// `/var/vmail/corp.example/alice` is the home of `alice@corp.example`.
fn name_of(home: &Path) -> String {
    let text = |name: Option<&OsStr>| name.map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let name = text(home.file_name());
    let domain = text(home.parent().and_then(Path::file_name));
    let address = Address::new(&name, &domain)
        .filter(|address| domain.contains('.') && !name.contains('@') && address.domain().is_well_formed());
    address.map_or(name, |address| address.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_passwd() {
        let users = parse(
            "root:x:0:0:root:/root:/bin/sh\n+nis\n# a\nbroken:x\nalice:x:1000:1001:Alice,,,:/home/alice/:/bin/sh\n",
        );
        assert_eq!(users.len(), 2);
        let alice = User { name: "alice".into(), uid: 1000, gid: 1001, home: "/home/alice".into() };
        assert_eq!(users.last(), Some(&alice));
    }

    #[test]
    fn patterns_of_names() {
        for (pattern, name, like) in [
            ("*", "alice", true),
            ("a*e", "alice", true),
            ("a*c", "alice", false),
            ("?lice", "alice", true),
            ("*.example", "corp.example", true),
            ("a**", "a", true),
            ("", "a", false),
        ] {
            assert_eq!(is_like(pattern.as_bytes(), name.as_bytes()), like, "{pattern} {name}");
        }
        // Stars by the dozen cost no more than the product of both lengths.
        assert!(!is_like("*a".repeat(50).as_bytes(), "b".repeat(250).as_bytes()));
    }

    #[test]
    fn homes_in_folders_of_domains() {
        assert_eq!(name_of(Path::new("/var/vmail/corp.example/alice")), "alice@corp.example");
        assert_eq!(name_of(Path::new("/home/alice")), "alice");
    }
}
