//! Do tables by sender send anything past the hop?

use super::{Finding, Rule, Site, astray, perhaps_a_hop, rebuild, tables, tell};
use crate::doctor::destination::Route;
use crate::doctor::map::source;
use std::path::Path;

pub(super) const RULE: Rule = Rule {
    id: "route.sender",
    what: "sender_dependent_default_transport_maps or relayhost_maps lead past the hop",
    look,
};

fn look(site: &Site, findings: &mut Vec<Finding>) {
    for instance in site.wired() {
        let default = Route::parse(instance.value("default_transport"));
        for parameter in ["sender_dependent_default_transport_maps", "sender_dependent_relayhost_maps"] {
            let of_host = parameter == "sender_dependent_relayhost_maps";
            // A next hop in default_transport comes before any relayhost.
            if of_host && !default.nexthop.is_empty() {
                continue;
            }
            for (table, entries) in tables(instance, instance.value(parameter)) {
                let mut found = Vec::new();
                for entry in entries.iter().filter(|entry| !entry.value.eq_ignore_ascii_case("DUNNO")) {
                    let route = if of_host {
                        Route { transport: default.transport.clone(), nexthop: entry.value.clone() }
                    } else {
                        Route::parse(&entry.value)
                    };
                    let way = site.way(instance, &route, "the recipient's domain");
                    let Some((severity, place)) = astray(&way) else { continue };
                    let wanted = site.default_route(instance);
                    let wanted = if of_host { wanted.nexthop } else { wanted.to_string() };
                    found.push(
                        Finding::new(
                            RULE.id,
                            severity,
                            Path::new(&source(&table)),
                            format!("{parameter}, {}", entry.key),
                        )
                        .found(place)
                        .means(format!(
                            "Mail with the envelope sender {} passes the hop by, what is forwarded among it. Let the hop \
                             have this entry, and here:{}",
                            entry.key,
                            perhaps_a_hop(&way)
                        ))
                        .change(format!("{} {wanted}{}", entry.key, rebuild(instance, &table))),
                    );
                }
                tell(findings, found);
            }
        }
    }
}
