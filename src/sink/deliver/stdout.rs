//! Standard output: a line each.

use super::Sent;
use std::io::{self, Write};

pub(super) fn write(records: &[&[u8]]) -> Sent {
    let mut out = io::stdout().lock();
    let written = records.iter().try_for_each(|record| out.write_all(record).and_then(|()| out.write_all(b"\n")));
    match written.and_then(|()| out.flush()) {
        Ok(()) => Sent::Taken,
        Err(error) => Sent::unreachable(format!("standard output: {error}")),
    }
}
