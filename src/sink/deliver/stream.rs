//! Streams: TCP and UNIX sockets. They confirm nothing: the receiver's system has what was sent, and the receiver may end
//! before it reads it. A receiver that ends the connection is noticed before the next record, and at the end of the daemon
//! it is asked to read on until it has everything.

use super::super::Endpoint;
use super::{Framing, Sent, TlsSpec, refusal};
use socket2::{SockRef, TcpKeepalive};
use std::io;
use std::path::PathBuf;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpStream, UnixStream};

/// How long a receiver may take to read the rest at the end.
const FINISH: Duration = Duration::from_secs(2);

/// A connection of any kind.
pub(super) trait Connection: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Connection for T {}

enum Way {
    Tcp(Endpoint),
    Tls(Endpoint, TlsSpec),
    Unix(PathBuf),
}

pub(in crate::sink) struct Stream {
    way: Way,
    framing: Framing,
    connection: Option<Box<dyn Connection>>,
}

impl Stream {
    pub(in crate::sink) fn tcp(to: Endpoint, framing: Framing) -> Self {
        Self { way: Way::Tcp(to), framing, connection: None }
    }

    pub(in crate::sink) fn tls(to: Endpoint, framing: Framing, tls: TlsSpec) -> Self {
        Self { way: Way::Tls(to, tls), framing, connection: None }
    }

    pub(in crate::sink) fn unix(path: PathBuf, framing: Framing) -> Self {
        Self { way: Way::Unix(path), framing, connection: None }
    }

    pub(super) fn reset(&mut self) {
        self.connection = None;
    }

    pub(super) async fn send(&mut self, records: &[&[u8]]) -> Sent {
        if let Some(why) = self.has_ended().await {
            self.connection = None;
            return Sent::broken(format!("{}: {why}", self.name()));
        }
        let connection = match &mut self.connection {
            Some(connection) => connection,
            none => match connect(&self.way).await {
                Ok(connection) => none.insert(connection),
                Err(error) => return Sent::unreachable(format!("{}: {error}", self.name())),
            },
        };
        let mut octets = Vec::with_capacity(records.iter().map(|record| record.len() + 8).sum());
        records.iter().for_each(|record| self.framing.append(record, &mut octets));
        let written = match connection.write_all(&octets).await {
            Ok(()) => connection.flush().await,
            failed => failed,
        };
        match written {
            Ok(()) => Sent::Taken,
            Err(error) => {
                // A receiver that refuses us may have said so before it ended the connection.
                let why = self.has_ended().await.unwrap_or_else(|| error.to_string());
                self.connection = None;
                Sent::broken(format!("{}: {why}", self.name()))
            }
        }
    }

    /// How the receiver has ended the connection, as far as it is known without waiting; `None` while it lives.
    async fn has_ended(&mut self) -> Option<String> {
        let connection = self.connection.as_mut()?;
        let ended = tokio::time::timeout(Duration::ZERO, end_of(connection)).await;
        ended.ok().map(|error| why(error.as_ref()))
    }

    /// How the receiver ends the connection, as soon as it does.
    pub(super) async fn broken(&mut self) -> String {
        let Some(connection) = &mut self.connection else { return std::future::pending().await };
        let error = end_of(connection).await;
        self.connection = None;
        format!("{}: {}", self.name(), why(error.as_ref()))
    }

    /// Says that nothing more comes, and waits for the receiver to end the connection in turn: it has read everything then.
    pub(super) async fn finish(&mut self) -> bool {
        let Some(mut connection) = self.connection.take() else { return false };
        let ended = async {
            connection.shutdown().await?;
            let mut unasked = [0; 512];
            while connection.read(&mut unasked).await? > 0 {}
            Ok::<(), io::Error>(())
        };
        match tokio::time::timeout(FINISH, ended).await {
            Ok(Ok(())) => true,
            // Some end TLS without saying so.
            Ok(Err(error)) => error.kind() == io::ErrorKind::UnexpectedEof,
            Err(_) => false,
        }
    }

    fn name(&self) -> String {
        match &self.way {
            Way::Tcp(to) | Way::Tls(to, _) => to.to_string(),
            Way::Unix(path) => path.display().to_string(),
        }
    }
}

/// Reads to the end. Receivers have nothing to say; whatever it is, it is passed over.
async fn end_of(connection: &mut Box<dyn Connection>) -> Option<io::Error> {
    let mut unasked = [0; 512];
    loop {
        match connection.read(&mut unasked).await {
            Ok(0) => return None,
            Ok(_) => {}
            Err(error) => return Some(error),
        }
    }
}

/// With TLS 1.3, a receiver looks at our certificate after the handshake, and says so what it does not like about it.
fn why(error: Option<&io::Error>) -> String {
    match error {
        Some(error) if error.kind() != io::ErrorKind::UnexpectedEof => {
            refusal::said(error).unwrap_or_else(|| format!("the receiver ended the connection: {error}"))
        }
        _ => "the receiver ended the connection".to_owned(),
    }
}

async fn connect(way: &Way) -> io::Result<Box<dyn Connection>> {
    Ok(match way {
        Way::Tcp(to) => Box::new(tcp(to).await?),
        Way::Tls(to, tls) => Box::new(tls.connect(&to.host, tcp(to).await?).await?),
        Way::Unix(path) => Box::new(UnixStream::connect(path).await?),
    })
}

/// A TCP connection that notices when the other side is gone.
pub(super) async fn tcp(to: &Endpoint) -> io::Result<TcpStream> {
    let stream = TcpStream::connect((to.host.as_str(), to.port)).await?;
    stream.set_nodelay(true)?;
    let alive = TcpKeepalive::new().with_time(Duration::from_secs(30)).with_interval(Duration::from_secs(10));
    SockRef::from(&stream).set_tcp_keepalive(&alive)?;
    Ok(stream)
}
