//! The MTA's side of the milter protocol, as little of it as the demo needs.

use crate::message::eml;
use indymilter::message::command::{
    Command, ConnInfoPayload, EnvAddrPayload, HeaderPayload, HeloPayload, OptNegPayload,
};
use indymilter::message::{self, Message};
use indymilter::{Actions, ProtoOpts, SocketInfo};
use std::ffi::CString;
use std::io;
use std::net::SocketAddr;
use tokio::net::TcpStream;

/// A message to send.
pub(super) struct Mail {
    /// What it is.
    pub(super) what: &'static str,
    /// The message.
    pub(super) message: &'static [u8],
    /// MAIL FROM and its parameters.
    pub(super) mail_from: &'static [&'static str],
    /// RCPT TO and its parameters.
    pub(super) rcpt: &'static [&'static str],
}

/// A connection to a milter.
pub(super) struct Client(TcpStream);

impl Client {
    /// Connects and negotiates as Postfix does.
    pub(super) async fn connect(addr: SocketAddr) -> io::Result<Self> {
        let mut client = Self(TcpStream::connect(addr).await?);
        client
            .write(Command::OptNeg(OptNegPayload { version: 6, actions: Actions::all(), opts: ProtoOpts::all() }))
            .await?;
        client.read().await?;
        let socket_info = SocketInfo::Inet(SocketAddr::from(([198, 51, 100, 10], 25)));
        client.write(Command::ConnInfo(ConnInfoPayload { hostname: text("mx.corp.example")?, socket_info })).await?;
        client.write(Command::Helo(HeloPayload { hostname: text("mx.corp.example")? })).await?;
        Ok(client)
    }

    /// Sends a message and waits until the milter is done with it. Edits are read and left at that.
    pub(super) async fn send(&mut self, mail: &Mail) -> io::Result<()> {
        self.write(Command::Mail(EnvAddrPayload { args: texts(mail.mail_from)? })).await?;
        self.write(Command::Rcpt(EnvAddrPayload { args: texts(mail.rcpt)? })).await?;
        for (name, body) in eml::split(mail.message).fields {
            let value = CString::new(String::from_utf8_lossy(body).replace("\r\n", "\n")).map_err(io::Error::other)?;
            let name = CString::new(name).map_err(io::Error::other)?;
            self.write(Command::Header(HeaderPayload { name, value })).await?;
        }
        self.write(Command::BodyEnd(Default::default())).await?;
        // Replies that end a message: continue, accept, reject, tempfail, discard, reply code.
        while !matches!(self.read().await?.kind, b'c' | b'a' | b'r' | b't' | b'd' | b'y') {}
        Ok(())
    }

    /// Ends the connection.
    pub(super) async fn quit(mut self) -> io::Result<()> {
        self.write(Command::Quit).await
    }

    async fn write(&mut self, command: Command) -> io::Result<()> {
        message::write(&mut self.0, command.into_message()).await
    }

    async fn read(&mut self) -> io::Result<Message> {
        message::read(&mut self.0).await
    }
}

fn text(text: &str) -> io::Result<CString> {
    CString::new(text).map_err(io::Error::other)
}

fn texts(words: &[&str]) -> io::Result<Vec<CString>> {
    words.iter().map(|word| text(word)).collect()
}
