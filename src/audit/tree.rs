//! Files below a root, which no link, name or race leads out of.
//!
//! Every part of a path is opened on its own and never followed by the kernel; links are followed here, below the root,
//! as a process that is confined to it would. What lies in a home is read with the rights of that user: whoever looks at
//! other people's homes as root must not print for them what they themselves may not read.

use super::users::User;
use nix::dir::Dir;
use nix::errno::Errno;
use nix::fcntl::{OFlag, openat, readlinkat};
use nix::sys::stat::{FileStat, Mode, SFlag, fstat};
use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::Read;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Component, Path, PathBuf};

/// How many links a path may lead through, as in Linux.
const MAX_LINKS: usize = 40;

/// The largest file of a user that is read, in octets.
pub const MAX_USER_BYTES: u64 = 1 << 20;

/// The largest file of the system that is read, in octets: alias files of large sites are that long.
pub const MAX_SYSTEM_BYTES: u64 = 64 << 20;

/// How many entries of a folder are looked at.
const MAX_ENTRIES: usize = 100_000;

/// In whose name something is read.
#[derive(Debug, Clone, Copy)]
pub enum As<'a> {
    /// The mail system's.
    System,
    /// A user's, whose own rights count.
    User(&'a User),
}

/// What is known of a file beside its name.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Facts {
    /// User id of the owner.
    pub uid: u32,
    /// Permissions, the lower twelve bits.
    pub mode: u32,
    /// When it was last written, in seconds since 1970. Whoever may write it may set this back.
    pub modified: i64,
    /// When anything of it last changed, the above included. Nobody sets this back.
    pub changed: i64,
}

/// A file that was read.
#[derive(Debug, Clone)]
pub struct Text {
    /// What it holds.
    pub bytes: Vec<u8>,
    /// What is known of it.
    pub facts: Facts,
    /// Its path without links, below the root.
    pub real: PathBuf,
}

impl Text {
    /// As text, with a mark in the place of what is no UTF-8.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.bytes).into_owned()
    }
}

/// The files below a root.
#[derive(Debug)]
pub struct Tree {
    root: OwnedFd,
}

/// The end of a path.
struct End {
    folder: OwnedFd,
    name: OsString,
    stat: FileStat,
    real: PathBuf,
}

impl Tree {
    /// Opens the root.
    ///
    /// # Errors
    /// It is no folder, or may not be entered.
    pub fn open(root: &Path) -> std::io::Result<Self> {
        let flags = OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
        Ok(Self { root: nix::fcntl::open(root, flags, Mode::empty())? })
    }

    /// Reads a file. `None` where there is none.
    ///
    /// # Errors
    /// Why it cannot be read, or is not.
    pub fn read(&self, path: &Path, reader: As<'_>) -> Result<Option<Text>, String> {
        let Some(end) = self.find(path, reader)? else { return Ok(None) };
        match SFlag::from_bits_truncate(end.stat.st_mode) & SFlag::S_IFMT {
            SFlag::S_IFREG => {}
            SFlag::S_IFDIR => return Err("is a folder".to_owned()),
            _ => return Err("is no regular file: not opened".to_owned()),
        }
        // Between the look and the opening it may have been replaced: by a pipe, say, that would never be readable.
        let flags = OFlag::O_RDONLY | OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK | OFlag::O_NOCTTY | OFlag::O_CLOEXEC;
        let file = openat(&end.folder, end.name.as_os_str(), flags, Mode::empty()).map_err(said)?;
        let stat = fstat(&file).map_err(said)?;
        if (stat.st_dev, stat.st_ino) != (end.stat.st_dev, end.stat.st_ino) {
            return Err("was replaced while it was being read".to_owned());
        }
        let most = match reader {
            As::System => MAX_SYSTEM_BYTES,
            As::User(_) => MAX_USER_BYTES,
        };
        let too_large = |bytes: u64| format!("has {bytes} octets; files of up to {most} are read");
        let size = u64::try_from(stat.st_size).unwrap_or(u64::MAX);
        if size > most {
            return Err(too_large(size));
        }
        let mut bytes = Vec::new();
        File::from(file).take(most + 1).read_to_end(&mut bytes).map_err(|error| error.to_string())?;
        if bytes.len() as u64 > most {
            return Err(too_large(bytes.len() as u64));
        }
        Ok(Some(Text { bytes, facts: facts(&stat), real: end.real }))
    }

    /// The names in a folder, sorted. `None` where there is no such folder.
    ///
    /// # Errors
    /// Why it cannot be read.
    pub fn names(&self, path: &Path, reader: As<'_>) -> Result<Option<Vec<OsString>>, String> {
        let Some(end) = self.find(path, reader)? else { return Ok(None) };
        if !is_folder(&end.stat) {
            return Ok(None);
        }
        let flags = OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
        let mut folder = Dir::openat(&end.folder, end.name.as_os_str(), flags, Mode::empty()).map_err(said)?;
        let mut names = Vec::new();
        for entry in folder.iter() {
            let entry = entry.map_err(said)?;
            let name = entry.file_name().to_bytes();
            if name != b"." && name != b".." {
                names.push(OsStr::from_bytes(name).to_owned());
            }
            if names.len() > MAX_ENTRIES {
                return Err(format!("has more than {MAX_ENTRIES} entries"));
            }
        }
        names.sort();
        Ok(Some(names))
    }

    /// The owner of a folder. `None` where there is none.
    ///
    /// # Errors
    /// Why that is not known.
    pub fn folder(&self, path: &Path) -> Result<Option<(u32, u32)>, String> {
        let end = self.find(path, As::System)?;
        Ok(end.filter(|end| is_folder(&end.stat)).map(|end| (end.stat.st_uid, end.stat.st_gid)))
    }

    /// The path of a file of the system without links.
    pub fn real(&self, path: &Path) -> Option<PathBuf> {
        Some(self.find(path, As::System).ok()??.real)
    }

    /// What is known of a file of the system, unread.
    pub fn facts(&self, path: &Path) -> Option<Facts> {
        Some(facts(&self.find(path, As::System).ok()??.stat))
    }

    /// Goes to the end of a path, part by part.
    fn find(&self, path: &Path, reader: As<'_>) -> Result<Option<End>, String> {
        let mut way: Vec<(OwnedFd, OsString)> = Vec::new();
        let mut ahead = parts(path);
        let mut links = 0;
        // Whether the path itself is a link, and not one of the folders on the way.
        let mut is_link = false;
        let flags = OFlag::O_PATH | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
        loop {
            let folder = way.last().map_or(self.root.as_fd(), |(folder, _)| folder.as_fd());
            let name = ahead.pop().unwrap_or_else(|| OsString::from("."));
            if name == ".." {
                way.pop();
                continue;
            }
            let found = match openat(folder, name.as_os_str(), flags, Mode::empty()) {
                Ok(found) => found,
                Err(Errno::ENOENT | Errno::ENOTDIR) if !is_link => return Ok(None),
                Err(Errno::ENOENT | Errno::ENOTDIR) => {
                    return Err("is a link that leads nowhere below the root".to_owned());
                }
                Err(error) => return Err(said(error)),
            };
            let stat = fstat(&found).map_err(said)?;
            if SFlag::from_bits_truncate(stat.st_mode) & SFlag::S_IFMT == SFlag::S_IFLNK {
                links += 1;
                is_link |= ahead.is_empty();
                if links > MAX_LINKS {
                    return Err("is a link that leads in a circle".to_owned());
                }
                let target = PathBuf::from(readlinkat(&found, "").map_err(said)?);
                if target.is_absolute() {
                    way.clear();
                }
                ahead.extend(parts(&target));
                continue;
            }
            let here: PathBuf =
                [OsStr::new("/")].into_iter().chain(way.iter().map(|(_, name)| name.as_os_str())).collect();
            let here = if name == "." { here } else { here.join(&name) };
            if let As::User(user) = reader
                && !(is_folder(&stat) && user.home.starts_with(&here))
                && !user.may_use(&stat)
            {
                let by = if links > 0 { "a link leads to what" } else { "is not read:" };
                return Err(format!("{by} user {} may not read", user.name));
            }
            if ahead.is_empty() {
                let folder = folder.try_clone_to_owned().map_err(|error| error.to_string())?;
                return Ok(Some(End { folder, name, stat, real: here }));
            }
            way.push((found, name));
        }
    }
}

/// The parts of a path, the last one first.
fn parts(path: &Path) -> Vec<OsString> {
    let kept = path.components().rev().filter_map(|part| match part {
        Component::Normal(name) => Some(name.to_owned()),
        Component::ParentDir => Some(OsString::from("..")),
        _ => None,
    });
    kept.collect()
}

fn is_folder(stat: &FileStat) -> bool {
    SFlag::from_bits_truncate(stat.st_mode) & SFlag::S_IFMT == SFlag::S_IFDIR
}

fn facts(stat: &FileStat) -> Facts {
    Facts { uid: stat.st_uid, mode: stat.st_mode & 0o7777, modified: stat.st_mtime, changed: stat.st_ctime }
}

fn said(error: Errno) -> String {
    error.desc().to_owned()
}

impl User {
    /// Whether this user may read a file or enter a folder, as far as owner, group and permissions tell.
    fn may_use(&self, stat: &FileStat) -> bool {
        let bit = if is_folder(stat) { 0o1 } else { 0o4 };
        let has = |shift: u32| stat.st_mode >> shift & bit != 0;
        self.uid == 0 || if stat.st_uid == self.uid { has(6) } else { (stat.st_gid == self.gid && has(3)) || has(0) }
    }
}
