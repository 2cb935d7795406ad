//! `[organization]`: what is ours.

use super::lists;
use super::reader::Section;
use crate::message::{DomainSet, Organization};
use crate::policy::Classes;

/// Reads it.
pub(super) fn read(root: &Section<'_>) -> (Organization, Classes) {
    let (mut organization, mut classes) = (Organization::default(), Classes::default());
    let Some(section) = root.table("organization") else {
        if !root.has("organization") {
            let text = "there is no [organization]: write [organization] with domains = [\"your.domain\"]";
            root.report().error(root.place(), text);
        }
        return (organization, classes);
    };
    let subdomains = section.boolean("subdomains").unwrap_or(true);
    organization.domains = own(&section, "domains", subdomains);
    if organization.domains.is_empty() && !section.report().has_error_at("organization.domains") {
        let text = "domains is missing or empty: without own domains nothing can be told to leave";
        section.report().error(section.place(), text);
    }
    organization.hosts = own(&section, "hosts", true);
    for (network, place) in lists::networks(&section, "networks").unwrap_or_default() {
        if network.prefix_len() == 0 {
            let text = format!("{network} holds every address: mail from strangers would count as coming from inside");
            section.report().error(&place, text);
        }
        organization.networks.push(network);
    }
    if let Some(table) = section.table("classes") {
        classes.affiliate = lists::domains(&table, "affiliate").unwrap_or_default();
        classes.partner = lists::domains(&table, "partner").unwrap_or_default();
        classes.freemail = lists::domains(&table, "freemail").unwrap_or(classes.freemail);
        classes.disposable = lists::domains(&table, "disposable").unwrap_or(classes.disposable);
        classes.look_alike = lists::domains(&table, "look_alike").unwrap_or_default();
        table.finish();
    }
    section.finish();
    (organization, classes)
}

/// A list of what is ours: never all of what others may register.
fn own(section: &Section<'_>, key: &'static str, subdomains: bool) -> DomainSet {
    let mut set = DomainSet::new();
    for (name, below, place) in lists::names(section, key, subdomains).unwrap_or_default() {
        if below && name.is_public_suffix() {
            let text = format!("\"{name}\" is open to everybody: write the domain that was registered below it");
            section.report().error(&place, text);
        }
        set.insert(name, below);
    }
    set
}

#[cfg(test)]
mod tests {
    use crate::config::Config;
    use crate::message::{Address, Domain};
    use crate::policy::DomainClass;

    fn config(organization: &str) -> Config {
        let text = format!("[[listener]]\nsocket = \"inet:127.0.0.1:8891\"\n[organization]\n{organization}");
        Config::parse_str(&text).unwrap_or_else(|problems| panic!("{problems}")).config
    }

    fn owns(config: &Config, name: &str) -> bool {
        config.organization.domains.contains(&Domain::new(name).expect("a domain"))
    }

    #[test]
    fn names_below_a_domain() {
        let all = config("domains = [\"corp.example\", \".sister.example\"]");
        assert!(owns(&all, "corp.example") && owns(&all, "sub.corp.example") && owns(&all, "sub.sister.example"));
        let dotted = config("domains = [\"corp.example\", \".sister.example\"]\nsubdomains = false");
        assert!(owns(&dotted, "corp.example") && owns(&dotted, "sister.example"));
        assert!(!owns(&dotted, "sub.corp.example"));
        assert!(owns(&dotted, "sub.sister.example"));
    }

    #[test]
    fn networks_are_whole() {
        let config = config("domains = [\"corp.example\"]\nnetworks = [\"198.51.100.25/24\", \"203.0.113.7\"]");
        let networks: Vec<String> = config.organization.networks.iter().map(ToString::to_string).collect();
        assert_eq!(networks, ["198.51.100.0/24", "203.0.113.7/32"]);
    }

    #[test]
    fn own_classes_and_the_built_in_one() {
        let class = |config: &Config, name: &str| {
            let address = Address::new("x", name).expect("an address");
            config.policy.classes.of(&address, None, &config.organization)
        };
        let built_in = config("domains = [\"corp.example\"]\n[organization.classes]\npartner = [\"partner.example\"]");
        assert_eq!(class(&built_in, "gmail.com"), DomainClass::Freemail);
        assert_eq!(class(&built_in, "mail.partner.example"), DomainClass::Partner);
        let own = config("domains = [\"corp.example\"]\n[organization.classes]\nfreemail = [\"free.example\"]");
        assert_eq!(class(&own, "gmail.com"), DomainClass::Other);
        assert_eq!(class(&own, "free.example"), DomainClass::Freemail);
    }
}
