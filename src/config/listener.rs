//! `[[listener]]`: where mail comes in.

use super::lists;
use super::problem::quoted;
use super::reader::{Place, Section};
use crate::frontend::{ListenerSpec, OnError, Role, Socket, group, user};
use crate::message::Direction;
use ipnet::IpNet;
use std::net::SocketAddr;

const ROLES: &[(&str, Role)] = &[("enforce", Role::Enforce), ("observe", Role::Observe)];
const DIRECTIONS: &[(&str, Direction)] = &[("outbound", Direction::Outbound), ("inbound", Direction::Inbound)];
const ON_ERROR: &[(&str, OnError)] =
    &[("accept", OnError::Accept), ("tempfail", OnError::Tempfail), ("quarantine", OnError::Quarantine)];

/// The listeners that can be used, and the names of all, the others among them.
#[derive(Default)]
pub(super) struct Listeners {
    pub(super) specs: Vec<ListenerSpec>,
    pub(super) names: Vec<String>,
}

/// Reads them all.
pub(super) fn read(root: &Section<'_>) -> Listeners {
    let mut names: Vec<(String, Place)> = Vec::new();
    let mut specs: Vec<(ListenerSpec, Place)> = Vec::new();
    let sections = root.tables("listener");
    if sections.is_empty() && !root.report().has_error_at("listener") {
        let text = "there is no [[listener]]: write [[listener]] with socket = \"inet:127.0.0.1:8891\"";
        root.report().error(root.place(), text);
    }
    for (index, section) in sections.into_iter().enumerate() {
        let (name, place) = name(&section, index);
        if let Some((_, at)) = names.iter().find(|(other, _)| *other == name) {
            section.report().error(&place, format!("{} is taken; first in {at}", quoted(&name)));
        }
        names.push((name.clone(), place));
        if let Some((spec, place)) = one(&section, name) {
            if let Some((_, at)) = specs.iter().find(|(other, _)| other.socket.overlaps(&spec.socket)) {
                section.report().error(&place, format!("{} is taken; first in {at}", quoted(&spec.socket.to_string())));
            }
            specs.push((spec, place));
        }
        section.finish();
    }
    Listeners {
        specs: specs.into_iter().map(|(spec, _)| spec).collect(),
        names: names.into_iter().map(|(name, _)| name).collect(),
    }
}

fn name(section: &Section<'_>, index: usize) -> (String, Place) {
    let Some((name, place)) = section.string("name") else {
        return (format!("listener{}", index + 1), section.place().clone());
    };
    super::check_id(section, &name, &place);
    (name, place)
}

/// A listener, and where its socket stands.
fn one(section: &Section<'_>, name: String) -> Option<(ListenerSpec, Place)> {
    let report = section.report();
    let role = lists::word(section, "role", ROLES).map(|(role, _)| role).unwrap_or_default();
    let direction = lists::word(section, "direction", DIRECTIONS);
    let on_error = lists::word(section, "on_error", ON_ERROR);
    if let (Role::Observe, Some((OnError::Tempfail | OnError::Quarantine, place))) = (role, &on_error) {
        let text = "a listener with role \"observe\" can never hold mail up: write \"accept\", or role = \"enforce\"";
        report.error(place, text);
    }
    if let (Role::Enforce, Some((Direction::Inbound, place))) = (role, &direction) {
        let text = "incoming mail is only watched, but the role is \"enforce\": write role = \"observe\"";
        report.error(place, text);
    }
    let default_on_error = if role == Role::Observe { OnError::Accept } else { OnError::Tempfail };
    let mode = mode(section);
    let owner = account(section, "owner", "user", |name| user(name).map(drop));
    let group = account(section, "group", "group", |name| group(name).map(drop));
    let allow = lists::networks(section, "allow").unwrap_or_default();
    let (text, place) = socket_text(section)?;
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
                reachable(section, *addr, &allow, &text, &place);
            }
        }
    }
    let spec = ListenerSpec {
        name,
        role,
        direction: direction.map(|(direction, _)| direction).unwrap_or_default(),
        socket,
        mode,
        owner,
        group,
        allow,
        on_error: on_error.map_or(default_on_error, |(on_error, _)| on_error),
    };
    Some((spec, place))
}

fn socket_text(section: &Section<'_>) -> Option<(String, Place)> {
    let found = section.string("socket");
    if found.is_none() && !section.has("socket") {
        let text = "socket is missing: write socket = \"inet:127.0.0.1:8891\" or \"unix:/path\"";
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
fn reachable(section: &Section<'_>, addr: SocketAddr, allow: &[IpNet], text: &str, place: &Place) {
    let report = section.report();
    let allowed = section.get("allow").map_or_else(|| section.place().clone(), |found| found.place);
    if allow.is_empty() {
        if addr.ip().is_unspecified() {
            let hint = "name the mail servers, allow = [\"198.51.100.25\"], or listen on \"inet:127.0.0.1:8891\"";
            report.error(place, format!("{} listens on every address but has no `allow`; {hint}", quoted(text)));
        } else if !addr.ip().is_loopback() {
            let hint =
                "only this host's loopback may connect, and cannot; name the mail servers, allow = [\"198.51.100.25\"]";
            report.error(place, format!("{} has no `allow`: {hint}", quoted(text)));
        }
        return;
    }
    if !addr.ip().is_loopback() && allow.iter().any(|network| network.prefix_len() == 0) {
        report
            .warning(&allowed, "everybody may connect, and have mail judged and events written: name the mail servers");
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

fn mode(section: &Section<'_>) -> Option<u32> {
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
            let text = "every user of this host may connect, and have mail judged and events written: write \"0660\" and a group";
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    fn listeners(text: &str) -> Vec<ListenerSpec> {
        let text = format!("[organization]\ndomains = [\"corp.example\"]\n{text}");
        Config::parse_str(&text).unwrap_or_else(|problems| panic!("{problems}")).config.listeners
    }

    #[test]
    fn what_is_not_said() {
        let found = listeners(
            "[[listener]]\nsocket = \"inet:127.0.0.1:8891\"\n\
             [[listener]]\nsocket = \"unix:/run/f.sock\"\nrole = \"observe\"\n",
        );
        let said: Vec<_> = found.iter().map(|spec| (spec.name.as_str(), spec.role, spec.on_error)).collect();
        assert_eq!(
            said,
            [("listener1", Role::Enforce, OnError::Tempfail), ("listener2", Role::Observe, OnError::Accept)]
        );
        assert!(found.iter().all(|spec| spec.direction == Direction::Outbound && spec.mode.is_none()));
    }

    #[test]
    fn what_is_said() {
        let found = listeners(
            "[[listener]]\nname = \"in\"\nsocket = \"unix:/run/f.sock\"\nrole = \"observe\"\ndirection = \"inbound\"\n\
             mode = \"0620\"\nowner = \"0\"\ngroup = \"root\"\n\
             [[listener]]\nname = \"out\"\nsocket = \"inet:*:8891\"\nallow = [\"198.51.100.0/24\"]\non_error = \"quarantine\"\n",
        );
        let [inbound, outbound] = found.as_slice() else { panic!("{found:?}") };
        assert_eq!((inbound.name.as_str(), inbound.direction), ("in", Direction::Inbound));
        assert_eq!(inbound.mode, Some(0o620));
        assert_eq!((inbound.owner.as_deref(), inbound.group.as_deref()), (Some("0"), Some("root")));
        assert_eq!(outbound.on_error, OnError::Quarantine);
        assert_eq!(outbound.allow, ["198.51.100.0/24".parse().expect("a network")]);
    }
}
