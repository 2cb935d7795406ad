//! Is anything forwarded behind the milter?

use super::{Finding, Rule, Severity, Site};
use crate::doctor::destination::Route;
use crate::doctor::map::elements;

pub(super) const RULE: Rule = Rule {
    id: "hop.expands",
    what: "a server with the milter expands addresses itself and sends outside: those forwards pass no milter",
    look,
};

/// What makes other recipients of one, after the milter was asked.
const EXPANDING: [&str; 9] = [
    "virtual_alias_maps",
    "recipient_bcc_maps",
    "sender_bcc_maps",
    "always_bcc",
    "recipient_canonical_maps",
    "canonical_maps",
    "luser_relay",
    "mailbox_command",
    "fallback_transport",
];

fn look(site: &Site, findings: &mut Vec<Finding>) {
    for instance in site.instances.iter().filter(|instance| site.is_relay(instance)) {
        let (mut domains, _) = elements(instance, instance.value("mydestination"));
        domains.extend(elements(instance, instance.value("virtual_mailbox_domains")).0);
        let (own, hosts): (Vec<String>, Vec<String>) = domains.into_iter().partition(|domain| {
            crate::message::Domain::new(domain)
                .is_some_and(|domain| site.organization.domains.iter().any(|own| *own == domain))
        });
        let local = Route::parse(instance.value("local_transport")).transport;
        let delivers =
            instance.transport(&local).is_some_and(|service| !matches!(service.program.as_str(), "error" | "discard"));
        if !own.is_empty() && delivers {
            findings.push(
                Finding::new(RULE.id, Severity::Error, &instance.main_cf(), "smtpd_milters")
                    .found(format!("at {}, which delivers mail of {}", instance.value("myhostname"), own.join(", ")))
                    .means(
                        "A milter here is asked about mail as it comes in. What .forward, aliases(5), virtual aliases and BCC \
                         maps make of it leaves without passing any milter. Put a hop behind this server (docs/wiring.md, \
                         layouts A and B) and let this one send there:",
                    )
                    .change("default_transport = smtp:[127.0.0.1]:10040"),
            );
            continue;
        }
        if !hosts.is_empty() && delivers {
            findings.push(
                Finding::new(RULE.id, Severity::Warning, &instance.main_cf(), "mydestination")
                    .found(hosts.join(", "))
                    .means(
                        "Mail for these is delivered by the hop itself; what .forward and aliases(5) make of it, also for root, \
                         leaves without passing the milter.",
                    )
                    .change("mydestination =")
                    .change("local_transport = error:no local delivery on the outbound hop"),
            );
        }
        for name in EXPANDING.into_iter().filter(|name| instance.sets(name) && !instance.value(name).is_empty()) {
            if !delivers && matches!(name, "luser_relay" | "mailbox_command" | "fallback_transport") {
                continue;
            }
            findings.push(
                Finding::new(RULE.id, Severity::Warning, &instance.main_cf(), name)
                    .found(instance.value(name))
                    .means("The hop makes recipients of its own of this, after the milter was asked: nobody sees them.")
                    .change(format!("{name} =")),
            );
        }
    }
}
