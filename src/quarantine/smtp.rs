//! Sends a stored message back to a mail server (RFC 5321): one message, every byte as it is, for all its recipients or for
//! none.

use super::record::{Party, Record};
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::time::Duration;

/// How long a server may be silent. Its own milters take their time at the end of a message.
const PATIENCE: Duration = Duration::from_secs(330);
/// How long connecting may take.
const CONNECT: Duration = Duration::from_secs(20);
/// The longest reply that is read, in octets: far more than RFC 5321 §4.5.3.1.5 allows for each line.
const MAX_REPLY: u64 = 64 << 10;

/// Hands a message to the server at `hop`. Returns its answer, which names the queue id.
///
/// # Errors
/// It did not take it, in its own words; or it lacks what the message needs.
pub fn send(hop: &str, name: &str, record: &Record, message: &[u8]) -> io::Result<String> {
    let mut session = Session::connect(hop)?;
    session.wanted(2, None)?;
    let offered = Offered::new(&session.wanted(2, Some(&format!("EHLO {name}")))?);
    let lines = commands(record, message, &offered)?;
    for line in &lines {
        session.wanted(2, Some(line))?;
    }
    session.wanted(3, Some("DATA"))?;
    session.stream.get_mut().write_all(&stuffed(message))?;
    let answer = session.wanted(2, None)?;
    // It is the server's from here on, whatever becomes of the connection.
    let _ = session.wanted(2, Some("QUIT"));
    Ok(answer)
}

/// The extensions that a server offers.
struct Offered(Vec<String>);

impl Offered {
    fn new(reply: &str) -> Self {
        let lines = reply.lines().skip(1).filter_map(|line| line.get(4..));
        let words = lines.filter_map(|line| line.split_whitespace().next());
        Self(words.map(str::to_ascii_uppercase).collect())
    }

    fn has(&self, name: &str) -> bool {
        self.0.iter().any(|offered| offered == name)
    }
}

/// MAIL and RCPT. Parameters that only advise are left out where they are not offered; a message that cannot be passed on
/// whole without one is not passed on.
fn commands(record: &Record, message: &[u8], offered: &Offered) -> io::Result<Vec<String>> {
    let eight_bit = !message.is_ascii();
    if eight_bit && !offered.has("8BITMIME") {
        return Err(io::Error::other("the server does not take 8-bit text (8BITMIME), and the message has some"));
    }
    let names_smtputf8 = |party: &Party| party.params.iter().any(|param| param.eq_ignore_ascii_case("SMTPUTF8"));
    let parties = || std::iter::once(&record.sender).chain(record.recipients.iter().map(|rcpt| &rcpt.party));
    let utf8 = names_smtputf8(&record.sender) || parties().any(|party| !party.path.is_ascii());
    if utf8 && !offered.has("SMTPUTF8") {
        return Err(io::Error::other(
            "the server does not take addresses in UTF-8 (SMTPUTF8), and the message has some",
        ));
    }
    let mut mail = path("MAIL FROM:", &record.sender)?;
    if offered.has("SIZE") {
        mail += &format!(" SIZE={}", message.len());
    }
    if eight_bit {
        mail += " BODY=8BITMIME";
    }
    if utf8 {
        mail += " SMTPUTF8";
    }
    let mut lines = vec![mail + &dsn(&record.sender, &["RET", "ENVID"], offered)?];
    for recipient in &record.recipients {
        lines.push(path("RCPT TO:", &recipient.party)? + &dsn(&recipient.party, &["NOTIFY", "ORCPT"], offered)?);
    }
    Ok(lines)
}

fn path(command: &str, party: &Party) -> io::Result<String> {
    let path = party.path.trim();
    let path = if path.starts_with('<') { path.to_owned() } else { format!("<{path}>") };
    one_line(&path)?;
    Ok(format!("{command}{path}"))
}

/// What was asked for about reports (RFC 3461), where the server knows of them.
fn dsn(party: &Party, names: &[&str], offered: &Offered) -> io::Result<String> {
    let mut text = String::new();
    for param in party.params.iter().filter(|_| offered.has("DSN")) {
        let name = param.split('=').next().unwrap_or_default();
        if names.iter().any(|known| known.eq_ignore_ascii_case(name)) {
            one_line(param)?;
            text.push(' ');
            text.push_str(param);
        }
    }
    Ok(text)
}

/// A line end in an address would be a command of its own.
fn one_line(text: &str) -> io::Result<()> {
    match text.chars().any(char::is_control) {
        true => Err(io::Error::new(io::ErrorKind::InvalidData, "the envelope has control characters in it")),
        false => Ok(()),
    }
}

/// The message with dots doubled at the beginning of lines (RFC 5321 §4.5.2), and its end.
fn stuffed(message: &[u8]) -> Vec<u8> {
    let mut data = Vec::with_capacity(message.len() + message.len() / 64 + 8);
    for line in message.split_inclusive(|&byte| byte == b'\n') {
        if line.starts_with(b".") {
            data.push(b'.');
        }
        data.extend_from_slice(line);
    }
    if !data.ends_with(b"\r\n") {
        data.extend_from_slice(b"\r\n");
    }
    data.extend_from_slice(b".\r\n");
    data
}

struct Session {
    stream: BufReader<TcpStream>,
}

impl Session {
    fn connect(hop: &str) -> io::Result<Self> {
        let mut error = io::Error::new(io::ErrorKind::NotFound, "has no address");
        for address in hop.to_socket_addrs()? {
            match TcpStream::connect_timeout(&address, CONNECT) {
                Ok(stream) => {
                    stream.set_read_timeout(Some(PATIENCE))?;
                    stream.set_write_timeout(Some(PATIENCE))?;
                    return Ok(Self { stream: BufReader::new(stream) });
                }
                Err(refused) => error = refused,
            }
        }
        Err(error)
    }

    /// Sends a line, where there is one, and reads the reply; another class of reply than hoped for is an error.
    fn wanted(&mut self, class: u8, line: Option<&str>) -> io::Result<String> {
        if let Some(line) = line {
            self.stream.get_mut().write_all(format!("{line}\r\n").as_bytes())?;
        }
        let text = self.reply()?;
        if text.as_bytes().first() == Some(&(b'0' + class)) {
            return Ok(text);
        }
        let to = line.map(|line| format!("to {line}: ")).unwrap_or_default();
        Err(io::Error::other(format!("the server said {to}{}", text.replace('\n', " "))))
    }

    fn reply(&mut self) -> io::Result<String> {
        let mut reply = (&mut self.stream).take(MAX_REPLY);
        let mut text = String::new();
        loop {
            let mut line = Vec::new();
            reply.read_until(b'\n', &mut line)?;
            if !line.ends_with(b"\n") {
                return Err(io::Error::new(
                    io::ErrorKind::UnexpectedEof,
                    "the server hung up in the middle of a reply",
                ));
            }
            let line = String::from_utf8_lossy(&line);
            let line = line.trim_end();
            text.push_str(&line.chars().map(|c| if c.is_control() { ' ' } else { c }).collect::<String>());
            if line.as_bytes().get(3) != Some(&b'-') {
                return Ok(text);
            }
            text.push('\n');
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::quarantine::Rcpt;

    fn party(path: &str, params: &[&str]) -> Party {
        Party { path: path.to_owned(), params: params.iter().map(|param| (*param).to_owned()).collect() }
    }

    fn record(sender: &Party, recipient: Party) -> Record {
        let json = serde_json::json!({
            "version": 1, "id": "", "time": "2026-11-24T12:00:00Z", "listener": "", "key": "", "size": 0,
            "sender": sender, "recipients": [],
        });
        let mut record: Record = serde_json::from_value(json).expect("a record");
        let (destination, verdict) = ("x".to_owned(), "auto_forward".to_owned());
        record.recipients.push(Rcpt { party: recipient, destination, forwarder: None, verdict, rule: None });
        record
    }

    #[test]
    fn parameters_go_where_they_are_understood() {
        let record = record(
            &party("<ann@partner.example>", &["SIZE=1", "BODY=8BITMIME", "RET=HDRS", "ENVID=q1"]),
            party("x@ext.example", &["ORCPT=rfc822;alice@corp.example", "NOTIFY=NEVER"]),
        );
        let offered = |words: &[&str]| Offered(words.iter().map(|word| (*word).to_owned()).collect());
        assert_eq!(
            commands(&record, b"caf\xe9", &Offered::new("250-hop\n250-8bitmime\n250-SIZE 1000\n250 DSN"))
                .expect("commands"),
            [
                "MAIL FROM:<ann@partner.example> SIZE=4 BODY=8BITMIME RET=HDRS ENVID=q1",
                "RCPT TO:<x@ext.example> ORCPT=rfc822;alice@corp.example NOTIFY=NEVER"
            ]
        );
        assert_eq!(
            commands(&record, b"plain", &offered(&[])).expect("commands"),
            ["MAIL FROM:<ann@partner.example>", "RCPT TO:<x@ext.example>"]
        );
        assert!(commands(&record, b"caf\xe9", &offered(&["SIZE"])).is_err());
    }

    #[test]
    fn an_address_is_no_command() {
        let record = record(&party("<>", &[]), party("<x@ext.example>\r\nRSET", &[]));
        assert!(commands(&record, b"", &Offered(Vec::new())).is_err());
    }

    #[test]
    fn dots_are_doubled() {
        assert_eq!(stuffed(b".a\r\n..\r\nb"), b"..a\r\n...\r\nb\r\n.\r\n");
        assert_eq!(stuffed(b"\r\n"), b"\r\n.\r\n");
    }
}
