//! Sendmail names an IPv6 client as SMTP does, `IPv6:::1`, Postfix as `::1`. libmilter takes both, the protocol library
//! here takes only the second and cuts the connection at the first: what Sendmail writes is brought into that form before
//! the library reads it.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

const TAG: &[u8] = b"IPv6:";

/// Octets around the client's name and before its address: command, NUL, family, two of the port.
const AROUND_NAME: usize = 5;

/// The longest packet that is looked into; up to the client's address none comes near it.
const LONGEST: usize = 64 << 10;

/// A connection whose packets are looked at until the one with the client's address has passed.
pub(super) struct Untagged<S> {
    stream: S,
    /// Received, not yet a whole packet.
    held: Vec<u8>,
    /// Whole packets on their way to the reader, from `given` on.
    passed: Vec<u8>,
    given: usize,
    done: bool,
}

impl<S> Untagged<S> {
    pub(super) fn new(stream: S) -> Self {
        Self { stream, held: Vec::new(), passed: Vec::new(), given: 0, done: false }
    }

    /// Moves every packet that is whole from `held` to `passed`.
    fn sort(&mut self) {
        while !self.done {
            let Some((length, rest)) = self.held.split_first_chunk::<4>() else { return };
            let length = u32::from_be_bytes(*length) as usize;
            if length == 0 || length > LONGEST {
                // No packet of an MTA: the library is to see it as it came, and to judge it.
                return self.pass_all();
            }
            let Some(packet) = rest.get(..length) else { return };
            match untagged(packet) {
                Some(packet) => {
                    self.passed.extend(u32::try_from(packet.len()).unwrap_or(u32::MAX).to_be_bytes());
                    self.passed.extend(packet);
                }
                None => self.passed.extend(&self.held[..4 + length]),
            }
            self.done = packet.first() == Some(&b'C');
            self.held.drain(..4 + length);
        }
        self.pass_all();
    }

    fn pass_all(&mut self) {
        self.passed.append(&mut self.held);
        self.done = true;
    }
}

/// The packet without the tag, if it tells of a client whose address is IPv6 and has one.
fn untagged(packet: &[u8]) -> Option<Vec<u8>> {
    let name = packet.strip_prefix(b"C")?;
    let address = name.iter().position(|byte| *byte == 0)? + AROUND_NAME;
    let (before, text) = packet.split_at_checked(address)?;
    let tagged = before[address - 3] == b'6' && text.get(..TAG.len())?.eq_ignore_ascii_case(TAG);
    tagged.then(|| [before, &text[TAG.len()..]].concat())
}

impl<S: AsyncRead + Unpin> AsyncRead for Untagged<S> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        loop {
            let waiting = &this.passed[this.given..];
            if !waiting.is_empty() {
                let count = waiting.len().min(buf.remaining());
                buf.put_slice(&waiting[..count]);
                this.given += count;
                return Poll::Ready(Ok(()));
            }
            (this.passed, this.given) = (Vec::new(), 0);
            if this.done {
                return Pin::new(&mut this.stream).poll_read(cx, buf);
            }
            let mut bytes = [0; 2048];
            let mut received = ReadBuf::new(&mut bytes);
            ready!(Pin::new(&mut this.stream).poll_read(cx, &mut received))?;
            if received.filled().is_empty() {
                this.pass_all();
            } else {
                this.held.extend(received.filled());
                this.sort();
            }
        }
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Untagged<S> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().stream).poll_write(cx, buf)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().stream).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::expect_used, reason = "a test fails by them")]

    use super::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    fn packet(payload: &[u8]) -> Vec<u8> {
        [&u32::try_from(payload.len()).expect("a length").to_be_bytes(), payload].concat()
    }

    /// What is read of `sent`, which arrives in pieces of `size` bytes.
    fn read(sent: &[u8], size: usize) -> Vec<u8> {
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        runtime.block_on(async {
            let (mut mta, stream) = tokio::io::duplex(size);
            let mut read = Vec::new();
            let mut stream = Untagged::new(stream);
            let send = async {
                mta.write_all(sent).await.expect("written");
                drop(mta);
            };
            let (_, count) = tokio::join!(send, stream.read_to_end(&mut read));
            count.expect("read");
            read
        })
    }

    #[test]
    fn the_tag_goes_and_all_else_stays() {
        let head = [packet(b"O\0\0\0\x06"), packet(b"DCj\0mx\0")].concat();
        let tail = [packet(b"HIPv6:::1\0"), packet(&[b"L", &[b'x'; 3000][..]].concat())].concat();
        for (client, wanted) in [
            (&b"Cmail\x006\0\x19IPv6:::1\0"[..], &b"Cmail\x006\0\x19::1\0"[..]),
            (b"Cmail\x006\0\x19ipv6:fe80::1\0", b"Cmail\x006\0\x19fe80::1\0"),
            (b"Cmail\x006\0\x19::1\0", b"Cmail\x006\0\x19::1\0"),
            (b"Cmail\x004\0\x19IPv6:\0", b"Cmail\x004\0\x19IPv6:\0"),
            (b"C6..IPv6:\0U", b"C6..IPv6:\0U"),
            (b"Cmail\0L\0\0IPv6:\0", b"Cmail\0L\0\0IPv6:\0"),
            (b"Cmail\x006", b"Cmail\x006"),
            (b"Cmail", b"Cmail"),
            (b"C", b"C"),
        ] {
            let sent = [head.clone(), packet(client), tail.clone()].concat();
            let wanted = [head.clone(), packet(wanted), tail.clone()].concat();
            for size in [1, 7, 1 << 20] {
                assert!(read(&sent, size) == wanted, "{} in pieces of {size}", String::from_utf8_lossy(client));
            }
        }
    }

    #[test]
    fn what_is_no_packet_passes_as_it_came() {
        for sent in [&b""[..], b"\0\0\0", b"\0\0\0\0C", b"\0\0\0\x09C", b"GET / HTTP/1.1\r\n\r\n", &[0xff; 5000]] {
            for size in [1, 1 << 20] {
                assert_eq!(read(sent, size), sent);
            }
        }
    }
}
