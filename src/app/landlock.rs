//! Landlock: of the file system this process, and whatever takes it over, sees what it needs and no more.
//!
//! Rights are given to folders as they are at the start. Programs cannot be started at all.

use crate::config::Config;
use crate::frontend::Socket;
use crate::sink::Target;
use landlock::{
    ABI, Access, AccessFs, BitFlags, CompatLevel, Compatible, PathBeneath, PathFd, Ruleset, RulesetAttr,
    RulesetCreatedAttr, RulesetError, RulesetStatus, Scope,
};
use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};

/// What Linux 5.19 knows: without the right to move files from one folder to another, the store could not work.
const NEEDED: ABI = ABI::V2;
/// What is used besides, where the kernel knows it: truncating, device controls, signals.
const WANTED: ABI = ABI::V6;

/// Read besides the configuration: accounts, resolver, certificates, time zones, and the C library's own parts, which it
/// loads when a name is looked up.
const SYSTEM: &[&str] = &["/etc", "/usr", "/lib", "/lib64", "/run/systemd/resolve", "/proc/self", "/sys/fs/cgroup"];
/// Written to by the runtime and by SQLite's own means.
const DEVICES: &[&str] = &["/dev/null", "/dev/urandom"];

/// Confines the calling thread and those that it will start. To be called while there is no other.
///
/// # Errors
/// A sentence that says why it cannot be done, and what to do. Nothing may be served then.
pub(super) fn confine(config: &Config, file: &Path) -> io::Result<()> {
    let named = |why: String| io::Error::new(io::ErrorKind::PermissionDenied, format!("daemon.landlock: {why}"));
    let folders = Folders::of(config, file);
    for folder in &folders.written {
        if !folder.is_dir() {
            return Err(named(format!(
                "there is no folder {}: make it, and give it to the daemon's user",
                folder.display()
            )));
        }
    }
    let status = restrict(&folders).map_err(|error| named(explain(&error)))?;
    if status == RulesetStatus::NotEnforced {
        return Err(named(NO_KERNEL.to_owned()));
    }
    tracing::info!(
        folders = folders.written.len(),
        fully = status == RulesetStatus::FullyEnforced,
        "confined by Landlock"
    );
    Ok(())
}

const NO_KERNEL: &str = "this kernel has no Landlock, or an old one: it takes Linux 5.19 with \"landlock\" among the \
    security modules (lsm=), and a container that lets its system calls pass; or write landlock = false, and have a \
    service manager confine the daemon";

fn explain(error: &RulesetError) -> String {
    match error {
        RulesetError::HandleAccesses(_) | RulesetError::CreateRuleset(_) => NO_KERNEL.to_owned(),
        other => other.to_string(),
    }
}

fn restrict(folders: &Folders) -> Result<RulesetStatus, RulesetError> {
    let read = AccessFs::ReadFile | AccessFs::ReadDir;
    let write = read | AccessFs::from_write(WANTED);
    let mut rules = Ruleset::default()
        .set_compatibility(CompatLevel::HardRequirement)
        .handle_access(AccessFs::from_all(NEEDED))?
        .set_compatibility(CompatLevel::BestEffort)
        .handle_access(AccessFs::from_all(WANTED))?
        .scope(Scope::Signal)?
        .create()?;
    let system = SYSTEM.iter().map(Path::new);
    let read_only = folders.read.iter().map(PathBuf::as_path).chain(system).map(|path| (path, read));
    let devices = DEVICES.iter().map(|path| (Path::new(*path), read | AccessFs::WriteFile));
    let written = folders.written.iter().map(|path| (path.as_path(), write));
    for (path, access) in read_only.chain(devices).chain(written) {
        // What is not there cannot be read; what is to be written was looked at.
        let Ok(beneath) = PathFd::new(path) else { continue };
        let access: BitFlags<AccessFs> =
            if path.is_dir() { access } else { access & (AccessFs::ReadFile | AccessFs::WriteFile) };
        rules = rules.add_rule(PathBeneath::new(beneath, access))?;
    }
    Ok(rules.restrict_self()?.ruleset)
}

/// The folders that a configuration speaks of.
#[derive(Debug, Default, PartialEq, Eq)]
struct Folders {
    read: BTreeSet<PathBuf>,
    written: BTreeSet<PathBuf>,
}

impl Folders {
    fn of(config: &Config, file: &Path) -> Self {
        let mut read: BTreeSet<PathBuf> = config.list_files.iter().map(|path| parent(path)).collect();
        read.insert(parent(file));
        let mut written = BTreeSet::new();
        written.extend(config.state.iter().map(|spec| spec.directory.clone()));
        written.extend(config.quarantine.iter().map(|spec| spec.directory.clone()));
        if let Some(notify) = &config.notify {
            written.insert(notify.directory.clone());
            read.extend(notify.templates.clone());
        }
        written.extend(config.spool.iter().map(|spec| spec.directory.clone()));
        for output in &config.outputs {
            read.extend(output.target.files().into_iter().map(parent));
            if let Target::File(path) = &output.target {
                written.insert(parent(path));
            }
        }
        for at in config.listeners.iter().map(|spec| &spec.at).chain(&config.admin) {
            if let Socket::Unix(path) = &at.socket {
                written.insert(parent(path));
            }
        }
        written.extend(config.daemon.control.as_deref().map(parent));
        // A folder below one that is written to comes into being when it is needed.
        let all = written.clone();
        written.retain(|path| !all.iter().any(|other| other != path && path.starts_with(other)));
        Self { read, written }
    }
}

/// The folder of a file; of a bare name it is the one in which the daemon was started.
fn parent(path: &Path) -> PathBuf {
    match path.parent() {
        Some(folder) if folder != Path::new("") => folder.to_owned(),
        _ => PathBuf::from("."),
    }
}
