//! Does Sendmail ask the filter, and what does it do while that is away?

use crate::doctor::cf::Cf;
use crate::doctor::probe;
use crate::doctor::rules::{Finding, Rule, Severity, Site};
use crate::frontend::Role;

pub(in super::super) const RULE: Rule = Rule {
    id: "sendmail.filter",
    what: "Sendmail does not ask Forwarden, or does the wrong thing while it is away (flags F=)",
    look,
};

fn look(site: &Site, findings: &mut Vec<Finding>) {
    for cf in &site.sendmails {
        for filter in cf.defined_only() {
            if site.listener_of(filter).is_some() {
                let at = format!("X{}", filter.name);
                findings.push(
                    Finding::new(RULE.id, Severity::Error, &cf.path, at)
                        .found(format!("not among InputMailFilters={}", cf.option("InputMailFilters")))
                        .means("This filter is defined and never asked. In sendmail.mc, INPUT_MAIL_FILTER does both:")
                        .change(filter.with_flags(&filter.flags)),
                );
            }
        }
        for filter in cf.asked() {
            let Some(listener) = site.listener_of(filter) else { continue };
            let watches_only = listener.role == Role::Observe;
            let found = if filter.flags.is_empty() { "F=".to_owned() } else { format!("F={}", filter.flags) };
            let (wanted, severity, text) = match filter.flags.as_str() {
                "" if watches_only => continue,
                _ if watches_only => (
                    "",
                    Severity::Error,
                    "This listener only watches; while Forwarden is away, mail would be stopped for it all the same.",
                ),
                "T" | "4" => continue,
                "" => (
                    "T",
                    Severity::Error,
                    "While Forwarden is away, what is forwarded leaves unseen. Let it wait inside:",
                ),
                _ => (
                    "T",
                    Severity::Error,
                    "While Forwarden is away, mail is refused for good, and the sender outside is told of the forward:",
                ),
            };
            findings.push(
                Finding::new(RULE.id, severity, &cf.path, format!("X{}", filter.name))
                    .found(found)
                    .means(text)
                    .change(format!("in sendmail.mc: {}", filter.with_flags(wanted))),
            );
        }
        silent(site, cf, findings);
    }
}

/// Whether anybody answers.
fn silent(site: &Site, cf: &Cf, findings: &mut Vec<Finding>) {
    for filter in cf.asked() {
        let Some(listener) = site.listener_of(filter) else { continue };
        let Err(error) = probe::ask(&listener.at.socket) else { continue };
        findings.push(
            Finding::new("socket.silent", Severity::Error, &cf.path, format!("X{}", filter.name))
                .found(format!("{}: {error}", listener.at.socket))
                .means(format!(
                    "Nobody answers for listener {}: the daemon does not run, or with another configuration.",
                    listener.name
                ))
                .change("run: systemctl status forwarden"),
        );
    }
}
