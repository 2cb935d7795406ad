//! wip
pub mod clock;
pub mod message;
