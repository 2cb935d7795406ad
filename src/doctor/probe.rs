//! Looks at sockets: whether a user may connect, and whether a milter answers.

use crate::frontend::Socket;
use nix::unistd::{Gid, User, getgrouplist};
use std::ffi::CString;
use std::io::{self, Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream};
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// What is in a user's way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Obstacle {
    /// The folder or the socket.
    pub path: PathBuf,
    /// Its owner and mode.
    pub found: String,
}

/// What keeps a user from connecting to a socket, going by owners and modes; access lists are not looked at. A socket that
/// is not there, and a user whom nobody knows, are other findings.
pub(super) fn obstacle(path: &Path, user: &str) -> Option<Obstacle> {
    let user = User::from_name(user).ok().flatten()?;
    if user.uid.is_root() {
        return None;
    }
    let name = CString::new(user.name.as_str()).ok()?;
    let groups = getgrouplist(&name, user.gid).unwrap_or_else(|_| vec![user.gid]);
    let mut ancestors: Vec<&Path> = path.ancestors().collect();
    ancestors.reverse();
    for step in ancestors {
        let metadata = std::fs::metadata(step).ok()?;
        let wanted = if step == path { 0o2 } else { 0o1 };
        if step == path && !metadata.file_type().is_socket() {
            return None;
        }
        let mode = metadata.mode();
        let bits = if metadata.uid() == user.uid.as_raw() {
            mode >> 6
        } else if groups.contains(&Gid::from_raw(metadata.gid())) {
            mode >> 3
        } else {
            mode
        };
        if bits & wanted == 0 {
            let found = format!("owner {}, group {}, mode {:04o}", metadata.uid(), metadata.gid(), mode & 0o7777);
            return Some(Obstacle { path: step.to_owned(), found });
        }
    }
    None
}

/// The offer of an MTA: version 6, all actions, all steps.
const OFFER: &[u8] = b"\0\0\0\x0dO\0\0\0\x06\0\0\x01\xff\0\x1f\xff\xff";
const QUIT: &[u8] = b"\0\0\0\x01Q";

/// Opens a session with a milter and ends it.
///
/// # Errors
/// Nobody is there, or what answers is no milter.
pub(super) fn ask(socket: &Socket) -> io::Result<()> {
    match socket {
        Socket::Unix(path) => {
            let stream = UnixStream::connect(path)?;
            stream.set_read_timeout(Some(PATIENCE))?;
            stream.set_write_timeout(Some(PATIENCE))?;
            negotiate(stream)
        }
        Socket::Tcp(addr) => {
            let ip = match addr.ip() {
                IpAddr::V4(ip) if ip.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
                IpAddr::V6(ip) if ip.is_unspecified() => IpAddr::V6(Ipv6Addr::LOCALHOST),
                ip => ip,
            };
            let stream = TcpStream::connect_timeout(&SocketAddr::new(ip, addr.port()), PATIENCE)?;
            stream.set_read_timeout(Some(PATIENCE))?;
            stream.set_write_timeout(Some(PATIENCE))?;
            negotiate(stream)
        }
    }
}

fn negotiate(mut stream: impl Read + Write) -> io::Result<()> {
    stream.write_all(OFFER)?;
    let mut answer = [0; 5];
    stream.read_exact(&mut answer).map_err(|error| match error.kind() {
        io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => io::Error::other("no answer"),
        io::ErrorKind::UnexpectedEof => io::Error::other("it hangs up: may this host connect?"),
        _ => error,
    })?;
    if answer.first() != Some(&0) || answer.last() != Some(&b'O') {
        return Err(io::Error::other("something else than a milter answers"));
    }
    stream.write_all(QUIT)
}
