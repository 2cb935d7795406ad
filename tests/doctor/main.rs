//! `forwarden doctor` on configurations that Postfix's own programs read: the layouts of the manual pass, each wrong wiring
//! is found, and what the doctor says to write puts it right.

#![allow(clippy::expect_used, clippy::unwrap_used, clippy::panic, reason = "a test fails by them")]

#[path = "../support/mod.rs"]
mod support;

mod layouts;
mod options;
mod site;
mod wrong;
