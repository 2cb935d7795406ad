//! Do two Sendmails have what each must have for itself?

use crate::doctor::rules::{Finding, Rule, Severity, Site};

pub(in super::super) const RULE: Rule =
    Rule { id: "sendmail.shared", what: "front and hop share a name or a queue", look };

fn look(site: &Site, findings: &mut Vec<Finding>) {
    for hop in site.sendmails.iter().filter(|cf| site.is_sendmail_hop(cf)) {
        for front in site.sendmails.iter().filter(|cf| !site.is_sendmail_hop(cf)) {
            if !hop.name().is_empty() && hop.name().eq_ignore_ascii_case(front.name()) {
                findings.push(
                    Finding::new(RULE.id, Severity::Error, &hop.path, "Dj (confDOMAIN_NAME)")
                        .found(hop.name())
                        .means("Both have this name: mail is returned with \"mail loops back to me\". In the hop's .mc file:")
                        .change(format!("define(`confDOMAIN_NAME', `out.{}')dnl", front.name())),
                );
            }
            let queue = hop.option("QueueDirectory");
            if !queue.is_empty() && queue == front.option("QueueDirectory") {
                findings.push(
                    Finding::new(RULE.id, Severity::Error, &hop.path, "QueueDirectory")
                        .found(queue)
                        .means(
                            "Both have this queue: the server in front sends what waits at the hop, and the hop sends outside what \
                             has passed no milter. In the hop's .mc file:",
                        )
                        .change(format!("define(`QUEUE_DIR', `{}-out')dnl", queue.trim_end_matches(['/', '*']))),
                );
            }
        }
    }
}
