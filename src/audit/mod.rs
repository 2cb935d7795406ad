//! Rules at rest: what on this host, or in a copy of its disk, sends mail on.
//!
//! A file a source; each finds its files, reads them through [`tree`](Tree), which nothing leads out of the root, and
//! turns them into [`Finding`]s. A reader of a format is pure. What cannot be looked at is a [`Problem`], never silence.

mod aliases;
mod command;
mod courier;
mod entries;
mod exim;
mod finding;
mod forward;
mod included;
mod join;
mod maildrop;
mod postfix;
mod procmail;
mod qmail;
mod sendmail;
mod sieve;
mod target;
mod tree;
mod users;
mod variables;

pub use finding::{Finding, Problem, Rule, Source, Target};
pub use join::{Joined, Traffic, join};
pub use tree::{Facts, MAX_SYSTEM_BYTES, MAX_USER_BYTES, Text, Tree};
pub use users::{User, Users};

use std::collections::HashSet;
use std::fmt::Display;
use std::io;
use std::path::{Path, PathBuf};
use tree::As;

/// How many files of rules of a user are read, and of a folder.
const MAX_FILES: usize = 1_000;

/// What is looked at.
#[derive(Debug, Clone)]
pub struct Scope {
    /// The folder that is taken for `/`.
    pub root: PathBuf,
    /// Homes, as patterns; none for those of the root's list of users.
    pub homes: Vec<PathBuf>,
    /// Folders of Postfix's configuration, below the root; `None` for the usual one, and those that it names.
    pub postfix: Option<Vec<PathBuf>>,
    /// Mailboxes that tables are asked for which cannot be listed.
    pub mailboxes: Vec<String>,
    /// Own domains, by which users become mailboxes.
    pub domains: Vec<String>,
}

/// An audit.
#[derive(Debug)]
pub struct Audit {
    tree: Tree,
    scope: Scope,
    /// The users whose homes were looked at.
    pub users: Users,
    /// The rules that were found.
    pub findings: Vec<Finding>,
    /// What could not be looked at.
    pub problems: Vec<Problem>,
    /// How many files were read.
    pub files: usize,
    /// Tables that could only be asked, and for how many names they were.
    pub asked: Vec<(String, usize)>,
    live: bool,
    /// Scripts of Sieve that were read: one that is used twice is reported once.
    scripts: HashSet<PathBuf>,
}

impl Audit {
    /// Looks at everything.
    ///
    /// # Errors
    /// The root cannot be opened.
    pub fn run(scope: Scope) -> io::Result<Self> {
        let tree = Tree::open(&scope.root)?;
        let (users, problems) = Users::read(&tree, &scope.homes);
        let mut audit = Self {
            live: std::fs::canonicalize(&scope.root)? == Path::new("/"),
            tree,
            scope,
            users,
            findings: Vec::new(),
            problems: Vec::new(),
            files: 0,
            asked: Vec::new(),
            scripts: HashSet::new(),
        };
        problems.into_iter().for_each(|(path, reason)| audit.problem(path.display(), reason));
        let postfix = postfix::look(&mut audit);
        let sendmail = sendmail::look(&mut audit);
        aliases::look(&mut audit, postfix.files.union(&sendmail).cloned().collect());
        courier::look(&mut audit);
        qmail::look(&mut audit);
        procmail::look(&mut audit);
        maildrop::look(&mut audit);
        exim::look(&mut audit);
        let sieve = sieve::look(&mut audit);
        for user in audit.users.all.clone() {
            audit.look_into(&user, &sieve, &postfix);
        }
        audit.findings.sort_by(|a, b| (a.source, &a.file, a.line).cmp(&(b.source, &b.file, b.line)));
        Ok(audit)
    }

    /// Looks into a home.
    fn look_into(&mut self, user: &User, sieve: &sieve::Places, postfix: &postfix::Seen) {
        let names = match self.tree.names(&user.home, As::User(user)) {
            Ok(names) => names.unwrap_or_default(),
            Err(reason) => return self.problem(user.home.display(), reason),
        };
        let mut read = 0;
        for name in names.iter().filter(|name| name.as_encoded_bytes().starts_with(b".")) {
            let path = user.home.join(name);
            // Names that are no UTF-8 are none that anybody asks for by a tag of letters.
            let name = &*name.to_string_lossy();
            let before = self.files + self.problems.len();
            match name {
                ".procmailrc" => procmail::home(self, user, &path),
                ".mailfilter" => maildrop::home(self, user, &path),
                ".mailfilters" => maildrop::folder(self, user, &path),
                _ if forward::is_one(name) => forward::home(self, user, &path),
                _ if name.starts_with(".qmail") => qmail::home(self, user, &path),
                _ if name.starts_with(".courier") => courier::home(self, user, &path),
                _ => {}
            }
            read += self.files + self.problems.len() - before;
            if read > MAX_FILES {
                self.problem(
                    user.home.display(),
                    format!("has more than {MAX_FILES} files of rules: no more are read"),
                );
                break;
            }
        }
        for path in postfix.forward_files(user) {
            forward::home(self, user, &path);
        }
        sieve::home(self, user, sieve);
    }

    /// Reads a file. What cannot be read is noted.
    fn read(&mut self, path: &Path, reader: As<'_>) -> Option<Text> {
        match self.tree.read(path, reader) {
            Ok(text) => {
                self.files += usize::from(text.is_some());
                text
            }
            Err(reason) => {
                self.problem(path.display(), reason);
                None
            }
        }
    }

    /// The files in a folder, a user's up to a number.
    fn names(&mut self, path: &Path, reader: As<'_>) -> Vec<PathBuf> {
        match self.tree.names(path, reader) {
            Ok(names) => {
                let names = names.unwrap_or_default();
                if matches!(reader, As::User(_)) && names.len() > MAX_FILES {
                    self.problem(path.display(), format!("has more than {MAX_FILES} files: no more are read"));
                }
                let most = if matches!(reader, As::User(_)) { MAX_FILES } else { usize::MAX };
                names.into_iter().take(most).map(|name| path.join(name)).collect()
            }
            Err(reason) => {
                self.problem(path.display(), reason);
                Vec::new()
            }
        }
    }

    /// Whether the root is this host's: then its programs may be asked.
    pub fn is_live(&self) -> bool {
        self.live
    }

    /// What tables are asked for that cannot be listed: users, mailboxes, own domains.
    fn keys(&self) -> Vec<String> {
        let mut keys: Vec<String> = self.scope.mailboxes.clone();
        for user in &self.users.all {
            keys.extend(self.scope.domains.iter().map(|domain| format!("{}@{domain}", user.name)));
            keys.push(user.name.clone());
        }
        keys.extend(self.scope.domains.iter().map(|domain| format!("@{domain}")));
        // Each is a line of what is asked.
        keys.retain(|key| !key.contains(char::is_control));
        keys.sort();
        keys.dedup();
        keys
    }

    fn problem(&mut self, place: impl Display, reason: impl Into<String>) {
        self.problems.push(Problem { place: place.to_string(), reason: reason.into() });
    }

    /// Takes over the rules of a file. A program that names addresses is reported with each of them.
    fn found(&mut self, source: Source, file: &Path, facts: Facts, mailbox: &str, mut rules: Vec<Rule>) {
        let lists = [Source::Forward, Source::Alias, Source::VirtualAlias, Source::Qmail, Source::Courier];
        if lists.contains(&source) && rules.iter().any(|rule| self.is_own(mailbox, &rule.target)) {
            rules.iter_mut().for_each(|rule| rule.keeps_copy = Some(true));
        }
        for rule in rules {
            let named = match &rule.target {
                Target::Program(command) => target::named(command),
                _ => Vec::new(),
            };
            let finding = |target: Target, note: Option<String>| Finding {
                source,
                file: file.to_owned(),
                line: Some(rule.line),
                mailbox: mailbox.to_owned(),
                target,
                keeps_copy: rule.keeps_copy,
                facts: Some(facts),
                notes: rule.notes.iter().cloned().chain(note).collect(),
            };
            if let (Target::Program(command), false) = (&rule.target, named.is_empty()) {
                let note = format!("by a program: {command}");
                self.findings.extend(named.into_iter().map(|to| finding(Target::Address(to), Some(note.clone()))));
            } else {
                self.findings.push(finding(rule.target.clone(), None));
            }
        }
    }

    /// Whether a target is the mailbox itself, at an own domain.
    fn is_own(&self, mailbox: &str, target: &Target) -> bool {
        let Target::Address(address) = target else { return false };
        let domain = address.domain().as_str();
        mailbox.eq_ignore_ascii_case(address.local()) && self.scope.domains.iter().any(|own| own == domain)
    }

    /// Takes over the rules of a user's file, which others than the user should not be able to write.
    fn found_at_home(&mut self, source: Source, file: &Path, facts: Facts, user: &User, mut rules: Vec<Rule>) {
        let mut notes = Vec::new();
        if facts.uid != user.uid {
            notes.push(format!("the file is {}'s", self.users.owner(facts.uid)));
        }
        if facts.mode & 0o022 != 0 {
            notes.push("others may write the file".to_owned());
        }
        rules.iter_mut().for_each(|rule| rule.notes.extend(notes.iter().cloned()));
        self.found(source, file, facts, &user.name, rules);
    }
}
