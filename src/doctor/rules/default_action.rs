//! What becomes of mail while Forwarden does not answer?

use super::{Finding, Rule, Severity, Site};
use crate::doctor::site::Watch;
use crate::frontend::{OnError, Role};

pub(super) const RULE: Rule = Rule {
    id: "milter.default_action",
    what: "what the mail server does while Forwarden is away: a hop waits, an observer lets mail pass",
    look,
};

fn look(site: &Site, findings: &mut Vec<Finding>) {
    for watch in site.hops_here() {
        if watch.listener.role == Role::Observe {
            never_in_the_way(&watch, findings);
            continue;
        }
        let (severity, text) = match action(&watch) {
            "tempfail" | "shutdown" => continue,
            "accept" if watch.listener.on_error == OnError::Accept => (
                Severity::Note,
                "While Forwarden is away, what is forwarded leaves unseen. The listener's on_error is \"accept\", too, so \
                 that may be meant; to have mail wait inside instead:",
            ),
            "accept" => {
                (Severity::Error, "While Forwarden is away, what is forwarded leaves unseen. Let it wait inside:")
            }
            "reject" => (
                Severity::Error,
                "While Forwarden is away, mail is refused for good: the server in front sends a bounce to the original \
                 sender outside, which tells of the forward. Let it wait instead:",
            ),
            _ => (
                Severity::Warning,
                "While Forwarden is away, all mail goes to the hold queue, until somebody lets it go.",
            ),
        };
        push(&watch, severity, text, "tempfail", findings);
    }
    for watch in site.fronts() {
        never_in_the_way(&watch, findings);
    }
}

fn action<'a>(watch: &'a Watch<'_>) -> &'a str {
    watch.milter.setting(watch.instance, watch.smtpd, "default_action")
}

/// A listener that only watches.
fn never_in_the_way(watch: &Watch<'_>, findings: &mut Vec<Finding>) {
    if action(watch) != "accept" {
        let text = "This listener only watches; while Forwarden is away, mail would be stopped for it all the same.";
        push(watch, Severity::Error, text, "accept", findings);
    }
}

fn push(watch: &Watch<'_>, severity: Severity, text: &str, wanted: &str, findings: &mut Vec<Finding>) {
    let (instance, smtpd) = (watch.instance, watch.smtpd);
    let others = super::super::milter::Milter::list(instance.value_at(smtpd, "smtpd_milters")).len() > 1;
    // Other milters keep the action that they have.
    let (file, at, line) = if watch.milter.has("default_action") || others {
        instance.setting(Some(smtpd), "smtpd_milters", &watch.milter.with("default_action", wanted))
    } else {
        instance.setting(Some(smtpd), "milter_default_action", wanted)
    };
    findings.push(
        Finding::new(RULE.id, severity, &file, at)
            .found(format!("{} at {}", action(watch), smtpd.title()))
            .means(text)
            .change(line),
    );
}
