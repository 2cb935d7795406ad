//! Is anything forwarded behind the filter of a Sendmail?

use crate::doctor::rules::{Finding, Rule, Severity, Site, Way};
use crate::message::Domain;

pub(in super::super) const RULE: Rule = Rule {
    id: "sendmail.expands",
    what: "a Sendmail that has the milter serves mailboxes and sends outside itself: those forwards pass no milter",
    look,
};

fn look(site: &Site, findings: &mut Vec<Finding>) {
    for cf in site.sendmails.iter().filter(|cf| site.is_sendmail_hop(cf) && site.way_of_sendmail(cf) != Way::Watched) {
        let is_own = |name: &&String| {
            Domain::new(name).is_some_and(|name| site.organization.domains.iter().any(|own| *own == name))
        };
        let own: Vec<&str> = cf.local.iter().filter(is_own).map(String::as_str).collect();
        if own.is_empty() {
            continue;
        }
        findings.push(
            Finding::new(RULE.id, Severity::Error, &cf.path, "class w")
                .found(own.join(", "))
                .means(
                    "A filter here is asked about mail as it comes in. What .forward and aliases make of it leaves without passing \
                     any filter. Put a hop behind this server (docs/wiring.md), and in its sendmail.mc:",
                )
                .change("define(`SMART_HOST', `relay:[127.0.0.1]')dnl")
                .change("define(`RELAY_MAILER_ARGS', `TCP $h 10040')dnl"),
        );
    }
}
