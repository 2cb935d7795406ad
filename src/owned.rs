//! Files that the daemon keeps: readable by its user alone, its user's also where root made them, and put out of the way where
//! they are no longer what they were.

use nix::unistd::geteuid;
use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, lchown};
use std::path::{Path, PathBuf};

/// Opens a file to write to it, and makes it where it is not there; what it holds stays.
///
/// # Errors
/// It cannot be opened, or not be given to whom it should belong to.
pub fn make(path: &Path) -> io::Result<File> {
    let file = OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(path)?;
    give(path)?;
    Ok(file)
}

/// Gives what root made to the owner of the folder that it is in, or the daemon could not use it. A link is left to point
/// where it does: whoever may write to that folder could have put it there.
///
/// # Errors
/// It cannot be given away.
pub fn give(path: &Path) -> io::Result<()> {
    let (true, Some(folder)) = (geteuid().is_root(), path.parent()) else { return Ok(()) };
    let folder = if folder == Path::new("") { Path::new(".") } else { folder };
    let (folder, own) = (std::fs::metadata(folder)?, std::fs::symlink_metadata(path)?);
    if (folder.uid(), folder.gid()) != (own.uid(), own.gid()) && folder.uid() != 0 {
        lchown(path, Some(folder.uid()), Some(folder.gid()))?;
    }
    Ok(())
}

/// Renames a file of SQLite, with what SQLite keeps beside it, so that somebody can look at it. Its new name ends in `now`.
///
/// # Errors
/// It cannot be renamed.
pub fn aside(path: &Path, now: i64) -> io::Result<PathBuf> {
    let name = |suffix: &str| PathBuf::from(format!("{}.broken-{now}{suffix}", path.display()));
    std::fs::rename(path, name(""))?;
    for suffix in ["-wal", "-shm"] {
        let beside = PathBuf::from(format!("{}{suffix}", path.display()));
        if beside.exists() {
            std::fs::rename(&beside, name(suffix))?;
        }
    }
    Ok(name(""))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::{chown, symlink};

    #[test]
    fn what_root_makes_is_the_folders_and_what_a_link_names_is_not() {
        if !geteuid().is_root() {
            assert!(std::env::var_os("CI").is_none(), "only root can give something away");
            eprintln!("SKIPPED: only root can give something away");
            return;
        }
        let folder = tempfile::tempdir().unwrap();
        let theirs = folder.path().join("theirs");
        std::fs::create_dir(&theirs).unwrap();
        chown(&theirs, Some(12_345), Some(12_346)).unwrap();
        let of = |path: &Path| path.metadata().map(|file| (file.uid(), file.gid(), file.mode() & 0o777)).unwrap();
        let (made, other, link) = (theirs.join("made"), folder.path().join("other"), theirs.join("link"));
        make(&made).unwrap();
        assert_eq!(of(&made), (12_345, 12_346, 0o600));
        std::fs::write(&other, "kept").unwrap();
        symlink(&other, &link).unwrap();
        make(&link).unwrap();
        assert_eq!((of(&other).0, std::fs::read_to_string(&other).unwrap().as_str()), (0, "kept"));
    }
}
