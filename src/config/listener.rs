//! `[[listener]]`: where mail comes in.

use super::lists;
use super::problem::quoted;
use super::reader::{Place, Section};
use crate::frontend::{ListenerSpec, OnError, Role, Socket, group, user};
use crate::message::Direction;

const ROLES: &[(&str, Role)] = &[("enforce", Role::Enforce), ("observe", Role::Observe)];
const DIRECTIONS: &[(&str, Direction)] = &[("outbound", Direction::Outbound), ("inbound", Direction::Inbound)];
const ON_ERROR: &[(&str, OnError)] =
    &[("accept", OnError::Accept), ("tempfail", OnError::Tempfail), ("quarantine", OnError::Quarantine)];

/// Reads them all.
pub(super) fn read(root: &Section<'_>) -> Vec<ListenerSpec> {
    let mut listeners: Vec<(ListenerSpec, Place)> = Vec::new();
    for (index, section) in root.tables("listener").into_iter().enumerate() {
        if let Some(spec) = one(&section, index) {
            let place = section.place().clone();
            for (other, at) in &listeners {
                let first = format!("first in {}:{}", at.file.display(), at.line);
                if other.name == spec.name {
                    section
                        .report()
                        .error(&place, format!("there are two listeners named {}; {first}", quoted(&spec.name)));
                }
                if other.socket == spec.socket {
                    section.report().error(&place, format!("two listeners have the socket {}; {first}", spec.socket));
                }
            }
            listeners.push((spec, place));
        }
        section.finish();
    }
    listeners.into_iter().map(|(spec, _)| spec).collect()
}

fn one(section: &Section<'_>, index: usize) -> Option<ListenerSpec> {
    let report = section.report();
    let word = |key: &'static str| section.string(key);
    let name = word("name").map_or_else(|| format!("listener{}", index + 1), |(name, _)| name);
    let role = word("role").and_then(|(text, place)| lists::choice(section, &text, &place, ROLES)).unwrap_or_default();
    let direction = word("direction")
        .and_then(|(text, place)| lists::choice(section, &text, &place, DIRECTIONS))
        .unwrap_or_default();
    let on_error =
        word("on_error").and_then(|(text, place)| Some((lists::choice(section, &text, &place, ON_ERROR)?, place)));
    if let (Role::Observe, Some((OnError::Tempfail | OnError::Quarantine, place))) = (role, &on_error) {
        report.error(
            place,
            "a listener with role \"observe\" can never hold mail up: write \"accept\", or role = \"enforce\"",
        );
    }
    if let (Role::Enforce, Direction::Inbound) = (role, direction) {
        report.error(
            section.place(),
            "role \"enforce\" with direction \"inbound\": incoming mail is only watched; write role = \"observe\"",
        );
    }
    let default_on_error = if role == Role::Observe { OnError::Accept } else { OnError::Tempfail };
    let allow_place = section.get("allow").map(|found| found.place);
    let allow = lists::networks(section, "allow").unwrap_or_default();
    let mode = mode(section);
    let owner = named(section, "owner", |name| user(name).map(|_| ()));
    let group = named(section, "group", |name| group(name).map(|_| ()));
    let socket = socket(section)?;
    if socket.is_wildcard() && allow.is_empty() {
        report.error(
            section.place(),
            format!("{socket} listens on every address and anybody may connect: write allow = [\"127.0.0.1\"] or an address of its own"),
        );
    }
    let is_unix = matches!(socket, Socket::Unix(_));
    for key in ["mode", "owner", "group"] {
        if let Some(found) = section.get(key).filter(|_| !is_unix) {
            report.error(&found.place, "is for a UNIX socket; a TCP socket has no file: use allow");
        }
    }
    if let Some(place) = allow_place.filter(|_| is_unix) {
        report.error(&place, "is for a TCP socket; who may use a UNIX socket is told by mode, owner and group");
    }
    let on_error = on_error.map_or(default_on_error, |(value, _)| value);
    Some(ListenerSpec { name, role, direction, socket, mode, owner, group, allow, on_error })
}

fn socket(section: &Section<'_>) -> Option<Socket> {
    let Some((text, place)) = section.string("socket") else {
        if !section.has("socket") {
            section
                .report()
                .error(section.place(), "socket is missing: write socket = \"inet:127.0.0.1:8891\" or \"unix:/path\"");
        }
        return None;
    };
    Socket::parse(&text).map_err(|reason| section.report().error(&place, reason)).ok()
}

fn mode(section: &Section<'_>) -> Option<u32> {
    let (text, place) = section.string("mode")?;
    let mode = u32::from_str_radix(text.trim_start_matches("0o"), 8).ok().filter(|mode| *mode <= 0o777);
    if mode.is_none() {
        section.report().error(&place, format!("{} is no file mode: write it in octal, \"0660\"", quoted(&text)));
    }
    mode
}

fn named(section: &Section<'_>, key: &'static str, check: impl Fn(&str) -> std::io::Result<()>) -> Option<String> {
    let (name, place) = section.string(key)?;
    if let Err(error) = check(&name) {
        section.report().error(&place, error.to_string());
    }
    Some(name)
}
