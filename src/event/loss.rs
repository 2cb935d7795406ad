//! Events that an output never had.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// Events are lost: told once for each output and reason, when they can be told.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Loss {
    /// The output; absent where none had them.
    pub output: Option<String>,
    /// `too_old`, `spool_full`, `disk_full`, `queue_full`, `unwritable`, `damaged`, `refused`.
    pub reason: String,
    /// How many.
    pub count: u64,
    /// When the first of them came.
    pub first: Timestamp,
    /// When the last of them came.
    pub last: Timestamp,
}
