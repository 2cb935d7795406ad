//! A rule for some forwarders first: who is among them.

use crate::message::Address;
use sha2::{Digest, Sha256};

/// The place of a forwarder among 100, from 0 to 99: a rule for `n` per cent covers the places below `n`. It hangs on the
/// address alone, so that the same forwarder is always in or out, for every rule and on every host, and a higher per cent
/// only adds.
///
/// The first four bytes of the SHA-256 of the address, in lower case and without its tag, as a number, modulo 100.
pub fn place(forwarder: &Address) -> u8 {
    let digest = Sha256::digest(forwarder.mailbox().key());
    let number = digest.iter().take(4).fold(0_u32, |number, byte| number << 8 | u32::from(*byte));
    u8::try_from(number % 100).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(address: &str) -> u8 {
        place(&Address::parse(address).expect("an address"))
    }

    /// What the manual says how to compute: `printf %s alice@corp.example | sha256sum`, the first eight digits.
    #[test]
    fn the_place_hangs_on_the_address_alone() {
        assert_eq!(of("alice@corp.example"), u8::try_from(0x1690_09fb_u32 % 100).expect("below 100"));
        assert_eq!(of("Alice+news@Corp.Example"), of("alice@corp.example"));
        assert_ne!(of("bob@corp.example"), of("alice@corp.example"));
    }

    #[test]
    fn places_are_even() {
        let mut counts = [0_u32; 100];
        (0..20_000).for_each(|n| counts[usize::from(of(&format!("user{n}@corp.example")))] += 1);
        assert!(counts.iter().all(|count| (130..=280).contains(count)), "{counts:?}");
    }
}
