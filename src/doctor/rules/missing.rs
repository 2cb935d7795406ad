//! Does any smtpd ask a listener of ours about mail on its way out?

use super::{Finding, Rule, Severity, Site};
use crate::doctor::milter::Milter;

pub(super) const RULE: Rule =
    Rule { id: "milter.missing", what: "no smtpd asks an outbound listener of Forwarden", look };

fn look(site: &Site, findings: &mut Vec<Finding>) {
    if site.has_hop() {
        return;
    }
    let wanted = site.listeners.iter().find(|spec| spec.role == crate::frontend::Role::Enforce);
    let wanted =
        wanted.or(site.listeners.first()).map_or("inet:127.0.0.1:8891".to_owned(), |spec| spec.at.socket.to_string());
    for instance in &site.instances {
        let mut asked: Vec<String> = Vec::new();
        for (_, smtpd) in site.doors(instance) {
            asked.extend(
                Milter::list(instance.value_at(smtpd, "smtpd_milters")).into_iter().map(|milter| milter.address),
            );
        }
        asked.sort();
        asked.dedup();
        let found = if asked.is_empty() { "no milter at all".to_owned() } else { asked.join(", ") };
        let wanted = wanted.replace("inet6:", "inet:");
        findings.push(
            Finding::new(RULE.id, Severity::Error, &instance.main_cf(), "smtpd_milters")
                .found(found)
                .means(
                    "No smtpd asks a listener of forwarden.toml about mail on its way out: no forward is seen. The milter \
                     belongs to the hop that everything passes that leaves, in layout B: ",
                )
                .change(format!("smtpd_milters = {wanted}"))
                .change("milter_default_action = tempfail"),
        );
    }
}
