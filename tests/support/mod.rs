//! The real daemon on a free port, and the MTA's side of the milter protocol in plain bytes.

#![allow(dead_code, reason = "each test binary uses what it needs")]
#![allow(unreachable_pub, reason = "shared by the test binaries")]
#![allow(clippy::expect_used, clippy::unwrap_used, clippy::panic, reason = "a test fails by them")]

pub mod http;
mod ports;

pub use ports::free_port;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

/// How long anything may take before a test gives up: far more than it ever needs.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// Polls until `done` gives a value.
pub fn wait_for<T>(what: &str, mut done: impl FnMut() -> Option<T>) -> T {
    let begun = Instant::now();
    loop {
        if let Some(value) = done() {
            return value;
        }
        assert!(begun.elapsed() < PATIENCE, "waited in vain for {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// A running daemon in a folder of its own. Ended by pid when dropped.
pub struct Daemon {
    pub folder: tempfile::TempDir,
    pub addr: SocketAddr,
    child: Option<Child>,
}

impl Daemon {
    /// Starts it with an `enforce` listener on a free port and `more` configuration; waits until it listens.
    pub fn start(more: &str) -> Self {
        let port = free_port();
        let listener =
            format!("[[listener]]\nname = \"outbound\"\nsocket = \"inet:127.0.0.1:{port}\"\non_error = \"tempfail\"\n");
        let daemon = Self::start_with(&format!("{listener}{more}"), SocketAddr::from(([127, 0, 0, 1], port)));
        wait_for("the daemon to listen", || TcpStream::connect(daemon.addr).ok());
        daemon
    }

    /// Starts it with a whole set of listeners; `addr` is where the tests connect.
    pub fn start_with(listeners: &str, addr: SocketAddr) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut daemon = Self { folder, addr, child: None };
        daemon.configure(listeners);
        daemon.spawn();
        daemon
    }

    /// Starts it again in its folder, with what it left there.
    pub fn start_again(&mut self) {
        self.spawn();
        wait_for("the daemon to listen", || TcpStream::connect(self.addr).ok());
    }

    fn spawn(&mut self) {
        let log = std::fs::OpenOptions::new().append(true).create(true).open(self.path("log")).unwrap();
        let child = Command::new(env!("CARGO_BIN_EXE_forwarden"))
            .args(["serve", "--config"])
            .arg(self.path("forwarden.toml"))
            .env_remove("RUST_LOG")
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .unwrap();
        self.child = Some(child);
    }

    /// Ends it in the middle of whatever it does.
    pub fn kill(&mut self) {
        let child = self.child.as_mut().unwrap();
        child.kill().unwrap();
        child.wait().unwrap();
    }

    /// Tells it to end, and waits until it has.
    pub fn stop(&mut self) {
        self.signal(nix::sys::signal::Signal::SIGTERM);
        assert!(self.wait().success(), "{}", self.log());
    }

    /// Writes the configuration: what all tests share, then this; FOLDER stands for the daemon's folder.
    pub fn configure(&self, rest: &str) {
        let events = self.path("events.jsonl");
        let text = format!(
            "[organization]\ndomains = [\"corp.example\"]\nnetworks = [\"127.0.0.0/8\", \"198.51.100.0/24\"]\n\
             [events]\noutput = \"file:{}\"\nordinary = true\n{rest}",
            events.display()
        );
        let text = text.replace("FOLDER", self.folder.path().to_str().unwrap());
        std::fs::write(self.path("forwarden.toml"), text).unwrap();
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn log(&self) -> String {
        std::fs::read_to_string(self.path("log")).unwrap_or_default()
    }

    /// Waits until there are `count` events and returns them all; each must be one line that follows the schema.
    pub fn events(&self, count: usize) -> Vec<serde_json::Value> {
        wait_for("events", || {
            let events = read_events(&self.path("events.jsonl"));
            (events.len() >= count).then_some(events)
        })
    }

    pub fn pid(&self) -> i32 {
        i32::try_from(self.child.as_ref().unwrap().id()).unwrap()
    }

    pub fn signal(&self, signal: nix::sys::signal::Signal) {
        nix::sys::signal::kill(nix::unistd::Pid::from_raw(self.pid()), signal).unwrap();
    }

    /// Waits for its end.
    pub fn wait(&mut self) -> ExitStatus {
        let child = self.child.as_mut().unwrap();
        wait_for("the daemon to end", || child.try_wait().unwrap())
    }

    /// Whether it runs.
    pub fn is_running(&mut self) -> bool {
        self.child.as_mut().unwrap().try_wait().unwrap().is_none()
    }

    /// Shows that it still serves: an ordinary message on a connection of its own is passed on.
    pub fn assert_serving(&self) {
        let mut mta = Mta::connect(self.addr);
        mta.message(
            "<dave@corp.example>",
            &["<ann@partner.example>"],
            &[("From", "dave@corp.example"), ("Message-ID", "<still@corp.example>")],
        );
        assert_eq!(mta.end_of_message().answer(), b'c');
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("the daemon's log:\n{}", self.log());
        }
        if let Some(child) = &mut self.child {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

pub fn read_events(path: &Path) -> Vec<serde_json::Value> {
    let text = std::fs::read_to_string(path).unwrap_or_default();
    let whole = text.rfind('\n').map_or("", |end| &text[..end]);
    let schema = serde_json::from_str(forwarden::event::schema()).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    let event = |line: &str| {
        let event: serde_json::Value = serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
        let problems: Vec<String> = validator.iter_errors(&event).map(|error| error.to_string()).collect();
        assert!(problems.is_empty(), "{problems:?}: {line}");
        event
    };
    whole.lines().map(event).collect()
}

/// The steps that need no reply (SMFIP_NR_*) and the steps left out (SMFIP_NO*), as Postfix 3.7 offers all of them.
pub const ALL_STEPS: u32 = 0x1f_ffff;
/// Every edit (SMFIF_*).
pub const ALL_EDITS: u32 = 0x1ff;

/// What bytes go over.
trait Wire: Read + Write + Send {}
impl<T: Read + Write + Send> Wire for T {}

/// The MTA's side of a connection.
pub struct Mta {
    stream: Box<dyn Wire>,
    pub steps: u32,
    pub edits: u32,
}

/// What a milter asked for at the end of a message, and its answer last: command byte and payload.
#[derive(Debug)]
pub struct Replies(pub Vec<(u8, Vec<u8>)>);

impl Replies {
    /// The byte of the final answer.
    pub fn answer(&self) -> u8 {
        self.0.last().unwrap().0
    }

    /// The payloads of the edits of this kind, NUL bytes shown as `|`.
    pub fn edits(&self, kind: u8) -> Vec<String> {
        let edits = self.0.iter().filter(|(command, _)| *command == kind);
        edits.map(|(_, payload)| String::from_utf8_lossy(payload).replace('\0', "|")).collect()
    }
}

fn tcp(addr: SocketAddr) -> Box<dyn Wire> {
    let stream = TcpStream::connect(addr).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.set_nodelay(true).unwrap();
    Box::new(stream)
}

impl Mta {
    /// Whether somebody takes connections there.
    pub fn is_listening(addr: SocketAddr) -> bool {
        TcpStream::connect(addr).is_ok()
    }

    /// Connects and negotiates as Postfix does, up to HELO.
    pub fn connect(addr: SocketAddr) -> Self {
        Self::connect_offering(addr, 6, ALL_EDITS, ALL_STEPS)
    }

    /// Connects as an MTA that offers this.
    pub fn connect_offering(addr: SocketAddr, version: u32, edits: u32, steps: u32) -> Self {
        Self::negotiate(tcp(addr), version, edits, steps).greet()
    }

    /// Connects over a UNIX socket, as Postfix does.
    pub fn connect_unix(path: &Path) -> Self {
        let stream = UnixStream::connect(path).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        Self::negotiate(Box::new(stream), 6, ALL_EDITS, ALL_STEPS).greet()
    }

    fn greet(mut self) -> Self {
        self.step(b'C', b"mail.corp.example\x004\x00\x19198.51.100.10\0", 0x1, 0x1000);
        self.step(b'H', b"mail.corp.example\0", 0x2, 0x2000);
        self
    }

    /// Connects on behalf of this client: name, family, port and address as the protocol writes them.
    pub fn connect_from(addr: SocketAddr, client: &[u8]) -> Self {
        let mut mta = Self::negotiate(tcp(addr), 6, ALL_EDITS, ALL_STEPS);
        mta.step(b'C', client, 0x1, 0x1000);
        mta
    }

    fn negotiate(stream: Box<dyn Wire>, version: u32, edits: u32, steps: u32) -> Self {
        let mut mta = Self { stream, steps, edits };
        mta.send(b'O', &[version.to_be_bytes(), edits.to_be_bytes(), steps.to_be_bytes()].concat());
        let (command, payload) = mta.read().unwrap();
        assert_eq!(command, b'O');
        let word = |at: usize| u32::from_be_bytes(payload[at..at + 4].try_into().unwrap());
        (mta.edits, mta.steps) = (word(4), word(8));
        assert_eq!(mta.edits & !edits, 0, "asked for edits that were not offered");
        assert_eq!(mta.steps & !steps, 0, "asked for steps that were not offered");
        mta
    }

    /// Sends raw bytes, packet or not.
    pub fn raw(&mut self, bytes: &[u8]) {
        let _ = self.stream.write_all(bytes);
    }

    pub fn send(&mut self, command: u8, payload: &[u8]) {
        let length = u32::try_from(payload.len() + 1).unwrap();
        let packet = [&length.to_be_bytes()[..], &[command], payload].concat();
        self.stream.write_all(&packet).unwrap();
    }

    pub fn read(&mut self) -> std::io::Result<(u8, Vec<u8>)> {
        let mut length = [0; 4];
        self.stream.read_exact(&mut length)?;
        let mut packet = vec![0; u32::from_be_bytes(length) as usize];
        self.stream.read_exact(&mut packet)?;
        Ok((packet[0], packet[1..].to_vec()))
    }

    /// Whether the other side closed the connection.
    pub fn is_closed(&mut self) -> bool {
        match self.stream.read(&mut [0; 1]) {
            Ok(count) => count == 0,
            // Cut while bytes were unread; a timeout would be the opposite.
            Err(error) => error.kind() == std::io::ErrorKind::ConnectionReset,
        }
    }

    /// Sends a step unless it was left out, and reads its reply unless silence was agreed.
    pub fn step(&mut self, command: u8, payload: &[u8], left_out: u32, silent: u32) {
        if self.steps & left_out != 0 {
            return;
        }
        self.send(command, payload);
        if self.steps & silent == 0 {
            assert_eq!(self.read().unwrap().0, b'c', "reply to {}", command as char);
        }
    }

    pub fn macros(&mut self, stage: u8, macros: &[(&str, &str)]) {
        let mut payload = vec![stage];
        for (name, value) in macros {
            payload.extend([name.as_bytes(), b"\0", value.as_bytes(), b"\0"].concat());
        }
        self.send(b'D', &payload);
    }

    /// `args` is the path and, each behind a space, its ESMTP parameters.
    pub fn mail(&mut self, args: &str) {
        self.step(b'M', &words(args), 0x4, 0x4000);
    }

    pub fn rcpt(&mut self, args: &str) {
        self.step(b'R', &words(args), 0x8, 0x8000);
    }

    pub fn header(&mut self, name: &str, body: impl AsRef<[u8]>) {
        // With the leading space kept (SMFIP_HDR_LEADSPC) the MTA sends it, too.
        let space: &[u8] = if self.steps & 0x10_0000 != 0 { b" " } else { b"" };
        let payload = [name.as_bytes(), b"\0", space, body.as_ref(), b"\0"].concat();
        self.step(b'L', &payload, 0x20, 0x80);
    }

    /// A message up to its end.
    pub fn message(&mut self, mail_from: &str, rcpt_to: &[&str], headers: &[(&str, &str)]) {
        self.mail(mail_from);
        rcpt_to.iter().for_each(|rcpt| self.rcpt(rcpt));
        self.step(b'T', b"", 0x200, 0x1_0000);
        headers.iter().for_each(|(name, body)| self.header(name, body));
    }

    /// Ends the message with this queue id.
    pub fn end_of_message(&mut self) -> Replies {
        self.end_of_message_as("4XyZ1k0q2Rz9tQ")
    }

    pub fn end_of_message_as(&mut self, queue_id: &str) -> Replies {
        self.end_of_message_with(queue_id, b"body\r\n")
    }

    /// Ends the message with this body.
    pub fn end_of_message_with(&mut self, queue_id: &str, body: &[u8]) -> Replies {
        self.step(b'N', b"", 0x40, 0x4_0000);
        self.step(b'B', body, 0x10, 0x8_0000);
        self.macros(b'E', &[("i", queue_id)]);
        self.send(b'E', b"");
        let mut replies = Vec::new();
        loop {
            let reply = self.read().unwrap();
            replies.push(reply);
            // Continue, accept, reject, tempfail, discard, reply code; everything else is an edit.
            if matches!(replies.last().unwrap().0, b'c' | b'a' | b'r' | b't' | b'd' | b'y') {
                return Replies(replies);
            }
        }
    }

    /// Ends the message if the connection still stands; the final answer's byte, or `None` where it was cut.
    pub fn read_end(&mut self) -> Option<u8> {
        self.raw(&[0, 0, 0, 1, b'E']);
        loop {
            let (command, _) = self.read().ok()?;
            if matches!(command, b'c' | b'a' | b'r' | b't' | b'd' | b'y') {
                return Some(command);
            }
        }
    }

    pub fn abort(&mut self) {
        self.send(b'A', b"");
    }
}

fn words(args: &str) -> Vec<u8> {
    args.split(' ').flat_map(|word| [word.as_bytes(), b"\0"].concat()).collect()
}

/// A forward as an outbound hop gets it: alice's mail, to this recipient.
pub fn forward(rcpt: &str) -> (&'static str, [&str; 1], [(&'static str, &'static str); 3]) {
    (
        "<ann@partner.example>",
        [rcpt],
        [("From", "Ann <ann@partner.example>"), ("To", "alice@corp.example"), ("Message-ID", "<m1@partner.example>")],
    )
}
