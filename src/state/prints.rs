//! What a message is known by when it comes again: keyed hashes, of which nothing can be read back.

use crate::message::Message;
use crate::owned;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

/// The secret under which messages are hashed: without it nobody can tell what a print is of.
#[derive(Clone)]
pub struct Key([u8; 32]);

impl std::fmt::Debug for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Key(…)")
    }
}

impl Key {
    /// A fresh one.
    ///
    /// # Errors
    /// The system has no random numbers.
    pub fn random() -> io::Result<Self> {
        let mut key = [0; 32];
        std::fs::File::open("/dev/urandom")?.read_exact(&mut key)?;
        Ok(Self(key))
    }

    /// The key in a file of 32 octets; a fresh one is written, readable by its owner alone, where there is no file.
    ///
    /// # Errors
    /// The file cannot be read or written, or is no key.
    pub fn load(path: &Path) -> io::Result<Self> {
        match std::fs::read(path) {
            Ok(bytes) => bytes.try_into().map(Self).map_err(|bytes: Vec<u8>| {
                let text = format!("{} holds {} octets, a key has 32", path.display(), bytes.len());
                io::Error::new(io::ErrorKind::InvalidData, text)
            }),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let key = Self::random()?;
                let mut file = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
                file.write_all(&key.0)?;
                file.sync_all()?;
                let _ = owned::give(path);
                Ok(key)
            }
            Err(error) => Err(error),
        }
    }

    /// HMAC-SHA-256 (RFC 2104) of a text of some kind.
    pub(super) fn code(&self, kind: u8, text: &[u8]) -> [u8; 32] {
        // Keys of every length are taken.
        let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(&self.0) else { return [0; 32] };
        mac.update(&[kind]);
        mac.update(text);
        mac.finalize().into_bytes().into()
    }

    fn print(&self, kind: Kind, text: &[u8]) -> Print {
        let code = self.code(kind as u8, text);
        let mut first = [0; 8];
        first.copy_from_slice(&code[..8]);
        Print { kind, hash: u64::from_le_bytes(first) }
    }
}

/// What two messages have in common, what proves most first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum Kind {
    /// The Message-ID: the very message.
    MessageId = 1,
    /// The text, wherever it stands: in the body, or in a message that is attached.
    Text = 2,
    /// The body hash of a DKIM signature (RFC 6376 §3.5, `bh=`).
    BodyHash = 3,
    /// A Message-ID that the other refers to (RFC 5322 §3.6.4).
    Reference = 4,
}

impl Kind {
    /// By its number in the database.
    pub(super) fn from_number(number: u8) -> Option<Self> {
        [Self::MessageId, Self::Text, Self::BodyHash, Self::Reference].into_iter().find(|kind| *kind as u8 == number)
    }

    /// The name in events.
    pub fn name(self) -> &'static str {
        match self {
            Self::MessageId => "message_id",
            Self::Text => "text",
            Self::BodyHash => "body_hash",
            Self::Reference => "reference",
        }
    }
}

/// One of the things that a message is known by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Print {
    /// What it is of.
    pub kind: Kind,
    /// The keyed hash, cut to 64 bits: a million messages collide once in ten million days.
    pub hash: u64,
}

/// All that a message is known by.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Prints(Vec<Print>);

/// Shorter texts ("thank you") are anybody's.
const MIN_TEXT: usize = 64;
/// How many references and signatures are looked at.
const MAX_FIELDS: usize = 20;

impl Prints {
    /// Of a message that comes in: its own id, and its main text.
    pub fn of_arrival(message: &Message, key: &Key) -> Self {
        let mut prints = own(message, key);
        // An alternative has two main texts; those behind are footers and attachments that many messages share.
        prints.extend(texts(message).iter().take(2).map(|text| key.print(Kind::Text, text.as_bytes())));
        Self(prints)
    }

    /// Of a message that leaves: its own id, all its texts, and what it refers to.
    pub fn of_departure(message: &Message, key: &Key) -> Self {
        let mut prints = own(message, key);
        prints.extend(texts(message).iter().map(|text| key.print(Kind::Text, text.as_bytes())));
        // Looked up as the Message-ID that they were when they came in.
        prints.extend(
            references(message)
                .iter()
                .map(|id| Print { kind: Kind::Reference, ..key.print(Kind::MessageId, id.as_bytes()) }),
        );
        Self(prints)
    }

    /// One by one.
    pub(super) fn iter(&self) -> impl Iterator<Item = Print> {
        self.0.iter().copied()
    }
}

/// What the header section says that a message is.
fn own(message: &Message, key: &Key) -> Vec<Print> {
    let id = message.message_id().map(|id| key.print(Kind::MessageId, id.as_bytes()));
    let hashes = message.headers.all("DKIM-Signature").take(MAX_FIELDS).filter_map(|(_, field)| {
        let text: String = field.text().split_whitespace().collect();
        let hash = text.split(';').find_map(|tag| tag.strip_prefix("bh="))?.to_owned();
        // The hash of an empty body is everybody's (RFC 6376 §3.4.4).
        let empty = ["frcCV1k9oG9oKj3dpUqdJg1PxRT2RSN/XKdLCPjaYaY=", "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="];
        (!hash.is_empty() && !empty.contains(&&*hash)).then(|| key.print(Kind::BodyHash, hash.as_bytes()))
    });
    id.into_iter().chain(hashes).collect()
}

fn references(message: &Message) -> Vec<String> {
    ["In-Reply-To", "References", "X-Forwarded-Message-Id"]
        .iter()
        .flat_map(|name| message.headers.all(name))
        .flat_map(|(_, field)| {
            let text = field.text().into_owned();
            text.split(['<', '>', ' ', ',']).filter(|id| id.contains('@')).map(str::to_owned).collect::<Vec<_>>()
        })
        .take(MAX_FIELDS)
        .collect()
}

/// The texts of the body without white space, which relays change; those that are long enough to be of one message.
fn texts(message: &Message) -> Vec<String> {
    let plain = message.texts().iter().map(|text| text.split_whitespace().collect::<String>());
    let mut found: Vec<String> = Vec::new();
    for text in plain.filter(|text| text.len() >= MIN_TEXT) {
        if !found.contains(&text) {
            found.push(text);
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::{Builder, Connection, Direction, Limits};

    fn message(fields: &[(&str, &str)], body: &str) -> Message {
        let mut builder = Builder::new("test", Direction::Inbound, Connection::default(), Limits::default());
        for (name, value) in fields {
            builder.header(name.as_bytes(), value.as_bytes());
        }
        builder.body(body.as_bytes());
        builder.finish()
    }

    const TEXT: &str =
        "The delivery is planned for next week and the invoice follows separately, as agreed on the phone.";

    fn common(a: &Prints, b: &Prints) -> Vec<Kind> {
        b.iter().filter(|print| a.iter().any(|other| other.hash == print.hash)).map(|print| print.kind).collect()
    }

    #[test]
    fn the_same_text_in_another_message() {
        let key = Key::random().unwrap();
        let arrival = Prints::of_arrival(&message(&[("Message-ID", "<1@partner.example>")], TEXT), &key);
        let encoded = message(
            &[("Message-ID", "<2@corp.example>"), ("Content-Transfer-Encoding", "quoted-printable")],
            "The delivery is planned for next week and the invoice =\r\nfollows separately, as agreed on the phone=2E",
        );
        assert_eq!(common(&arrival, &Prints::of_departure(&encoded, &key)), [Kind::Text]);
        let attached = message(
            &[("Message-ID", "<2@corp.example>"), ("Content-Type", "multipart/mixed; boundary=b")],
            &format!(
                "--b\r\n\r\nsee below\r\n--b\r\nContent-Type: message/rfc822\r\n\r\nSubject: x\r\n\r\n{TEXT}\r\n--b--\r\n"
            ),
        );
        assert_eq!(common(&arrival, &Prints::of_departure(&attached, &key)), [Kind::Text]);
    }

    #[test]
    fn a_reply_refers_and_is_not_the_same() {
        let key = Key::random().unwrap();
        let arrival = Prints::of_arrival(&message(&[("Message-ID", "<1@partner.example>")], "ok"), &key);
        let reply = message(&[("Message-ID", "<2@corp.example>"), ("In-Reply-To", "<1@partner.example>")], "ok");
        assert_eq!(common(&arrival, &Prints::of_departure(&reply, &key)), [Kind::Reference]);
    }

    #[test]
    fn another_key_gives_other_prints() {
        let one = message(&[("Message-ID", "<1@partner.example>")], TEXT);
        let prints = || Prints::of_arrival(&one, &Key::random().unwrap());
        assert!(common(&prints(), &prints()).is_empty());
    }

    #[test]
    fn the_key_is_kept_in_a_file_of_its_owner() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        let first = Key::load(&path).unwrap();
        assert_eq!(first.0, Key::load(&path).unwrap().0);
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        std::fs::write(&path, "short").unwrap();
        assert_eq!(Key::load(&path).unwrap_err().kind(), io::ErrorKind::InvalidData);
    }
}
