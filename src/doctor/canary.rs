//! Marked messages that are sent through forwards, and what the listeners saw of them.

use jiff::Timestamp;
use jiff::fmt::rfc2822;
use serde::Serialize;
use serde_json::Value;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How long a server may take for an answer.
const PATIENCE: Duration = Duration::from_secs(30);

/// A domain that leads nowhere (RFC 6761).
const NOWHERE: &str = "canary.invalid";

/// The longest line of a server.
const MAX_LINE: u64 = 4096;

/// A marked message on its way to a mailbox that forwards.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Canary {
    /// The mailbox.
    pub mailbox: String,
    /// The mark: its Message-ID, without brackets.
    pub message_id: String,
}

/// What a listener saw.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Sighting {
    /// The listener.
    pub listener: String,
    /// What it was judged to be.
    pub verdict: String,
    /// The mailbox that forwards, as judged.
    pub forwarder: Option<String>,
    /// Where it was going.
    pub destinations: Vec<String>,
}

impl Canary {
    /// One for a mailbox; no two have the same mark.
    pub fn new(mailbox: &str) -> Self {
        let random = RandomState::new().build_hasher().finish();
        Self { mailbox: mailbox.to_owned(), message_id: format!("{random:016x}@{NOWHERE}") }
    }

    /// Hands it to a mail server, `host:port`. It has a null sender, so that nobody is told if it gets lost.
    ///
    /// # Errors
    /// The server did not take it, in its own words.
    pub fn send(&self, server: &str) -> io::Result<()> {
        let addr = server.to_socket_addrs()?.next().ok_or_else(|| io::Error::other("no such host"))?;
        let stream = TcpStream::connect_timeout(&addr, PATIENCE)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        let mut session = BufReader::new(stream);
        answer(&mut session, b'2')?;
        let name = nix::unistd::gethostname().ok().and_then(|name| name.into_string().ok());
        let name = name.filter(|name| !name.is_empty()).unwrap_or_else(|| "localhost".to_owned());
        for (line, wanted) in [
            (format!("EHLO {name}\r\n"), b'2'),
            ("MAIL FROM:<>\r\n".to_owned(), b'2'),
            (format!("RCPT TO:<{}>\r\n", self.mailbox), b'2'),
            ("DATA\r\n".to_owned(), b'3'),
            (self.message(), b'2'),
        ] {
            session.get_mut().write_all(line.as_bytes())?;
            answer(&mut session, wanted)?;
        }
        let _ = session.get_mut().write_all(b"QUIT\r\n");
        Ok(())
    }

    fn message(&self) -> String {
        let date = rfc2822::DateTimePrinter::new().timestamp_to_string(&Timestamp::now()).unwrap_or_default();
        format!(
            "From: Forwarden <canary@{NOWHERE}>\r\nTo: <{}>\r\nDate: {date}\r\nMessage-ID: <{}>\r\n\
             Subject: Forwarden canary\r\n\r\nSent by `forwarden doctor --canary`, to see which listener sees it forwarded.\r\n.\r\n",
            self.mailbox, self.message_id
        )
    }
}

/// A reply of an SMTP server, which must be of that class.
fn answer(session: &mut BufReader<TcpStream>, class: u8) -> io::Result<()> {
    loop {
        let mut line = String::new();
        if session.by_ref().take(MAX_LINE).read_line(&mut line)? == 0 {
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the server hung up"));
        }
        if line.as_bytes().get(3) == Some(&b'-') {
            continue;
        }
        let good = line.as_bytes().first() == Some(&class);
        return if good { Ok(()) } else { Err(io::Error::other(line.trim().to_owned())) };
    }
}

/// The file of events, from now on.
#[derive(Debug)]
pub struct Watcher {
    path: PathBuf,
    begin: u64,
}

impl Watcher {
    /// Remembers where the file ends.
    pub fn new(path: &Path) -> Self {
        let begin = std::fs::metadata(path).map_or(0, |metadata| metadata.len());
        Self { path: path.to_owned(), begin }
    }

    /// What was seen of a canary so far.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn sightings(&self, canary: &Canary) -> io::Result<Vec<Sighting>> {
        let mut file = match std::fs::File::open(&self.path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            file => file?,
        };
        // A file that was rotated away begins anew.
        let begin = if file.metadata()?.len() < self.begin { 0 } else { self.begin };
        file.seek(SeekFrom::Start(begin))?;
        let mut text = Vec::new();
        file.read_to_end(&mut text)?;
        Ok(text.split(|&byte| byte == b'\n').filter_map(|line| sighting(line, canary)).collect())
    }
}

fn sighting(line: &[u8], canary: &Canary) -> Option<Sighting> {
    let event: Value = serde_json::from_slice(line).ok()?;
    let text = |key: &str| event.get(key).and_then(Value::as_str);
    if text("message_id") != Some(&canary.message_id) {
        return None;
    }
    let destinations = event.get("destinations").and_then(Value::as_array);
    Some(Sighting {
        listener: text("listener")?.to_owned(),
        verdict: text("verdict")?.to_owned(),
        forwarder: text("forwarder").map(str::to_owned),
        destinations: destinations.into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_seen() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("events.jsonl");
        let canary = Canary::new("alice@corp.example");
        assert_ne!(canary.message_id, Canary::new("alice@corp.example").message_id);
        let line = format!(
            "{{\"listener\":\"outbound\",\"verdict\":\"auto_forward\",\"forwarder\":\"alice@corp.example\",\
             \"destinations\":[\"x@canary.invalid\"],\"message_id\":\"{}\"}}\n",
            canary.message_id
        );
        std::fs::write(&path, &line).unwrap();
        let watcher = Watcher::new(&path);
        assert!(watcher.sightings(&canary).unwrap().is_empty(), "that was before");
        std::fs::write(&path, format!("{line}{{\"message_id\":\"other\"}}\nno json\n{line}{{\"half")).unwrap();
        let seen = watcher.sightings(&canary).unwrap();
        assert_eq!(seen.len(), 1);
        assert_eq!(seen[0].destinations, ["x@canary.invalid"]);
        std::fs::write(&path, &line[..10]).unwrap();
        assert!(watcher.sightings(&canary).unwrap().is_empty());
        std::fs::remove_file(&path).unwrap();
        assert!(watcher.sightings(&canary).unwrap().is_empty());
    }
}
