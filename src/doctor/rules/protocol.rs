//! Is the milter protocol new enough?

use super::{Finding, Rule, Severity, Site};

pub(super) const RULE: Rule = Rule { id: "milter.protocol", what: "an old version of the milter protocol", look };

/// With 6, as Postfix has it by default since 2.6, ESMTP parameters, quarantine and exact header fields are there.
const WANTED: u32 = 6;

fn look(site: &Site, findings: &mut Vec<Finding>) {
    for watch in site.watches() {
        let version = watch.milter.setting(watch.instance, watch.smtpd, "protocol");
        if version.parse().is_ok_and(|version: u32| version >= WANTED) {
            continue;
        }
        let (file, at, line) = if watch.milter.has("protocol") {
            let line = watch.milter.with("protocol", &WANTED.to_string());
            watch.instance.setting(Some(watch.smtpd), "smtpd_milters", &line)
        } else {
            watch.instance.setting(Some(watch.smtpd), "milter_protocol", &WANTED.to_string())
        };
        findings.push(
            Finding::new(RULE.id, Severity::Error, &file, at)
                .found(format!("{version} at {}", watch.smtpd.title()))
                .means("Forwarden needs version 6: with an older one there is no session, or not all of the evidence.")
                .change(line),
        );
    }
}
