//! A line of a log: when, at which host, by which program, and what it says.

use super::date::Dates;
use jiff::Timestamp;

/// A line, taken apart.
#[derive(Debug, Clone, Copy)]
pub(super) struct Line<'a> {
    /// When it was written.
    pub time: Timestamp,
    /// The host; empty in a log that a program writes itself.
    pub host: &'a [u8],
    /// The program, without its process id: `postfix/smtp`, `dovecot`, `lmtp(alice)<9377><r1tM…>`.
    pub tag: &'a [u8],
    /// What it says.
    pub text: &'a [u8],
}

/// Takes a line apart: `Nov 24 15:50:32 mail postfix/smtp[9356]: text`, or with a date by RFC 3339. `None` if it is none.
pub(super) fn split<'a>(line: &'a [u8], dates: &mut Dates) -> Option<Line<'a>> {
    let (time, rest) = dates.read(line)?;
    let (first, after) = word(rest)?;
    // A program's own log names no host: what stands in its place is the program.
    let (host, tagged) = if first.ends_with(b":") { (&rest[..0], rest) } else { (first, after) };
    let (tag, text) = tag(tagged)?;
    Some(Line { time, host, tag, text })
}

fn word(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let text = text.trim_ascii_start();
    let end = memchr::memchr(b' ', text)?;
    Some((text.get(..end)?, text.get(end + 1..)?.trim_ascii_start()))
}

/// `program[1234]: text` and `program: text`.
fn tag(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let (tag, rest) = word(text)?;
    let tag = tag.strip_suffix(b":")?;
    let plain = match memchr::memchr(b'[', tag) {
        Some(at) if tag.ends_with(b"]") => tag.get(..at)?,
        _ => tag,
    };
    Some((plain, rest))
}

impl<'a> Line<'a> {
    /// The service of Postfix that wrote it: `smtp` of `postfix/smtp`, of `postfix-out/relay/smtp`.
    pub(super) fn postfix_service(&self) -> Option<&'a [u8]> {
        let at = memchr::memrchr(b'/', self.tag)?;
        self.tag.get(at + 1..)
    }

    /// Whether Dovecot wrote it: through syslog, or into a log of its own.
    pub(super) fn is_dovecot(&self) -> bool {
        self.tag == b"dovecot" || self.tag.starts_with(b"lmtp(") || self.tag.starts_with(b"lda(")
    }

    /// Whether Sendmail wrote it.
    pub(super) fn is_sendmail(&self) -> bool {
        self.tag == b"sendmail" || self.tag.starts_with(b"sm-")
    }
}
