//! Sockets that the service manager made and handed over (sd_listen_fds(3)). They outlive the process: while it is started
//! again, connections wait in them, and none is refused.

use super::socket::{Bound, Socket};
use super::{Endpoint, group, user};
use listenfd::ListenFd;
use socket2::SockRef;
use std::io;
use std::os::fd::AsFd;
use std::os::unix::fs::{MetadataExt, PermissionsExt};

/// What was handed over and is not taken yet.
#[derive(Debug, Default)]
pub struct Passed(Vec<(Socket, Bound)>);

impl Passed {
    /// What the environment says was handed over. To be called once, before there are threads: it clears the variables.
    ///
    /// # Errors
    /// Something was handed over that is no listening stream socket, in a sentence that says which.
    pub fn from_environment() -> io::Result<Self> {
        let mut fds = ListenFd::from_env();
        let mut passed = Vec::new();
        for index in 0..fds.len() {
            let number = index + 3;
            let named = |error: &dyn std::fmt::Display| {
                io::Error::new(
                    io::ErrorKind::InvalidInput,
                    format!("socket {number} of the service manager: {error}; write ListenStream= in its socket unit"),
                )
            };
            let found = match fds.take_unix_listener(index) {
                Ok(Some(listener)) => {
                    listens(&listener).map_err(|error| named(&error))?;
                    listener.set_nonblocking(true)?;
                    let address = listener.local_addr()?;
                    let path = address.as_pathname().ok_or_else(|| named(&"it has no path"))?;
                    (Socket::Unix(path.to_owned()), Bound::Unix(listener, None))
                }
                _ => match fds.take_tcp_listener(index) {
                    Ok(Some(listener)) => {
                        listens(&listener).map_err(|error| named(&error))?;
                        listener.set_nonblocking(true)?;
                        (Socket::Tcp(listener.local_addr()?), Bound::Tcp(listener))
                    }
                    Ok(None) => continue,
                    Err(error) => return Err(named(&error)),
                },
            };
            passed.push(found);
        }
        Ok(Self(passed))
    }

    /// Checks that each has its listener: on one that nobody serves, mail servers would wait for ever.
    ///
    /// # Errors
    /// Names those that have none, and says what to do.
    pub fn check<'a>(&self, endpoints: &(impl Iterator<Item = &'a Endpoint> + Clone)) -> io::Result<()> {
        let unknown: Vec<String> = self
            .0
            .iter()
            .filter(|(socket, _)| !endpoints.clone().any(|at| at.socket == *socket))
            .map(|(socket, _)| {
                format!(
                    "the service manager listens on {socket}, and no [[listener]] does: write [[listener]] with \
                     socket = \"{socket}\", or take it out of the socket unit"
                )
            })
            .collect();
        if unknown.is_empty() { Ok(()) } else { Err(io::Error::new(io::ErrorKind::InvalidInput, unknown.join("\n"))) }
    }

    /// The socket of this listener, where it was handed over.
    pub fn take(&mut self, name: &str, at: &Endpoint) -> Option<Bound> {
        let index = self.0.iter().position(|(socket, _)| *socket == at.socket)?;
        if let Some(differs) = differs(at) {
            tracing::warn!(listener = %name, "the socket is the service manager's: its unit says {differs}");
        }
        Some(self.0.swap_remove(index).1)
    }
}

fn listens(socket: &impl AsFd) -> io::Result<()> {
    if SockRef::from(socket).is_listener()? { Ok(()) } else { Err(io::Error::other("it does not listen")) }
}

/// Where the file of a handed-over socket is not as the listener wants it: the unit's keys that say so.
fn differs(at: &Endpoint) -> Option<String> {
    let Socket::Unix(path) = &at.socket else { return None };
    let file = std::fs::symlink_metadata(path).ok()?;
    let owner = at.owner.as_deref().and_then(|name| user(name).ok());
    let group = at.group.as_deref().and_then(|name| group(name).ok());
    let wrong = [
        ("SocketMode=, not `mode`", at.mode.is_some_and(|mode| file.permissions().mode() & 0o777 != mode)),
        ("SocketUser=, not `owner`", owner.is_some_and(|uid| file.uid() != uid.as_raw())),
        ("SocketGroup=, not `group`", group.is_some_and(|gid| file.gid() != gid.as_raw())),
    ];
    let wrong: Vec<&str> = wrong.into_iter().filter_map(|(keys, differs)| differs.then_some(keys)).collect();
    (!wrong.is_empty()).then(|| wrong.join(", "))
}
