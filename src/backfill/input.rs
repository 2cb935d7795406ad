//! Logs as they lie on a disk: plain or gzip, told by their beginning, not by their name. Lines of a bounded length.

use flate2::bufread::MultiGzDecoder;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::SystemTime;

/// A log.
pub struct Input {
    /// Its text.
    pub log: Box<dyn BufRead>,
    /// When it was written last: the year of its last line.
    pub written: SystemTime,
    /// Its size on the disk, in octets; 0 where that is not known.
    pub size: u64,
    /// How many of these were read so far.
    pub position: Arc<AtomicU64>,
}

const BUFFER: usize = 256 << 10;

/// Opens a log; `-` is standard input.
///
/// # Errors
/// It cannot be read, or is compressed by something other than gzip: what to do then.
pub fn open(path: &Path) -> io::Result<Input> {
    let (source, written, size): (Box<dyn Read>, _, _) = if path.as_os_str() == "-" {
        (Box::new(io::stdin()), SystemTime::now(), 0)
    } else {
        let file = File::open(path)?;
        let metadata = file.metadata()?;
        if metadata.is_dir() {
            return Err(io::Error::other("is a folder: name the logs in it"));
        }
        (Box::new(file), metadata.modified()?, metadata.len())
    };
    let position = Arc::new(AtomicU64::new(0));
    let mut plain = BufReader::with_capacity(BUFFER, Counted { source, position: Arc::clone(&position) });
    let begin = plain.fill_buf()?;
    let other = [(&b"\xfd7zXZ"[..], "xz"), (b"BZh", "bzip2"), (b"\x28\xb5\x2f\xfd", "zstd")];
    if let Some((_, program)) = other.iter().find(|(magic, _)| begin.starts_with(magic)) {
        let text = format!("is compressed by {program}: {program} -dc FILE | forwarden backfill --maillog -");
        return Err(io::Error::other(text));
    }
    let log: Box<dyn BufRead> = if begin.starts_with(b"\x1f\x8b") {
        Box::new(BufReader::with_capacity(BUFFER, MultiGzDecoder::new(plain)))
    } else {
        Box::new(plain)
    };
    Ok(Input { log, written, size, position })
}

/// Counts what is read, for who looks on.
struct Counted {
    source: Box<dyn Read>,
    position: Arc<AtomicU64>,
}

impl Read for Counted {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.source.read(buffer)?;
        self.position.fetch_add(read as u64, Ordering::Relaxed);
        Ok(read)
    }
}

/// What came next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Piece {
    /// A line, with this many octets.
    Line(usize),
    /// One that is too long, and was left out.
    TooLong(usize),
    /// Nothing.
    End,
}

/// Reads a line into `line`, without its end. Of one with more than `most` octets nothing is kept.
///
/// # Errors
/// The log cannot be read.
pub(super) fn next_line(log: &mut impl BufRead, line: &mut Vec<u8>, most: usize) -> io::Result<Piece> {
    line.clear();
    let mut length = 0;
    loop {
        let buffer = match log.fill_buf() {
            Ok(buffer) => buffer,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        let end = memchr::memchr(b'\n', buffer);
        let part = buffer.get(..end.unwrap_or(buffer.len())).unwrap_or(buffer);
        length += part.len();
        if length <= most {
            line.extend_from_slice(part);
        } else {
            line.clear();
        }
        let (empty, used) = (buffer.is_empty(), part.len() + usize::from(end.is_some()));
        log.consume(used);
        if end.is_some() || empty {
            return Ok(match length {
                0 if empty => Piece::End,
                _ if length > most => Piece::TooLong(length + usize::from(end.is_some())),
                _ => Piece::Line(length + usize::from(end.is_some())),
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_a_bounded_length() {
        let text = [b"a\n\n".as_slice(), &[b'x'; 50], b"\nb"].concat();
        let mut log = BufReader::with_capacity(7, text.as_slice());
        let mut line = Vec::new();
        let mut next = || {
            let piece = next_line(&mut log, &mut line, 10).unwrap();
            (piece, String::from_utf8(line.clone()).unwrap())
        };
        assert_eq!(next(), (Piece::Line(2), "a".into()));
        assert_eq!(next(), (Piece::Line(1), String::new()));
        assert_eq!(next(), (Piece::TooLong(51), String::new()));
        assert_eq!(next(), (Piece::Line(1), "b".into()));
        assert_eq!(next(), (Piece::End, String::new()));
    }
}
