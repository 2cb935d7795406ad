//! Does the hop take what the servers in front of it took?

use super::{Finding, Rule, Severity, Site};

pub(super) const RULE: Rule =
    Rule { id: "hop.size", what: "the hop takes smaller messages than the server in front of it", look };

fn look(site: &Site, findings: &mut Vec<Finding>) {
    // 0 is no limit.
    let limit = |text: &str| text.parse().map_or(u64::MAX, |limit| if limit == 0 { u64::MAX } else { limit });
    for hop in site.instances.iter().filter(|instance| site.is_relay(instance)) {
        let own = limit(hop.value("message_size_limit"));
        let Some(inner) = site.wired().find(|inner| limit(inner.value("message_size_limit")) > own) else { continue };
        let wanted = inner.value("message_size_limit");
        findings.push(
            Finding::new(RULE.id, Severity::Warning, &hop.main_cf(), "message_size_limit")
                .found(format!("{own}; {} takes {wanted}", inner.dir.display()))
                .means(
                    "What is larger is taken by the server in front, refused by the hop, and returned to its sender.",
                )
                .change(format!("message_size_limit = {wanted}")),
        );
    }
}
