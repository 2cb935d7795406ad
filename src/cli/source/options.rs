//! The circumstances of a message as options of a command.

use super::Circumstances;
use crate::message::{Direction, Domain};
use clap::Args;
use std::net::IpAddr;
use std::path::PathBuf;

/// Options that stand for what the envelope would have told.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct Options {
    /// MAIL FROM, with ESMTP parameters behind it: 'alice@corp.example SIZE=4711'. Without it Return-Path is taken.
    #[arg(long, value_name = "ADDRESS")]
    mail_from: Option<String>,

    /// RCPT TO, with ESMTP parameters behind it: 'x@ext.example ORCPT=rfc822;alice@corp.example'. May be given several
    /// times. Without it To and Cc are taken.
    #[arg(long, value_name = "ADDRESS")]
    rcpt: Vec<String>,

    /// Address of the client that handed the message over.
    #[arg(long, value_name = "IP")]
    client: Option<IpAddr>,

    /// Name that the client gave itself.
    #[arg(long, value_name = "NAME")]
    helo: Option<String>,

    /// A macro of the MTA: 'i=4XyZ1k0q2Rz9tQ', 'auth_authen=alice'. May be given several times.
    #[arg(long = "macro", value_name = "NAME=VALUE", value_parser = key_value)]
    macros: Vec<(String, String)>,

    /// Name of the listener at which it is to be seen.
    #[arg(long, value_name = "NAME", default_value = "explain")]
    listener: String,

    /// Own domain, in the place of the configured ones. May be given several times.
    #[arg(long = "own", value_name = "DOMAIN", value_parser = own_domain)]
    pub own: Vec<Domain>,
}

impl Options {
    /// The circumstances they describe.
    pub(crate) fn circumstances(&self) -> Circumstances {
        Circumstances {
            listener: self.listener.clone(),
            direction: Direction::Outbound,
            mail_from: self.mail_from.as_deref().map(path_and_params),
            recipients: self.rcpt.iter().map(|text| path_and_params(text)).collect(),
            client_addr: self.client,
            helo: self.helo.clone(),
            auth_user: None,
            macros: self.macros.clone(),
        }
    }
}

/// The configuration file of commands that work without one as well.
#[derive(Debug, Clone, Args)]
pub(crate) struct ConfigOption {
    /// Configuration file. Without it /etc/forwarden/forwarden.toml is read where it exists, and defaults are used where
    /// it does not.
    #[arg(long, short, value_name = "FILE")]
    pub config: Option<PathBuf>,
}

/// A domain to take for an own one.
pub(crate) fn own_domain(text: &str) -> Result<Domain, String> {
    Domain::new(text).filter(Domain::is_well_formed).ok_or_else(|| "write a domain: corp.example".to_owned())
}

fn key_value(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("write NAME=VALUE")?;
    Ok((name.trim_matches(['{', '}']).to_owned(), value.to_owned()))
}

/// An address and, behind it, its ESMTP parameters.
pub(crate) fn path_and_params(text: &str) -> (String, Vec<String>) {
    let mut words = text.split_whitespace().map(str::to_owned);
    let path = words.next().unwrap_or_default();
    (path, words.collect())
}
