//! Transports and next hops: where they hand mail over.

use std::fmt;
use std::net::{IpAddr, UdpSocket};

/// A host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Host {
    /// By address.
    Addr(IpAddr),
    /// By name, in lower case.
    Name(String),
    /// A socket in the file system.
    Unix(String),
}

/// A place at which a server listens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The host.
    pub host: Host,
    /// The port.
    pub port: u16,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.host {
            Host::Addr(addr) => write!(f, "[{addr}]:{}", self.port),
            Host::Name(name) => write!(f, "{name}:{}", self.port),
            Host::Unix(path) => write!(f, "unix:{path}"),
        }
    }
}

/// A next hop as Postfix writes it: `[host]:port`, `host:port`, `host`, `inet:host:port`, `unix:path`; the ports of services
/// have names.
pub fn place(text: &str) -> Option<Place> {
    let text = text.trim();
    if let Some(path) = text.strip_prefix("unix:") {
        return Some(Place { host: Host::Unix(path.to_owned()), port: 0 });
    }
    let text = text.strip_prefix("inet:").unwrap_or(text);
    let (host, port) = match text.strip_prefix('[') {
        Some(rest) => {
            let (host, rest) = rest.split_once(']')?;
            (host, rest.strip_prefix(':'))
        }
        None => match text.rsplit_once(':') {
            Some((host, _)) if host.contains(':') => (text, None),
            Some((host, port)) => (host, Some(port)),
            None => (text, None),
        },
    };
    let port = port.map_or(Some(25), self::port)?;
    let host = host.strip_prefix("IPv6:").unwrap_or(host).to_lowercase();
    (!host.is_empty()).then(|| Place { host: host.parse().map_or(Host::Name(host), Host::Addr), port })
}

/// A port by number, or by the name of its service.
pub(super) fn port(text: &str) -> Option<u16> {
    let known = match text {
        "smtp" => Some(25),
        "smtps" | "submissions" => Some(465),
        "submission" => Some(587),
        _ => text.parse().ok(),
    };
    known.or_else(|| {
        let services = std::fs::read_to_string("/etc/services").ok()?;
        let mut found = services.lines().filter_map(|line| {
            let mut words = line.split_whitespace();
            let (name, port) = (words.next()?, words.next()?.strip_suffix("/tcp")?);
            (name == text).then(|| port.parse().ok())?
        });
        found.next()
    })
}

/// Whether an address is one of this machine's.
pub(super) fn is_local(addr: IpAddr) -> bool {
    addr.is_loopback() || UdpSocket::bind((addr, 0)).is_ok()
}

/// `transport:nexthop`, either of them possibly empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Route {
    /// The service in `master.cf`.
    pub transport: String,
    /// What it is told.
    pub nexthop: String,
}

impl Route {
    /// As a transport table or a parameter writes it.
    pub fn parse(text: &str) -> Self {
        let (transport, nexthop) = text.trim().split_once(':').unwrap_or((text.trim(), ""));
        Self { transport: transport.trim().to_owned(), nexthop: nexthop.trim().to_owned() }
    }
}

impl fmt::Display for Route {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.transport, self.nexthop)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn next_hops() {
        for (text, wanted) in [
            ("[127.0.0.1]:10040", "[127.0.0.1]:10040"),
            ("127.0.0.1:10040", "[127.0.0.1]:10040"),
            ("[::1]:25", "[::1]:25"),
            ("[IPv6:::1]", "[::1]:25"),
            ("Relay.Corp.example", "relay.corp.example:25"),
            ("[relay.corp.example]:submission", "relay.corp.example:587"),
            ("inet:host:24", "host:24"),
            ("unix:private/x", "unix:private/x"),
        ] {
            assert_eq!(place(text).map(|place| place.to_string()).as_deref(), Some(wanted), "{text}");
        }
        for text in ["", ":25", "[host:25", "host:no-such-service"] {
            assert_eq!(place(text), None, "{text}");
        }
    }

    #[test]
    fn routes() {
        assert_eq!(Route::parse("smtp:[::1]:25").nexthop, "[::1]:25");
        assert_eq!(Route::parse("smtp").to_string(), "smtp:");
        assert_eq!(Route::parse(":[x]").transport, "");
    }

    #[test]
    fn own_addresses() {
        assert!(is_local("127.0.0.1".parse().unwrap()) && is_local("127.3.4.5".parse().unwrap()));
        assert!(!is_local("192.0.2.77".parse().unwrap()));
    }
}
