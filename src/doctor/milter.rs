//! What an smtpd is told of its milters, and which listener of ours is meant.

use super::instance::{Instance, Service};
use super::words::{pair, unbraced, words};
use crate::frontend::{ListenerSpec, Socket};
use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// A milter as `smtpd_milters` names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Milter {
    /// `inet:host:port` or `unix:path`.
    pub address: String,
    /// Its own settings: `default_action`, `command_timeout`, …
    own: BTreeMap<String, String>,
}

impl Milter {
    /// All of a list.
    pub fn list(value: &str) -> Vec<Self> {
        words(value).iter().filter_map(|word| Self::parse(word)).collect()
    }

    fn parse(word: &str) -> Option<Self> {
        let mut parts = words(unbraced(word)).into_iter();
        let address = parts.next()?;
        let own = parts.filter_map(|part| pair(&part).map(|(name, value)| (name.to_owned(), value.to_owned())));
        Some(Self { address, own: own.collect() })
    }

    /// A setting: its own, or that of the smtpd, whose name has `milter_` before it.
    pub fn setting<'a>(&'a self, instance: &'a Instance, smtpd: &'a Service, name: &str) -> &'a str {
        self.own.get(name).map_or_else(|| instance.value_at(smtpd, &format!("milter_{name}")), String::as_str)
    }

    /// Whether it has that setting itself.
    pub fn has(&self, name: &str) -> bool {
        self.own.contains_key(name)
    }

    /// As it is written with another setting.
    pub fn with(&self, name: &str, value: &str) -> String {
        let mut own = self.own.clone();
        own.insert(name.to_owned(), value.to_owned());
        let own: Vec<String> = own.iter().map(|(name, value)| format!(", {name}={value}")).collect();
        format!("{{ {}{} }}", self.address, own.concat())
    }

    /// Where that is, as an smtpd sees it.
    pub fn target(&self, instance: &Instance, smtpd: &Service) -> Target {
        let (kind, rest) = self.address.split_once(':').unwrap_or(("", &self.address));
        if kind == "unix" || kind == "local" {
            let queue = Path::new(instance.value("queue_directory"));
            // In a chroot the queue directory is the root; elsewhere it is where a service works.
            let inside = if instance.is_chrooted(smtpd) { rest.trim_start_matches('/') } else { rest };
            return Target::Unix(queue.join(inside));
        }
        let host_and_port = rest.rsplit_once(':').or_else(|| rest.split_once('@').map(|(port, host)| (host, port)));
        let Some((host, port)) = host_and_port else { return Target::Unknown };
        let host = host.trim_start_matches('[').trim_end_matches(']');
        let addr = if host == "localhost" { Some(IpAddr::V4(Ipv4Addr::LOCALHOST)) } else { host.parse().ok() };
        match (addr, port.parse()) {
            (Some(addr), Ok(port)) => Target::Tcp(SocketAddr::new(addr, port)),
            (None, Ok(port)) => Target::Named(port),
            (_, Err(_)) => Target::Unknown,
        }
    }

    /// The listener that would be meant by that address if no chroot were between.
    pub fn meant<'a>(&self, listeners: &'a [ListenerSpec]) -> Option<&'a ListenerSpec> {
        let (_, path) = self.address.split_once(':')?;
        listeners.iter().find(|spec| matches!(&spec.at.socket, Socket::Unix(own) if own == Path::new(path)))
    }
}

/// Where a milter is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// A file.
    Unix(PathBuf),
    /// An address.
    Tcp(SocketAddr),
    /// A port at a host with a name, which is not looked up.
    Named(u16),
    /// Nobody knows.
    Unknown,
}

impl Target {
    /// Whether that listener is there.
    pub fn is(&self, spec: &ListenerSpec) -> bool {
        match (self, &spec.at.socket) {
            (Self::Unix(path), Socket::Unix(own)) => same_file(path, own),
            (Self::Tcp(addr), Socket::Tcp(own)) => {
                let loopback = addr.ip().is_loopback() && own.ip().is_loopback() && addr.ip() == own.ip();
                addr.port() == own.port() && (addr.ip() == own.ip() || own.ip().is_unspecified() || loopback)
            }
            (Self::Named(port), Socket::Tcp(own)) => *port == own.port(),
            _ => false,
        }
    }
}

/// Whether both paths lead to the same file, or would.
fn same_file(one: &Path, other: &Path) -> bool {
    let file = |path: &Path| std::fs::metadata(path).ok().map(|metadata| (metadata.dev(), metadata.ino()));
    one == other || file(one).is_some_and(|found| Some(found) == file(other))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_of_milters() {
        let all =
            Milter::list("{ inet:127.0.0.1:1, default_action=accept, { command_timeout = 10s } }, unix:run/x.sock");
        let [one, two] = all.as_slice() else { panic!("{all:?}") };
        assert_eq!(one.own.get("default_action").map(String::as_str), Some("accept"));
        assert_eq!(one.own.get("command_timeout").map(String::as_str), Some("10s"));
        assert_eq!(two.address, "unix:run/x.sock");
        assert_eq!(two.with("default_action", "tempfail"), "{ unix:run/x.sock, default_action=tempfail }");
        assert_eq!(
            one.with("default_action", "tempfail"),
            "{ inet:127.0.0.1:1, command_timeout=10s, default_action=tempfail }"
        );
    }
}
