//! What could not be looked into.

use super::{Finding, Rule, Severity, Site};
use crate::doctor::map::{entries, is_table};
use crate::doctor::words::words;

pub(super) const RULE: Rule =
    Rule { id: "table.unread", what: "a table that decides on routes cannot be listed", look };

const ROUTES: [&str; 6] = [
    "transport_maps",
    "sender_dependent_default_transport_maps",
    "sender_dependent_relayhost_maps",
    "relay_domains",
    "mailbox_transport_maps",
    "fallback_transport_maps",
];

fn look(site: &Site, findings: &mut Vec<Finding>) {
    for instance in site.wired() {
        for name in ROUTES {
            for table in words(instance.value(name)).iter().filter(|word| is_table(word)) {
                let Err(error) = entries(instance, table) else { continue };
                findings.push(
                    Finding::new(RULE.id, Severity::Warning, &instance.main_cf(), name)
                        .found(format!("{table}: {error}"))
                        .means(
                            "Whether its entries lead past the hop is not known. Ask it about a few domains outside:",
                        )
                        .change(format!("run: postmap -c {} -q freemail.example '{table}'", instance.dir.display())),
                );
            }
        }
    }
}
