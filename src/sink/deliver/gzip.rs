//! The same in less.

use flate2::Compression;
use flate2::write::GzEncoder;
use std::io::{self, Write};

/// As gzip has it.
///
/// # Errors
/// There is no memory left.
pub(super) fn compressed(octets: &[u8]) -> io::Result<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::with_capacity(octets.len() / 4), Compression::fast());
    encoder.write_all(octets)?;
    encoder.finish()
}
