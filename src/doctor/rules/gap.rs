//! Does a hop take mail at a door without the milter?

use super::{Finding, Rule, Severity, Site};

pub(super) const RULE: Rule =
    Rule { id: "hop.gap", what: "a hop also takes mail at an smtpd that does not ask the milter", look };

fn look(site: &Site, findings: &mut Vec<Finding>) {
    let hops = site.hops_here();
    for instance in site.instances.iter().filter(|instance| site.is_relay(instance)) {
        let Some(hop) = hops.iter().find(|hop| std::ptr::eq(hop.instance, instance)) else { continue };
        for (service, smtpd) in site.doors(instance) {
            if hops.iter().any(|hop| std::ptr::eq(hop.smtpd, smtpd)) {
                continue;
            }
            let value = instance.value_at(smtpd, "smtpd_milters");
            let wanted =
                if value.is_empty() { hop.milter.address.clone() } else { format!("{value}, {}", hop.milter.address) };
            let (file, at, line) = instance.setting(Some(smtpd), "smtpd_milters", &wanted);
            findings.push(
                Finding::new(RULE.id, Severity::Error, &file, at)
                    .found(format!("{} at {}", if value.is_empty() { "no milter" } else { value }, service.title()))
                    .means("What comes in there leaves without passing the milter. Ask it there, too, or close that service.")
                    .change(line),
            );
        }
    }
}
