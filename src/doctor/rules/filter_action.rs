//! Do access tables, header or body checks send mail another way?

use super::{Finding, Rule, Site, astray, perhaps_a_hop, rebuild, tables, tell};
use crate::doctor::destination::Route;
use crate::doctor::instance::{Instance, Service};
use crate::doctor::map::{Entry, is_table, source};
use crate::doctor::words::words;
use std::path::Path;

pub(super) const RULE: Rule = Rule {
    id: "route.filter",
    what: "a FILTER action in access tables, header or body checks leads past the hop",
    look,
};

const CHECKS: [&str; 5] =
    ["header_checks", "mime_header_checks", "nested_header_checks", "body_checks", "milter_header_checks"];

fn look(site: &Site, findings: &mut Vec<Finding>) {
    for instance in site.wired() {
        let mut seen = Vec::new();
        for (service, parameter, value) in instance.settings() {
            // Behind the milter mail may go where it likes.
            if service.is_some_and(|service| is_hop(site, instance, service)) {
                continue;
            }
            for (table, entries) in checked(instance, parameter, value) {
                if seen.contains(&table) {
                    continue;
                }
                let found =
                    entries.iter().filter_map(|entry| finding(site, instance, parameter, &table, entry)).collect();
                tell(findings, found);
                seen.push(table);
            }
        }
    }
}

fn is_hop(site: &Site, instance: &Instance, service: &Service) -> bool {
    site.hops_here().iter().any(|hop| std::ptr::eq(hop.instance, instance) && hop.smtpd == service)
}

/// The tables of actions that a parameter names.
fn checked(instance: &Instance, parameter: &str, value: &str) -> Vec<(String, Vec<Entry>)> {
    if CHECKS.contains(&parameter) {
        return tables(instance, value);
    }
    let words = words(value);
    let mut named = String::new();
    for pair in words.windows(2) {
        if let [check, table] = pair
            && check.starts_with("check_")
            && check.ends_with("_access")
            && is_table(table)
        {
            named += &format!(" {table}");
        }
    }
    tables(instance, &named)
}

fn finding(site: &Site, instance: &Instance, parameter: &str, table: &str, entry: &Entry) -> Option<Finding> {
    let (action, target) = entry.value.split_once(char::is_whitespace)?;
    if !action.eq_ignore_ascii_case("FILTER") {
        return None;
    }
    let way = site.way(instance, &Route::parse(target), "the recipient's domain");
    // A filter on this host hands mail back.
    if matches!(&way, super::Way::Inside(place) if place.starts_with("[127.") || place.starts_with("localhost")) {
        return None;
    }
    let (severity, place) = astray(&way)?;
    Some(
        Finding::new(RULE.id, severity, Path::new(&source(table)), format!("{parameter}, {}", entry.key))
            .found(place)
            .means(format!(
                "Mail that meets {} goes by {target} with all that is made of it, and passes the hop by.{}",
                entry.key,
                perhaps_a_hop(&way)
            ))
            .change(format!("{} FILTER {}{}", entry.key, site.default_route(instance), rebuild(instance, table))),
    )
}
