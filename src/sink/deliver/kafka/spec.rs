//! Where a topic is, and who we are there.

use crate::sink::{Endpoint, TlsSpec};
use std::fmt;
use std::path::{Path, PathBuf};

/// A topic of a Kafka cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KafkaSpec {
    /// The brokers that are asked for the others; at least one.
    pub brokers: Vec<Endpoint>,
    /// The topic.
    pub topic: String,
    /// How brokers are recognised; `None` for plain TCP.
    pub tls: Option<TlsSpec>,
    /// Who we are.
    pub sasl: Option<SaslSpec>,
    /// Whether records are compressed, by gzip.
    pub gzip: bool,
}

/// Who we are to the brokers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SaslSpec {
    /// How it is shown.
    pub mechanism: Mechanism,
    /// The user's name.
    pub user: String,
    /// The file of the password; read for every connection, so that a new one needs no restart.
    pub password: PathBuf,
}

/// How a password is shown to a broker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mechanism {
    /// As it is (RFC 4616).
    Plain,
    /// By a proof that does not give it away (RFC 7677).
    ScramSha256,
    /// The same with SHA-512.
    ScramSha512,
}

/// The customary port of brokers.
const PORT: u16 = 9092;
/// That of their listeners with TLS.
const TLS_PORT: u16 = 9093;
/// How long the name of a topic may be, by Kafka's own rule.
const TOPIC: usize = 249;

impl KafkaSpec {
    /// Reads `broker[:port][,broker[:port]…]/topic`.
    ///
    /// # Errors
    /// The end of a sentence that begins with it.
    pub fn parse(text: &str, tls: bool) -> Result<Self, String> {
        let scheme = if tls { "kafka-tls" } else { "kafka" };
        let port = if tls { TLS_PORT } else { PORT };
        let example =
            format!("write \"{scheme}:broker1.corp.example:{port},broker2.corp.example:{port}/forwarden.events\"");
        let (brokers, topic) =
            text.split_once('/').ok_or_else(|| format!("names no topic behind its brokers: {example}"))?;
        let brokers: Option<Vec<Endpoint>> =
            brokers.split(',').map(|broker| Endpoint::parse(broker.trim(), Some(port))).collect();
        let brokers = brokers.ok_or_else(|| format!("is no list of brokers: {example}"))?;
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
        if topic.is_empty() || topic.len() > TOPIC || !topic.chars().all(plain) || matches!(topic, "." | "..") {
            return Err(format!(
                "has no name of a topic behind the brokers: that is 1 to {TOPIC} of a-z, A-Z, 0-9, \".\", \"_\" and \"-\""
            ));
        }
        Ok(Self { brokers, topic: topic.to_owned(), tls: tls.then(TlsSpec::default), sasl: None, gzip: false })
    }

    /// The files that it names.
    pub fn files(&self) -> Vec<&Path> {
        let password = self.sasl.iter().map(|sasl| sasl.password.as_path());
        password.chain(self.tls.iter().flat_map(TlsSpec::files)).collect()
    }

    /// Whether the password goes through the network as it is.
    pub fn shows_password(&self) -> bool {
        let own =
            |broker: &Endpoint| matches!(broker.host.as_str(), "localhost" | "::1") || broker.host.starts_with("127.");
        let plain = self.sasl.as_ref().is_some_and(|sasl| sasl.mechanism == Mechanism::Plain);
        plain && self.tls.is_none() && !self.brokers.iter().all(own)
    }
}

impl fmt::Display for KafkaSpec {
    /// As the configuration writes it, without the scheme.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, broker) in self.brokers.iter().enumerate() {
            if index > 0 {
                f.write_str(",")?;
            }
            write!(f, "{broker}")?;
        }
        write!(f, "/{}", self.topic)
    }
}

/// A password: the first line of a file.
///
/// # Errors
/// The file and what is wrong with it.
pub fn password(path: &Path) -> Result<String, String> {
    let line = crate::sink::deliver::first_line(path)?;
    if line.chars().any(char::is_control) {
        return Err(format!("{}: its first line has control characters in it", path.display()));
    }
    Ok(line)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_read_and_written_back() {
        let spec = KafkaSpec::parse("b1.corp.example:9092,[2001:db8::1]:9094/forwarden.events", false).unwrap();
        assert_eq!((spec.brokers.len(), spec.topic.as_str()), (2, "forwarden.events"));
        assert_eq!(spec.to_string(), "b1.corp.example:9092,[2001:db8::1]:9094/forwarden.events");
        let spec = KafkaSpec::parse("b1, b2:1/t", true).unwrap();
        assert_eq!(spec.to_string(), "b1:9093,b2:1/t");
        assert!(KafkaSpec::parse(&format!("b/{}", "x".repeat(249)), false).is_ok());
    }

    #[test]
    fn what_is_no_place_is_refused() {
        let long = format!("b/{}", "x".repeat(250));
        for text in
            ["", "b", "b/", "/t", "b,/t", "b:0/t", "b/a b", "b/t/u", "b/.", "b/..", "b/ö", "//b/t", "b/t\n", &long]
        {
            assert!(KafkaSpec::parse(text, false).is_err(), "{text}");
        }
    }

    #[test]
    fn a_password_in_clear_is_noticed() {
        let mut spec = KafkaSpec::parse("b/t", false).unwrap();
        assert!(!spec.shows_password());
        let sasl = |mechanism| Some(SaslSpec { mechanism, user: "u".into(), password: "/p".into() });
        spec.sasl = sasl(Mechanism::ScramSha512);
        assert!(!spec.shows_password());
        spec.sasl = sasl(Mechanism::Plain);
        assert!(spec.shows_password());
        spec.tls = Some(TlsSpec::default());
        assert!(!spec.shows_password());
        spec.tls = None;
        spec.brokers = vec![Endpoint { host: "127.0.0.1".into(), port: 1 }];
        assert!(!spec.shows_password());
    }
}
