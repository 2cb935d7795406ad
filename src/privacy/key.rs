//! The key of pseudonyms, in a file of its own: who has it can try names on them.

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;

/// A secret of 256 bits.
#[derive(Clone, PartialEq, Eq)]
pub struct Key([u8; 32]);

impl std::fmt::Debug for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Key(…)")
    }
}

impl Key {
    /// Reads a key: 64 hexadecimal digits and a line end, in a file that its owner alone can read.
    ///
    /// # Errors
    /// The file cannot be read, is no key, or is open to others: what to do about it.
    pub fn read(path: &Path) -> Result<Self, String> {
        let named = |what: String| format!("{}: {what}", path.display());
        let mut file = File::open(path).map_err(|error| {
            named(match error.kind() {
                std::io::ErrorKind::NotFound => "there is no key: make one with `forwarden privacy new-key`".to_owned(),
                _ => error.to_string(),
            })
        })?;
        let mode = file.metadata().map_err(|error| named(error.to_string()))?.mode();
        if mode & 0o077 != 0 {
            let text = format!("has mode {:04o}, others could read it: chmod 600 {}", mode & 0o7777, path.display());
            return Err(named(text));
        }
        let mut text = String::new();
        Read::by_ref(&mut file).take(200).read_to_string(&mut text).map_err(|error| named(error.to_string()))?;
        Self::parse(text.trim()).ok_or_else(|| named("is no key: a key is 64 hexadecimal digits".to_owned()))
    }

    fn parse(text: &str) -> Option<Self> {
        let mut key = [0; 32];
        if text.len() != 64 || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return None;
        }
        for (at, byte) in key.iter_mut().enumerate() {
            *byte = u8::from_str_radix(text.get(at * 2..at * 2 + 2)?, 16).ok()?;
        }
        Some(Self(key))
    }

    /// Makes a key in a new file, readable by its owner alone.
    ///
    /// # Errors
    /// There is a file already, or it cannot be written. A key is never overwritten: pseudonyms would mean nothing any more.
    pub fn make(path: &Path) -> std::io::Result<()> {
        let mut key = [0; 32];
        File::open("/dev/urandom")?.read_exact(&mut key)?;
        let text: String = key.iter().map(|byte| format!("{byte:02x}")).collect();
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
        writeln!(file, "{text}")?;
        file.sync_all()
    }

    /// HMAC-SHA-256 (RFC 2104) of a text of some kind, the first `digits` hexadecimal digits of it.
    pub(super) fn code(&self, kind: &str, text: &str, digits: usize) -> String {
        // Keys of every length are taken.
        let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(&self.0) else { return "0".repeat(digits) };
        mac.update(kind.as_bytes());
        mac.update(&[0]);
        mac.update(text.as_bytes());
        let hex: String = mac.finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
        hex.chars().take(digits).collect()
    }

    #[cfg(test)]
    pub(crate) fn fixed() -> Self {
        Self([7; 32])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn a_key_is_its_owners_and_is_never_overwritten() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        assert!(Key::read(&path).unwrap_err().contains("forwarden privacy new-key"));
        Key::make(&path).unwrap();
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        let key = Key::read(&path).unwrap();
        assert_eq!(Key::make(&path).unwrap_err().kind(), std::io::ErrorKind::AlreadyExists);
        assert!(Key::read(&path).unwrap() == key);
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o640)).unwrap();
        assert!(Key::read(&path).unwrap_err().contains("chmod 600"));
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
        std::fs::write(&path, "short").unwrap();
        assert!(Key::read(&path).unwrap_err().contains("64 hexadecimal digits"));
    }
}
