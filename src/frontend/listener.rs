//! Accepts connections: peers that may, with the socket options that make a milter fast, until told to stop.

use super::socket::{Bound, Owned};
use ipnet::IpNet;
use socket2::SockRef;
use std::future::Future;
use std::io::{self, IoSlice};
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};
use tokio::time::Sleep;

/// How long accepting pauses when the process has no file descriptor left.
const BACK_OFF: Duration = Duration::from_millis(100);

/// A listener in the runtime's hands.
pub(crate) struct Listener {
    socket: Closer,
    allow: Arc<[IpNet]>,
    name: String,
    pause: Option<Pin<Box<Sleep>>>,
}

/// Closes a listener's socket, so that new connections are refused; also while none is accepted because as many as may be
/// are open.
#[derive(Clone)]
pub(super) struct Closer(Arc<Mutex<Option<Accepting>>>);

impl Closer {
    /// Closes it.
    pub(super) fn close(&self) {
        *self.lock() = None;
    }

    fn lock(&self) -> MutexGuard<'_, Option<Accepting>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

enum Accepting {
    Unix(UnixListener, #[expect(dead_code, reason = "removes the socket's file when dropped")] Option<Owned>),
    Tcp(TcpListener),
}

impl Listener {
    /// Takes a bound socket over.
    pub(crate) fn new(bound: Bound, name: &str, allow: &[IpNet]) -> io::Result<Self> {
        let socket = match bound {
            Bound::Unix(listener, owned) => Accepting::Unix(UnixListener::from_std(listener)?, owned),
            Bound::Tcp(listener) => Accepting::Tcp(TcpListener::from_std(listener)?),
        };
        let socket = Closer(Arc::new(Mutex::new(Some(socket))));
        Ok(Self { socket, allow: allow.into(), name: name.to_owned(), pause: None })
    }

    /// What closes its socket.
    pub(super) fn closer(&self) -> Closer {
        self.socket.clone()
    }

    fn may_connect(&self, peer: IpAddr) -> bool {
        let peer = peer.to_canonical();
        if self.allow.is_empty() {
            peer.is_loopback()
        } else {
            self.allow.iter().any(|network| network.contains(&peer))
        }
    }
}

impl Listener {
    /// The next connection of a peer that may connect.
    pub(crate) fn poll_accept(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Stream>> {
        if let Some(pause) = &mut self.pause {
            if pause.as_mut().poll(cx).is_pending() {
                return Poll::Pending;
            }
            self.pause = None;
        }
        loop {
            let accepted = match &*self.socket.lock() {
                None => return Poll::Pending,
                Some(Accepting::Unix(listener, _)) => {
                    listener.poll_accept(cx).map_ok(|(stream, _)| Stream::Unix(stream))
                }
                Some(Accepting::Tcp(listener)) => match listener.poll_accept(cx) {
                    Poll::Ready(Ok((_, peer))) if !self.may_connect(peer.ip()) => {
                        tracing::warn!(listener = %self.name, peer = %peer.ip(), "connection refused: peer is not in `allow`");
                        continue;
                    }
                    accepted => accepted.map_ok(|(stream, _)| Stream::tcp(stream)),
                },
            };
            return match accepted {
                Poll::Ready(Err(error)) => {
                    // Out of descriptors, or a client that left before it was served: neither is the listener's end.
                    tracing::warn!(listener = %self.name, %error, "connection could not be accepted; trying again");
                    let mut pause = Box::pin(tokio::time::sleep(BACK_OFF));
                    if pause.as_mut().poll(cx).is_ready() {
                        continue;
                    }
                    self.pause = Some(pause);
                    Poll::Pending
                }
                other => other,
            };
        }
    }
}

/// A connection.
pub(crate) enum Stream {
    Unix(UnixStream),
    Tcp(TcpStream),
}

impl Stream {
    fn tcp(stream: TcpStream) -> Self {
        // Replies are short and awaited: none may wait for the next.
        let _ = stream.set_nodelay(true);
        let stream = Self::Tcp(stream);
        stream.acknowledge_at_once();
        stream
    }

    /// Postfix writes a message in pieces and leaves Nagle's algorithm on: with delayed acknowledgements each message
    /// would wait 40 ms. The kernel forgets the option after a while, so it is set again with every read.
    fn acknowledge_at_once(&self) {
        if let Self::Tcp(stream) = self {
            let _ = SockRef::from(stream).set_tcp_quickack(true);
        }
    }
}

impl AsyncRead for Stream {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        match this {
            Self::Unix(stream) => Pin::new(stream).poll_read(cx, buf),
            Self::Tcp(stream) => {
                let read = Pin::new(stream).poll_read(cx, buf);
                this.acknowledge_at_once();
                read
            }
        }
    }
}

impl AsyncWrite for Stream {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Unix(stream) => Pin::new(stream).poll_write(cx, buf),
            Self::Tcp(stream) => Pin::new(stream).poll_write(cx, buf),
        }
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Unix(stream) => Pin::new(stream).poll_write_vectored(cx, bufs),
            Self::Tcp(stream) => Pin::new(stream).poll_write_vectored(cx, bufs),
        }
    }

    fn is_write_vectored(&self) -> bool {
        match self {
            Self::Unix(stream) => stream.is_write_vectored(),
            Self::Tcp(stream) => stream.is_write_vectored(),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Unix(stream) => Pin::new(stream).poll_flush(cx),
            Self::Tcp(stream) => Pin::new(stream).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Unix(stream) => Pin::new(stream).poll_shutdown(cx),
            Self::Tcp(stream) => Pin::new(stream).poll_shutdown(cx),
        }
    }
}
