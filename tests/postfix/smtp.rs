//! A small SMTP client: enough to hand a mail to the lab, and to see each reply on the way.

use socket2::{Domain, Socket, Type};
use std::io::{self, BufRead, BufReader, Write};
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::time::Duration;

/// A server that is silent for this long is taken for dead.
const PATIENCE: Duration = Duration::from_secs(30);

/// A reply, its lines joined by newlines.
#[derive(Clone, Debug)]
pub(crate) struct Reply {
    /// 250, 550, …
    pub(crate) code: u16,
    /// The text after the code.
    pub(crate) text: String,
}

/// A connection to a server, with the greeting read and EHLO said.
pub(crate) struct Session {
    stream: BufReader<TcpStream>,
}

impl Session {
    /// Connects as a host of our own network.
    pub(crate) fn connect(server: SocketAddr, helo: &str) -> io::Result<Self> {
        Self::greeted(TcpStream::connect_timeout(&server, PATIENCE)?, helo)
    }

    /// Connects from this address of the host.
    #[allow(dead_code, reason = "only hosts with several addresses have a choice")]
    pub(crate) fn connect_from(server: SocketAddr, source: IpAddr, helo: &str) -> io::Result<Self> {
        let socket = Socket::new(Domain::for_address(server), Type::STREAM, None)?;
        socket.bind(&SocketAddr::new(source, 0).into())?;
        socket.connect_timeout(&server.into(), PATIENCE)?;
        Self::greeted(socket.into(), helo)
    }

    fn greeted(stream: TcpStream, helo: &str) -> io::Result<Self> {
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        let mut session = Self { stream: BufReader::new(stream) };
        wanted(2, &session.reply()?)?;
        wanted(2, &session.command(&format!("EHLO {helo}"))?)?;
        Ok(session)
    }

    /// Connects, and has the server take us for the host `name` at `address` from here on.
    pub(crate) fn connect_as(server: SocketAddr, name: &str, address: &str) -> io::Result<Self> {
        let mut session = Self::connect(server, name)?;
        wanted(2, &session.command(&format!("XCLIENT NAME={name} ADDR={address}"))?)?;
        wanted(2, &session.command(&format!("EHLO {name}"))?)?;
        Ok(session)
    }

    /// Sends a line and returns the reply.
    pub(crate) fn command(&mut self, line: &str) -> io::Result<Reply> {
        let stream = self.stream.get_mut();
        stream.write_all(format!("{line}\r\n").as_bytes())?;
        self.reply()
    }

    /// Sends a message, whose lines end in CRLF, and returns the reply: the first that is not the one hoped for, or
    /// the last. The sender and the recipients are `<address> PARAMETER…`.
    pub(crate) fn send(&mut self, sender: &str, recipients: &[&str], message: &[u8]) -> io::Result<Reply> {
        let mut commands = vec![(2, format!("MAIL FROM:{sender}"))];
        commands.extend(recipients.iter().map(|recipient| (2, format!("RCPT TO:{recipient}"))));
        commands.push((3, "DATA".to_owned()));
        for (class, command) in commands {
            let reply = self.command(&command)?;
            if reply.code / 100 != class {
                return Ok(reply);
            }
        }
        self.data(message)
    }

    /// Sends a message after DATA was accepted, and returns the reply.
    pub(crate) fn data(&mut self, message: &[u8]) -> io::Result<Reply> {
        let mut data = Vec::with_capacity(message.len() + 64);
        for line in message.split_inclusive(|&byte| byte == b'\n') {
            if line.starts_with(b".") {
                data.push(b'.');
            }
            data.extend_from_slice(line);
        }
        data.extend_from_slice(b".\r\n");
        self.stream.get_mut().write_all(&data)?;
        self.reply()
    }

    fn reply(&mut self) -> io::Result<Reply> {
        let mut text = String::new();
        loop {
            let mut line = String::new();
            if self.stream.read_line(&mut line)? == 0 {
                return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the server hung up"));
            }
            let line = line.trim_end();
            let code = line.get(..3).and_then(|code| code.parse().ok());
            let code = code.ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, format!("no reply: {line}")))?;
            text.push_str(line.get(4..).unwrap_or_default());
            if line.as_bytes().get(3) != Some(&b'-') {
                return Ok(Reply { code, text });
            }
            text.push('\n');
        }
    }
}

fn wanted(class: u16, reply: &Reply) -> io::Result<()> {
    if reply.code / 100 == class {
        return Ok(());
    }
    Err(io::Error::other(format!("the server said {} {}", reply.code, reply.text)))
}
