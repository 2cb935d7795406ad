//! Sieve scripts as Dovecot keeps them: each user's, those that run before and after them, and those of the site.

mod lexer;
mod parser;
mod places;
mod rules;

pub(super) use places::Places;

use super::Audit;
use super::finding::Source;
use super::tree::{As, Text};
use super::users::User;
use std::collections::HashSet;
use std::path::{Path, PathBuf};

/// How many scripts may include each other.
const MAX_CHAIN: usize = 10;

const INACTIVE: &str = "not active: another script is, or none";

/// Looks at scripts that run for everybody, and returns where those of users are.
pub(super) fn look(audit: &mut Audit) -> Places {
    let places = places::read(audit);
    for path in &places.everybody {
        if path.contains(['%', '~', '$']) {
            continue;
        }
        run(audit, None, Path::new(path), &places, "");
    }
    places
}

/// Looks at the scripts of a user.
pub(super) fn home(audit: &mut Audit, user: &User, places: &Places) {
    let own = |path: &str| places::of_user(path, user);
    for path in places.everybody.iter().filter(|path| path.contains(['%', '~', '$'])) {
        match own(path) {
            Some(path) => run(audit, Some(user), &path, places, ""),
            None => audit.problem(path, format!("the place of a script of {} is not understood", user.name)),
        }
    }
    for path in &places.active {
        match own(path) {
            Some(path) => run(audit, Some(user), &path, places, ""),
            None => audit.problem(path, format!("the place of the script of {} is not understood", user.name)),
        }
    }
    // One that is not active takes a click to become so.
    for folder in places.storage.iter().filter_map(|path| own(path)) {
        for path in audit.names(&folder, As::User(user)) {
            if path.extension().is_some_and(|extension| extension == "sieve") {
                run(audit, Some(user), &path, places, INACTIVE);
            }
        }
    }
}

/// Looks at a script, or at those of a folder, and at those that they include.
fn run(audit: &mut Audit, user: Option<&User>, path: &Path, places: &Places, note: &str) {
    let reader = user.map_or(As::System, As::User);
    let mut ahead: Vec<(PathBuf, usize)> = Vec::new();
    if audit.tree.folder(path).ok().flatten().is_some() {
        let scripts = audit.names(path, reader).into_iter();
        ahead.extend(scripts.filter(|path| path.extension().is_some_and(|it| it == "sieve")).map(|path| (path, 0)));
    } else {
        ahead.push((path.to_owned(), 0));
    }
    let mut seen: HashSet<PathBuf> = HashSet::new();
    while let Some((path, chain)) = ahead.pop() {
        if !seen.insert(path.clone()) {
            continue;
        }
        if chain > MAX_CHAIN {
            audit.problem(path.display(), "scripts include each other too deep");
            continue;
        }
        let Some(file) = audit.read(&path, reader) else { continue };
        if audit.scripts.contains(&file.real) {
            continue;
        }
        let notes: Vec<&str> = Some(note).filter(|note| !note.is_empty()).into_iter().collect();
        for include in script(audit, user, &path, &file, &notes) {
            let name = format!("{}.sieve", include.name);
            let folder = if include.global { places.global.first() } else { places.storage.first() };
            let folder = folder.and_then(|folder| match user {
                Some(user) => places::of_user(folder, user),
                None => Some(PathBuf::from(folder)).filter(|folder| folder.is_absolute()),
            });
            // A name is no path.
            match folder.filter(|_| !include.name.contains(['/', '\0'])) {
                Some(folder) => ahead.push((folder.join(name), chain + 1)),
                None => audit.problem(path.display(), format!("includes {:?}: not known which file", include.name)),
            }
        }
    }
}

/// Looks at a script that stands where another kind of file is usual.
pub(super) fn alone(audit: &mut Audit, user: &User, path: &Path, file: &Text) {
    for include in script(audit, Some(user), path, file, &[]) {
        audit.problem(path.display(), format!("includes {:?}: not known which file", include.name));
    }
}

/// Takes over the rules of a script, and returns what it includes.
fn script(audit: &mut Audit, user: Option<&User>, path: &Path, file: &Text, notes: &[&str]) -> Vec<rules::Include> {
    audit.scripts.insert(file.real.clone());
    let mut script = rules::read(&file.bytes);
    if let Some(fault) = &script.fault {
        audit.problem(format!("{}:{}", path.display(), fault.line), format!("no Sieve: {}", fault.what));
        let note = "the script has a mistake: the server runs the last version without one, or none";
        script.rules.iter_mut().for_each(|rule| rule.notes.push(note.to_owned()));
    }
    script.rules.iter_mut().for_each(|rule| rule.notes.extend(notes.iter().map(|note| (*note).to_owned())));
    match user {
        Some(user) => audit.found_at_home(Source::Sieve, &file.real, file.facts, user, script.rules),
        None => audit.found(Source::Sieve, &file.real, file.facts, "*", script.rules),
    }
    script.includes
}
