//! Room for the moment in which the disk is full. SQLite needs some even to delete: what was written last stands beside the
//! file, and taking it over makes the file longer. Without room for that, nothing could be done any more, not even making
//! room.

use super::trim::available;
use std::io::Write;
use std::path::Path;

/// As much as may stand beside the file.
const OCTETS: usize = 4 << 20;
const FILE: &str = "spool.reserve";

/// Takes the room, where there is plenty. Whether it is there.
pub(super) fn take(directory: &Path) -> bool {
    use std::os::unix::fs::OpenOptionsExt;
    let path = directory.join(FILE);
    if path.exists() {
        return true;
    }
    if available(directory) < 2 * OCTETS as u64 {
        return false;
    }
    let file = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path);
    let written = file.and_then(|mut file| file.write_all(&vec![0; OCTETS]).and_then(|()| file.sync_all()));
    if written.is_err() {
        give(directory);
    }
    written.is_ok()
}

/// Gives it up.
pub(super) fn give(directory: &Path) {
    let _ = std::fs::remove_file(directory.join(FILE));
}
