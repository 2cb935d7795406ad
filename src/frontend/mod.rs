//! Where mail comes in. The only holder of protocol types, and the only place where an error becomes a reply.

mod listener;
pub mod milter;
mod passed;
mod socket;

pub(crate) use listener::{Listener, Stream};
pub use passed::Passed;
pub use socket::{Bound, Owned, Socket, bind, bind_private, group, user};

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

/// What a listener may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Carries decisions out, where the policy's mode is `enforce`.
    #[default]
    Enforce,
    /// Only watches: it can never change mail.
    Observe,
}

/// What becomes of a message that cannot be judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OnError {
    /// It goes on unjudged.
    Accept,
    /// The MTA keeps it and tries again.
    #[default]
    Tempfail,
    /// The MTA holds it.
    Quarantine,
}

impl OnError {
    /// The name in events and in the configuration.
    pub fn name(self) -> &'static str {
        match self {
            Self::Accept => "accept",
            Self::Tempfail => "tempfail",
            Self::Quarantine => "quarantine",
        }
    }
}

/// One listener, as configured.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListenerSpec {
    /// Its name in events and logs.
    pub name: String,
    /// What it may do.
    pub role: Role,
    /// Which way its mail goes.
    pub direction: crate::message::Direction,
    /// Where it listens.
    pub at: Endpoint,
    /// What becomes of a message that cannot be judged.
    pub on_error: OnError,
}

/// A socket, and who may connect to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    /// Its address.
    pub socket: Socket,
    /// Permission bits of a UNIX socket.
    pub mode: Option<u32>,
    /// Owner of a UNIX socket, by name or number.
    pub owner: Option<String>,
    /// Group of a UNIX socket, by name or number.
    pub group: Option<String>,
    /// Peers that may connect to a TCP socket; empty means loopback only.
    pub allow: Vec<IpNet>,
}

impl Endpoint {
    /// A socket with the rights that it has unless something else is said.
    pub fn new(socket: Socket) -> Self {
        Self { socket, mode: None, owner: None, group: None, allow: Vec::new() }
    }
}
