//! A filter between the organisation's server and the hop that leaves no trace of a forward: no Received, no Delivered-To,
//! nothing that begins with `X-` or `Resent-`, and no DSN parameters, as gateways do that hide what is inside.

use crate::smtp::Session;
use std::io::{self, BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};

/// Begins to filter mail on its way to `hop`; returns where it is to be sent. Ends with the test's process.
pub(crate) fn start(hop: SocketAddr) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("its address");
    std::thread::spawn(move || {
        for stream in listener.incoming().take(100).flatten() {
            std::thread::spawn(move || serve(stream, hop));
        }
    });
    address
}

/// One session: each message is passed on when it is here as a whole, and the hop's answer is ours.
fn serve(stream: TcpStream, hop: SocketAddr) -> io::Result<()> {
    let mut out = stream.try_clone()?;
    let mut lines = BufReader::new(stream);
    out.write_all(b"220 filter\r\n")?;
    let (mut sender, mut recipients) = (String::new(), Vec::new());
    loop {
        let mut line = String::new();
        if lines.read_line(&mut line)? == 0 {
            return Ok(());
        }
        let path =
            line.split(':').nth(1).and_then(|rest| rest.split_whitespace().next()).unwrap_or_default().to_owned();
        let verb = line.get(..4).unwrap_or_default().to_ascii_uppercase();
        let answer = match verb.as_str() {
            "MAIL" => {
                (sender, recipients) = (path, Vec::new());
                "250 fine".to_owned()
            }
            "RCPT" => {
                recipients.push(path);
                "250 fine".to_owned()
            }
            "DATA" => {
                out.write_all(b"354 go on\r\n")?;
                let message = strip(&read_message(&mut lines)?);
                let recipients: Vec<&str> = recipients.iter().map(String::as_str).collect();
                let reply = Session::connect(hop, "filter.corp.example")
                    .and_then(|mut session| session.send(&sender, &recipients, &message))?;
                format!("{} {}", reply.code, reply.text.lines().next().unwrap_or_default())
            }
            "QUIT" => return out.write_all(b"221 bye\r\n"),
            _ => "250 fine".to_owned(),
        };
        out.write_all(format!("{answer}\r\n").as_bytes())?;
    }
}

fn read_message(lines: &mut impl BufRead) -> io::Result<Vec<u8>> {
    let mut message = Vec::new();
    loop {
        let mut line = Vec::new();
        lines.read_until(b'\n', &mut line)?;
        match line.as_slice() {
            b".\r\n" | b"" => return Ok(message),
            [b'.', rest @ ..] => message.extend_from_slice(rest),
            line => message.extend_from_slice(line),
        }
    }
}

fn strip(message: &[u8]) -> Vec<u8> {
    let (mut kept, mut in_header, mut keep) = (Vec::new(), true, true);
    for line in message.split_inclusive(|&byte| byte == b'\n') {
        if in_header && line == b"\r\n" {
            (in_header, keep) = (false, true);
        } else if in_header && !line.starts_with(b" ") && !line.starts_with(b"\t") {
            let name = line.split(|&byte| byte == b':').next().unwrap_or_default().to_ascii_lowercase();
            keep = !matches!(name.as_slice(), b"received" | b"delivered-to" | b"return-path")
                && !name.starts_with(b"x-")
                && !name.starts_with(b"resent-");
        }
        if keep {
            kept.extend_from_slice(line);
        }
    }
    kept
}
