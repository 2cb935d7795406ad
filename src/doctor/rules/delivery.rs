//! Does delivery to mailboxes lead outside?

use super::{Finding, Rule, Site, astray, perhaps_a_hop, rebuild, tables, tell};
use crate::doctor::destination::Route;
use crate::doctor::map::source;
use std::path::Path;

pub(super) const RULE: Rule = Rule {
    id: "route.delivery",
    what: "a transport for mailboxes (local, virtual, mailbox, fallback) leads outside",
    look,
};

const SINGLE: [&str; 4] = ["local_transport", "virtual_transport", "mailbox_transport", "fallback_transport"];
const TABLES: [&str; 2] = ["mailbox_transport_maps", "fallback_transport_maps"];

fn look(site: &Site, findings: &mut Vec<Finding>) {
    for instance in site.wired() {
        for parameter in SINGLE.into_iter().filter(|parameter| !instance.value(parameter).is_empty()) {
            let route = Route::parse(instance.value(parameter));
            // Without a next hop each mailbox's own domain is meant, which is ours.
            if route.nexthop.is_empty() {
                continue;
            }
            let way = site.way(instance, &route, "");
            let Some((severity, place)) = outside(&way) else { continue };
            findings.push(
                Finding::new(RULE.id, severity, &instance.main_cf(), parameter)
                    .found(place)
                    .means(format!(
                        "Mail for mailboxes is handed to a server outside, past the hop.{}",
                        perhaps_a_hop(&way)
                    ))
                    .change(format!("{parameter} = {}", site.default_route(instance))),
            );
        }
        for parameter in TABLES {
            for (table, entries) in tables(instance, instance.value(parameter)) {
                let found = entries.iter().filter_map(|entry| {
                    let way = site.way(instance, &Route::parse(&entry.value), "the mailbox");
                    let (severity, place) = outside(&way)?;
                    Some(
                        Finding::new(
                            RULE.id,
                            severity,
                            Path::new(&source(&table)),
                            format!("{parameter}, {}", entry.key),
                        )
                        .found(place)
                        .means(format!("Mail of {} is handed to a server outside, past the hop.", entry.key))
                        .change(format!(
                            "{} {}{}",
                            entry.key,
                            site.default_route(instance),
                            rebuild(instance, &table)
                        )),
                    )
                });
                tell(findings, found.collect());
            }
        }
    }
}

/// Servers inside are where mailboxes are.
fn outside(way: &super::Way) -> Option<(super::Severity, String)> {
    if matches!(way, super::Way::Inside(_)) { None } else { astray(way) }
}
