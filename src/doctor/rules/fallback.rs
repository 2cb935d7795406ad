//! Does mail leave by another way while the hop is away?

use super::{Finding, Rule, Site, astray};
use crate::doctor::destination::Route;
use crate::doctor::words::words;

pub(super) const RULE: Rule =
    Rule { id: "route.fallback", what: "smtp_fallback_relay leads past the hop while the hop does not answer", look };

fn look(site: &Site, findings: &mut Vec<Finding>) {
    for instance in site.wired() {
        let route = site.default_route(instance);
        let Some(service) = instance.transport(&route.transport) else { continue };
        let fallback = instance.value_at(service, "smtp_fallback_relay");
        for host in words(fallback) {
            let way = site.way(instance, &Route { transport: route.transport.clone(), nexthop: host }, "");
            let Some((severity, place)) = astray(&way) else { continue };
            let (file, at, line) = instance.setting(Some(service), "smtp_fallback_relay", "");
            findings.push(
                Finding::new(RULE.id, severity, &file, at)
                    .found(place)
                    .means(
                        "While the hop does not answer, mail goes there and passes it by. A hop needs no stand-in: mail waits. \
                         Let the hop have the fallback.",
                    )
                    .change(line),
            );
        }
    }
}
