//! Names that Postfix does not know: most often misspelt ones.

use super::{Finding, Rule, Severity, Site};

pub(super) const RULE: Rule =
    Rule { id: "config.unused", what: "postconf warns of a parameter that nothing uses", look };

fn look(site: &Site, findings: &mut Vec<Finding>) {
    for instance in &site.instances {
        for warning in &instance.warnings {
            // postconf: warning: /etc/postfix/main.cf: unused parameter: milter_default_acton=tempfail
            let Some((before, parameter)) = warning.split_once(": unused parameter: ") else { continue };
            let file = before.rsplit_once(": ").map_or(before, |(_, file)| file);
            let name = parameter.split('=').next().unwrap_or(parameter);
            findings.push(
                Finding::new(RULE.id, Severity::Warning, std::path::Path::new(file), name)
                    .found(parameter)
                    .means("Postfix has no parameter of that name: what it is to do is not done. Is it misspelt?"),
            );
        }
    }
}
