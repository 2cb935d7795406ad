//! A file that has grown, or is of yesterday, makes room for a new one: `events.jsonl` becomes `events.jsonl.1`, that
//! `events.jsonl.2`, and so on. Every step is a rename to a name that is free, so whoever ends in between loses nothing:
//! the gap that is left is filled the next time.

use std::ffi::OsString;
use std::fs::{File, Metadata, OpenOptions, Permissions};
use std::io;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt, fchown};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// How long a file that could not be rotated is left as it is, and how often that is spoken of.
const PAUSE: Duration = Duration::from_secs(60);

/// When a file is rotated, and how many stay.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rotation {
    /// Before it would be larger than this, in octets.
    pub bytes: Option<u64>,
    /// With the first record of each such span, counted from 1970 in UTC.
    pub every: Option<Duration>,
    /// So many beside the one that is written to.
    pub keep: u32,
}

impl Rotation {
    /// Where the file goes that was moved `number` times.
    pub(in crate::sink) fn moved(path: &Path, number: u32) -> PathBuf {
        let mut name = path.as_os_str().to_owned();
        name.push(format!(".{number}"));
        name.into()
    }

    /// How many of these records the file takes before it is too large: one at least, however long.
    fn fitting(&self, size: u64, records: &[&[u8]]) -> usize {
        let Some(bytes) = self.bytes else { return records.len() };
        let mut room = bytes.saturating_sub(size);
        let fits = |record: &&&[u8]| match room.checked_sub(record.len() as u64 + 1) {
            Some(left) => {
                room = left;
                true
            }
            None => false,
        };
        records.iter().take_while(fits).count().max(1)
    }

    fn is_due(&self, file: &Metadata, coming: u64) -> bool {
        // Pipes and devices stay what they are.
        file.is_file()
            && file.len() > 0
            && (self.bytes.is_some_and(|bytes| file.len().saturating_add(coming) > bytes)
                || self.every.is_some_and(|every| is_older(file, every)))
    }
}

/// Whether the last record was written in an earlier span. It is not asked when the file was made: not every file system
/// knows.
fn is_older(file: &Metadata, every: Duration) -> bool {
    let span = |time: SystemTime| {
        let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
        since.as_secs() / every.as_secs().max(1)
    };
    file.modified().is_ok_and(|modified| span(modified) < span(SystemTime::now()))
}

/// Rotates one file.
#[derive(Debug)]
pub(super) struct Rotator {
    spec: Rotation,
    failed: Option<Instant>,
}

impl Rotator {
    pub(super) fn new(spec: Rotation) -> Self {
        Self { spec, failed: None }
    }

    /// The file that takes the place of the one that is open there, where it is time for one and it can be had.
    pub(super) fn turn(&mut self, path: &Path, open: &Metadata, coming: u64) -> Option<File> {
        if !self.spec.is_due(open, coming) || self.is_failing() {
            return None;
        }
        match rotate(path, open, self.spec.keep) {
            Ok(file) => {
                self.failed = None;
                tracing::info!(file = %path.display(), octets = open.len(), "rotated");
                Some(file)
            }
            // Somebody else was faster.
            Err(_) if !super::file::is_at(path, open) => super::file::append(path).ok(),
            Err(error) => {
                tracing::error!(file = %path.display(), %error, "cannot be rotated: it goes on growing; trying again in a minute");
                self.failed = Some(Instant::now());
                None
            }
        }
    }

    /// How many of these records go into the file at once.
    pub(super) fn fitting(&self, size: u64, records: &[&[u8]]) -> usize {
        if self.is_failing() { records.len() } else { self.spec.fitting(size, records) }
    }

    /// What was in the way may be gone.
    pub(super) fn try_again(&mut self) {
        self.failed = None;
    }

    fn is_failing(&self) -> bool {
        self.failed.is_some_and(|at| at.elapsed() < PAUSE)
    }
}

/// Moves the file away and opens another one, of the same mode, owner and group as far as that can be. Nothing is moved
/// before the new file is there, since there may be no room for one.
fn rotate(path: &Path, open: &Metadata, keep: u32) -> io::Result<File> {
    if path.symlink_metadata()?.is_symlink() {
        return Err(io::Error::other("it is a symbolic link: name the file itself"));
    }
    let fresh = hidden(path);
    let file = create(&fresh).map_err(|error| named(&fresh, &error))?;
    let moved = make_alike(&file, open)
        .and_then(|()| make_room(path, keep))
        .and_then(|()| rename(path, &Rotation::moved(path, 1)));
    if let Err(error) = moved {
        let _ = std::fs::remove_file(&fresh);
        return Err(error);
    }
    if let Err(error) = rename(&fresh, path) {
        // Another program has made one meanwhile, which is as good.
        let _ = std::fs::remove_file(&fresh);
        return super::file::append(path).map_err(|_| error);
    }
    if let Some(folder) = path.parent() {
        // Not every file system knows how.
        let _ = File::open(folder).and_then(|folder| folder.sync_all());
    }
    Ok(file)
}

/// An empty file. One that a daemon which was killed left there is empty, too, and in the way.
fn create(path: &Path) -> io::Result<File> {
    let create = || OpenOptions::new().append(true).create_new(true).mode(0o600).open(path);
    match create() {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            let there = path.symlink_metadata()?;
            if !there.is_file() || there.len() > 0 {
                return Err(error);
            }
            std::fs::remove_file(path)?;
            create()
        }
        created => created,
    }
}

fn make_alike(file: &File, model: &Metadata) -> io::Result<()> {
    let is = file.metadata()?;
    if (is.uid(), is.gid()) != (model.uid(), model.gid()) {
        // Only root may give a file away; a group that one is in, everybody may.
        let _ = fchown(file, Some(model.uid()), Some(model.gid())).or_else(|_| fchown(file, None, Some(model.gid())));
    }
    file.set_permissions(Permissions::from_mode(model.mode() & 0o777))
}

/// Makes `.1` free, by moving those before the first gap up; the last one goes only where there is no gap.
fn make_room(path: &Path, keep: u32) -> io::Result<()> {
    let moved = |number| Rotation::moved(path, number);
    let gap = match (1..=keep).find(|number| moved(*number).symlink_metadata().is_err()) {
        Some(gap) => gap,
        None => {
            std::fs::remove_file(moved(keep)).map_err(|error| named(&moved(keep), &error))?;
            keep
        }
    };
    (1..gap).rev().try_for_each(|number| rename(&moved(number), &moved(number + 1)))
}

/// Never onto another file: somebody else may move them as well.
fn rename(from: &Path, to: &Path) -> io::Result<()> {
    rename_to_free(from, to)
        .map_err(|error| io::Error::new(error.kind(), format!("{} to {}: {error}", from.display(), to.display())))
}

#[cfg(target_env = "gnu")]
fn rename_to_free(from: &Path, to: &Path) -> io::Result<()> {
    use nix::errno::Errno;
    use nix::fcntl::{AT_FDCWD, RenameFlags, renameat2};
    match renameat2(AT_FDCWD, from, AT_FDCWD, to, RenameFlags::RENAME_NOREPLACE) {
        // A file system that cannot promise it.
        Err(Errno::EINVAL | Errno::ENOSYS) => rename_where_free(from, to),
        renamed => renamed.map_err(io::Error::from),
    }
}

#[cfg(not(target_env = "gnu"))]
use rename_where_free as rename_to_free;

/// Looks, then moves.
fn rename_where_free(from: &Path, to: &Path) -> io::Result<()> {
    match to.symlink_metadata() {
        Ok(_) => Err(io::ErrorKind::AlreadyExists.into()),
        Err(_) => std::fs::rename(from, to),
    }
}

fn named(path: &Path, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{}: {error}", path.display()))
}

/// Beside it, where no pattern for its name finds it.
fn hidden(path: &Path) -> PathBuf {
    let mut name = OsString::from(".");
    name.push(path.file_name().unwrap_or_default());
    name.push(".new");
    path.with_file_name(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn put(folder: &Path, name: &str) {
        std::fs::write(folder.join(name), format!("{name}\n")).unwrap();
    }

    fn content(folder: &Path) -> Vec<(String, String)> {
        let entry = |entry: io::Result<std::fs::DirEntry>| {
            let path = entry.unwrap().path();
            (path.file_name().unwrap().to_string_lossy().into_owned(), std::fs::read_to_string(&path).unwrap())
        };
        let mut content: Vec<_> = std::fs::read_dir(folder).unwrap().map(entry).collect();
        content.sort();
        content
    }

    fn turn(folder: &Path, keep: u32) -> io::Result<File> {
        let path = folder.join("e");
        rotate(&path, &path.metadata().unwrap(), keep)
    }

    #[test]
    fn the_oldest_goes_only_where_there_is_no_gap() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path();
        ["e", "e.1", "e.3"].iter().for_each(|name| put(folder, name));
        turn(folder, 3).unwrap();
        let named = |names: [&str; 4]| -> Vec<(String, String)> {
            let was = ["", "e\n", "e.1\n", "e.3\n"];
            names.iter().zip(was).map(|(name, was)| ((*name).to_owned(), was.to_owned())).collect()
        };
        assert_eq!(content(folder), named(["e", "e.1", "e.2", "e.3"]));
        put(folder, "e");
        turn(folder, 3).unwrap();
        let gone = content(folder).into_iter().all(|(_, text)| text != "e.3\n");
        assert!(gone && content(folder).len() == 4, "{:?}", content(folder));
    }

    /// A daemon was killed after each step in turn: what it left is complete, and the next turn loses nothing of it.
    #[test]
    fn whatever_a_kill_leaves_is_kept() {
        for done in 0..=4 {
            let folder = tempfile::tempdir().unwrap();
            let folder = folder.path();
            ["e", "e.1", "e.2"].iter().for_each(|name| put(folder, name));
            let steps = [(None, ".e.new"), (Some("e.2"), "e.3"), (Some("e.1"), "e.2"), (Some("e"), "e.1")];
            for (from, to) in &steps[..done] {
                match from {
                    None => drop(create(&folder.join(to)).unwrap()),
                    Some(from) => rename(&folder.join(from), &folder.join(to)).unwrap(),
                }
            }
            if !folder.join("e").exists() {
                put(folder, "e");
            }
            turn(folder, 5).unwrap();
            let mut texts: Vec<String> = content(folder).into_iter().map(|(_, text)| text).collect();
            texts.sort();
            texts.dedup();
            assert_eq!(texts, ["", "e\n", "e.1\n", "e.2\n"], "killed after step {done}: {:?}", content(folder));
        }
    }

    #[test]
    fn mode_is_kept_and_nothing_of_others_is_touched() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path();
        put(folder, "e");
        std::fs::set_permissions(folder.join("e"), Permissions::from_mode(0o604)).unwrap();
        assert_eq!(turn(folder, 2).unwrap().metadata().unwrap().mode() & 0o7777, 0o604);
        // Somebody's text where the new file would come into being.
        put(folder, ".e.new");
        put(folder, "e");
        assert!(turn(folder, 2).unwrap_err().to_string().contains(".e.new"));
        std::fs::remove_file(folder.join(".e.new")).unwrap();
        // A folder where the oldest would go.
        std::fs::create_dir(folder.join("e.2")).unwrap();
        turn(folder, 2).unwrap_err();
        assert_eq!(std::fs::read_to_string(folder.join("e")).unwrap(), "e\n");
        assert!(!folder.join(".e.new").exists());
        // A link is no file.
        std::os::unix::fs::symlink("e", folder.join("l")).unwrap();
        let path = folder.join("l");
        assert!(rotate(&path, &path.metadata().unwrap(), 2).unwrap_err().to_string().contains("symbolic link"));
        assert!(rename(&folder.join("e"), &folder.join("e.1")).is_err(), "never onto another file");
    }

    #[test]
    fn records_are_never_parted() {
        let rotation = Rotation { bytes: Some(10), every: None, keep: 1 };
        let records: [&[u8]; 3] = [b"1234", b"1234", b"1"];
        assert_eq!(rotation.fitting(0, &records), 2);
        assert_eq!(rotation.fitting(6, &records), 1);
        assert_eq!(rotation.fitting(5, &records), 1);
        assert_eq!(Rotation { bytes: None, ..rotation }.fitting(5, &records), 3);
    }
}
