//! Datagrams: UDP, where the network may lose them, and UNIX sockets, where the receiver has what was sent.

use super::super::Endpoint;
use super::{Chunks, Item, Sent};
use std::borrow::Cow;
use std::io;
use std::path::PathBuf;
use tokio::net::{UdpSocket, UnixDatagram, lookup_host};

/// What IPv4 carries at the most.
const MOST: usize = 65_507;

enum Way {
    Udp(Endpoint, Option<Chunks>, Option<UdpSocket>),
    Unix(PathBuf, Option<UnixDatagram>),
}

pub(in crate::sink) struct Datagram(Way);

impl Datagram {
    pub(in crate::sink) fn udp(to: Endpoint, chunks: Option<Chunks>) -> Self {
        Self(Way::Udp(to, chunks, None))
    }

    pub(in crate::sink) fn unix(path: PathBuf) -> Self {
        Self(Way::Unix(path, None))
    }

    pub(super) fn reset(&mut self) {
        match &mut self.0 {
            Way::Udp(_, _, socket) => *socket = None,
            Way::Unix(_, socket) => *socket = None,
        }
    }

    pub(super) async fn send(&mut self, records: &[&[u8]]) -> Sent {
        let mut items = Vec::with_capacity(records.len());
        for record in records {
            match self.record(record).await {
                Ok(item) => items.push(item),
                Err(error) => {
                    self.reset();
                    let error = format!("{}: {error}", self.name());
                    // By UDP, the error may be what became of the one before. A UNIX socket has taken that.
                    if matches!(self.0, Way::Udp(..)) {
                        return Sent::unreachable(error);
                    }
                    if items.iter().all(|item| *item == Item::Taken) {
                        return Sent::Some(items.len(), error);
                    }
                    items.resize(records.len(), Item::Later);
                    return Sent::Each(items);
                }
            }
        }
        if items.iter().all(|item| *item == Item::Taken) { Sent::Taken } else { Sent::Each(items) }
    }

    /// Sends one record, in as many datagrams as it takes.
    async fn record(&mut self, record: &[u8]) -> io::Result<Item> {
        let too_long = || Ok(Item::Refused(format!("{} octets are too many for a datagram", record.len())));
        let datagrams = match &self.0 {
            Way::Udp(_, Some(chunks), _) => match chunks.datagrams(record) {
                Ok(datagrams) => datagrams,
                Err(error) => return Ok(Item::Refused(error)),
            },
            _ if record.len() > MOST => return too_long(),
            _ => vec![Cow::Borrowed(record)],
        };
        for datagram in &datagrams {
            match self.one(datagram).await {
                // Too long for this socket, now and later.
                Err(error) if error.raw_os_error() == Some(nix::errno::Errno::EMSGSIZE as i32) => return too_long(),
                sent => sent?,
            }
        }
        Ok(Item::Taken)
    }

    async fn one(&mut self, record: &[u8]) -> io::Result<()> {
        match &mut self.0 {
            Way::Udp(to, _, socket) => {
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
            Way::Udp(to, ..) => to.to_string(),
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
