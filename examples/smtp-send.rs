//! Hands the message on standard input to a mail server; lines may end in LF.
//!
//! Usage: `smtp-send --to 127.0.0.1:25 --from SENDER --rcpt RECIPIENT… < message`

#[path = "../tests/postfix/smtp.rs"]
mod smtp;

use clap::Parser;
use std::error::Error;
use std::io::{self, Read};
use std::net::SocketAddr;

#[derive(Parser)]
struct Arguments {
    /// The server.
    #[arg(long)]
    to: SocketAddr,
    /// The outside host we stand for, by XCLIENT; without it, a host of our own network.
    #[arg(long, value_name = "NAME=ADDRESS")]
    client: Option<String>,
    /// The address of this host to connect from, with the name to greet with.
    #[arg(long, value_name = "NAME=ADDRESS", conflicts_with = "client")]
    source: Option<String>,
    /// The envelope sender; empty for a bounce.
    #[arg(long)]
    from: String,
    /// An envelope recipient, with ESMTP parameters behind it.
    #[arg(long, required = true)]
    rcpt: Vec<String>,
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments = Arguments::parse();
    let mut message = Vec::new();
    io::stdin().read_to_end(&mut message)?;
    let mut lines = Vec::with_capacity(message.len() + 64);
    for line in message.split_inclusive(|&byte| byte == b'\n') {
        let line = line.strip_suffix(b"\n").unwrap_or(line);
        lines.extend_from_slice(line.strip_suffix(b"\r").unwrap_or(line));
        lines.extend_from_slice(b"\r\n");
    }

    let named = |option: &Option<String>| match option.as_deref().map(|named| named.split_once('=')) {
        Some(Some((name, address))) => Ok(Some((name.to_owned(), address.to_owned()))),
        Some(None) => Err("--client and --source take NAME=ADDRESS"),
        None => Ok(None),
    };
    let mut session = match (named(&arguments.client)?, named(&arguments.source)?) {
        (Some((name, address)), _) => smtp::Session::connect_as(arguments.to, &name, &address)?,
        (None, Some((name, address))) => smtp::Session::connect_from(arguments.to, address.parse()?, &name)?,
        (None, None) => smtp::Session::connect(arguments.to, "desk.corp.example")?,
    };
    let path = |text: &String| match text.split_once(' ') {
        Some((address, parameters)) => format!("<{address}> {parameters}"),
        None => format!("<{text}>"),
    };
    let recipients: Vec<String> = arguments.rcpt.iter().map(path).collect();
    let recipients: Vec<&str> = recipients.iter().map(String::as_str).collect();
    let reply = session.send(&format!("<{}>", arguments.from), &recipients, &lines)?;
    if reply.code / 100 != 2 {
        return Err(format!("the server said {} {}", reply.code, reply.text).into());
    }
    session.command("QUIT")?;
    Ok(())
}
