//! Does an smtpd in a chroot find the socket?

use super::{Finding, Rule, Severity, Site};
use std::path::Path;

pub(super) const RULE: Rule =
    Rule { id: "socket.chroot", what: "an smtpd in a chroot looks for the socket below its queue directory", look };

fn look(site: &Site, findings: &mut Vec<Finding>) {
    for watch in site.watches().into_iter().filter(|watch| !watch.reached) {
        let (instance, smtpd) = (watch.instance, watch.smtpd);
        let queue = Path::new(instance.value("queue_directory"));
        let path = watch.milter.address.split_once(':').map_or("", |(_, path)| path);
        let seen = queue.join(path.trim_start_matches('/'));
        let column = format!("{} n … {}", smtpd.name, smtpd.program);
        findings.push(
            Finding::new(RULE.id, Severity::Error, &instance.master_cf(), format!("{} chroot", smtpd.title()))
                .found(format!("chroot {}, {}", smtpd.chroot, watch.milter.address))
                .means(format!(
                    "This smtpd runs in a chroot and looks for {}; listener {} is at {}. Let it run outside ({column}), or \
                     use TCP, or let both meet below the queue directory (forwarden.toml: socket = \"unix:{}\").",
                    seen.display(),
                    watch.listener.name,
                    path,
                    queue.join("forwarden").join(Path::new(path).file_name().unwrap_or_default()).display()
                ))
                .change(format!("run: postconf -c {} -F {}/chroot=n", instance.dir.display(), smtpd.title())),
        );
    }
}
