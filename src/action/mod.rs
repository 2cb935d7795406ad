//! Decisions → plan: edits to the mail as a whole. Touches nothing itself.

mod carried;
mod plan;
mod subject;
mod tag;
mod template;

pub use carried::{Carried, Would, carried};
pub use plan::{Done, Plan, plan};
pub use subject::PREFIX_OCTETS;
pub use tag::HEADERS;

use crate::policy::Reply;
use std::borrow::Cow;

/// One edit of a message. Carried out in the order of the plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Edit {
    /// Take away the `occurrence`th (from 1) field of that name.
    DeleteHeader {
        /// The field's name as it stands in the message.
        name: String,
        /// Which of the fields of that name, counted from 1.
        occurrence: u32,
    },
    /// Give the topmost field of that name another body.
    ReplaceHeader {
        /// The field's name as it stands in the message.
        name: String,
        /// The body, without the space behind the colon; lines end in LF.
        value: Vec<u8>,
    },
    /// Put a field at the top.
    InsertHeader {
        /// The field's name.
        name: Cow<'static, str>,
        /// Its body, printable ASCII, one line.
        value: String,
    },
    /// Take out a recipient, named exactly as the MTA named it.
    DeleteRecipient(String),
    /// Add a recipient, in angle brackets.
    AddRecipient(String),
}

/// What becomes of the message after the edits.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Disposition {
    /// It goes on.
    #[default]
    Accept,
    /// The MTA holds it, for this reason.
    Hold(String),
    /// It is refused for good.
    Reject(Reply),
    /// It is refused for now.
    Tempfail(Reply),
    /// It is taken and dropped.
    Discard,
}
