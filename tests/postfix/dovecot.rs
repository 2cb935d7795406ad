//! A Dovecot of a test's own: LMTP with Sieve, and IMAP, for users of the lab.

use crate::lab::{Lab, Server};
use crate::wait::wait_until;
use std::fs::{self, Permissions};
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// Who owns the mailboxes: a user that nobody else is.
const UID: u32 = 21_900;

/// A Dovecot that runs until it is dropped.
pub(crate) struct Dovecot {
    dir: PathBuf,
    imap: SocketAddr,
    child: Child,
}

impl Dovecot {
    /// Starts it below `dir`. What its users redirect goes back to the lab's own server; that server delivers their mail here.
    pub(crate) fn start(dir: &Path, lab: &Lab, users: &[&str]) -> Self {
        let dir = dir.join("dovecot");
        let home = dir.join("home");
        fs::create_dir_all(&home).expect("a folder");
        fs::set_permissions(&dir, Permissions::from_mode(0o755)).expect("its mode");
        chown(&home, Some(UID), Some(UID)).expect("its owner");
        let imap = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a free port");
        let text = format!(
            "base_dir = {dir}/run\nstate_dir = {dir}/state\nlog_path = {dir}/log\nprotocols = imap lmtp\n\
             listen = 127.0.0.1\nssl = no\ndisable_plaintext_auth = no\nauth_mechanisms = plain\n\
             passdb {{\n driver = static\n args = password=secret\n}}\n\
             userdb {{\n driver = static\n args = uid={UID} gid={UID} home={dir}/home/%n\n}}\n\
             first_valid_uid = {UID}\nfirst_valid_gid = {UID}\nmail_location = maildir:~/Maildir\n\
             service lmtp {{\n unix_listener lmtp {{\n  mode = 0666\n }}\n}}\n\
             service imap-login {{\n inet_listener imap {{\n  port = {port}\n }}\n inet_listener imaps {{\n  port = 0\n }}\n}}\n\
             submission_host = {smtp}\n\
             protocol lmtp {{\n mail_plugins = sieve\n postmaster_address = postmaster@corp.example\n}}\n\
             plugin {{\n sieve = file:~/sieve;active=~/active.sieve\n}}\n",
            dir = dir.display(),
            port = imap.port(),
            smtp = lab.address(Server::Inner),
        );
        fs::write(dir.join("dovecot.conf"), text).expect("the configuration can be written");
        let child = Command::new("/usr/sbin/dovecot")
            .args(["-F", "-c"])
            .arg(dir.join("dovecot.conf"))
            .stdin(Stdio::null())
            .spawn()
            .expect("Dovecot can be started: lab/install-packages");
        let mut dovecot = Self { dir, imap, child };
        let lmtp = dovecot.dir.join("run/lmtp");
        wait_until("Dovecot listens", || {
            assert!(dovecot.child.try_wait().expect("its state").is_none(), "Dovecot ended:\n{}", dovecot.log());
            lmtp.exists() && TcpStream::connect(imap).is_ok()
        });
        let table: Vec<String> =
            users.iter().map(|user| format!("{{ {user}@corp.example = lmtp:unix:{} }}", lmtp.display())).collect();
        lab.set(Server::Inner, &format!("transport_maps=inline:{{ {} }}", table.join(" ")));
        lab.add_service(Server::Inner, "lmtp/unix=lmtp unix - - n - - lmtp");
        dovecot
    }

    /// Gives a user this Sieve script.
    pub(crate) fn sieve(&self, user: &str, script: &str) {
        let home = self.dir.join("home").join(user);
        fs::create_dir_all(&home).expect("a home");
        let active = home.join("active.sieve");
        fs::write(&active, script).expect("a script");
        for path in [&home, &active] {
            chown(path, Some(UID), Some(UID)).expect("its owner");
        }
    }

    /// The text of the only message in a user's INBOX, fetched over IMAP (RFC 3501); nothing while there is none.
    pub(crate) fn fetch_text(&self, user: &str) -> io::Result<Option<Vec<u8>>> {
        let stream = TcpStream::connect(self.imap)?;
        stream.set_read_timeout(Some(Duration::from_secs(30)))?;
        let mut imap = Imap(BufReader::new(stream));
        imap.line()?;
        imap.command(&format!("LOGIN {user}@corp.example secret"))?;
        let selected = imap.command("SELECT INBOX")?;
        if !selected.iter().any(|line| line.starts_with("* 1 EXISTS")) {
            return Ok(None);
        }
        imap.0.get_mut().write_all(b"a FETCH 1 BODY[TEXT]\r\n")?;
        let line = imap.line()?;
        let size = line.rsplit_once('{').and_then(|(_, size)| size.trim_end_matches('}').parse().ok());
        let mut text = vec![0; size.ok_or_else(|| io::Error::other(format!("no literal: {line}")))?];
        imap.0.read_exact(&mut text)?;
        Ok(Some(text))
    }

    /// What it logged so far.
    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.dir.join("log")).unwrap_or_default()
    }
}

impl Drop for Dovecot {
    fn drop(&mut self) {
        // SIGTERM, so that its own processes end with it.
        let pid = nix::unistd::Pid::from_raw(self.child.id().try_into().expect("a process id"));
        let _ = nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGTERM);
        let _ = self.child.wait();
        if std::thread::panicking() {
            eprintln!("--- log of Dovecot ---\n{}", self.log());
        }
    }
}

struct Imap(BufReader<TcpStream>);

impl Imap {
    fn line(&mut self) -> io::Result<String> {
        let mut line = String::new();
        self.0.read_line(&mut line)?;
        Ok(line.trim_end().to_owned())
    }

    /// Sends a command and returns what came before its success.
    fn command(&mut self, command: &str) -> io::Result<Vec<String>> {
        self.0.get_mut().write_all(format!("a {command}\r\n").as_bytes())?;
        let mut lines = Vec::new();
        loop {
            let line = self.line()?;
            match line.strip_prefix("a ") {
                Some(result) if result.starts_with("OK") => return Ok(lines),
                Some(result) => return Err(io::Error::other(format!("{command}: {result}"))),
                None if line.is_empty() => return Err(io::Error::other("the server hung up")),
                None => lines.push(line),
            }
        }
    }
}
