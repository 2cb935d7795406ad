//! Where a record ends on a stream (RFC 6587): by a count of its octets before it, or by a mark behind it.

use std::io::Write;

/// How records are parted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Framing {
    /// A count of octets and a space before each: a record may hold anything.
    Octets,
    /// A line feed behind each.
    Line,
    /// A NUL behind each, as GELF has it.
    Nul,
}

impl Framing {
    /// Appends a record. What would end it early becomes a space.
    pub(super) fn append(self, record: &[u8], out: &mut Vec<u8>) {
        let end = match self {
            Self::Octets => {
                // A vector takes everything.
                let _ = write!(out, "{} ", record.len());
                out.extend_from_slice(record);
                return;
            }
            Self::Line => b'\n',
            Self::Nul => b'\0',
        };
        out.extend(record.iter().map(|&octet| if octet == end { b' ' } else { octet }));
        out.push(end);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_record_ends_early() {
        let framed = |framing: Framing| {
            let mut out = Vec::new();
            for record in ["a\nb", "ä\0"] {
                framing.append(record.as_bytes(), &mut out);
            }
            String::from_utf8(out).unwrap()
        };
        assert_eq!(framed(Framing::Octets), "3 a\nb3 ä\0");
        assert_eq!(framed(Framing::Line), "a b\nä\0\n");
        assert_eq!(framed(Framing::Nul), "a\nb\0ä \0");
    }
}
