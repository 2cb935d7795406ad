//! The rules: one file each. A rule looks at the site as a whole and says what it finds.

mod by_sender;
mod chroot;
mod content_filter;
mod default_action;
mod default_route;
mod delivered_to;
mod delivery;
mod disabled;
mod dsn;
mod expands;
mod fallback;
mod filter_action;
mod gap;
mod loops;
mod macros;
mod mappings;
mod missing;
mod moved;
mod names;
mod protocol;
mod relay;
mod sendmail;
mod silent;
mod size;
mod socket;
mod timeouts;
mod transport;
mod unread;
mod unused;
mod versions;

use super::finding::{Finding, Severity};
use super::instance::Instance;
use super::map::{self, Entry};
use super::site::Site;
use super::way::Way;
use super::words::words;

/// A rule.
#[derive(Debug, Clone, Copy)]
pub struct Rule {
    /// Its name in findings; never changes.
    pub id: &'static str,
    /// What it looks for.
    pub what: &'static str,
    /// Looks.
    pub look: fn(&Site, &mut Vec<Finding>),
}

/// All rules.
pub const RULES: &[Rule] = &[
    missing::RULE,
    disabled::RULE,
    chroot::RULE,
    socket::RULE,
    silent::RULE,
    default_action::RULE,
    protocol::RULE,
    timeouts::RULE,
    macros::RULE,
    default_route::RULE,
    transport::RULE,
    by_sender::RULE,
    relay::RULE,
    filter_action::RULE,
    content_filter::RULE,
    delivery::RULE,
    fallback::RULE,
    dsn::RULE,
    delivered_to::RULE,
    expands::RULE,
    gap::RULE,
    loops::RULE,
    mappings::RULE,
    names::RULE,
    size::RULE,
    moved::RULE,
    versions::RULE,
    unread::RULE,
    unused::RULE,
    sendmail::filter::RULE,
    sendmail::route::RULE,
    sendmail::table::RULE,
    sendmail::expands::RULE,
    sendmail::shared::RULE,
    sendmail::dsn::RULE,
];

/// So many entries of one table are told one by one.
const MOST_TOLD: usize = 5;

/// The entries of the tables in a list. Those that cannot be listed are the business of [`unread`].
fn tables(instance: &Instance, value: &str) -> Vec<(String, Vec<Entry>)> {
    let tables = words(value).into_iter().filter(|word| map::is_table(word));
    tables.filter_map(|table| map::entries(instance, &table).ok().map(|entries| (table, entries))).collect()
}

/// Where mail goes that ought to pass a listener, in words; `None` where it does, or stays here.
fn astray(way: &Way) -> Option<(Severity, String)> {
    match way {
        // To a transport that there is not, nothing goes.
        Way::Watched | Way::Here | Way::Program(_) | Way::Missing(_) => None,
        Way::Outside(place) => Some((Severity::Error, place.clone())),
        Way::Inside(place) => Some((Severity::Warning, place.clone())),
    }
}

/// What to say beside a server inside that may be a hop after all.
fn perhaps_a_hop(way: &Way) -> String {
    match way {
        Way::Inside(place) => format!(" If that is a hop with the milter, say so: --hop '{place}'."),
        _ => String::new(),
    }
}

/// Tells the first entries of a table, and how many more there are.
fn tell(findings: &mut Vec<Finding>, mut found: Vec<Finding>) {
    let more = found.len().saturating_sub(MOST_TOLD);
    found.truncate(MOST_TOLD);
    if let Some(last) = found.last_mut().filter(|_| more > 0) {
        last.text += &format!(" {more} more entries like it.");
    }
    findings.append(&mut found);
}

/// What is to be done after an entry of a table was changed.
fn rebuild(instance: &Instance, table: &str) -> String {
    let plain = table.strip_prefix("proxy:").unwrap_or(table);
    match plain.split_once(':') {
        Some(("hash" | "btree" | "lmdb" | "cdb" | "dbm" | "sdbm", _)) => {
            format!(", then: postmap -c {} {plain}", instance.dir.display())
        }
        _ => String::new(),
    }
}
