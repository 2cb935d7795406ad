//! The one question that is asked of Outlook's own format (MS-OXTNEF): was it forwarded by a rule?

/// The first octets of a TNEF stream.
const SIGNATURE: [u8; 4] = 0x223e_9f78_u32.to_le_bytes();
/// The attribute that holds the message's properties (MS-OXTNEF §2.1.3.3).
const MESSAGE_PROPERTIES: u32 = 0x0006_9003;
/// PidTagAutoForwarded (MS-OXPROPS).
const AUTO_FORWARDED: u16 = 0x0005;
const BOOLEAN: u16 = 0x000b;
/// Flag of a property's type: several values (MS-OXCDATA §2.11.1).
const MULTIPLE: u16 = 0x1000;
/// Property ids from here on have a name before their value (MS-OXTNEF §2.1.3.4).
const FIRST_NAMED: u16 = 0x8000;

/// Whether the stream's message has PidTagAutoForwarded set. What is no such stream, or breaks off, has not.
pub(super) fn says_auto_forwarded(stream: &[u8]) -> bool {
    let mut input = Input(stream);
    (|| {
        if input.take(4)? != SIGNATURE {
            return None;
        }
        input.take(2)?; // key
        loop {
            input.take(1)?; // level
            let attribute = input.u32()?;
            let length = input.u32()?;
            let value = input.take(length as usize)?;
            input.take(2)?; // checksum
            if attribute == MESSAGE_PROPERTIES {
                return in_properties(value);
            }
        }
    })()
    .unwrap_or(false)
}

fn in_properties(value: &[u8]) -> Option<bool> {
    let mut input = Input(value);
    for _ in 0..input.u32()? {
        let kind = input.u16()?;
        let id = input.u16()?;
        if id >= FIRST_NAMED {
            input.take(16)?; // property set
            match input.u32()? {
                0 => input.take(4)?,
                _ => input.counted()?,
            };
        }
        if id == AUTO_FORWARDED && kind == BOOLEAN {
            return Some(input.u32()? & 0xffff != 0);
        }
        input.skip_value(kind)?;
    }
    Some(false)
}

/// What is left to read; every step ends with `None` where the stream does.
struct Input<'a>(&'a [u8]);

impl<'a> Input<'a> {
    fn take(&mut self, octets: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(octets)?;
        self.0 = rest;
        Some(taken)
    }

    fn u16(&mut self) -> Option<u16> {
        Some(u16::from_le_bytes(self.take(2)?.try_into().ok()?))
    }

    fn u32(&mut self) -> Option<u32> {
        Some(u32::from_le_bytes(self.take(4)?.try_into().ok()?))
    }

    /// A length, then as many octets, filled up to a multiple of four.
    fn counted(&mut self) -> Option<&'a [u8]> {
        let length = self.u32()? as usize;
        let value = self.take(length)?;
        self.take(length.wrapping_neg() % 4)?;
        Some(value)
    }

    /// Passes over the value of a property of this type (MS-OXCDATA §2.11.1).
    fn skip_value(&mut self, kind: u16) -> Option<()> {
        let single = kind & !MULTIPLE;
        let variable = matches!(single, 0x000d | 0x001e | 0x001f | 0x0102);
        let count = if variable || kind & MULTIPLE != 0 { self.u32()? } else { 1 };
        for _ in 0..count {
            match single {
                0x0001 => {}
                0x0002 | 0x0003 | 0x0004 | 0x000a | BOOLEAN => drop(self.take(4)?),
                0x0005 | 0x0006 | 0x0007 | 0x0014 | 0x0040 => drop(self.take(8)?),
                0x0048 => drop(self.take(16)?),
                _ if variable => drop(self.counted()?),
                // A type whose length is not known: nothing behind it can be read.
                _ => return None,
            }
        }
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A stream with these properties: type, id, value as it stands behind them.
    fn stream(properties: &[(u16, u16, &[u8])]) -> Vec<u8> {
        let mut value = (properties.len() as u32).to_le_bytes().to_vec();
        for (kind, id, data) in properties {
            value.extend(kind.to_le_bytes());
            value.extend(id.to_le_bytes());
            value.extend_from_slice(data);
        }
        let mut stream = SIGNATURE.to_vec();
        stream.extend(1_u16.to_le_bytes());
        for (attribute, value) in [(0x0008_9006_u32, vec![0, 0, 1, 0]), (MESSAGE_PROPERTIES, value)] {
            stream.push(1);
            stream.extend(attribute.to_le_bytes());
            stream.extend((value.len() as u32).to_le_bytes());
            stream.extend(&value);
            stream.extend([0, 0]);
        }
        stream
    }

    const SUBJECT: (u16, u16, &[u8]) =
        (0x001e, 0x0037, &[1, 0, 0, 0, 5, 0, 0, 0, b'h', b'e', b'l', b'l', b'o', 0, 0, 0]);
    const NAMED: (u16, u16, &[u8]) =
        (0x0003, 0x8001, &[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 0, 0, 0, 0, 7, 0, 0, 0, 9, 9, 9, 9]);
    const MANY: (u16, u16, &[u8]) = (0x1003, 0x3001, &[2, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0]);

    #[test]
    fn the_property_is_found_behind_others() {
        let set: (u16, u16, &[u8]) = (BOOLEAN, AUTO_FORWARDED, &[1, 0, 0, 0]);
        let unset: (u16, u16, &[u8]) = (BOOLEAN, AUTO_FORWARDED, &[0, 0, 0, 0]);
        assert!(says_auto_forwarded(&stream(&[SUBJECT, NAMED, MANY, set])));
        assert!(!says_auto_forwarded(&stream(&[SUBJECT, NAMED, MANY, unset])));
        assert!(!says_auto_forwarded(&stream(&[SUBJECT])));
    }

    #[test]
    fn what_breaks_off_or_lies_is_no_proof() {
        let whole = stream(&[SUBJECT, (BOOLEAN, AUTO_FORWARDED, &[1, 0, 0, 0])]);
        for length in 0..whole.len() - 2 {
            assert!(!says_auto_forwarded(&whole[..length]), "{length}");
        }
        assert!(!says_auto_forwarded(&stream(&[(0x101f, 1, &[255, 255, 255, 255, 255, 255, 255, 255])])));
        assert!(!says_auto_forwarded(&stream(&[(0x0999, 1, &[]), (BOOLEAN, AUTO_FORWARDED, &[1, 0, 0, 0])])));
    }
}
