//! Layout A: does mail get out of the loop?

use super::{Finding, Rule, Severity, Site, Way};
use crate::doctor::destination::Route;

pub(super) const RULE: Rule = Rule { id: "hop.loop", what: "the inspection listener sends mail back to itself", look };

fn look(site: &Site, findings: &mut Vec<Finding>) {
    for hop in site.hops_here() {
        let instance = hop.instance;
        if site.is_relay(instance) {
            continue;
        }
        // Mail from here goes on by the default route, which leads to a hop: to this very one?
        let route = site.default_route(instance);
        let place = crate::doctor::destination::place(&route.nexthop);
        if !place.is_some_and(|place| site.listens(instance, hop.service, &place)) {
            continue;
        }
        let filter = instance.value_at(hop.smtpd, "content_filter");
        if !filter.is_empty() && site.way(instance, &Route::parse(filter), "the recipient's domain") != Way::Watched {
            continue;
        }
        findings.push(
            Finding::new(RULE.id, Severity::Error, &instance.master_cf(), format!("{} content_filter", hop.smtpd.title()))
                .found(if filter.is_empty() { "no content_filter" } else { filter })
                .means(
                    "What this listener takes goes by the default route back to it, until Postfix gives up: \"too many hops\". A \
                     content_filter with a transport of its own and an empty next hop leads out.",
                )
                .change("  -o content_filter=smtp-out:")
                .change("smtp-out  unix - - n - - smtp"),
        );
    }
}
