//! Where a listener listens: the notations of Postfix and of libmilter, and sockets that are right before the first accept.

use super::Endpoint;
use nix::unistd::{Gid, Group, Uid, User};
use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt, chown};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};

/// A socket's address.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Socket {
    /// A UNIX domain socket at this absolute path.
    Unix(PathBuf),
    /// A TCP socket.
    Tcp(SocketAddr),
}

/// The longest path that fits into a socket address (`sun_path` with its final NUL, unix(7)).
const MAX_PATH: usize = 107;

impl Socket {
    /// Reads `unix:/path`, `inet:host:port`, `inet6:[::1]:port` as Postfix writes them, `local:/path`, `/path`,
    /// `inet:port@host`, `inet6:port@host` as libmilter does. Hosts are addresses, `localhost`, or `*` for every address.
    ///
    /// # Errors
    /// What is wrong, and how it is written: the end of a sentence that begins with the text.
    pub fn parse(text: &str) -> Result<Self, String> {
        let text = text.trim();
        let (kind, rest) =
            if text.starts_with('/') { ("unix", text) } else { text.split_once(':').unwrap_or((text, "")) };
        match kind {
            "unix" | "local" => unix(rest),
            "inet" => tcp(rest, false),
            "inet6" => tcp(rest, true),
            _ => Err("is no socket: write \"unix:/path\", \"inet:127.0.0.1:8891\" or \"inet6:[::1]:8891\"".into()),
        }
    }

    /// Whether both cannot listen at the same time.
    pub fn overlaps(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Tcp(one), Self::Tcp(two)) => {
                let meet = one.ip() == two.ip() || self.is_wildcard() || other.is_wildcard();
                // A wildcard of one family leaves the other alone: the sockets are made so.
                one.port() == two.port() && one.is_ipv4() == two.is_ipv4() && meet
            }
            _ => self == other,
        }
    }

    /// Whether it listens on every address of the machine.
    pub fn is_wildcard(&self) -> bool {
        matches!(self, Self::Tcp(addr) if addr.ip().is_unspecified())
    }
}

impl fmt::Display for Socket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
            Self::Tcp(SocketAddr::V4(addr)) => write!(f, "inet:{addr}"),
            Self::Tcp(SocketAddr::V6(addr)) => write!(f, "inet6:{addr}"),
        }
    }
}

fn unix(path: &str) -> Result<Socket, String> {
    if !path.starts_with('/') {
        return Err(
            "has no absolute path: one relative to the MTA's queue directory is written out in full here".into()
        );
    }
    if path.ends_with('/') || path.contains('\0') {
        return Err("names no file".into());
    }
    if path.len() > MAX_PATH {
        return Err(format!("has a path of {} bytes; a socket's path may have {MAX_PATH}", path.len()));
    }
    Ok(Socket::Unix(path.into()))
}

fn tcp(text: &str, v6: bool) -> Result<Socket, String> {
    let (host, port) = match text.split_once('@') {
        Some((port, host)) => (host, port),
        None => text.rsplit_once(':').ok_or("has no port: write \"inet:127.0.0.1:8891\"")?,
    };
    let port = port.parse().ok().filter(|port| *port != 0).ok_or("has no port from 1 to 65535")?;
    let host = host.trim_start_matches('[').trim_end_matches(']');
    let address = match host {
        "*" | "" if v6 => IpAddr::V6(Ipv6Addr::UNSPECIFIED),
        "*" | "" => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
        "localhost" if v6 => IpAddr::V6(Ipv6Addr::LOCALHOST),
        "localhost" => IpAddr::V4(Ipv4Addr::LOCALHOST),
        _ => host.parse().map_err(|_| "has no address: names are not looked up, write one such as 127.0.0.1")?,
    };
    if address.is_ipv6() != v6 {
        let kind = if v6 { "inet" } else { "inet6" };
        return Err(format!("has an address of the other family: write \"{kind}:…\""));
    }
    Ok(Socket::Tcp(SocketAddr::new(address, port)))
}

/// A socket that listens, not yet in the runtime's hands.
#[derive(Debug)]
pub enum Bound {
    /// UNIX; its file is removed when dropped, if it is still ours. One that was handed over is not ours.
    Unix(UnixListener, Option<Owned>),
    /// TCP.
    Tcp(std::net::TcpListener),
}

/// The file of a UNIX socket.
#[derive(Debug)]
pub struct Owned {
    path: PathBuf,
    inode: u64,
}

impl Drop for Owned {
    fn drop(&mut self) {
        // Another process may have put its own socket there since.
        if std::fs::symlink_metadata(&self.path).is_ok_and(|metadata| metadata.ino() == self.inode) {
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

/// Listens as the specification says, for the listener of that name.
///
/// # Errors
/// Why that is not possible, in a sentence that names the socket.
pub fn bind(name: &str, at: &Endpoint) -> io::Result<Bound> {
    let named = |error: io::Error| io::Error::new(error.kind(), format!("listener {name}: {}: {error}", at.socket));
    match &at.socket {
        Socket::Unix(path) => {
            let bound = bind_unix(path, at.mode.unwrap_or(0o660), at.owner.as_deref(), at.group.as_deref());
            bound.map(|(listener, owned)| Bound::Unix(listener, Some(owned))).map_err(named)
        }
        Socket::Tcp(addr) => bind_tcp(*addr).map_err(named),
    }
}

/// Listens where only the daemon's user and root can connect.
///
/// # Errors
/// Why that is not possible, in a sentence that names the path.
pub fn bind_private(path: &Path) -> io::Result<(UnixListener, Owned)> {
    bind_unix(path, 0o600, None, None)
        .map_err(|error| io::Error::new(error.kind(), format!("{}: {error}", path.display())))
}

fn bind_tcp(addr: SocketAddr) -> io::Result<Bound> {
    let socket = socket2::Socket::new(socket2::Domain::for_address(addr), socket2::Type::STREAM, None)?;
    socket.set_reuse_address(true)?;
    if addr.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    socket.bind(&addr.into())?;
    socket.listen(1024)?;
    socket.set_nonblocking(true)?;
    Ok(Bound::Tcp(socket.into()))
}

/// The socket is made under another name, given its mode and owner, and only then moved to where the MTA looks: nobody can
/// connect to it before it is right.
fn bind_unix(path: &Path, mode: u32, owner: Option<&str>, group: Option<&str>) -> io::Result<(UnixListener, Owned)> {
    clear_stale(path)?;
    // A short name: where the path is as long as a socket's may be, a longer one could not be bound.
    let temporary = path.with_file_name(format!(".{:x}", std::process::id()));
    let _ = std::fs::remove_file(&temporary);
    let listener = UnixListener::bind(&temporary)?;
    let prepared = prepare(&temporary, mode, owner, group).and_then(|()| std::fs::rename(&temporary, path));
    if let Err(error) = prepared {
        let _ = std::fs::remove_file(&temporary);
        return Err(error);
    }
    listener.set_nonblocking(true)?;
    let inode = std::fs::symlink_metadata(path)?.ino();
    Ok((listener, Owned { path: path.to_owned(), inode }))
}

fn prepare(path: &Path, mode: u32, owner: Option<&str>, group: Option<&str>) -> io::Result<()> {
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode))?;
    let owner = owner.map(user).transpose()?;
    let group = group.map(self::group).transpose()?;
    if owner.is_some() || group.is_some() {
        chown(path, owner.map(Uid::as_raw), group.map(Gid::as_raw))?;
    }
    Ok(())
}

/// Takes away a socket on which nobody listens. Anything else at that path is somebody's and stays.
fn clear_stale(path: &Path) -> io::Result<()> {
    let metadata = match std::fs::symlink_metadata(path) {
        Ok(metadata) => metadata,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    };
    if !metadata.file_type().is_socket() {
        return Err(io::Error::new(
            io::ErrorKind::AlreadyExists,
            "there is a file at that path that is no socket; move it away",
        ));
    }
    match UnixStream::connect(path) {
        Ok(_) => Err(io::Error::new(io::ErrorKind::AddrInUse, "another process is listening there")),
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => std::fs::remove_file(path),
        Err(error) => Err(error),
    }
}

/// The user of that name or number.
///
/// # Errors
/// There is none.
pub fn user(name: &str) -> io::Result<Uid> {
    if let Ok(number) = name.parse() {
        return Ok(Uid::from_raw(number));
    }
    let found = User::from_name(name).map_err(io::Error::from)?;
    found
        .map(|user| user.uid)
        .ok_or_else(|| io::Error::new(io::ErrorKind::NotFound, format!("there is no user \"{name}\"")))
}

/// The group of that name or number.
///
/// # Errors
/// There is none.
pub fn group(name: &str) -> io::Result<Gid> {
    if let Ok(number) = name.parse() {
        return Ok(Gid::from_raw(number));
    }
    let found = Group::from_name(name).map_err(io::Error::from)?;
    found
        .map(|group| group.gid)
        .ok_or_else(|| io::Error::new(io::ErrorKind::NotFound, format!("there is no group \"{name}\"")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn notations() {
        for (given, wanted) in [
            ("unix:/run/f.sock", "unix:/run/f.sock"),
            ("local:/run/f.sock", "unix:/run/f.sock"),
            ("/run/f.sock", "unix:/run/f.sock"),
            ("inet:127.0.0.1:8891", "inet:127.0.0.1:8891"),
            ("inet:localhost:8891", "inet:127.0.0.1:8891"),
            ("inet:8891@localhost", "inet:127.0.0.1:8891"),
            ("inet6:[::1]:8891", "inet6:[::1]:8891"),
            ("inet6:8891@::1", "inet6:[::1]:8891"),
            ("inet:*:8891", "inet:0.0.0.0:8891"),
        ] {
            assert_eq!(Socket::parse(given).map(|socket| socket.to_string()).as_deref(), Ok(wanted), "{given}");
        }
    }

    #[test]
    fn what_is_no_socket() {
        let long = format!("unix:/{}", "x".repeat(107));
        for given in [
            "",
            "unix:run/f.sock",
            "unix:/run/",
            "unix:/run/f\0.sock",
            &long,
            "inet:127.0.0.1",
            "inet:127.0.0.1:0",
            "inet:127.0.0.1:65536",
            "inet:mail.corp.example:1",
            "inet:[::1]:1",
            "udp:1",
        ] {
            assert!(Socket::parse(given).is_err(), "{given}");
        }
    }

    #[test]
    fn what_cannot_listen_side_by_side() {
        let overlap = |one: &str, two: &str| {
            let [one, two] = [one, two].map(|text| Socket::parse(text).expect("a socket"));
            assert_eq!(one.overlaps(&two), two.overlaps(&one));
            one.overlaps(&two)
        };
        assert!(overlap("unix:/run/f.sock", "local:/run/f.sock"));
        assert!(overlap("inet:127.0.0.1:8891", "inet:8891@localhost"));
        assert!(overlap("inet:*:8891", "inet:127.0.0.1:8891"));
        assert!(!overlap("inet:*:8891", "inet6:*:8891"));
        assert!(!overlap("inet:127.0.0.1:8891", "inet:127.0.0.1:8892"));
        assert!(!overlap("inet:127.0.0.1:8891", "inet:127.0.0.2:8891"));
    }

    #[test]
    fn wildcards() {
        assert!(Socket::parse("inet:8891").is_err());
        assert!(Socket::parse("inet6:*:8891").expect("a socket").is_wildcard());
        assert!(!Socket::parse("inet:127.0.0.1:8891").expect("a socket").is_wildcard());
    }
}
