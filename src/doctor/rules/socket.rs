//! May Postfix connect to a UNIX socket?

use super::{Finding, Rule, Severity, Site};
use crate::doctor::probe;
use crate::frontend::Socket;

pub(super) const RULE: Rule =
    Rule { id: "socket.permission", what: "the mail server's user may not connect to the listener's socket", look };

fn look(site: &Site, findings: &mut Vec<Finding>) {
    for watch in site.watches().into_iter().filter(|watch| watch.reached) {
        let Socket::Unix(path) = &watch.listener.at.socket else { continue };
        let user = watch.instance.value("mail_owner");
        let Some(obstacle) = probe::obstacle(path, user) else { continue };
        let named = format!("listener {}", watch.listener.name);
        let finding = Finding::new(RULE.id, Severity::Error, &obstacle.path, named).found(obstacle.found);
        findings.push(if obstacle.path == *path {
            finding
                .means(format!(
                    "Postfix connects as user {user}, which may not write to the socket: mail waits, or passes unseen. In \
                     forwarden.toml, under [[listener]]:",
                ))
                .change("mode = \"0660\"")
                .change(format!("group = \"{user}\""))
        } else {
            finding
                .means(format!("User {user} of Postfix may not pass this folder on its way to {}.", path.display()))
                .change(format!("run: chgrp {user} {0} && chmod g+x {0}", obstacle.path.display()))
        });
    }
}
