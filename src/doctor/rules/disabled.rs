//! Is the milter asked about every message, and shown all of it?

use super::{Finding, Rule, Severity, Site, tables};
use crate::doctor::words::words;

pub(super) const RULE: Rule = Rule {
    id: "milter.disabled",
    what: "a hop's smtpd does not ask the milter after all, or not about everything",
    look,
};

fn look(site: &Site, findings: &mut Vec<Finding>) {
    for watch in site.hops_here() {
        let (instance, smtpd) = (watch.instance, watch.smtpd);
        let options = instance.value_at(smtpd, "receive_override_options");
        if words(options).iter().any(|word| word == "no_milters") {
            let left: Vec<String> = words(options).into_iter().filter(|word| word != "no_milters").collect();
            let (file, at, line) = instance.setting(Some(smtpd), "receive_override_options", &left.join(","));
            findings.push(
                Finding::new(RULE.id, Severity::Error, &file, at)
                    .found(options)
                    .means("With no_milters no milter is asked: no forward is seen here.")
                    .change(line),
            );
        }
        let proxy = instance.value_at(smtpd, "smtpd_proxy_filter");
        if !proxy.is_empty() {
            let (file, at, line) = instance.setting(Some(smtpd), "smtpd_proxy_filter", "");
            findings.push(
                Finding::new(RULE.id, Severity::Error, &file, at)
                    .found(proxy)
                    .means(
                        "Behind a proxy filter a milter is shown commands only, no header, and can change nothing. Put the \
                         milter at the smtpd that the proxy hands mail back to, or use a content_filter.",
                    )
                    .change(line),
            );
        }
        let maps = instance.value_at(smtpd, "smtpd_milter_maps");
        for (table, entries) in tables(instance, maps) {
            let found: Vec<Finding> = entries
                .iter()
                .filter(|entry| !entry.value.contains(&watch.milter.address))
                .map(|entry| {
                    Finding::new(RULE.id, Severity::Error, &instance.main_cf(), format!("smtpd_milter_maps, {table}"))
                        .found(format!("{} {}", entry.key, entry.value))
                        .means(format!(
                            "What comes from {} is not shown to listener {}: take the entry out, or name the milter in it.",
                            entry.key, watch.listener.name
                        ))
                        .change(format!("{} {}", entry.key, watch.milter.address))
                })
                .collect();
            super::tell(findings, found);
        }
    }
}
