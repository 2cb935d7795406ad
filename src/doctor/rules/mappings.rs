//! Layout A: are addresses expanded twice?

use super::{Finding, Rule, Severity, Site};
use crate::doctor::words::words;

pub(super) const RULE: Rule = Rule {
    id: "hop.mappings",
    what: "the inspection listener expands addresses a second time, behind the milter",
    look,
};

fn look(site: &Site, findings: &mut Vec<Finding>) {
    for hop in site.hops_here() {
        let options = hop.instance.value_at(hop.smtpd, "receive_override_options");
        let has = words(options).iter().any(|word| word == "no_address_mappings");
        if has || site.is_relay(hop.instance) {
            continue;
        }
        let wanted = if options.is_empty() {
            "no_address_mappings".to_owned()
        } else {
            format!("{options},no_address_mappings")
        };
        findings.push(
            Finding::new(RULE.id, Severity::Warning, &hop.instance.master_cf(), format!("{} receive_override_options", hop.smtpd.title()))
                .found(options)
                .means(
                    "Virtual aliases and BCC maps are expanded at this listener once more: copies are sent twice, and what is made \
                     here passes no milter.",
                )
                .change(format!("  -o receive_override_options={wanted}")),
        );
    }
}
