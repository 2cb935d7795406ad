//! Does what leaves go to the hop?

use super::{Finding, Rule, Severity, Site, Way, astray, perhaps_a_hop};

pub(super) const RULE: Rule =
    Rule { id: "route.default", what: "mail for which nothing else is said leaves without passing the hop", look };

fn look(site: &Site, findings: &mut Vec<Finding>) {
    if !site.has_hop() {
        // That there is no hop at all is told already.
        return;
    }
    for instance in site.inner() {
        let way = site.way_of_default(instance);
        if let Way::Missing(name) = &way {
            findings.push(
                Finding::new(RULE.id, Severity::Error, &instance.main_cf(), "default_transport")
                    .found(instance.value("default_transport"))
                    .means(format!(
                        "master.cf has no service {name}: what leaves waits. Layout A has one of this kind:"
                    ))
                    .change(format!("in master.cf: {name}  unix - - n - - smtp")),
            );
        }
        let Some((severity, place)) = astray(&way) else { continue };
        let route = super::super::destination::Route::parse(instance.value("default_transport"));
        let at = if route.nexthop.is_empty() && !instance.value("relayhost").is_empty() {
            "relayhost"
        } else {
            "default_transport"
        };
        let wanted = site.hop_places().first().map(ToString::to_string).unwrap_or_default();
        let transport = if route.transport.is_empty() { "smtp" } else { &route.transport };
        let line = if at == "relayhost" {
            format!("relayhost = {wanted}")
        } else {
            format!("default_transport = {transport}:{wanted}")
        };
        findings.push(
            Finding::new(RULE.id, severity, &instance.main_cf(), at)
                .found(place)
                .means(format!(
                    "What leaves {} does not pass the hop: its forwards are not seen.{}",
                    instance.value("myhostname"),
                    perhaps_a_hop(&way)
                ))
                .change(line),
        );
    }
}
