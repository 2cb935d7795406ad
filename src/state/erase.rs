//! What is remembered of one person, taken out of the file for good.

use super::embedded;
use rusqlite::params;
use std::io;
use std::path::Path;
use std::time::Duration;

/// What was taken out.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Erased {
    /// Pairs, with their Message-IDs.
    pub pairs: usize,
    /// Counts of days.
    pub days: usize,
    /// Hashes of what came in.
    pub arrivals: usize,
}

/// Takes out what is known of these addresses, as the file writes them: as forwarders, as destinations, as mailboxes that
/// mail came in for. A daemon may be writing; what it has in memory it keeps until it ends.
///
/// # Errors
/// There is no file, or it cannot be written.
pub fn erase(directory: &Path, keys: &[String]) -> io::Result<Erased> {
    let path = directory.join("state.db");
    // Opening would make one.
    std::fs::metadata(&path)?;
    let run = || -> rusqlite::Result<Erased> {
        let mut connection = embedded::open(&path)?;
        connection.busy_timeout(Duration::from_secs(20))?;
        // What is deleted is overwritten, not only forgotten.
        connection.pragma_update(None, "secure_delete", "ON")?;
        let transaction = connection.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
        let mut erased = Erased::default();
        for key in keys {
            erased.pairs +=
                transaction.execute("DELETE FROM pair WHERE forwarder = ?1 OR destination = ?1", params![key])?;
            erased.days +=
                transaction.execute("DELETE FROM day WHERE forwarder = ?1 OR destination = ?1", params![key])?;
            erased.arrivals += transaction.execute("DELETE FROM arrival WHERE mailbox = ?1", params![key])?;
        }
        transaction.commit()?;
        // The log of SQLite holds pages as they were. Where a daemon reads at this moment, it is cut by its next writes.
        connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))?;
        Ok(erased)
    };
    run().map_err(io::Error::other)
}
