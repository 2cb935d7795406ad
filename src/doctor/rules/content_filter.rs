//! Does a content filter send mail outside?

use super::{Finding, Rule, Site, Way, astray, perhaps_a_hop};
use crate::doctor::destination::Route;

pub(super) const RULE: Rule =
    Rule { id: "route.content_filter", what: "a content_filter in front of the hop leads past it", look };

fn look(site: &Site, findings: &mut Vec<Finding>) {
    let hops = site.hops_here();
    for instance in site.wired() {
        for (service, name, value) in instance.settings().filter(|(_, name, _)| *name == "content_filter") {
            let behind = |service| hops.iter().any(|hop| std::ptr::eq(hop.instance, instance) && hop.smtpd == service);
            if value.is_empty() || service.is_some_and(behind) {
                continue;
            }
            let way = site.way(instance, &Route::parse(value), "the recipient's domain");
            // A filter on this host hands mail back to an smtpd.
            if matches!(&way, Way::Inside(place) if place.starts_with("[127.") || place.starts_with("localhost")) {
                continue;
            }
            let Some((severity, place)) = astray(&way) else { continue };
            let (file, at, line) = instance.setting(service, name, "");
            findings.push(
                Finding::new(RULE.id, severity, &file, at)
                    .found(place)
                    .means(format!(
                        "What comes in here goes by {value} with all that is made of it, and passes the hop by.{}",
                        perhaps_a_hop(&way)
                    ))
                    .change(line),
            );
        }
    }
}
