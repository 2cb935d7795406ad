//! The rules for Sendmail.

pub(super) mod dsn;
pub(super) mod expands;
pub(super) mod filter;
pub(super) mod route;
pub(super) mod shared;
pub(super) mod table;
