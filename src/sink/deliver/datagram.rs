//! Datagrams: UDP, where the network may lose them, and UNIX sockets, where the receiver has what was sent.

use super::super::Endpoint;
use super::Sent;
use std::io;
use std::path::PathBuf;
use tokio::net::{UdpSocket, UnixDatagram, lookup_host};

/// What IPv4 carries at the most.
const MOST: usize = 65_507;

enum Way {
    Udp(Endpoint, Option<UdpSocket>),
    Unix(PathBuf, Option<UnixDatagram>),
}

pub(in crate::sink) struct Datagram(Way);

impl Datagram {
    pub(in crate::sink) fn udp(to: Endpoint) -> Self {
        Self(Way::Udp(to, None))
    }

    pub(in crate::sink) fn unix(path: PathBuf) -> Self {
        Self(Way::Unix(path, None))
    }

    pub(super) fn reset(&mut self) {
        match &mut self.0 {
            Way::Udp(_, socket) => *socket = None,
            Way::Unix(_, socket) => *socket = None,
        }
    }

    pub(super) async fn send(&mut self, records: &[&[u8]]) -> Sent {
        for record in records {
            if record.len() > MOST {
                return Sent::Refused(format!("{} octets are too many for a datagram", record.len()));
            }
            if let Err(error) = self.one(record).await {
                self.reset();
                // EMSGSIZE: too long for this socket, now and later.
                if error.raw_os_error() == Some(nix::errno::Errno::EMSGSIZE as i32) {
                    return Sent::Refused(format!("{} octets are too many for a datagram", record.len()));
                }
                return Sent::unreachable(format!("{}: {error}", self.name()));
            }
        }
        Sent::Taken
    }

    async fn one(&mut self, record: &[u8]) -> io::Result<()> {
        match &mut self.0 {
            Way::Udp(to, socket) => {
                if socket.is_none() {
                    *socket = Some(udp(to).await?);
                }
                if let Some(socket) = socket {
                    socket.send(record).await?;
                }
            }
            Way::Unix(path, socket) => {
                if socket.is_none() {
                    let unbound = UnixDatagram::unbound()?;
                    unbound.connect(&*path)?;
                    *socket = Some(unbound);
                }
                if let Some(socket) = socket {
                    socket.send(record).await?;
                }
            }
        }
        Ok(())
    }

    fn name(&self) -> String {
        match &self.0 {
            Way::Udp(to, _) => to.to_string(),
            Way::Unix(path, _) => path.display().to_string(),
        }
    }
}

/// A socket that speaks with the first address of the name that it can speak with.
async fn udp(to: &Endpoint) -> io::Result<UdpSocket> {
    let mut failed = io::Error::other("the name has no address");
    for address in lookup_host((to.host.as_str(), to.port)).await? {
        let local = if address.is_ipv4() { "0.0.0.0:0" } else { "[::]:0" };
        let socket = UdpSocket::bind(local).await?;
        match socket.connect(address).await {
            Ok(()) => return Ok(socket),
            Err(error) => failed = error,
        }
    }
    Err(failed)
}
