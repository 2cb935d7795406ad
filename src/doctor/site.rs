//! All that is looked at together: the instances of Postfix, the listeners of ours, and where mail goes between them.

use super::destination::{Host, Place, Route, is_local, place, port};
use super::instance::{Instance, Service};
use super::milter::Milter;
use super::words::words;
use crate::frontend::{ListenerSpec, Role};
use crate::message::{Direction, Domain, Organization};

/// A site.
#[derive(Debug, Clone)]
pub struct Site {
    /// The instances of Postfix.
    pub instances: Vec<Instance>,
    /// The listeners of our configuration.
    pub listeners: Vec<ListenerSpec>,
    /// What is ours.
    pub organization: Organization,
    /// Servers elsewhere that have the milter.
    pub hops: Vec<Place>,
}

/// An smtpd that asks a listener of ours.
#[derive(Debug, Clone)]
pub struct Watch<'a> {
    /// Its instance.
    pub instance: &'a Instance,
    /// The service that listens.
    pub service: &'a Service,
    /// The smtpd: behind postscreen it is another service.
    pub smtpd: &'a Service,
    /// How it asks.
    pub milter: Milter,
    /// Whom.
    pub listener: &'a ListenerSpec,
    /// Whether it can: a chroot may be between.
    pub reached: bool,
}

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
    /// The services of an instance that take mail by SMTP, each with the smtpd that has its settings.
    pub fn doors<'a>(&self, instance: &'a Instance) -> Vec<(&'a Service, &'a Service)> {
        let behind = instance.services.iter().find(|service| service.kind == "pass" && service.program == "smtpd");
        let door = |service: &'a Service| match service.program.as_str() {
            "smtpd" if service.kind == "inet" => Some((service, service)),
            "postscreen" if service.kind == "inet" => behind.map(|smtpd| (service, smtpd)),
            _ => None,
        };
        instance.services.iter().filter_map(door).collect()
    }

    /// The milters of an smtpd that are ours.
    pub fn watches_at<'a>(
        &'a self,
        instance: &'a Instance,
        service: &'a Service,
        smtpd: &'a Service,
    ) -> Vec<Watch<'a>> {
        let watch = |milter: Milter| {
            let target = milter.target(instance, smtpd);
            let found = self.listeners.iter().find(|spec| target.is(spec));
            let (listener, reached) = match found {
                Some(listener) => (listener, true),
                None => (milter.meant(&self.listeners)?, false),
            };
            Some(Watch { instance, service, smtpd, milter, listener, reached })
        };
        Milter::list(instance.value_at(smtpd, "smtpd_milters")).into_iter().filter_map(watch).collect()
    }

    /// Every smtpd that asks a listener of ours.
    pub fn watches(&self) -> Vec<Watch<'_>> {
        let of =
            |instance| self.doors(instance).into_iter().flat_map(move |door| self.watches_at(instance, door.0, door.1));
        self.instances.iter().flat_map(of).collect()
    }

    /// Those that see mail on its way out.
    pub fn hops_here(&self) -> Vec<Watch<'_>> {
        self.watches().into_iter().filter(|watch| self.is_hop(watch)).collect()
    }

    /// Those that see mail on its way in.
    pub fn fronts(&self) -> Vec<Watch<'_>> {
        self.watches().into_iter().filter(|watch| !self.is_hop(watch)).collect()
    }

    fn is_hop(&self, watch: &Watch<'_>) -> bool {
        if watch.listener.role == Role::Enforce || watch.listener.direction == Direction::Inbound {
            return watch.listener.role == Role::Enforce;
        }
        // One that only watches may stand at either end: it is a hop where mail is sent to it.
        let sent_to = |instance: &Instance| {
            let route = self.default_route(instance);
            place(&route.nexthop).is_some_and(|place| self.listens(watch.instance, watch.service, &place))
        };
        self.instances.iter().any(sent_to)
    }

    /// Whether an smtpd asks a listener that sees mail on its way out.
    fn is_watched(&self, instance: &Instance, service: &Service, smtpd: &Service) -> bool {
        let sees =
            |watch: &Watch<'_>| watch.listener.role == Role::Enforce || watch.listener.direction == Direction::Outbound;
        self.watches_at(instance, service, smtpd).iter().any(sees)
    }

    /// Whether an instance is a hop, which has the milter and sends outside itself.
    pub fn is_relay(&self, instance: &Instance) -> bool {
        // An inspection listener in the loop of layout A has a way out of its own.
        let here = |watch: &Watch<'_>| {
            std::ptr::eq(watch.instance, instance) && instance.value_at(watch.smtpd, "content_filter").is_empty()
        };
        self.hops_here().iter().any(here) && self.way_of_default(instance) != Way::Watched
    }

    /// The instances that are to send what leaves to a hop.
    pub fn inner(&self) -> impl Iterator<Item = &Instance> {
        self.instances.iter().filter(|instance| !self.is_relay(instance))
    }

    /// Those of them that do: the others have to be put right first.
    pub fn wired(&self) -> impl Iterator<Item = &Instance> {
        self.inner().filter(|instance| self.way_of_default(instance) == Way::Watched)
    }

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
        let ways = hosts.iter().map(|host| self.at(instance, &name, host, domain, left));
        ways.max_by_key(|way| match way {
            Way::Watched => 0,
            Way::Here => 1,
            Way::Program(_) => 2,
            Way::Inside(_) => 3,
            Way::Missing(_) => 4,
            Way::Outside(_) => 5,
        })
        .unwrap_or(Way::Here)
    }

    fn at(&self, instance: &Instance, transport: &str, host: &str, domain: &str, left: usize) -> Way {
        let Some(place) = place(host) else { return Way::Outside(format!("{transport}:{host}")) };
        if self.hops.contains(&place) {
            return Way::Watched;
        }
        for other in &self.instances {
            for (service, smtpd) in self.doors(other) {
                if !self.listens(other, service, &place) {
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
                    Way::Outside(place) if !std::ptr::eq(other, instance) => {
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
            _ => Way::Outside(format!("{transport}:{host}")),
        }
    }

    /// Whether a service listens at that place.
    pub fn listens(&self, instance: &Instance, service: &Service, place: &Place) -> bool {
        let (host, number) = match service.name.rsplit_once(':') {
            Some((host, number)) => (Some(host.trim_start_matches('[').trim_end_matches(']')), number),
            None => (None, service.name.as_str()),
        };
        if port(number) != Some(place.port) {
            return false;
        }
        let interfaces = instance.value("inet_interfaces");
        let hosts = host.map_or_else(|| words(interfaces), |host| vec![host.to_owned()]);
        let names_it = |name: &str| name == "localhost" || name == instance.value("myhostname");
        hosts.iter().any(|host| match (&place.host, host.as_str()) {
            (Host::Unix(_), _) => false,
            (Host::Addr(addr), "all") => is_local(*addr),
            (Host::Addr(addr), "loopback-only" | "localhost") => addr.is_loopback(),
            (Host::Name(name), "all") => names_it(name),
            (Host::Name(name), "loopback-only") => name == "localhost",
            (Host::Addr(addr), host) => host.parse() == Ok(*addr),
            (Host::Name(name), host) => name == host || (name == "localhost" && host == "127.0.0.1"),
        })
    }

    /// Whether mail for a domain (or an address) stays inside.
    pub fn owns(&self, key: &str) -> bool {
        let domain = key.rsplit_once('@').map_or(key, |(_, domain)| domain).trim_start_matches('.');
        Domain::new(domain)
            .is_some_and(|domain| self.organization.domains.contains(&domain) || self.organization.owns_host(&domain))
    }
}
