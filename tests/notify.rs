//! People inside are told of a forward: by a real server that takes the notice, by one that comes back late, and not too often.

#![allow(clippy::expect_used, clippy::unwrap_used, clippy::panic, reason = "a test fails by them")]

mod support;

use socket2::{Domain, Socket, Type};
use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use support::{Daemon, Mta, forward, wait_for};

/// An SMTP server that keeps what it gets: envelope and message.
#[derive(Clone, Default)]
struct Server(Arc<Mutex<Vec<String>>>);

impl Server {
    /// Begins to listen where nobody did, at a port that was kept for it.
    fn start(socket: Socket) -> Self {
        let server = Self::default();
        socket.listen(16).unwrap();
        let listener = TcpListener::from(socket);
        let kept = server.clone();
        // Ends with the test's process; a test takes a handful of connections.
        std::thread::spawn(move || listener.incoming().take(50).flatten().for_each(|stream| kept.serve(stream)));
        server
    }

    fn serve(&self, stream: TcpStream) {
        let mut out = stream.try_clone().unwrap();
        let mut lines = BufReader::new(stream).lines().map_while(Result::ok);
        let _ = out.write_all(b"220 sink\r\n");
        let mut letter = String::new();
        while let Some(line) = lines.next() {
            let verb = line.split([' ', ':']).next().unwrap_or_default().to_ascii_uppercase();
            let reply: &[u8] = match verb.as_str() {
                "DATA" => {
                    let _ = out.write_all(b"354 go on\r\n");
                    for line in lines.by_ref().take_while(|line| line != ".") {
                        letter += &format!("{line}\n");
                    }
                    self.0.lock().unwrap().push(std::mem::take(&mut letter));
                    b"250 taken\r\n"
                }
                "QUIT" => b"221 bye\r\n",
                _ => {
                    letter += &format!("{line}\n");
                    b"250 fine\r\n"
                }
            };
            if out.write_all(reply).is_err() || verb == "QUIT" {
                return;
            }
        }
    }

    fn letters(&self, count: usize) -> Vec<String> {
        wait_for("letters", || Some(self.0.lock().unwrap().clone()).filter(|letters| letters.len() >= count))
    }
}

/// A port that refuses connections until a server is started there, and that nobody else can get meanwhile.
fn kept_port() -> (Socket, u16) {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    socket.bind(&SocketAddr::from(([127, 0, 0, 1], 0)).into()).unwrap();
    let port = socket.local_addr().unwrap().as_socket().unwrap().port();
    (socket, port)
}

fn daemon(port: u16, mode: &str) -> (Daemon, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let daemon = Daemon::start(&format!(
        "[policy]\nmode = \"{mode}\"\n[notify]\nserver = \"127.0.0.1:{port}\"\nfrom = \"forwarden@corp.example\"\n\
         security = \"security@corp.example\"\ndirectory = \"{}\"\n\
         [[rule]]\nid = \"tell\"\nwhen = {{ verdict = \"auto_forward\" }}\nthen = [\"tag\", {{ notify = [\"forwarder\", \"security\"] }}]\n",
        folder.path().display()
    ));
    (daemon, folder)
}

fn send(daemon: &Daemon, user: &str) {
    let mut mta = Mta::connect(daemon.addr);
    let rcpt = format!("<x@ext.example> ORCPT=rfc822;{user}@corp.example");
    let (from, rcpt, headers) = forward(&rcpt);
    mta.message(from, &rcpt, &headers);
    assert_eq!(mta.end_of_message().answer(), b'c');
}

#[test]
fn the_mailbox_and_those_who_look_after_security_are_told_once() {
    let (socket, port) = kept_port();
    let server = Server::start(socket);
    let (daemon, _folder) = daemon(port, "enforce");
    send(&daemon, "alice");
    let mut letters = server.letters(2);
    letters.sort_by_key(|letter| letter.contains("TO:<security@"));
    assert!(
        letters[0].contains("RCPT TO:<alice@corp.example>") && letters[1].contains("RCPT TO:<security@corp.example>")
    );
    for letter in &letters {
        for part in [
            "MAIL FROM:<>",
            "From: forwarden@corp.example",
            "Auto-Submitted: auto-generated",
            "Message-ID: <",
            "Subject: Mail of alice@corp.example is forwarded to x@ext.example",
            "done       tagged",
        ] {
            assert!(letter.contains(part), "{part}: {letter}");
        }
    }
    // The pair was spoken of; another is news.
    send(&daemon, "alice");
    send(&daemon, "bob");
    let letters = server.letters(4);
    assert_eq!(letters.iter().filter(|letter| letter.contains("Subject: Mail of alice@")).count(), 2, "{letters:?}");
}

#[test]
fn a_server_that_is_down_delays_no_mail_and_loses_no_notice() {
    use std::os::unix::fs::PermissionsExt;
    let (socket, port) = kept_port();
    let (daemon, folder) = daemon(port, "enforce");
    send(&daemon, "alice");
    send(&daemon, "bob");
    let waiting = || std::fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().path()).collect::<Vec<_>>();
    wait_for("letters on the disk", || (waiting().len() == 4).then_some(()));
    assert_eq!(std::fs::metadata(&waiting()[0]).unwrap().permissions().mode() & 0o777, 0o600);
    wait_for("the complaint", || daemon.log().contains("notices wait").then_some(()));
    daemon.assert_serving();
    let server = Server::start(socket);
    server.letters(4);
    wait_for("an empty folder", || waiting().is_empty().then_some(()));
}

#[test]
fn nobody_is_told_where_nothing_is_done() {
    let (socket, port) = kept_port();
    let server = Server::start(socket);
    let (daemon, _folder) = daemon(port, "observe");
    send(&daemon, "alice");
    let events = daemon.events(1);
    assert_eq!(events[0]["actions"], serde_json::json!(["tag", "notify"]));
    daemon.assert_serving();
    assert!(server.0.lock().unwrap().is_empty());
}

#[test]
fn the_owner_of_an_exception_that_ended_is_told() {
    let (socket, port) = kept_port();
    let server = Server::start(socket);
    let folder = tempfile::tempdir().unwrap();
    let daemon = Daemon::start(&format!(
        "[policy]\nmode = \"enforce\"\n[notify]\nserver = \"127.0.0.1:{port}\"\nfrom = \"forwarden@corp.example\"\n\
         security = \"security@corp.example\"\ndirectory = \"{}\"\n\
         [[exception]]\nid = \"alice-leave\"\nforwarder = \"alice@corp.example\"\ndestination = \"*\"\n\
         owner = \"carol@corp.example\"\nexpires = 2026-01-31\n\
         [[exception]]\nid = \"bob-leave\"\nforwarder = \"bob@corp.example\"\ndestination = \"*\"\n\
         owner = \"eve@ext.example\"\nexpires = 2026-01-31\n\
         [[rule]]\nid = \"tell\"\nwhen = {{ verdict = \"auto_forward\" }}\nthen = [\"tag\", {{ notify = [\"owner\"] }}]\n",
        folder.path().display()
    ));
    // Nobody outside is told, whoever is named an owner.
    send(&daemon, "bob");
    send(&daemon, "alice");
    let letters = server.letters(1);
    assert!(letters[0].contains("RCPT TO:<carol@corp.example>"), "{letters:?}");
    assert!(letters[0].contains("exception  alice-leave (expired)"), "{letters:?}");
}
