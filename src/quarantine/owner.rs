//! Whose the store is. Root may look at it before the daemon has: what root makes there belongs to whom the folder belongs to,
//! or the daemon could not use its own store.

use nix::unistd::geteuid;
use std::io;
use std::os::unix::fs::{MetadataExt, chown};
use std::path::Path;

/// Gives what root made to the owner of the folder that it is in.
///
/// # Errors
/// It cannot be given away.
pub(super) fn give(path: &Path) -> io::Result<()> {
    let (true, Some(folder)) = (geteuid().is_root(), path.parent()) else { return Ok(()) };
    let folder = if folder == Path::new("") { Path::new(".") } else { folder };
    let (folder, own) = (std::fs::metadata(folder)?, std::fs::symlink_metadata(path)?);
    if (folder.uid(), folder.gid()) != (own.uid(), own.gid()) && folder.uid() != 0 {
        chown(path, Some(folder.uid()), Some(folder.gid()))?;
    }
    Ok(())
}
