//! Postfix: `smtpd` and `cleanup` say what came in, `qmgr` from whom, the delivery agents where it went and for whom.
//!
//! A forward is told by `orig_to=` (aliases, virtual aliases, `.forward`), by `local`'s "forwarded as" where that is
//! missing, and by a recipient outside that was added to mail which came from outside for one mailbox of ours (BCC maps).

use super::fields::{after, bracketed, message_id, number, queue_id};
use super::queue::{Entry, MAX_LEFT};
use super::{Context, Reading};
use crate::message::Address;
use std::net::IpAddr;

/// Reads what a service said.
pub(super) fn read(service: &[u8], text: &[u8], context: &mut Context<'_>) -> Reading {
    // A configured section may stand before the service: `postfix/submission/smtpd`.
    if !matches!(
        service,
        b"smtpd" | b"cleanup" | b"qmgr" | b"smtp" | b"lmtp" | b"local" | b"virtual" | b"pipe" | b"pickup"
    ) {
        return Reading::Other;
    }
    let Some((id, rest)) = queue_id(text) else { return Reading::Other };
    let key = context.queue_key(id);
    let read = match service {
        b"smtpd" | b"pickup" => came(&key, rest, context),
        b"cleanup" => message(&key, rest, context),
        b"qmgr" => queued(id, &key, rest, context),
        _ => delivered(service, id, &key, rest, context),
    };
    match read {
        Some(true) => Reading::Mail,
        Some(false) => Reading::Other,
        None => Reading::Nonsense,
    }
}

/// `client=mx.partner.example[203.0.113.10], sasl_username=…`: a message begins.
fn came(key: &[u8], rest: &[u8], context: &mut Context<'_>) -> Option<bool> {
    if rest.starts_with(b"uid=") {
        context.queue.begin(key, Entry::default());
        return Some(true);
    }
    let Some(client) = rest.strip_prefix(b"client=") else { return Some(false) };
    let end = memchr::memchr(b',', client).unwrap_or(client.len());
    let (client, more) = (client.get(..end)?, client.get(end..)?);
    let open = memchr::memrchr(b'[', client)?;
    let address = client.get(open + 1..)?.strip_suffix(b"]");
    let address: Option<IpAddr> = address.and_then(|text| std::str::from_utf8(text).ok()?.parse().ok());
    let from_outside =
        address.is_some_and(|addr| !context.organization.owns_addr(addr)) && after(more, b", sasl_username=").is_none();
    context.queue.begin(key, Entry { from_outside, ..Entry::default() });
    Some(true)
}

/// `message-id=<…>`. Of a message that Postfix makes itself, this is the first line.
fn message(key: &[u8], rest: &[u8], context: &mut Context<'_>) -> Option<bool> {
    let Some(id) = rest.strip_prefix(b"message-id=") else { return Some(false) };
    let from_outside = context.queue.get(key).is_some_and(|known| known.message_id.is_none() && known.from_outside);
    context.queue.begin(key, Entry { message_id: message_id(id), from_outside, ..Entry::default() });
    Some(true)
}

/// `from=<…>, size=359, nrcpt=1 (queue active)`, and `removed` at the end.
fn queued(id: &[u8], key: &[u8], rest: &[u8], context: &mut Context<'_>) -> Option<bool> {
    if rest == b"removed" {
        copied(id, key, context);
        return Some(true);
    }
    let Some(sender) = rest.strip_prefix(b"from=") else { return Some(false) };
    let (sender, rest) = bracketed(sender)?;
    let size = after(rest, b", size=").and_then(number).unwrap_or_default();
    let sender = std::str::from_utf8(sender.get(..sender.len().min(320))?).ok()?.into();
    let entry = context.queue.entry(key);
    (entry.sender, entry.size) = (Some(sender), size);
    Some(true)
}

/// `to=<…>, orig_to=<…>, relay=…, status=sent (…)`.
fn delivered(service: &[u8], id: &[u8], key: &[u8], rest: &[u8], context: &mut Context<'_>) -> Option<bool> {
    let Some(to) = rest.strip_prefix(b"to=") else { return Some(false) };
    let (to, rest) = bracketed(to)?;
    let (original, rest) = match rest.strip_prefix(b", orig_to=") {
        Some(original) => bracketed(original).map(|(original, rest)| (Some(original), rest))?,
        None => (None, rest),
    };
    // What the other side said stands behind it, and is not to be believed.
    let Some(status) = after(rest, b", status=") else { return Some(false) };
    let Some(said) = status.strip_prefix(b"sent ") else { return Some(true) };
    let to = context.address(to, context.domain)?;
    let forwarded_as = if service == b"local" { said.strip_prefix(b"(forwarded as ") } else { None };
    if let Some(child) = forwarded_as {
        made(child, &to, context);
        return Some(true);
    }
    if context.organization.owns(&to) {
        let entry = context.queue.entry(key);
        if entry.own.len() < 2 && !entry.own.iter().any(|own| own.same(&to)) {
            entry.own.push(to);
        }
        return Some(true);
    }
    if !context.is_outside(&to) {
        return Some(true);
    }
    context.counts.outside += 1;
    let entry = context.queue.entry(key).clone();
    let forwarder = match original {
        // Mail of a program on the host is for `root`, without a domain: the sender's, which Postfix completed, tells it.
        Some(original) => {
            let sender =
                entry.sender.as_deref().and_then(Address::parse).filter(|sender| context.organization.owns(sender));
            let domain = sender.map_or_else(|| context.domain.to_owned(), |sender| sender.domain().to_string());
            Some(context.address(original, &domain)?)
        }
        None => entry.forwarder.clone(),
    };
    match forwarder {
        Some(forwarder) => context.forward(forwarder, to, "mta_forward", &entry, id),
        None => {
            let time = context.time;
            let entry = context.queue.entry(key);
            if entry.left.len() < MAX_LEFT {
                entry.left.push((to, time));
            }
        }
    }
    Some(true)
}

/// `forwarded as CHILD)`: what was made of a message for `forwarder`, and may have left already.
fn made(child: &[u8], forwarder: &Address, context: &mut Context<'_>) {
    let end = child.iter().position(|byte| !byte.is_ascii_alphanumeric()).unwrap_or(child.len());
    let id = child.get(..end).unwrap_or_default();
    let key = context.queue_key(id);
    let entry = context.queue.entry(&key);
    entry.forwarder = Some(forwarder.clone());
    let left = std::mem::take(&mut entry.left);
    let entry = entry.clone();
    let now = context.time;
    for (destination, time) in left {
        context.time = time;
        context.forward(forwarder.clone(), destination, "mta_forward", &entry, id);
    }
    context.time = now;
}

/// The end of a message. One that came from outside for one mailbox of ours, and left without having been forwarded, was
/// copied: `recipient_bcc_maps`, `always_bcc`. No server relays from outside to outside otherwise.
fn copied(id: &[u8], key: &[u8], context: &mut Context<'_>) {
    let Some(entry) = context.queue.get(key).filter(|entry| entry.from_outside && !entry.left.is_empty()) else {
        return;
    };
    let left = std::mem::take(&mut entry.left);
    let entry = entry.clone();
    let ([own], None) = (entry.own.as_slice(), &entry.forwarder) else { return };
    let now = context.time;
    for (destination, time) in left {
        context.time = time;
        context.forward(own.clone(), destination, "bcc_map", &entry, id);
    }
    context.time = now;
}
