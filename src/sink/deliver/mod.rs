//! Transports: how records reach a receiver. Each says of what it was given whether it was taken, is to be sent again, or is
//! refused for good; what follows from that is decided elsewhere, once for all.

mod chunks;
mod datagram;
mod file;
mod frame;
mod gzip;
mod http;
mod kafka;
mod piece;
mod refusal;
mod rotate;
mod stdout;
mod stream;
mod tls;

pub use chunks::Chunks;
pub(super) use file::Appended;
pub use frame::Framing;
pub use http::{Auth, Grant, HttpSpec, KeyFile, OauthSpec, secret};
pub use kafka::{KafkaSpec, Mechanism, SaslSpec, password};
pub(super) use piece::{Label, Piece};
pub use rotate::Rotation;
pub use tls::{TlsSpec, fingerprint};

use super::{Output, Target};
use datagram::Datagram;
use http::Http;
#[cfg(feature = "kafka")]
use kafka::Kafka;
use std::io;
use std::path::Path;
use std::time::Duration;
use stream::Stream;

/// What became of records.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Sent {
    /// All were taken.
    Taken,
    /// Something of each.
    Each(Vec<Item>),
    /// So many of the first were taken; the others not now, and why.
    Some(usize, String),
    /// Not now.
    Later {
        /// Why.
        error: String,
        /// When the receiver wants to be asked again.
        after: Option<Duration>,
        /// Whether a connection broke, and with it what was on its way.
        broken: bool,
    },
    /// The receiver does not let us in: somebody must change something.
    Held(String),
    /// At least one of them is refused for good.
    Refused(String),
}

impl Sent {
    /// The receiver cannot be reached.
    pub(super) fn unreachable(error: String) -> Self {
        Self::Later { error, after: None, broken: false }
    }

    /// A connection broke.
    pub(super) fn broken(error: String) -> Self {
        Self::Later { error, after: None, broken: true }
    }
}

/// What became of one record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Item {
    /// It was taken.
    Taken,
    /// Not now.
    Later,
    /// Never.
    Refused(String),
}

/// A way to a receiver.
pub(super) enum Transport {
    Stdout,
    File(Appended),
    Datagram(Datagram),
    Stream(Box<Stream>),
    Http(Box<Http>),
    #[cfg(feature = "kafka")]
    Kafka(Box<Kafka>),
}

impl Transport {
    /// Prepares the way, without going it.
    ///
    /// # Errors
    /// What it needs cannot be read.
    pub(super) fn new(output: &Output) -> io::Result<Self> {
        Ok(match &output.target {
            Target::Stdout => Self::Stdout,
            Target::File(path) => Self::File(Appended::new(path, output.rotation)),
            Target::Udp(to, chunks) => Self::Datagram(Datagram::udp(to.clone(), *chunks)),
            Target::UnixDatagram(path) => Self::Datagram(Datagram::unix(path.clone())),
            Target::Tcp(to, framing) => Self::Stream(Box::new(Stream::tcp(to.clone(), *framing))),
            Target::Tls(to, framing, tls) => Self::Stream(Box::new(Stream::tls(to.clone(), *framing, tls.clone()))),
            Target::Http(spec) => Self::Http(Box::new(Http::new(spec, output.format, output.batch.timeout))),
            #[cfg(feature = "kafka")]
            Target::Kafka(spec) => Self::Kafka(Box::new(Kafka::new(spec, output.format, output.batch.timeout))),
            #[cfg(not(feature = "kafka"))]
            Target::Kafka(_) => return Err(io::Error::other("this program was built without Kafka")),
            Target::UnixStream(path, framing) => Self::Stream(Box::new(Stream::unix(path.clone(), *framing))),
        })
    }

    /// Sends records.
    pub(super) async fn send(&mut self, pieces: &[Piece<'_>]) -> Sent {
        let records: Vec<&[u8]> = pieces.iter().map(|piece| piece.octets).collect();
        match self {
            Self::Stdout => stdout::write(&records),
            Self::File(file) => file.write(&records),
            Self::Datagram(datagram) => datagram.send(&records).await,
            Self::Stream(stream) => stream.send(&records).await,
            Self::Http(http) => http.send(&records).await,
            #[cfg(feature = "kafka")]
            Self::Kafka(kafka) => kafka.send(pieces).await,
        }
    }

    /// Lets go of a file that was moved away, and makes it anew.
    ///
    /// # Errors
    /// It cannot be made.
    pub(super) fn reopen(&mut self) -> io::Result<()> {
        match self {
            Self::File(file) => file.reopen(),
            _ => Ok(()),
        }
    }

    /// Whether records are to have labels.
    pub(super) fn wants_labels(&self) -> bool {
        #[cfg(feature = "kafka")]
        return matches!(self, Self::Kafka(_));
        #[cfg(not(feature = "kafka"))]
        false
    }

    /// Whether what was sent was taken. Where not, the network has it, and a receiver that ends may lose it.
    pub(super) fn confirms(&self) -> bool {
        !matches!(self, Self::Stream(_))
    }

    /// Whether, at its end at least, a receiver shows that it has everything.
    pub(super) fn confirms_anything(&self) -> bool {
        !matches!(self, Self::Datagram(_))
    }

    /// How the receiver ends the connection, when it does; never where there is none.
    pub(super) async fn broken(&mut self) -> String {
        match self {
            Self::Stream(stream) => stream.broken().await,
            _ => std::future::pending().await,
        }
    }

    /// Gives up a connection of which nobody knows how far it got.
    pub(super) fn reset(&mut self) {
        match self {
            Self::Stream(stream) => stream.reset(),
            Self::Datagram(datagram) => datagram.reset(),
            Self::Http(http) => http.reset(),
            #[cfg(feature = "kafka")]
            Self::Kafka(kafka) => kafka.reset(),
            Self::Stdout | Self::File(_) => {}
        }
    }

    /// Ends it. Whether the receiver has read everything.
    pub(super) async fn finish(&mut self) -> bool {
        match self {
            Self::Stream(stream) => stream.finish().await,
            _ => true,
        }
    }
}

/// The first line of a file, which holds a secret.
fn first_line(path: &Path) -> Result<String, String> {
    let text = std::fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))?;
    let line = text.lines().next().map(str::trim).filter(|line| !line.is_empty());
    line.map(str::to_owned).ok_or_else(|| format!("{}: its first line is empty", path.display()))
}
