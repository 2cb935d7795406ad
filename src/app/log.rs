//! The log: lines on standard error, in which no more is seen of persons than in events.

use crate::privacy::Mask;
use std::io::{self, Write};
use tracing_subscriber::fmt::MakeWriter;

/// Makes the writers of lines.
pub(super) struct Lines(Mask);

impl Lines {
    /// Lines in which addresses are shown like this.
    pub(super) fn new(mask: Mask) -> Self {
        Self(mask)
    }
}

impl<'a> MakeWriter<'a> for Lines {
    type Writer = Line<'a>;

    fn make_writer(&'a self) -> Line<'a> {
        Line(&self.0)
    }
}

/// Writes a line.
pub(super) struct Line<'a>(&'a Mask);

impl Write for Line<'_> {
    /// Takes a line whole, as the subscriber hands it over: an address cut in two would not be known.
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        if self.0.is_clear() {
            return io::stderr().write(line);
        }
        io::stderr().write_all(self.0.text(&String::from_utf8_lossy(line)).as_bytes())?;
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().flush()
    }
}
