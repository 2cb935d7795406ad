//! Files that include each other, as procmail and maildrop have them.

use super::Audit;
use super::finding::{Rule, Source};
use super::tree::As;
use super::users::User;
use super::variables::Variables;
use std::path::{Path, PathBuf};

/// How many files may be included.
const MAX_FILES: usize = 50;

/// Reads a file, with the variables that those before it set: its rules, and the files that it includes.
pub(super) type Reader = fn(&str, &mut Variables) -> (Vec<Rule>, Vec<String>);

/// Looks at a file, a user's or the system's, and at those that it includes.
pub(super) fn look(audit: &mut Audit, source: Source, user: Option<&User>, path: &Path, rules: Reader) {
    let reader = user.map_or(As::System, As::User);
    let mut variables = Variables::default();
    if let Some(user) = user {
        variables.set("HOME", &user.home.display().to_string());
        variables.set("LOGNAME", &user.name);
    }
    let mut seen = Vec::new();
    let mut ahead = vec![path.to_owned()];
    while let Some(path) = ahead.pop() {
        if seen.contains(&path) {
            continue;
        }
        if seen.len() >= MAX_FILES {
            return audit.problem(path.display(), format!("more than {MAX_FILES} files include each other"));
        }
        seen.push(path.clone());
        let Some(file) = audit.read(&path, reader) else { continue };
        let (rules, includes) = rules(&file.text(), &mut variables);
        match user {
            Some(user) => audit.found_at_home(source, &path, file.facts, user, rules),
            None => audit.found(source, &path, file.facts, "*", rules),
        }
        for include in includes {
            let known = !include.contains(['$', '`']);
            match user {
                _ if known && include.starts_with('/') => ahead.push(PathBuf::from(include)),
                Some(user) if known => ahead.push(user.home.join(include)),
                // One that is relative is a file of each user's: their homes tell.
                _ => audit.problem(path.display(), format!("includes {include}: not known which file")),
            }
        }
    }
}
