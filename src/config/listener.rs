//! `[[listener]]`: where mail comes in.

use super::problem::quoted;
use super::reader::{Place, Section};
use super::{endpoint, lists};
use crate::frontend::{ListenerSpec, OnError, Role};
use crate::message::Direction;

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
            if let Some((_, at)) = specs.iter().find(|(other, _)| other.at.socket.overlaps(&spec.at.socket)) {
                section
                    .report()
                    .error(&place, format!("{} is taken; first in {at}", quoted(&spec.at.socket.to_string())));
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
    let (at, place) = endpoint::read(section, &endpoint::MILTER)?;
    let spec = ListenerSpec {
        name,
        role,
        direction: direction.map(|(direction, _)| direction).unwrap_or_default(),
        at,
        on_error: on_error.map_or(default_on_error, |(on_error, _)| on_error),
    };
    Some((spec, place))
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
        assert!(found.iter().all(|spec| spec.direction == Direction::Outbound && spec.at.mode.is_none()));
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
        assert_eq!(inbound.at.mode, Some(0o620));
        assert_eq!((inbound.at.owner.as_deref(), inbound.at.group.as_deref()), (Some("0"), Some("root")));
        assert_eq!(outbound.on_error, OnError::Quarantine);
        assert_eq!(outbound.at.allow, ["198.51.100.0/24".parse().expect("a network")]);
    }
}
