//! Events on their way to receivers: the real daemon, a real rsyslog and a real syslog-ng, receivers of our own that fail as
//! real ones do, and a daemon that is killed.

#![allow(clippy::expect_used, clippy::unwrap_used, clippy::panic, reason = "a test fails by them")]

mod acks;
mod certificates;
mod commands;
mod gelf;
mod google;
mod http;
mod http_server;
mod https;
mod https_server;
mod inputs;
mod kafka;
mod kafka_cluster;
mod local;
mod own_host;
mod pipes;
mod proof;
mod receiver;
mod rotation;
mod secops;
mod site;
mod small_disk;
mod splunk;
mod streams;
#[path = "../support/mod.rs"]
mod support;
mod syslog;
mod syslog_server;
mod wrong;
