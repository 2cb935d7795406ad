//! What depends on the version of Postfix, and on the age of its configuration.

use super::{Finding, Rule, Severity, Site};

pub(super) const RULE: Rule = Rule {
    id: "version.default",
    what: "a default that depends on the version of Postfix, or on compatibility_level",
    look,
};

fn look(site: &Site, findings: &mut Vec<Finding>) {
    for watch in site.hops_here() {
        let (instance, smtpd) = (watch.instance, watch.smtpd);
        let said = instance.sets("milter_default_action") || smtpd.own.contains_key("milter_default_action");
        if !said && !watch.milter.has("default_action") {
            findings.push(
                Finding::new(RULE.id, Severity::Note, &instance.main_cf(), "milter_default_action")
                    .found(format!("not set; {} here", instance.value("milter_default_action")))
                    .means(
                        "The default is tempfail up to Postfix 3.10, and shutdown since. Write what you want to have:",
                    )
                    .change("milter_default_action = tempfail"),
            );
        }
        // Only clients that somebody else may be behind.
        let reached_from_afar = !service_is_on_loopback(instance, &watch.service.name);
        let forbid = instance.value_at(smtpd, "smtpd_forbid_bare_newline");
        if reached_from_afar && matches!(forbid, "" | "no") {
            let finding = Finding::new(RULE.id, Severity::Note, &instance.main_cf(), "smtpd_forbid_bare_newline");
            let finding = finding.found(if instance.knows("smtpd_forbid_bare_newline") {
                "no"
            } else {
                "not known to this version"
            });
            let finding = finding.means(
                "A client can hide a second message in one, with an envelope of its own choice (SMTP smuggling). The default is \
                 \"normalize\" since Postfix 3.9.",
            );
            findings.push(if instance.knows("smtpd_forbid_bare_newline") {
                finding.change("smtpd_forbid_bare_newline = normalize")
            } else {
                finding.change("smtpd_data_restrictions = reject_unauth_pipelining")
            });
        }
    }
    for instance in site.instances.iter().filter(|instance| site.is_relay(instance)) {
        let level = instance.compatibility_level();
        if level < (2, 0) && !instance.sets("mynetworks") && !instance.sets("mynetworks_style") {
            findings.push(
                Finding::new(RULE.id, Severity::Warning, &instance.main_cf(), "mynetworks")
                    .found(format!("{} (compatibility_level {}.{})", instance.value("mynetworks"), level.0, level.1))
                    .means(
                        "With a compatibility_level below 2 every host of the network may send by this hop, and claim to speak for \
                         the server in front. Name the servers that may:",
                    )
                    .change("mynetworks = 127.0.0.0/8, [::1]/128"),
            );
        }
    }
}

fn service_is_on_loopback(instance: &super::Instance, name: &str) -> bool {
    match name.rsplit_once(':') {
        Some((host, _)) => host.starts_with("127.") || host == "localhost" || host == "[::1]",
        None => {
            let interfaces = super::words(instance.value("inet_interfaces"));
            interfaces.iter().all(|name| name == "loopback-only" || name == "localhost" || name.starts_with("127."))
        }
    }
}
