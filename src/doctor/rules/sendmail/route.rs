//! Does what leaves a Sendmail go to the hop?

use crate::doctor::rules::{Finding, Rule, Severity, Site, astray, perhaps_a_hop};

pub(in super::super) const RULE: Rule =
    Rule { id: "sendmail.route", what: "SMART_HOST does not lead to the hop, or there is no hop at all", look };

fn look(site: &Site, findings: &mut Vec<Finding>) {
    for cf in site.sendmails.iter().filter(|cf| !site.is_sendmail_hop(cf)) {
        let way = site.way_of_sendmail(cf);
        let Some((severity, place)) = astray(&way) else { continue };
        let hop = site.hop_places().into_iter().next();
        let port = hop.as_ref().map_or(10040, |place| place.port);
        let host = hop.as_ref().map_or_else(
            || "[127.0.0.1]".to_owned(),
            |place| place.to_string().rsplit_once(':').map_or_else(String::new, |(host, _)| host.to_owned()),
        );
        let text = if hop.is_some() {
            "Sendmail asks no filter about what it sends: what leaves here, and is forwarded here, passes no milter. In its \
             sendmail.mc:"
        } else {
            "Sendmail asks no filter about what it sends: what leaves here passes no milter. It takes a hop behind it \
             (docs/wiring.md), and in its sendmail.mc:"
        };
        findings.push(
            Finding::new(RULE.id, if hop.is_some() { severity } else { Severity::Error }, &cf.path, "DS (SMART_HOST)")
                .found(place)
                .means(format!("{text}{}", perhaps_a_hop(&way)))
                .change(format!("define(`SMART_HOST', `relay:{host}')dnl"))
                .change(format!("define(`RELAY_MAILER_ARGS', `TCP $h {port}')dnl")),
        );
    }
}
