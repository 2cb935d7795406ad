//! `envelope.json` of a case: the envelope and circumstances of the `message.eml` beside it.

use super::Circumstances;
use crate::message::{Direction, Domain, DomainSet, Organization};
use ipnet::IpNet;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::Path;

/// The keys that are read; others are the case's own business.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Envelope {
    mail_from: String,
    #[serde(default)]
    mail_params: Vec<String>,
    rcpt_to: Vec<String>,
    #[serde(default)]
    rcpt_params: Vec<Vec<String>>,
    #[serde(default)]
    client_addr: Option<IpAddr>,
    #[serde(default)]
    helo: Option<String>,
    #[serde(default)]
    local_domains: Option<Vec<String>>,
    #[serde(default)]
    own_networks: Option<Vec<IpNet>>,
    #[serde(default)]
    auth_user: Option<String>,
    #[serde(default)]
    macros: BTreeMap<String, String>,
    #[serde(default)]
    direction: Option<String>,
    /// When it was seen; orders the cases of a replay.
    #[serde(default)]
    pub time: Option<jiff::Timestamp>,
}

impl Envelope {
    /// Reads the file.
    ///
    /// # Errors
    /// What is wrong with it, in a sentence that names it.
    pub(crate) fn read(path: &Path) -> Result<Self, String> {
        let bytes = super::read(path)?;
        let envelope: Self = serde_json::from_slice(&bytes).map_err(|error| format!("{}: {error}", path.display()))?;
        if !envelope.rcpt_params.is_empty() && envelope.rcpt_params.len() != envelope.rcpt_to.len() {
            return Err(format!(
                "{}: rcpt_params has {} entries, rcpt_to has {}; give one list of parameters for each recipient",
                path.display(),
                envelope.rcpt_params.len(),
                envelope.rcpt_to.len()
            ));
        }
        Ok(envelope)
    }

    /// The circumstances.
    pub(crate) fn circumstances(&self, listener: &str) -> Circumstances {
        let params = |index: usize| self.rcpt_params.get(index).cloned().unwrap_or_default();
        Circumstances {
            listener: listener.to_owned(),
            direction: if self.direction.as_deref() == Some("in") { Direction::Inbound } else { Direction::Outbound },
            mail_from: Some((self.mail_from.clone(), self.mail_params.clone())),
            recipients: self.rcpt_to.iter().enumerate().map(|(index, path)| (path.clone(), params(index))).collect(),
            client_addr: self.client_addr,
            helo: self.helo.clone(),
            auth_user: self.auth_user.clone(),
            macros: self
                .macros
                .iter()
                .map(|(name, value)| (name.trim_matches(['{', '}']).to_owned(), value.clone()))
                .collect(),
        }
    }

    /// Puts the case's own domains and networks in the place of the configured ones.
    pub(crate) fn apply(&self, organization: &mut Organization) {
        if let Some(domains) = &self.local_domains {
            organization.domains = DomainSet::new();
            domains
                .iter()
                .filter_map(|name| Domain::new(name))
                .for_each(|domain| organization.domains.insert(domain, true));
        }
        if self.local_domains.is_some() || self.own_networks.is_some() {
            organization.networks = self.own_networks.clone().unwrap_or_default();
        }
    }
}
