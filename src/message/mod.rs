//! One transaction as it was seen at one listener. Data only: made by [`Builder`], never changed afterwards.

mod address;
mod body;
mod builder;
mod domain;
pub mod eml;
mod envelope;
mod header;
mod organization;
mod received;
mod trace;

pub use address::{Address, parse_list as addresses};
pub use builder::{Builder, Limits};
pub use domain::{Domain, DomainSet};
pub use envelope::{Params, Recipient, Sender};
pub use header::{Header, Headers};
pub use organization::Organization;
pub use received::Received;
pub use trace::{Entry, Trace};

use std::net::IpAddr;
use std::sync::OnceLock;

/// Which way a listener's mail goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Direction {
    /// Leaving the organisation: forwards are looked for.
    #[default]
    Outbound,
    /// Coming in: context only.
    Inbound,
}

impl Direction {
    /// All, by the names that events and the configuration use.
    pub const ALL: [(&'static str, Self); 2] = [("outbound", Self::Outbound), ("inbound", Self::Inbound)];

    /// The name in events and in the configuration.
    pub fn name(self) -> &'static str {
        match self {
            Self::Outbound => "outbound",
            Self::Inbound => "inbound",
        }
    }
}

/// Who handed the message over.
#[derive(Debug, Clone, Default)]
pub struct Connection {
    /// The client's address; `None` where the MTA named none.
    pub client_addr: Option<IpAddr>,
    /// The client's name as the MTA looked it up.
    pub client_name: Option<String>,
    /// The name the client gave itself.
    pub helo: Option<String>,
    /// The MTA's own name (macro `j`).
    pub mta: Option<String>,
}

/// A message with its envelope and circumstances.
#[derive(Debug, Clone, Default)]
pub struct Message {
    /// The listener's name in the configuration.
    pub listener: String,
    /// Which way it goes.
    pub direction: Direction,
    /// Who handed it over.
    pub connection: Connection,
    /// The user who logged in (macro `{auth_authen}`).
    pub auth_user: Option<String>,
    /// The MTA's queue id (macro `i`), where it has one.
    pub queue_id: Option<String>,
    /// MAIL FROM.
    pub sender: Sender,
    /// RCPT TO, in order.
    pub recipients: Vec<Recipient>,
    /// The header section.
    pub headers: Headers,
    /// The beginning of the body, where the listener asks for it.
    pub body: Option<Vec<u8>>,
    /// Size in octets: as declared (`SIZE=`), or as counted.
    pub size: u64,
    /// What was longer than a limit allows and therefore was not read to its end.
    pub exceeded: Vec<Exceeded>,
    /// The texts of the body, once somebody has asked for them.
    texts: OnceLock<Vec<String>>,
}

impl Message {
    /// The addresses of the `From` fields.
    pub fn authors(&self) -> Vec<Address> {
        self.headers.addresses(&["From"])
    }

    /// The Message-ID without its brackets.
    pub fn message_id(&self) -> Option<String> {
        let text = self.headers.first("Message-ID")?.text();
        let id = text.trim().trim_start_matches('<').trim_end_matches('>');
        (!id.is_empty()).then(|| id.to_owned())
    }

    /// The subject as a person reads it.
    pub fn subject(&self) -> Option<String> {
        Some(self.headers.first("Subject")?.decoded().into_owned())
    }
}

/// A limit that was passed: what of the message is not judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Exceeded {
    /// Header fields after the allowed number, or after the allowed number of octets.
    HeaderFields,
    /// The end of a header field.
    FieldLength,
    /// Recipients after the allowed number. They are passed on, unjudged.
    Recipients,
}

impl Exceeded {
    /// The name in evidence and documentation.
    pub fn name(self) -> &'static str {
        match self {
            Self::HeaderFields => "header_fields",
            Self::FieldLength => "field_length",
            Self::Recipients => "recipients",
        }
    }
}
