//! A file system of a few pages, for what happens when it is full.

use nix::mount::{MsFlags, mount, umount};
use std::path::PathBuf;

/// In memory, and gone when dropped.
pub(crate) struct SmallDisk {
    pub(crate) path: PathBuf,
    _folder: tempfile::TempDir,
}

impl SmallDisk {
    /// Mounts one with these options of tmpfs; `None`, and a word of it, where that is not allowed.
    pub(crate) fn mount(options: &str) -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("small");
        std::fs::create_dir(&path).unwrap();
        if let Err(error) = mount(Some("tmpfs"), &path, Some("tmpfs"), MsFlags::empty(), Some(options)) {
            assert!(std::env::var_os("CI").is_none(), "a small file system cannot be mounted: {error}");
            eprintln!("SKIPPED: a small file system cannot be mounted: {error}");
            return None;
        }
        Some(Self { path, _folder: folder })
    }

    /// Gives it other options.
    pub(crate) fn remount(&self, options: &str) {
        mount(Some("tmpfs"), &self.path, Some("tmpfs"), MsFlags::MS_REMOUNT, Some(options)).unwrap();
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = umount(&self.path);
    }
}
