//! Does mail for relay domains leave by a way of its own?

use super::{Finding, Rule, Site, astray, perhaps_a_hop};
use crate::doctor::destination::Route;
use crate::doctor::map::elements;

pub(super) const RULE: Rule =
    Rule { id: "route.relay", what: "relay_transport sends a domain that is not ours past the hop", look };

fn look(site: &Site, findings: &mut Vec<Finding>) {
    for instance in site.wired() {
        let (domains, _) = elements(instance, instance.value("relay_domains"));
        let foreign: Vec<String> = domains.into_iter().filter(|domain| !site.owns(domain)).collect();
        let Some(first) = foreign.first() else { continue };
        let way = site.way(instance, &Route::parse(instance.value("relay_transport")), first);
        let Some((severity, place)) = astray(&way) else { continue };
        let default = site.default_route(instance);
        findings.push(
            Finding::new(RULE.id, severity, &instance.main_cf(), "relay_transport")
                .found(place)
                .means(format!(
                    "Mail to {} passes the hop by: a relay domain that forwarden.toml does not call ours. If it is, add it to \
                     domains there.{}",
                    foreign.join(", "),
                    perhaps_a_hop(&way)
                ))
                .change(format!("relay_transport = {default}")),
        );
    }
}
