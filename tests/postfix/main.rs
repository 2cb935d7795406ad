//! Forwarden behind real Postfix instances: the real binary, real forwards, and a sink that shows what left.
//!
//! Each test has a site of its own: a lab (`lab/postfix-lab`) under a temporary folder and a daemon. Without Postfix, or
//! without the rights to start it, they are skipped and say so; where `CI` is set, they fail.

#![allow(clippy::expect_used, clippy::panic, reason = "that is how a test fails")]

mod actions;
mod backfill;
mod correlation;
mod daemon;
mod doctor;
mod dovecot;
mod forwarding;
mod lab;
mod mail;
#[path = "../support/ports.rs"]
mod ports;
mod quarantine;
mod service;
mod site;
mod smtp;
mod strip;
mod wait;
