//! Decisions → plan: edits to the mail as a whole. Touches nothing itself.

mod carried;
mod plan;
mod tag;
mod template;

pub use carried::{Carried, Would, carried};
pub use plan::{Done, Plan, plan};
pub use tag::HEADERS;

use crate::policy::Reply;

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
    /// Put a field at the top.
    InsertHeader {
        /// The field's name.
        name: &'static str,
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
