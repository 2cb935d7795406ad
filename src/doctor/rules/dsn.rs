//! Does the hop get to know for whom mail was meant before it was forwarded?

use super::{Finding, Rule, Severity, Site, tables};
use crate::doctor::instance::{Instance, Service};
use crate::doctor::words::words;

pub(super) const RULE: Rule = Rule {
    id: "dsn.discarded",
    what: "DSN is not announced, or not used, on the way to the milter: ORCPT and NOTIFY are lost",
    look,
};

fn look(site: &Site, findings: &mut Vec<Finding>) {
    let hops = site.hops_here();
    let mut doors = Vec::new();
    for hop in &hops {
        if doors.iter().any(|door| std::ptr::eq(*door, hop.smtpd)) {
            continue;
        }
        doors.push(hop.smtpd);
        keywords(hop.instance, hop.smtpd, "smtpd_discard_ehlo_keyword", "The hop does not announce DSN", findings);
        if hop.service.program == "postscreen" {
            keywords(
                hop.instance,
                hop.service,
                "postscreen_discard_ehlo_keyword",
                "The hop does not announce DSN",
                findings,
            );
        }
    }
    for instance in site.wired() {
        let route = site.default_route(instance);
        let Some(service) = instance.transport(&route.transport) else { continue };
        keywords(instance, service, "smtp_discard_ehlo_keyword", "The way to the hop does not use DSN", findings);
        let never = instance.value_at(service, "smtp_never_send_ehlo") == "yes";
        if never {
            let (file, at, line) = instance.setting(Some(service), "smtp_never_send_ehlo", "no");
            findings.push(
                Finding::new(RULE.id, Severity::Error, &file, at)
                    .found("yes")
                    .means("Without EHLO there is no DSN: the hop never sees an ORCPT, the best evidence of a forward.")
                    .change(line),
            );
        }
    }
}

/// The list, and the tables by address.
fn keywords(instance: &Instance, service: &Service, stem: &str, what: &str, findings: &mut Vec<Finding>) {
    let is_dsn = |word: &String| word.eq_ignore_ascii_case("dsn");
    let text = format!("{what}: ORCPT and NOTIFY are lost, the best evidence of a forward, and often the only one.");
    let name = format!("{stem}s");
    let value = instance.value_at(service, &name);
    if words(value).iter().any(is_dsn) {
        let left: Vec<String> = words(value).into_iter().filter(|word| !is_dsn(word)).collect();
        let (file, at, line) = instance.setting(Some(service), &name, &left.join(", "));
        findings.push(Finding::new(RULE.id, Severity::Error, &file, at).found(value).means(&text).change(line));
    }
    let name = format!("{stem}_address_maps");
    for (table, entries) in tables(instance, instance.value_at(service, &name)) {
        for entry in entries.iter().filter(|entry| words(&entry.value).iter().any(is_dsn)) {
            let left: Vec<String> = words(&entry.value).into_iter().filter(|word| !is_dsn(word)).collect();
            let left = left.join(", ");
            let change = if left.is_empty() {
                format!("take out: {} {}", entry.key, entry.value)
            } else {
                format!("{} {left}", entry.key)
            };
            findings.push(
                Finding::new(RULE.id, Severity::Error, &instance.main_cf(), format!("{name}, {table}"))
                    .found(format!("{} {}", entry.key, entry.value))
                    .means(&text)
                    .change(change),
            );
        }
    }
}
