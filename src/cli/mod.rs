//! The commands: one file each.

pub mod detectors;
pub mod explain;
pub mod replay;
pub mod schema;
mod source;
