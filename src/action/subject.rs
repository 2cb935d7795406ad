//! A prefix of the subject.

use super::Edit;
use crate::message::Message;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// How long a prefix may be, in octets: encoded it must fit one encoded word, which has 75 characters (RFC 2047 §2).
pub const PREFIX_OCTETS: usize = 42;

/// How long a line should be at the most (RFC 5322 §2.1.1).
const LINE: usize = 78;

/// The edit that puts a prefix before the subject; `None` where it stands there already.
pub(super) fn prefixed(message: &Message, prefix: &str) -> Option<Edit> {
    let Some(field) = message.headers.first("Subject") else {
        return Some(Edit::InsertHeader { name: "Subject".into(), value: word(prefix, false) });
    };
    if field.decoded().trim_start().starts_with(prefix) {
        return None;
    }
    // The subject itself stays as it came, octet by octet; only line ends are those of the milter protocol.
    let raw: Vec<u8> = field.raw().trim_ascii_start().iter().copied().filter(|byte| *byte != b'\r').collect();
    // Between two encoded words space is not shown (RFC 2047 §6.2), so it is encoded with the prefix.
    let mut value = word(prefix, raw.starts_with(b"=?")).into_bytes();
    let first_line = raw.split(|byte| *byte == b'\n').next().map_or(0, <[u8]>::len);
    if value.len() + first_line + "Subject:  ".len() > LINE {
        value.push(b'\n');
    }
    value.push(b' ');
    value.extend_from_slice(&raw);
    Some(Edit::ReplaceHeader { name: field.name().to_owned(), value })
}

/// The prefix as it stands in a header field: as it is, or as an encoded word.
fn word(prefix: &str, before_encoded: bool) -> String {
    if prefix.bytes().all(|byte| matches!(byte, b' '..=b'~')) && !prefix.contains("=?") {
        return prefix.to_owned();
    }
    let space = if before_encoded { " " } else { "" };
    format!("=?utf-8?b?{}?=", STANDARD.encode(format!("{prefix}{space}")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::{Builder, Connection, Direction, Limits};

    /// What a reader sees of the subject afterwards, and the field's body.
    fn shown(subject: Option<&str>, prefix: &str) -> (String, String) {
        let build = |body: Option<&[u8]>| {
            let mut builder = Builder::new("x", Direction::Outbound, Connection::default(), Limits::default());
            if let Some(body) = body {
                builder.header(b"Subject", body);
            }
            builder.finish()
        };
        let message = build(subject.map(str::as_bytes));
        let value = match prefixed(&message, prefix) {
            Some(Edit::ReplaceHeader { value, .. }) => value,
            Some(Edit::InsertHeader { value, .. }) => value.into_bytes(),
            None => message.headers.first("Subject").unwrap().raw().to_vec(),
            other => panic!("{other:?}"),
        };
        assert!(prefixed(&build(Some(&value)), prefix).is_none(), "not twice");
        (build(Some(&value)).subject().unwrap(), String::from_utf8(value).unwrap())
    }

    #[test]
    fn readers_see_the_prefix_and_the_subject() {
        for (subject, prefix, seen) in [
            (Some(" Offer"), "[forwarded]", "[forwarded] Offer"),
            (Some(" =?utf-8?q?B=C3=BCro?="), "[forwarded]", "[forwarded] Büro"),
            (Some(" =?utf-8?q?B=C3=BCro?="), "[weitergeleitet, geprüft]", "[weitergeleitet, geprüft] Büro"),
            (Some(" Offer"), "[geprüft]", "[geprüft] Offer"),
            (Some(" [forwarded] Offer"), "[forwarded]", "[forwarded] Offer"),
            (None, "[forwarded]", "[forwarded]"),
        ] {
            assert_eq!(shown(subject, prefix).0, seen, "{subject:?}");
        }
    }

    #[test]
    fn lines_stay_short_and_folds_where_they_were() {
        let long = format!(" {}\r\n {}", "a".repeat(66), "b".repeat(60));
        let (seen, value) = shown(Some(&long), "[forwarded]");
        assert_eq!(seen, format!("[forwarded] {} {}", "a".repeat(66), "b".repeat(60)));
        assert!(value.lines().all(|line| line.len() <= 78), "{value}");
        let encoded = shown(Some(" x"), &"ü".repeat(PREFIX_OCTETS / 2)).1;
        assert!(encoded.split(' ').next().unwrap().len() <= 75, "{encoded}");
    }
}
