//! Does forwarded mail say whose mailbox it went through?

use super::{Finding, Rule, Severity, Site};
use crate::doctor::words::words;

pub(super) const RULE: Rule = Rule { id: "trace.delivered_to", what: "forwarded mail gets no Delivered-To", look };

fn look(site: &Site, findings: &mut Vec<Finding>) {
    for instance in site.inner() {
        let value = instance.value("prepend_delivered_header");
        if words(value).iter().any(|word| word.eq_ignore_ascii_case("forward")) {
            continue;
        }
        findings.push(
            Finding::new(RULE.id, Severity::Warning, &instance.main_cf(), "prepend_delivered_header")
                .found(value)
                .means(
                    "What .forward and aliases(5) send on carries no Delivered-To: the mailbox is known by ORCPT alone, which a \
                     sender outside can set, and mail that goes in a circle is not stopped.",
                )
                .change("prepend_delivered_header = command, file, forward"),
        );
    }
}
