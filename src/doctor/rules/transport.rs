//! Do transport tables send anything outside past the hop?

use super::{Finding, Rule, Severity, Site, astray, perhaps_a_hop, rebuild, tables, tell};
use crate::doctor::destination::Route;
use crate::doctor::map::source;
use std::path::Path;

pub(super) const RULE: Rule =
    Rule { id: "route.transport", what: "transport_maps sends an outside domain past the hop", look };

fn look(site: &Site, findings: &mut Vec<Finding>) {
    for instance in site.wired() {
        for (table, entries) in tables(instance, instance.value("transport_maps")) {
            let mut found = Vec::new();
            for entry in entries {
                // Own domains are served inside, and `:` alone says nothing.
                if site.owns(&entry.key) && !entry.pattern || entry.value.trim() == ":" {
                    continue;
                }
                let route = Route::parse(&entry.value);
                let way = site.way(instance, &route, &entry.key);
                let Some((severity, place)) = astray(&way) else { continue };
                // What a pattern stands for is not known: it may be a domain of ours.
                let severity = if entry.pattern { Severity::Warning.max(severity) } else { severity };
                found.push(
                    Finding::new(
                        RULE.id,
                        severity,
                        Path::new(&source(&table)),
                        format!("transport_maps, {}", entry.key),
                    )
                    .found(place)
                    .means(format!(
                        "Mail to {} passes the hop by. Let the hop have this entry, and here:{}",
                        entry.key,
                        perhaps_a_hop(&way)
                    ))
                    .change(format!(
                        "{} {}{}",
                        entry.key,
                        site.default_route(instance),
                        rebuild(instance, &table)
                    )),
                );
            }
            tell(findings, found);
        }
    }
}
