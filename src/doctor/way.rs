//! Where mail goes: from server to server, until it has passed a listener, is outside, or stays.

use super::cf::Cf;
use super::destination::{Host, Place, Route, is_local, place};
use super::instance::Instance;
use super::site::Site;
use super::words::words;
use crate::message::Domain;

/// Where a route ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Way {
    /// Past a listener of ours.
    Watched,
    /// On this host, or nowhere.
    Here,
    /// In a program, which may do anything.
    Program(String),
    /// At another server inside, or another program of this host.
    Inside(String),
    /// Outside, without having passed a listener.
    Outside(String),
    /// There is no such transport.
    Missing(String),
}

/// After so many servers one behind the other, mail goes in a circle.
const MOST_HOPS: usize = 8;

impl Site {
    /// The route of mail for which nothing else is said.
    pub fn default_route(&self, instance: &Instance) -> Route {
        let mut route = Route::parse(instance.value("default_transport"));
        if route.nexthop.is_empty() {
            route.nexthop = instance.value("relayhost").to_owned();
        }
        route
    }

    /// Where mail goes for which nothing else is said.
    pub fn way_of_default(&self, instance: &Instance) -> Way {
        self.way(instance, &self.default_route(instance), "the recipient's domain")
    }

    /// Where a route ends; `domain` is where it goes without a next hop.
    pub fn way(&self, instance: &Instance, route: &Route, domain: &str) -> Way {
        self.follow(instance, route, domain, MOST_HOPS)
    }

    fn follow(&self, instance: &Instance, route: &Route, domain: &str, left: usize) -> Way {
        let name = match route.transport.as_str() {
            "" => Route::parse(instance.value("default_transport")).transport,
            name => name.to_owned(),
        };
        let Some(service) = instance.transport(&name) else { return Way::Missing(name) };
        match service.program.as_str() {
            "smtp" | "lmtp" => {}
            "pipe" | "spawn" => return Way::Program(name),
            _ => return Way::Here,
        }
        if route.nexthop.is_empty() {
            return Way::Outside(format!("{name}: to the MX of {domain}"));
        }
        // Of several, each may be the one.
        let hosts: Vec<String> = words(&route.nexthop);
        worst(hosts.iter().map(|host| self.at(instance, &name, host, domain, left))).unwrap_or(Way::Here)
    }

    fn at(&self, instance: &Instance, transport: &str, host: &str, domain: &str, left: usize) -> Way {
        let Some(place) = place(host) else { return Way::Outside(format!("{transport}:{host}")) };
        self.behind(&place, Some(instance), &format!("{transport}:{host}"), domain, left)
    }

    /// Where mail ends that is handed over at a place; `written` is how people know it.
    fn behind(&self, place: &Place, from: Option<&Instance>, written: &str, domain: &str, left: usize) -> Way {
        if self.hops.contains(place) {
            return Way::Watched;
        }
        if let Some(cf) = self.sendmails.iter().find(|cf| cf.listens(place)) {
            if left == 0 {
                return Way::Here;
            }
            return if self.is_sendmail_hop(cf) {
                Way::Watched
            } else {
                self.follow_sendmail(cf, cf.smart_host(), left - 1)
            };
        }
        for other in &self.instances {
            for (service, smtpd) in self.doors(other) {
                if !self.listens(other, service, place) {
                    continue;
                }
                if self.is_watched(other, service, smtpd) {
                    return Way::Watched;
                }
                if left == 0 {
                    return Way::Here;
                }
                // It goes on from there.
                let filter = other.value_at(smtpd, "content_filter");
                let next = if filter.is_empty() { self.default_route(other) } else { Route::parse(filter) };
                return match self.follow(other, &next, domain, left - 1) {
                    Way::Outside(place) if !from.is_some_and(|from| std::ptr::eq(other, from)) => {
                        Way::Outside(format!("{place}, by way of {}", other.dir.display()))
                    }
                    way => way,
                };
            }
        }
        match &place.host {
            Host::Unix(_) => Way::Here,
            Host::Addr(addr) if is_local(*addr) || self.organization.owns_addr(*addr) => Way::Inside(place.to_string()),
            Host::Name(name) if Domain::new(name).is_some_and(|name| self.organization.owns_host(&name)) => {
                Way::Inside(place.to_string())
            }
            _ => Way::Outside(written.to_owned()),
        }
    }

    /// Where mail of a Sendmail goes for which nothing else is said.
    pub fn way_of_sendmail(&self, cf: &Cf) -> Way {
        self.way_of_target(cf, cf.smart_host())
    }

    /// Where `mailer:host` of a Sendmail ends.
    pub fn way_of_target(&self, cf: &Cf, target: &str) -> Way {
        self.follow_sendmail(cf, target, MOST_HOPS)
    }

    fn follow_sendmail(&self, cf: &Cf, target: &str, left: usize) -> Way {
        if target.is_empty() {
            return Way::Outside("to the MX of the recipient's domain".to_owned());
        }
        let ways = cf
            .places(target)
            .into_iter()
            .map(|place| self.behind(&place, None, target, "the recipient's domain", left));
        worst(ways).unwrap_or(Way::Here)
    }
}

/// The one that is farthest from a listener.
fn worst(ways: impl Iterator<Item = Way>) -> Option<Way> {
    ways.max_by_key(|way| match way {
        Way::Watched => 0,
        Way::Here => 1,
        Way::Program(_) => 2,
        Way::Inside(_) => 3,
        Way::Missing(_) => 4,
        Way::Outside(_) => 5,
    })
}
