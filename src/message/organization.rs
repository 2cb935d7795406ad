//! What is ours: domains, hosts and networks. Every judgement of "inside" and "outside" goes through here.

use super::address::Address;
use super::domain::{Domain, DomainSet};
use ipnet::IpNet;
use std::net::IpAddr;

/// The organisation whose mail is watched.
#[derive(Debug, Clone, Default)]
pub struct Organization {
    /// Own mail domains. Hosts below them count as own hosts.
    pub domains: DomainSet,
    /// Networks of own hosts. Loopback is always among them.
    pub networks: Vec<IpNet>,
    /// Own hosts whose names are outside the own domains (a hosted mail server, say).
    pub hosts: DomainSet,
}

impl Organization {
    /// Whether `address` is a mailbox of ours. One whose local part relays on to another host is not.
    pub fn owns(&self, address: &Address) -> bool {
        self.domains.contains(address.domain()) && !address.is_relay_encoded()
    }

    /// Whether `name` is the name of an own host.
    pub fn owns_host(&self, name: &Domain) -> bool {
        name.as_str() == "localhost"
            || name.as_str().starts_with("localhost.")
            || self.domains.contains(name)
            || self.hosts.contains(name)
    }

    /// Whether `addr` is in an own network.
    pub fn owns_addr(&self, addr: IpAddr) -> bool {
        let addr = addr.to_canonical();
        addr.is_loopback() || self.networks.iter().any(|network| network.contains(&addr))
    }
}
