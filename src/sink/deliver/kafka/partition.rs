//! Which partition a key belongs to, as Kafka's own producers choose it, so that others agree.

/// The partition of a key among so many (at least one).
pub(super) fn of(key: &[u8], count: usize) -> usize {
    let positive = murmur2(key) & 0x7fff_ffff;
    usize::try_from(positive).unwrap_or(0) % count.max(1)
}

/// MurmurHash2 with the seed that Kafka gives it.
fn murmur2(data: &[u8]) -> u32 {
    const SEED: u32 = 0x9747_b28c;
    const M: u32 = 0x5bd1_e995;
    // Of longer keys Kafka takes the length modulo 2³² as well.
    let mut hash = SEED ^ u32::try_from(data.len() & 0xffff_ffff).unwrap_or(0);
    let (words, rest) = data.as_chunks::<4>();
    for word in words {
        let mut word = u32::from_le_bytes(*word).wrapping_mul(M);
        word ^= word >> 24;
        hash = hash.wrapping_mul(M) ^ word.wrapping_mul(M);
    }
    if !rest.is_empty() {
        for (index, octet) in rest.iter().enumerate() {
            hash ^= u32::from(*octet) << (8 * index);
        }
        hash = hash.wrapping_mul(M);
    }
    hash ^= hash >> 13;
    hash = hash.wrapping_mul(M);
    hash ^ (hash >> 15)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What Kafka's own hash gives for these, as its tests and those of librdkafka have it.
    #[test]
    fn the_hash_is_that_of_kafka() {
        for (key, hash) in [
            ("21", -973_932_308_i32),
            ("foobar", -790_332_482),
            ("a-little-bit-long-string", -985_981_536),
            ("a-little-bit-longer-string", -1_486_304_829),
            ("lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58_897_971),
            ("abc", 479_470_107),
        ] {
            assert_eq!(murmur2(key.as_bytes()).cast_signed(), hash, "{key}");
        }
    }

    #[test]
    fn every_key_has_a_partition() {
        for count in [1, 2, 3, 12, 100] {
            let found: std::collections::BTreeSet<usize> =
                (0..2_000).map(|number| of(format!("user{number}@corp.example").as_bytes(), count)).collect();
            assert_eq!(found, (0..count).collect(), "of {count}");
        }
        assert_eq!(of(b"", 0), 0);
    }
}
