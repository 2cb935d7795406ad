//! All that is looked at together: the instances of Postfix, the listeners of ours, and where mail goes between them.

use super::cf::{Cf, Filter};
use super::destination::{Host, Place, is_local, place, port};
use super::instance::{Instance, Service};
use super::milter::Milter;
use super::way::Way;
use super::words::words;
use crate::frontend::{ListenerSpec, Role};
use crate::message::{Direction, Domain, Organization};
use std::net::{IpAddr, Ipv4Addr};

/// A site.
#[derive(Debug, Clone)]
pub struct Site {
    /// The instances of Postfix.
    pub instances: Vec<Instance>,
    /// The Sendmails.
    pub sendmails: Vec<Cf>,
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
    pub(super) fn is_watched(&self, instance: &Instance, service: &Service, smtpd: &Service) -> bool {
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

    /// The listener that a filter of Sendmail's means.
    pub fn listener_of(&self, filter: &Filter) -> Option<&ListenerSpec> {
        let socket = filter.socket()?;
        self.listeners.iter().find(|spec| spec.at.socket.overlaps(&socket))
    }

    /// Whether a Sendmail asks a listener that sees mail on its way out.
    pub fn is_sendmail_hop(&self, cf: &Cf) -> bool {
        cf.asked()
            .iter()
            .filter_map(|filter| self.listener_of(filter))
            .any(|spec| spec.role == Role::Enforce || spec.direction == Direction::Outbound)
    }

    /// Whether there is a hop at all.
    pub fn has_hop(&self) -> bool {
        !self.hop_places().is_empty()
    }

    /// Where mail is to be handed over.
    pub fn hop_places(&self) -> Vec<Place> {
        let here = |host: Option<&str>, number: &str| {
            let host = host.unwrap_or("127.0.0.1");
            let host = host.parse().map_or_else(|_| Host::Name(host.to_owned()), Host::Addr);
            port(number).map(|port| Place { host, port })
        };
        let postfix = self.hops_here().into_iter().filter_map(|hop| match hop.service.name.rsplit_once(':') {
            Some((host, number)) => here(Some(host.trim_matches(['[', ']'])), number),
            None => here(None, &hop.service.name),
        });
        let loopback = IpAddr::V4(Ipv4Addr::LOCALHOST);
        let sendmail = self.sendmails.iter().filter(|cf| self.is_sendmail_hop(cf)).flat_map(Cf::daemons);
        let sendmail = sendmail.map(|(addr, port)| Place { host: Host::Addr(addr.unwrap_or(loopback)), port });
        postfix.chain(sendmail).chain(self.hops.iter().cloned()).collect()
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
