//! Sendmail: `from=` says what came in, `alias … =>` and `forward … =>` who forwards where, `to=` what left.
//!
//! The default log level does not say for whom an address outside got mail: only that it came of an alias or a `.forward`,
//! by the brackets that it lacks. `ctladdr=` names the sender where that is a local user, and only else who forwards. From
//! `LogLevel` 11 on, expansions are logged.

use super::fields::{after, bracketed, message_id, number, queue_id};
use super::queue::{Entry, MAX_EXPANSIONS};
use super::{Context, Reading};
use crate::message::Address;

/// Reads a line.
pub(super) fn read(text: &[u8], context: &mut Context<'_>) -> Reading {
    let Some((id, rest)) = queue_id(text) else { return Reading::Other };
    let key = context.queue_key(id);
    let read = if rest.starts_with(b"from=") {
        came(&key, rest, context)
    } else if rest.starts_with(b"to=") {
        delivered(id, &key, rest, context)
    } else if rest.starts_with(b"alias ") || rest.starts_with(b"forward ") {
        expanded(&key, rest, context)
    } else if let Some((clone, said)) = queue_id(rest)
        && said.starts_with(b"clone: owner=")
    {
        let entry = context.queue.get(&key).cloned().unwrap_or_default();
        let key = context.queue_key(clone);
        context.queue.begin(&key, Entry { is_list: true, ..entry });
        Some(())
    } else {
        return Reading::Other;
    };
    if read.is_some() { Reading::Mail } else { Reading::Nonsense }
}

/// `from=<ann@partner.example>, size=118, class=0, nrcpts=1, msgid=<…>, proto=ESMTP, …`: a message begins.
fn came(key: &[u8], rest: &[u8], context: &mut Context<'_>) -> Option<()> {
    let text = rest.strip_prefix(b"from=")?;
    let (sender, rest) = match bracketed(text) {
        Some(found) => found,
        None => text.split_at_checked(memchr::memchr(b',', text)?)?,
    };
    let sender = std::str::from_utf8(sender.get(..sender.len().min(320))?).ok()?.into();
    let size = rest.strip_prefix(b", size=").and_then(number).unwrap_or_default();
    let id = after(rest, b", msgid=").and_then(|id| bracketed(id)).and_then(|(id, _)| message_id(id));
    context.queue.begin(key, Entry { sender: Some(sender), size, message_id: id, ..Entry::default() });
    Some(())
}

/// `alias <bob@corp.example> => bob@ext.example`, `forward alice => \alice, alice@ext.example`.
fn expanded(key: &[u8], rest: &[u8], context: &mut Context<'_>) -> Option<()> {
    let names = rest.get(memchr::memchr(b' ', rest)? + 1..)?;
    let arrow = memchr::memmem::find(names, b" => ")?;
    let whose = context.address(names.get(..arrow)?, context.domain)?;
    for destination in names.get(arrow + 4..)?.split(|&byte| byte == b',') {
        // Files, programs and users of ours are of no interest, nor is the end of a list that was cut.
        let Some(destination) = context.address(destination, context.domain) else { continue };
        if context.is_outside(&destination) {
            let entry = context.queue.entry(key);
            if entry.expansions.len() < MAX_EXPANSIONS {
                entry.expansions.push((destination, whose.clone()));
            }
        }
    }
    Some(())
}

/// `to=a@ext.example,b@ext.example, ctladdr=<alice@corp.example> (1000/1000), delay=…, stat=Sent (Ok)`.
fn delivered(id: &[u8], key: &[u8], rest: &[u8], context: &mut Context<'_>) -> Option<()> {
    let text = rest.strip_prefix(b"to=")?;
    // What the other side said stands behind it.
    if !after(text, b", stat=")?.starts_with(b"Sent") {
        return Some(());
    }
    let end = memchr::memmem::find(text, b", ")?;
    let (destinations, rest) = text.split_at_checked(end)?;
    let controlling = rest.strip_prefix(b", ctladdr=").and_then(|text| {
        let name = bracketed(text).map_or_else(|| text.get(..memchr::memchr(b' ', text)?), |(name, _)| Some(name))?;
        context.address(name, context.domain)
    });
    let entry = context.queue.get(key).cloned().unwrap_or_default();
    let sender = entry.sender.as_deref().and_then(|sender| context.address(sender.as_bytes(), context.domain));
    // Users of the host are senders at the name of the host, or at the domain that it wears.
    let is_sender = |one: &Address| sender.as_ref().is_some_and(|sender| sender.same_user(one));
    let controlling = controlling.filter(|one| context.organization.owns(one) && !is_sender(one));
    for text in destinations.split(|&byte| byte == b',') {
        let Some(destination) = context.address(text, context.domain) else { continue };
        if !context.is_outside(&destination) {
            continue;
        }
        context.counts.outside += 1;
        let expansion = entry.expansions.iter().find(|(to, _)| to.same(&destination));
        if let Some(forwarder) = expansion.map(|(_, whose)| whose.clone()).or_else(|| controlling.clone()) {
            context.forward(forwarder, destination, "mta_forward", &entry, id);
        } else if entry.is_list {
            context.counts.lists += 1;
        } else if !text.trim_ascii().starts_with(b"<") {
            context.counts.of_whom += 1;
        }
    }
    Some(())
}
