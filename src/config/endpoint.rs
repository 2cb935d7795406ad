//! A socket, and who may connect to it: of a listener for mail, of the one for metrics.

use super::lists;
use super::problem::quoted;
use super::reader::{Place, Section};
use crate::frontend::{Endpoint, Socket, group, user};
use ipnet::IpNet;
use std::net::SocketAddr;

/// How a kind of listener is spoken of.
pub(super) struct Words {
    /// Who is to connect.
    who: &'static str,
    /// What anybody else could do.
    harm: &'static str,
    /// One who is to connect.
    peer: &'static str,
    /// A socket.
    pub(super) example: &'static str,
}

/// Of mail.
pub(super) const MILTER: Words = Words {
    who: "the mail servers",
    harm: "have mail judged and events written",
    peer: "198.51.100.25",
    example: "inet:127.0.0.1:8891",
};

/// Of metrics.
pub(super) const ADMIN: Words = Words {
    who: "the hosts that collect metrics",
    harm: "see how much mail is forwarded",
    peer: "198.51.100.9",
    example: "inet:127.0.0.1:9464",
};

/// Reads `socket` and the keys that go with it, and where the socket stands.
pub(super) fn read(section: &Section<'_>, words: &Words) -> Option<(Endpoint, Place)> {
    let report = section.report();
    let mode = mode(section, words.harm);
    let owner = account(section, "owner", "user", |name| user(name).map(drop));
    let group = account(section, "group", "group", |name| group(name).map(drop));
    let allow = lists::networks(section, "allow").unwrap_or_default();
    let (text, place) = socket_text(section, words)?;
    let socket =
        Socket::parse(&text).map_err(|reason| report.error(&place, format!("{} {reason}", quoted(&text)))).ok()?;
    let allow: Vec<IpNet> = allow.into_iter().map(|(network, _)| network).collect();
    match &socket {
        Socket::Unix(_) => {
            refuse(section, &["allow"], "is for a TCP socket; a UNIX socket has mode, owner and group instead");
        }
        Socket::Tcp(addr) => {
            refuse(section, &["mode", "owner", "group"], "is for a UNIX socket; a TCP socket has `allow` instead");
            if !report.has_error_at(&section.path("allow")) {
                reachable(section, *addr, &allow, &text, &place, words);
            }
        }
    }
    Some((Endpoint { socket, mode, owner, group, allow }, place))
}

fn socket_text(section: &Section<'_>, words: &Words) -> Option<(String, Place)> {
    let found = section.string("socket");
    if found.is_none() && !section.has("socket") {
        let text = format!("socket is missing: write socket = \"{}\" or \"unix:/path\"", words.example);
        section.report().error(section.place(), text);
    }
    found
}

/// Reports keys that say nothing to this kind of socket.
fn refuse(section: &Section<'_>, keys: &[&'static str], text: &str) {
    for key in keys {
        if let Some(found) = section.get(key) {
            section.report().error(&found.place, text);
        }
    }
}

/// Whether those who may connect are those who can: not everybody, and somebody.
fn reachable(section: &Section<'_>, addr: SocketAddr, allow: &[IpNet], text: &str, place: &Place, words: &Words) {
    let report = section.report();
    let Words { who, harm, peer, example } = words;
    let allowed = section.get("allow").map_or_else(|| section.place().clone(), |found| found.place);
    if allow.is_empty() {
        if addr.ip().is_unspecified() {
            let hint = format!("name {who}, allow = [\"{peer}\"], or listen on \"{example}\"");
            report.error(place, format!("{} listens on every address but has no `allow`; {hint}", quoted(text)));
        } else if !addr.ip().is_loopback() {
            let hint = format!("only this host's loopback may connect, and cannot; name {who}, allow = [\"{peer}\"]");
            report.error(place, format!("{} has no `allow`: {hint}", quoted(text)));
        }
        return;
    }
    if !addr.ip().is_loopback() && allow.iter().any(|network| network.prefix_len() == 0) {
        report.warning(&allowed, format!("everybody may connect, and {harm}: name {who}"));
    }
    // To a loopback socket one connects from loopback, to any other from an address of its family.
    let from = |network: &IpNet| {
        let near = !addr.ip().is_loopback() || network.addr().is_loopback() || network.contains(&addr.ip());
        near && network.addr().is_ipv4() == addr.is_ipv4()
    };
    if !allow.iter().any(from) {
        let text = format!("holds no address from which {} can be reached: nobody can connect", quoted(text));
        report.error(&allowed, text);
    }
}

fn mode(section: &Section<'_>, harm: &str) -> Option<u32> {
    let (text, place) = section.string("mode")?;
    let digits = text.strip_prefix("0o").unwrap_or(&text);
    let octal = !digits.is_empty() && digits.bytes().all(|b| matches!(b, b'0'..=b'7'));
    let mode = u32::from_str_radix(digits, 8).ok().filter(|mode| octal && *mode <= 0o777);
    match mode {
        None => {
            let text = format!("{} is no file mode: write it in octal, \"0660\"", quoted(&text));
            section.report().error(&place, text);
        }
        Some(mode) if mode & 0o002 != 0 => {
            let text = format!("every user of this host may connect, and {harm}: write \"0660\" and a group");
            section.report().warning(&place, text);
        }
        Some(mode) if mode & 0o222 == 0 => {
            let text = format!("{} lets nobody connect: that takes permission to write, \"0660\"", quoted(&text));
            section.report().warning(&place, text);
        }
        Some(_) => {}
    }
    mode
}

/// A user or group; there must be one of that name on this host.
pub(super) fn account(
    section: &Section<'_>,
    key: &'static str,
    kind: &str,
    find: impl Fn(&str) -> std::io::Result<()>,
) -> Option<String> {
    let (name, place) = section.string(key)?;
    match find(&name) {
        Ok(()) => {}
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            section.report().error(&place, format!("there is no {kind} {} on this host", quoted(&name)));
        }
        Err(error) => section.report().error(&place, format!("{} cannot be looked up: {error}", quoted(&name))),
    }
    Some(name)
}
