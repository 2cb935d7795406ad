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
    /// The envelope sender; empty for a bounce.
    #[arg(long)]
    from: String,
    /// An envelope recipient.
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

    let mut session = match arguments.client.as_deref().map(|client| client.split_once('=')) {
        Some(Some((name, address))) => smtp::Session::connect_as(arguments.to, name, address)?,
        Some(None) => return Err("--client takes NAME=ADDRESS".into()),
        None => smtp::Session::connect(arguments.to, "desk.corp.example")?,
    };
    let recipients: Vec<String> = arguments.rcpt.iter().map(|address| format!("<{address}>")).collect();
    let recipients: Vec<&str> = recipients.iter().map(String::as_str).collect();
    let reply = session.send(&format!("<{}>", arguments.from), &recipients, &lines)?;
    if reply.code / 100 != 2 {
        return Err(format!("the server said {} {}", reply.code, reply.text).into());
    }
    session.command("QUIT")?;
    Ok(())
}
