//! `forwarden audit` over trees that the real programs accept, and over hostile ones.

#![allow(clippy::expect_used, clippy::unwrap_used, clippy::panic, reason = "a test fails by them")]

mod homes;
mod hostile;
mod postfix;
mod programs;
mod properties;
mod show;
mod sieve;
mod traffic;
mod tree;
