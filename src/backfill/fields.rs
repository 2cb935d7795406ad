//! `name=value` as mail servers log it. Values are others' text: where one ends is told by the server's own marks alone.

/// A value in angle brackets at the beginning of `text`, and what follows: `<alice@corp.example>, relay=…`.
///
/// What stands in quotes may hold brackets of its own (RFC 5321 §4.1.2).
pub(super) fn bracketed(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let inner = text.strip_prefix(b"<")?;
    let (mut quoted, mut escaped) = (false, false);
    let end = inner.iter().position(|&byte| {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            b'>' if !quoted => return true,
            _ => {}
        }
        false
    })?;
    Some((inner.get(..end)?, inner.get(end + 1..)?))
}

/// What stands behind the first `name` in `text`; `name` with the comma and space before it, and its `=`.
pub(super) fn after<'a>(text: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    let at = memchr::memmem::find(text, name)?;
    text.get(at + name.len()..)
}

/// A number at the beginning of `text`.
pub(super) fn number(text: &[u8]) -> Option<u64> {
    let digits = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    std::str::from_utf8(text.get(..digits)?).ok()?.parse().ok()
}

/// `QUEUEID: rest`, where it looks like one.
pub(super) fn queue_id(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let end = text.iter().position(|byte| !byte.is_ascii_alphanumeric())?;
    let (id, rest) = (text.get(..end)?, text.get(end..)?.strip_prefix(b": ")?);
    (5..=30).contains(&id.len()).then_some((id, rest))
}

/// A Message-ID without brackets; `None` where there is none worth the name.
pub(super) fn message_id(text: &[u8]) -> Option<Box<str>> {
    let text = text.trim_ascii();
    let text = text.strip_prefix(b"<").unwrap_or(text);
    let text = std::str::from_utf8(text.strip_suffix(b">").unwrap_or(text)).ok()?;
    let plain = !text.contains(|c: char| c.is_control() || c.is_whitespace());
    (plain && (3..=250).contains(&text.len())).then(|| text.into())
}
