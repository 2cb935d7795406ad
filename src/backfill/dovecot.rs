//! Dovecot with Pigeonhole: the line of a Sieve `redirect` names the mailbox and the destination.
//!
//! `lmtp(grace@corp.example)<9377><r1tM…>: [Info: ]sieve: msgid=<…>: [redirect action: ]forwarded to <grace@ext.example>`
//!
//! Anybody outside writes the Message-ID, and could put such words into it. What the server did stands at the end.

use super::fields::message_id;
use super::queue::Entry;
use super::{Context, Reading};

/// Reads a line. In a log of its own, `tag` is the service with its user; through syslog it is `dovecot`, and the
/// service begins the text.
pub(super) fn read(tag: &[u8], text: &[u8], context: &mut Context<'_>) -> Reading {
    // Cheap, and what nearly all lines fail.
    let Some(at) = memchr::memmem::find(text, b"sieve: ") else { return Reading::Other };
    let service = if tag == b"dovecot" { text.get(..at).unwrap_or_default() } else { tag };
    let said = text.get(at..).unwrap_or_default();
    if !said.ends_with(b">") {
        return Reading::Other;
    }
    let Some(end) = memchr::memmem::rfind(said, b": forwarded to <")
        .or_else(|| memchr::memmem::rfind(said, b": redirect action: forwarded to <"))
    else {
        return Reading::Other;
    };
    match forwarded(service, said, end, context) {
        Some(()) => Reading::Mail,
        None => Reading::Nonsense,
    }
}

fn forwarded(service: &[u8], said: &[u8], end: usize, context: &mut Context<'_>) -> Option<()> {
    let open = end + memchr::memchr(b'<', said.get(end..)?)?;
    let destination = said.get(open + 1..)?.strip_suffix(b">")?;
    // Sieve takes no quoted local parts (RFC 5228 §2.4.2.3): with quotes it is part of a Message-ID.
    if destination.contains(&b'"') || destination.contains(&b'<') {
        return None;
    }
    let destination = context.address(destination, context.domain)?;
    let forwarder = context.address(user(service)?, context.domain)?;
    let id = said.get(..end)?.strip_prefix(b"sieve: msgid=").and_then(message_id);
    let session = service.rsplit(|&byte| byte == b'<').next().unwrap_or_default();
    if context.is_outside(&destination) {
        context.counts.outside += 1;
    }
    let entry = Entry { message_id: id, ..Entry::default() };
    context.forward(forwarder, destination, "sieve_redirect", &entry, session);
    Some(())
}

/// Who it was for: `lmtp(grace@corp.example)<9377><r1tM…>`, `lda(grace)`, and `lmtp(4711, grace)` of version 2.2.
fn user(service: &[u8]) -> Option<&[u8]> {
    let open = memchr::memchr(b'(', service)?;
    let inner = service.get(open + 1..)?;
    let inner = inner.get(..memchr::memchr(b')', inner)?)?;
    let user = match memchr::memchr(b',', inner) {
        Some(at) => inner.get(at + 1..)?.trim_ascii(),
        None => inner,
    };
    (!user.is_empty()).then_some(user)
}
