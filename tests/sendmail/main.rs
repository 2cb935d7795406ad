//! Forwarden behind a real Sendmail: front and hop as `conf/sendmail` has them, in a Debian of its own, and a sink that shows
//! what left. `make test-sendmail` makes that Debian and runs these tests.

#![allow(clippy::expect_used, clippy::unwrap_used, clippy::panic, reason = "a test fails by them")]

mod audit;
mod doctor;
mod forwards;
mod held;
mod lab;
#[path = "../postfix/mail.rs"]
mod mail;
mod replies;
#[path = "../postfix/wait.rs"]
mod wait;
