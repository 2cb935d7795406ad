//! What an output is: a dialect, a place, and how much is sent at once.

use super::deliver::{Chunks, Framing, HttpSpec, KafkaSpec, Rotation, TlsSpec};
use super::encode::Format;
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

/// A place for events, and the dialect that they have there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Output {
    /// Its name in the log and in the spool.
    pub name: String,
    /// The dialect.
    pub format: &'static Format,
    /// The place.
    pub target: Target,
    /// How much is sent at once.
    pub batch: Batch,
    /// When its file is rotated: never by itself, where nothing is said.
    pub rotation: Option<Rotation>,
}

impl Output {
    /// An output that sends as much at once as suits its place.
    pub fn new(name: &str, format: &'static Format, target: Target) -> Self {
        Self { name: name.to_owned(), format, batch: Batch::for_target(&target), target, rotation: None }
    }

    /// Whether it moves its own file to this place.
    pub fn rotates_to(&self, place: &Target) -> bool {
        match (&self.target, place, self.rotation) {
            (Target::File(own), Target::File(place), Some(rotation)) => {
                (1..=rotation.keep).any(|number| Rotation::moved(own, number) == *place)
            }
            _ => false,
        }
    }
}

/// Where events go.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Target {
    /// Standard output.
    #[default]
    Stdout,
    /// A file, appended to; made with mode 0640.
    File(PathBuf),
    /// UDP, a datagram an event, or several where they can be put together again.
    Udp(Endpoint, Option<Chunks>),
    /// TCP.
    Tcp(Endpoint, Framing),
    /// TLS over TCP.
    Tls(Endpoint, Framing, TlsSpec),
    /// Requests.
    Http(Box<HttpSpec>),
    /// A topic of Kafka, a record an event.
    Kafka(Box<KafkaSpec>),
    /// A UNIX socket, a datagram an event.
    UnixDatagram(PathBuf),
    /// A UNIX socket, a stream.
    UnixStream(PathBuf, Framing),
}

impl Target {
    /// Its kind, as the configuration writes it.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Stdout => "stdout",
            Self::File(_) => "file",
            Self::Udp(..) => "udp",
            Self::Tcp(..) => "tcp",
            Self::Tls(..) => "tls",
            Self::Http(spec) if spec.tls.is_some() => "https",
            Self::Http(_) => "http",
            Self::Kafka(spec) if spec.tls.is_some() => "kafka-tls",
            Self::Kafka(_) => "kafka",
            Self::UnixDatagram(_) => "unix",
            Self::UnixStream(..) => "unix-stream",
        }
    }

    /// Whether both are the same place, however records are parted on the way there.
    pub fn is_at(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Udp(one, _), Self::Udp(other, _))
            | (Self::Tcp(one, _), Self::Tcp(other, _))
            | (Self::Tls(one, ..), Self::Tls(other, ..)) => one == other,
            (Self::UnixStream(one, _), Self::UnixStream(other, _)) => one == other,
            _ => self == other,
        }
    }

    /// Whether records of this dialect can be sent there: what is the body of a request is for HTTP alone.
    pub fn carries(&self, format: &Format) -> bool {
        kind_carries(self.kind(), format)
    }

    /// The kinds that carry a dialect.
    pub fn kinds_for(format: &Format) -> Vec<&'static str> {
        let kinds =
            ["stdout", "file", "udp", "tcp", "tls", "unix", "unix-stream", "kafka-tls", "kafka", "https", "http"];
        kinds.into_iter().filter(|kind| kind_carries(kind, format)).collect()
    }

    /// The files that it names beside the one that is written to.
    pub fn files(&self) -> Vec<&std::path::Path> {
        match self {
            Self::Tls(_, _, tls) => tls.files(),
            Self::Http(spec) => spec.files(),
            Self::Kafka(spec) => spec.files(),
            _ => Vec::new(),
        }
    }

    /// Whether it can do without the spool: what is written on this host waits for nobody.
    pub fn is_local(&self) -> bool {
        matches!(self, Self::Stdout | Self::File(_))
    }
}

fn kind_carries(kind: &str, format: &Format) -> bool {
    match kind {
        // What is said on one host alone.
        _ if format.name == "journald" => kind == "unix",
        _ if format.name == "syslog_local" => matches!(kind, "stdout" | "file" | "unix" | "unix-stream"),
        "stdout" | "file" => true,
        "http" | "https" => !format.is_syslog(),
        _ => !format.is_request(),
    }
}

impl fmt::Display for Target {
    /// As the configuration writes it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Stdout => f.write_str("stdout"),
            Self::File(path) | Self::UnixDatagram(path) | Self::UnixStream(path, _) => {
                write!(f, "{}:{}", self.kind(), path.display())
            }
            Self::Udp(to, _) | Self::Tcp(to, _) | Self::Tls(to, ..) => write!(f, "{}:{to}", self.kind()),
            Self::Kafka(spec) => write!(f, "{}:{spec}", self.kind()),
            Self::Http(spec) => write!(f, "{}://{}{}", self.kind(), spec.to, spec.path),
        }
    }
}

/// A host and its port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    /// A name or an address.
    pub host: String,
    /// The port.
    pub port: u16,
}

impl Endpoint {
    /// Reads `host:port`, an IPv6 address in brackets; `port` is the one where none is written.
    pub fn parse(text: &str, port: Option<u16>) -> Option<Self> {
        let (host, written) = match text.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
            Some((host, "")) => (host, None),
            Some((host, rest)) => (host, Some(rest.strip_prefix(':')?)),
            None => text.rsplit_once(':').map_or((text, None), |(host, port)| (host, Some(port))),
        };
        let port = written.map_or(port, |written| written.parse().ok()).filter(|port| *port > 0)?;
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
        let good = host.parse::<std::net::Ipv6Addr>().is_ok() == text.starts_with('[')
            && !host.is_empty()
            && (text.starts_with('[') || host.chars().all(plain));
        good.then(|| Self { host: host.to_owned(), port })
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { host, port } = self;
        if host.contains(':') { write!(f, "[{host}]:{port}") } else { write!(f, "{host}:{port}") }
    }
}

/// How much is sent at once, and how long that may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Batch {
    /// Events.
    pub events: usize,
    /// Octets.
    pub bytes: usize,
    /// How long an event waits for others.
    pub linger: Duration,
    /// How long a receiver may take.
    pub timeout: Duration,
}

impl Batch {
    /// What suits a place.
    pub fn for_target(target: &Target) -> Self {
        // A request is worth more events.
        let linger = if matches!(target, Target::Http(_)) { Duration::from_secs(1) } else { Duration::ZERO };
        // Whether events are indexed is known late; Splunk itself says to wait so long before they are sent again.
        let acknowledged = matches!(target, Target::Http(spec) if spec.acknowledge);
        let timeout = Duration::from_secs(if acknowledged { 300 } else { 30 });
        Self { events: 500, bytes: 900_000, linger, timeout }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn endpoints() {
        for (text, host, port) in
            [("siem.corp.example:6514", "siem.corp.example", 6514), ("[2001:db8::1]:514", "2001:db8::1", 514)]
        {
            let endpoint = Endpoint::parse(text, None).unwrap();
            assert_eq!((endpoint.host.as_str(), endpoint.port), (host, port));
            assert_eq!(endpoint.to_string(), text);
        }
        assert_eq!(Endpoint::parse("siem", Some(601)).unwrap().port, 601);
        for text in ["", "siem", ":514", "siem:0", "siem:99999", "2001:db8::1:514", "[siem]:514", "si em:514", "a/b:1"]
        {
            assert_eq!(Endpoint::parse(text, None), None, "{text}");
        }
    }
}
