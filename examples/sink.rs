//! A mail server that takes everything and keeps it: the outside world of the Postfix lab.
//!
//! It announces DSN, as most servers out there do, because only then does a client show the ORCPT and NOTIFY
//! parameters of a recipient. Transaction `N` becomes two files: `N.eml` with the message's bytes, dots unstuffed,
//! and then `N.json` with the envelope, so that whoever sees the second can read both.
//!
//! Usage: `sink --listen 127.0.0.1:0 --dir DIR`; prints the address it listens on.

use clap::Parser;
use serde::Serialize;
use std::error::Error;
use std::fs;
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufStream};
use tokio::net::{TcpListener, TcpStream};

/// Longer lines than SMTP allows are still taken, but not without end.
const LINE_LIMIT: u64 = 64 * 1024;
const MESSAGE_LIMIT: usize = 64 * 1024 * 1024;

const EHLO: &str = "250-sink.example\r\n250-PIPELINING\r\n250-SIZE 67108864\r\n250-8BITMIME\r\n\
                    250-ENHANCEDSTATUSCODES\r\n250-DSN\r\n250 SMTPUTF8\r\n";

#[derive(Parser)]
struct Arguments {
    /// Where to listen; port 0 takes a free one.
    #[arg(long)]
    listen: SocketAddr,
    /// Where the transactions are kept.
    #[arg(long)]
    dir: PathBuf,
}

#[derive(Clone, Default, Serialize)]
struct Transaction {
    helo: String,
    mail: Option<EnvelopePath>,
    recipients: Vec<EnvelopePath>,
}

/// The argument of MAIL or RCPT.
#[derive(Clone, Serialize)]
struct EnvelopePath {
    address: String,
    parameters: Vec<String>,
}

struct Store {
    dir: PathBuf,
    last: AtomicU64,
}

impl Store {
    fn keep(&self, transaction: &Transaction, message: &[u8]) -> io::Result<()> {
        let number = self.last.fetch_add(1, Ordering::Relaxed) + 1;
        let file = |suffix: &str| self.dir.join(format!("{number:06}.{suffix}"));
        fs::write(file("eml"), message)?;
        fs::write(file("json.part"), serde_json::to_vec(transaction)?)?;
        fs::rename(file("json.part"), file("json"))
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let Arguments { listen, dir } = Arguments::parse();
    fs::create_dir_all(&dir)?;
    let store = Arc::new(Store { last: AtomicU64::new(kept(&dir)?), dir });
    let listener = TcpListener::bind(listen).await?;
    println!("{}", listener.local_addr()?);
    loop {
        let (stream, _) = listener.accept().await?;
        let store = Arc::clone(&store);
        tokio::spawn(async move {
            if let Err(error) = converse(stream, &store).await {
                eprintln!("sink: {error}");
            }
        });
    }
}

/// The number of the last transaction in a folder used before.
fn kept(dir: &Path) -> io::Result<u64> {
    let mut last = 0;
    for entry in fs::read_dir(dir)? {
        let name = entry?.file_name();
        let number = name.to_str().and_then(|name| name.split('.').next()?.parse().ok());
        last = last.max(number.unwrap_or(0));
    }
    Ok(last)
}

async fn converse(stream: TcpStream, store: &Store) -> io::Result<()> {
    let mut stream = BufStream::new(stream);
    let mut transaction = Transaction::default();
    reply(&mut stream, "220 sink.example ESMTP\r\n").await?;
    while let Some(line) = read_line(&mut stream).await? {
        let line = String::from_utf8_lossy(&line).trim_end().to_owned();
        let (verb, argument) = line.split_once(' ').unwrap_or((&line, ""));
        match verb.to_ascii_uppercase().as_str() {
            "EHLO" => {
                transaction = Transaction { helo: argument.to_owned(), ..Transaction::default() };
                reply(&mut stream, EHLO).await?;
            }
            "HELO" => {
                transaction = Transaction { helo: argument.to_owned(), ..Transaction::default() };
                reply(&mut stream, "250 sink.example\r\n").await?;
            }
            "MAIL" => match path(argument, "FROM:") {
                Some(sender) => {
                    transaction.mail = Some(sender);
                    reply(&mut stream, "250 2.1.0 Ok\r\n").await?;
                }
                None => reply(&mut stream, "501 5.5.4 Syntax: MAIL FROM:<address>\r\n").await?,
            },
            "RCPT" if transaction.mail.is_none() => reply(&mut stream, "503 5.5.1 MAIL first\r\n").await?,
            "RCPT" => match path(argument, "TO:") {
                Some(recipient) => {
                    transaction.recipients.push(recipient);
                    reply(&mut stream, "250 2.1.5 Ok\r\n").await?;
                }
                None => reply(&mut stream, "501 5.5.4 Syntax: RCPT TO:<address>\r\n").await?,
            },
            "DATA" if transaction.recipients.is_empty() => reply(&mut stream, "503 5.5.1 RCPT first\r\n").await?,
            "DATA" => {
                reply(&mut stream, "354 End data with <CR><LF>.<CR><LF>\r\n").await?;
                let message = read_message(&mut stream).await?;
                store.keep(&transaction, &message)?;
                transaction = Transaction { helo: transaction.helo, ..Transaction::default() };
                reply(&mut stream, "250 2.0.0 Ok: kept\r\n").await?;
            }
            "RSET" => {
                transaction = Transaction { helo: transaction.helo, ..Transaction::default() };
                reply(&mut stream, "250 2.0.0 Ok\r\n").await?;
            }
            "NOOP" => reply(&mut stream, "250 2.0.0 Ok\r\n").await?,
            "QUIT" => return reply(&mut stream, "221 2.0.0 Bye\r\n").await,
            _ => reply(&mut stream, "502 5.5.2 Command not known\r\n").await?,
        }
    }
    Ok(())
}

/// Flushed at once, also within a group of pipelined commands: simple, and fast enough on a loopback.
async fn reply(stream: &mut BufStream<TcpStream>, text: &str) -> io::Result<()> {
    stream.write_all(text.as_bytes()).await?;
    stream.flush().await
}

/// A line with its end, or nothing at the end of the connection.
async fn read_line(stream: &mut BufStream<TcpStream>) -> io::Result<Option<Vec<u8>>> {
    let mut line = Vec::new();
    stream.take(LINE_LIMIT).read_until(b'\n', &mut line).await?;
    match line.last() {
        None => Ok(None),
        Some(b'\n') => Ok(Some(line)),
        Some(_) => Err(io::Error::new(io::ErrorKind::InvalidData, "a line too long, or cut off")),
    }
}

async fn read_message(stream: &mut BufStream<TcpStream>) -> io::Result<Vec<u8>> {
    let mut message = Vec::new();
    while let Some(line) = read_line(stream).await? {
        if line == b".\r\n" {
            return Ok(message);
        }
        message.extend_from_slice(line.strip_prefix(b".").unwrap_or(&line));
        if message.len() > MESSAGE_LIMIT {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "the message is too large"));
        }
    }
    Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the message was cut off"))
}

/// `FROM:<address> PARAMETER…`, where the address may hold a `>` in quotes.
fn path(argument: &str, keyword: &str) -> Option<EnvelopePath> {
    let (start, rest) = argument.split_at_checked(keyword.len())?;
    let rest = rest.trim_start().strip_prefix('<').filter(|_| start.eq_ignore_ascii_case(keyword))?;
    let mut quoted = false;
    let end = rest.find(|c| {
        quoted ^= c == '"';
        c == '>' && !quoted
    })?;
    Some(EnvelopePath {
        address: rest[..end].to_owned(),
        parameters: rest[end + 1..].split_whitespace().map(str::to_owned).collect(),
    })
}
