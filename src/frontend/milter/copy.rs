//! The message as the MTA sent it, byte for byte, for the store: header fields with their folding and their leading spaces,
//! then the body.

/// What was sent so far.
#[derive(Debug)]
pub(super) struct Copy {
    bytes: Vec<u8>,
    /// Octets of the longest message that is kept.
    limit: usize,
    /// Whether header bodies come with the space behind the colon.
    spaced: bool,
    in_body: bool,
    too_long: bool,
}

impl Copy {
    pub(super) fn new(limit: usize, spaced: bool) -> Self {
        Self { bytes: Vec::new(), limit, spaced, in_body: false, too_long: false }
    }

    /// A header field. MTAs write its line ends as LF alone.
    pub(super) fn header(&mut self, name: &[u8], value: &[u8]) {
        self.push(name);
        self.push(if self.spaced || value.is_empty() { b":" } else { b": " });
        let mut lines = value.split(|&byte| byte == b'\n');
        self.push(lines.next().unwrap_or_default());
        for line in lines {
            self.push(if self.bytes.ends_with(b"\r") { b"\n" } else { b"\r\n" });
            self.push(line);
        }
        self.push(b"\r\n");
    }

    /// A piece of the body.
    pub(super) fn body(&mut self, chunk: &[u8]) {
        self.end_header();
        self.push(chunk);
    }

    /// The whole message; `None` where it was too long.
    pub(super) fn finish(mut self) -> Option<Vec<u8>> {
        self.end_header();
        (!self.too_long).then_some(self.bytes)
    }

    fn end_header(&mut self) {
        if !self.in_body {
            self.push(b"\r\n");
            self.in_body = true;
        }
    }

    fn push(&mut self, bytes: &[u8]) {
        if self.too_long || self.bytes.len() + bytes.len() > self.limit {
            self.too_long = true;
            self.bytes = Vec::new();
            return;
        }
        self.bytes.extend_from_slice(bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_is_kept() {
        let mut copy = Copy::new(1000, true);
        copy.header(b"Subject", b"  two\n\tlines ");
        copy.header(b"X-Cr", b" a\r\n b");
        copy.header(b"X-Empty", b"");
        copy.body(b"raw \x80\xff\r\n");
        copy.body(b".\r\n");
        let whole = b"Subject:  two\r\n\tlines \r\nX-Cr: a\r\n b\r\nX-Empty:\r\n\r\nraw \x80\xff\r\n.\r\n";
        assert_eq!(copy.finish().as_deref(), Some(&whole[..]));
        let mut old = Copy::new(1000, false);
        old.header(b"A", b"b");
        assert_eq!(old.finish().as_deref(), Some(&b"A: b\r\n\r\n"[..]));
    }

    #[test]
    fn what_is_too_long_is_nothing() {
        let mut copy = Copy::new(8, true);
        copy.body(b"12345");
        copy.body(b"67");
        copy.body(b"");
        assert_eq!(copy.finish(), None);
    }
}
