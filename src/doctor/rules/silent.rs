//! Does a milter answer at the address of a listener?

use super::{Finding, Rule, Severity, Site};
use crate::doctor::probe;

pub(super) const RULE: Rule = Rule { id: "socket.silent", what: "no milter answers at the listener's socket", look };

fn look(site: &Site, findings: &mut Vec<Finding>) {
    let mut asked = Vec::new();
    for watch in site.watches() {
        if asked.contains(&&watch.listener.at.socket) {
            continue;
        }
        asked.push(&watch.listener.at.socket);
        let Err(error) = probe::ask(&watch.listener.at.socket) else { continue };
        let (file, at, _) = watch.instance.setting(Some(watch.smtpd), "smtpd_milters", "");
        findings.push(
            Finding::new(RULE.id, Severity::Error, &file, at)
                .found(format!("{}: {error}", watch.listener.at.socket))
                .means(format!(
                    "Nobody answers for listener {}: the daemon does not run, or with another configuration.",
                    watch.listener.name
                ))
                .change("run: systemctl status forwarden"),
        );
    }
}
