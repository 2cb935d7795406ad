//! GELF over UDP: a record that is longer than a datagram may be goes in parts, each with its number and how many there are
//! (GELF 1.1, "Chunking"). The receiver has five seconds to put them together, and forgets what is not whole by then.

use super::gzip::compressed;
use std::borrow::Cow;
use uuid::Uuid;

/// How a record is cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Chunks {
    /// What a datagram holds at the most, with the header of a part, in octets.
    pub octets: usize,
    /// Whether records are compressed first.
    pub gzip: bool,
}

impl Chunks {
    /// An Ethernet frame holds it with all its headers, also through a tunnel. Of longer datagrams the network makes
    /// fragments, which firewalls like to drop; within one's own walls 8,154 saves a few headers.
    pub const OCTETS: usize = 1_420;

    /// What begins a part.
    const MAGIC: [u8; 2] = [0x1e, 0x0f];
    /// That, an id of the record of eight octets, the number of the part, and how many there are.
    const HEADER: usize = 12;
    /// So many parts a record has at the most.
    const MOST: usize = 128;

    /// The datagrams of a record.
    ///
    /// # Errors
    /// They are too many, now and later: a sentence that says what can be changed.
    pub(super) fn datagrams<'a>(&self, record: &'a [u8]) -> Result<Vec<Cow<'a, [u8]>>, String> {
        let record = match self.gzip {
            true => Cow::Owned(compressed(record).map_err(|error| format!("cannot be compressed: {error}"))?),
            false => Cow::Borrowed(record),
        };
        if record.len() <= self.octets {
            return Ok(vec![record]);
        }
        let room = self.octets.saturating_sub(Self::HEADER).max(1);
        let parts = record.chunks(room);
        let count = match u8::try_from(parts.len()) {
            Ok(count) if usize::from(count) <= Self::MOST => count,
            _ => {
                return Err(format!(
                    "{} octets are more than {} parts of {} hold: chunk_bytes can be raised, or gzip set",
                    record.len(),
                    Self::MOST,
                    self.octets
                ));
            }
        };
        // What is sent again has an id of its own: parts that arrived of the first try must not be mixed with it.
        let id = Uuid::now_v7().into_bytes();
        let header = |number: u8| [&Self::MAGIC[..], &id[8..], &[number, count]].concat();
        Ok((0..count).zip(parts).map(|(number, part)| Cow::Owned([&header(number), part].concat())).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts() {
        let chunks = Chunks { octets: 20, gzip: false };
        let whole = |record: &[u8]| chunks.datagrams(record).map(|parts| parts.len());
        assert_eq!((whole(&[7; 20]), whole(&[7; 21]), whole(&[7; 8 * 128])), (Ok(1), Ok(3), Ok(128)));
        assert!(whole(&[7; 8 * 128 + 1]).unwrap_err().starts_with("1025 octets are more than 128 parts of 20"));
        let record: Vec<u8> = (0..30).collect();
        let parts = chunks.datagrams(&record).unwrap();
        assert_eq!(parts.iter().map(|part| part.len()).collect::<Vec<_>>(), [20, 20, 20, 18]);
        let id = &parts[0][2..10];
        for (number, part) in parts.iter().enumerate() {
            assert_eq!((&part[..2], &part[2..10]), (&[0x1e, 0x0f][..], id));
            assert_eq!((usize::from(part[10]), part[11]), (number, 4));
        }
        assert_eq!(parts.iter().flat_map(|part| &part[12..]).copied().collect::<Vec<_>>(), record);
        assert_ne!(&chunks.datagrams(&record).unwrap()[0][2..10], id, "another record, another id");
        let small = Chunks { octets: 100, gzip: true }.datagrams(&[b'x'; 2000]).unwrap();
        assert!(small.len() == 1 && small[0].starts_with(&[0x1f, 0x8b]));
    }
}
