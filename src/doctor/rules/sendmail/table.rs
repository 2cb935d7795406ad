//! Does mailertable send anything outside past the hop?

use crate::doctor::rules::{Finding, Rule, Severity, Site, Way, astray, perhaps_a_hop, tell};

pub(in super::super) const RULE: Rule =
    Rule { id: "sendmail.table", what: "mailertable sends an outside domain past the hop", look };

fn look(site: &Site, findings: &mut Vec<Finding>) {
    for cf in site.sendmails.iter().filter(|cf| site.way_of_sendmail(cf) == Way::Watched) {
        let file = cf.table_file("mailertable").unwrap_or(&cf.path).to_owned();
        let entries = match cf.table("mailertable") {
            Ok(entries) => entries,
            Err(error) => {
                findings.push(
                    Finding::new("table.unread", Severity::Warning, &file, "mailertable")
                        .found(error.to_string())
                        .means("Whether its entries lead past the hop is not known.")
                        .change(format!("run: makemap -u hash {}", file.display())),
                );
                continue;
            }
        };
        let mut found = Vec::new();
        for (key, value) in entries.iter().filter(|(key, _)| !site.owns(key)) {
            let way = site.way_of_target(cf, value);
            let Some((severity, place)) = astray(&way) else { continue };
            found.push(
                Finding::new(RULE.id, severity, &file, format!("mailertable, {key}"))
                    .found(place)
                    .means(format!(
                        "Mail to {key} passes the hop by. Let the hop have this entry, and take it out here, or:{}",
                        perhaps_a_hop(&way)
                    ))
                    .change(format!("{key} {}, then: makemap hash {1} < {1}", cf.smart_host(), file.display())),
            );
        }
        tell(findings, found);
    }
}
