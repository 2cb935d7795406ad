//! Do both servers have names of their own?

use super::{Finding, Rule, Severity, Site};

pub(super) const RULE: Rule = Rule { id: "hop.name", what: "the hop has the name of the server in front of it", look };

fn look(site: &Site, findings: &mut Vec<Finding>) {
    for hop in site.instances.iter().filter(|instance| site.is_relay(instance)) {
        let name = hop.value("myhostname");
        for inner in site.wired().filter(|inner| inner.value("myhostname").eq_ignore_ascii_case(name)) {
            findings.push(
                Finding::new(RULE.id, Severity::Error, &hop.main_cf(), "myhostname")
                    .found(name)
                    .means(format!(
                        "{} has the same name: each takes the other for itself, and mail is returned with \"loops back to \
                         myself\". Give the hop the name that its address has in the DNS.",
                        inner.dir.display()
                    ))
                    .change(format!("myhostname = out.{}", inner.value("mydomain"))),
            );
        }
    }
}
