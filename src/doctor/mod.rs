//! Is the mail server wired so that forwards can be seen? Reads what the mail server itself says of its configuration and
//! compares it with the listeners of ours. Changes nothing; sends mail only where it is asked to (canaries).

mod canary;
mod cf;
mod destination;
mod finding;
mod instance;
mod map;
mod milter;
mod probe;
mod rules;
mod site;
mod way;
mod words;

pub use canary::{Canary, Sighting, Watcher};
pub use cf::Cf;
pub use destination::{Place, place};
pub use finding::{Finding, Severity};
pub use instance::{Instance, directories};
pub use rules::{RULES, Rule};
pub use site::Site;
pub use way::Way;

/// What is wrong with a site, the worst first.
pub fn examine(site: &Site) -> Vec<Finding> {
    let mut findings = Vec::new();
    for rule in RULES {
        (rule.look)(site, &mut findings);
    }
    findings.sort_by_key(|finding| finding.severity);
    findings
}
