//! Layout B: did what concerns the world move to the hop, which talks to it now?

use super::{Finding, Rule, Severity, Site};
use crate::doctor::destination::Route;

pub(super) const RULE: Rule =
    Rule { id: "hop.moved", what: "a setting for the outside world stands where it has no effect any more", look };

fn look(site: &Site, findings: &mut Vec<Finding>) {
    for hop in site.instances.iter().filter(|instance| site.is_relay(instance)) {
        for inner in site.wired() {
            let route = Route::parse(inner.value("default_transport"));
            let relayhost = inner.value("relayhost");
            let hops =
                Route::parse(hop.value("default_transport")).nexthop.is_empty() && hop.value("relayhost").is_empty();
            if !route.nexthop.is_empty() && !relayhost.is_empty() && hops {
                findings.push(
                    Finding::new(RULE.id, Severity::Warning, &hop.main_cf(), "relayhost")
                        .found(format!("none; {} has {relayhost}", inner.dir.display()))
                        .means("Behind default_transport with a next hop, relayhost has no effect. It is the hop that sends outside.")
                        .change(format!("relayhost = {relayhost}")),
                );
            }
            let level = inner.value("smtp_tls_security_level");
            if !matches!(level, "" | "none") && matches!(hop.value("smtp_tls_security_level"), "" | "none") {
                findings.push(
                    Finding::new(RULE.id, Severity::Warning, &hop.main_cf(), "smtp_tls_security_level")
                        .found(format!("none; {} has {level}", inner.dir.display()))
                        .means("Outgoing mail is sent in the clear: it is the hop that talks to the world now.")
                        .change(format!("smtp_tls_security_level = {level}")),
                );
            }
        }
    }
}
