//! The brokers of a cluster: connections to them, and which of them leads which partition.

use super::super::refusal;
use super::super::stream::{self, Connection};
use super::{KafkaSpec, Mechanism, SaslSpec, password};
use crate::sink::Endpoint;
use rskafka::SaslError;
use rskafka::client::{Credentials, SaslConfig};
use rskafka::messenger::{Messenger, RequestError, SyncVersionsError};
use rskafka::protocol::error::Error as Code;
use rskafka::protocol::frame::{ReadError, WriteError};
use rskafka::protocol::messages::{MetadataRequest, MetadataRequestTopic, MetadataResponse, MetadataResponseTopic};
use rskafka::protocol::primitives::{Boolean, String_};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::io::BufStream;

/// How long a broker may take to let us in: then another is asked.
const CONNECT: Duration = Duration::from_secs(5);
/// How large an answer may be: one on a topic of ten thousand partitions is less than a megabyte.
const MOST: usize = 16 << 20;
/// New partitions are noticed after this time at the latest.
const AGE: Duration = Duration::from_secs(300);
/// How we name ourselves.
const CLIENT: &str = "forwarden";

/// A connection to a broker, which is closed when it is dropped.
pub(super) type Link = Messenger<BufStream<Box<dyn Connection>>>;

/// Why it does not work.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Trouble {
    pub(super) error: String,
    pub(super) kind: Kind,
}

/// What follows from it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// It passes.
    Later,
    /// What is known of the cluster, or a connection, is no longer good.
    Stale,
    /// Somebody must change something.
    Held,
}

impl Trouble {
    pub(super) fn new(kind: Kind, to: impl std::fmt::Display, why: impl std::fmt::Display) -> Self {
        Self { error: format!("{to}: {why}"), kind }
    }
}

/// What is known of a topic.
pub(super) struct Topic {
    /// For each partition the broker that leads it, where there is one.
    pub(super) leaders: Vec<Option<Endpoint>>,
    since: Instant,
}

/// The brokers.
pub(super) struct Cluster {
    spec: KafkaSpec,
    links: Vec<(Endpoint, Link)>,
    topic: Option<Arc<Topic>>,
    /// With which of the brokers the search begins.
    first: usize,
}

impl Cluster {
    pub(super) fn new(spec: KafkaSpec) -> Self {
        Self { spec, links: Vec::new(), topic: None, first: 0 }
    }

    /// Whether something is known that may be out of date.
    pub(super) fn is_known(&self) -> bool {
        self.topic.is_some() || !self.links.is_empty()
    }

    /// Forgets all of it.
    pub(super) fn forget(&mut self) {
        self.links.clear();
        self.topic = None;
    }

    /// The topic, asked for where it is not known or was asked for long ago.
    pub(super) async fn topic(&mut self) -> Result<Arc<Topic>, Trouble> {
        if let Some(topic) = self.topic.as_ref().filter(|topic| topic.since.elapsed() < AGE) {
            return Ok(Arc::clone(topic));
        }
        let (from, answer) = self.ask().await?;
        let name = self.spec.topic.as_str();
        let known = answer.topics.iter().find(|topic| topic.name.0 == name);
        let Some(known) = known else { return Err(Trouble::new(Kind::Later, from, format!("says nothing of {name}"))) };
        if let Some(code) = known.error {
            return Err(unusable(&from, name, code));
        }
        let leaders = leaders(known, &answer);
        if leaders.is_empty() {
            return Err(Trouble::new(Kind::Later, from, format!("{name} has no partition")));
        }
        let topic = Arc::new(Topic { leaders, since: Instant::now() });
        self.topic = Some(Arc::clone(&topic));
        Ok(topic)
    }

    /// Asks any broker for the topic. It is not to be made by asking.
    async fn ask(&mut self) -> Result<(Endpoint, MetadataResponse), Trouble> {
        let request = MetadataRequest {
            topics: Some(vec![MetadataRequestTopic { name: String_(self.spec.topic.clone()) }]),
            allow_auto_topic_creation: Some(Boolean(false)),
        };
        if let Some((to, link)) = self.links.first() {
            let to = to.clone();
            return match link.request(&request).await {
                Ok(answer) => Ok((to, answer)),
                Err(error) => Err(failed(&to, &error)),
            };
        }
        let mut all: Vec<Trouble> = Vec::new();
        for _ in 0..self.spec.brokers.len() {
            let to = self.spec.brokers[self.first % self.spec.brokers.len()].clone();
            let asked = match self.link(&to).await {
                Ok(link) => link.request(&request).await.map_err(|error| self.refused(&to, &error)),
                Err(trouble) => Err(trouble),
            };
            match asked {
                Ok(answer) => return Ok((to, answer)),
                Err(trouble) => all.push(trouble),
            }
            self.links.clear();
            self.first = self.first.wrapping_add(1);
        }
        // Those that cannot be reached may come back; one that does not let us in will not by itself.
        let kind = if all.iter().all(|trouble| trouble.kind == Kind::Held) { Kind::Held } else { Kind::Later };
        let errors: Vec<String> = all.into_iter().map(|trouble| trouble.error).collect();
        Err(Trouble { error: errors.join("; "), kind })
    }

    /// What it means that a broker does not answer the first thing that it is asked.
    fn refused(&self, to: &Endpoint, error: &RequestError) -> Trouble {
        let mut trouble = failed(to, error);
        if self.spec.sasl.is_none() && matches!(error, RequestError::Poisoned(_) | RequestError::IO(_)) {
            trouble.error.push_str(" when it was asked for the topic, as one does that wants sasl_user");
        }
        trouble
    }

    /// A connection to a broker, made where there is none.
    pub(super) async fn link(&mut self, to: &Endpoint) -> Result<&Link, Trouble> {
        if let Some(index) = self.links.iter().position(|(other, _)| other == to) {
            return Ok(&self.links[index].1);
        }
        let late = || Trouble::new(Kind::Later, to, format!("no answer within {} s", CONNECT.as_secs()));
        let link = tokio::time::timeout(CONNECT, connect(&self.spec, to)).await.unwrap_or_else(|_| Err(late()))?;
        self.links.push((to.clone(), link));
        // It was put there.
        self.links.last().map(|(_, link)| link).ok_or_else(late)
    }
}

async fn connect(spec: &KafkaSpec, to: &Endpoint) -> Result<Link, Trouble> {
    let unreachable = |error: std::io::Error| Trouble::new(Kind::Later, to, error);
    let stream = stream::tcp(to).await.map_err(unreachable)?;
    let stream: Box<dyn Connection> = match &spec.tls {
        Some(tls) => Box::new(tls.connect(&to.host, stream).await.map_err(unreachable)?),
        None => Box::new(stream),
    };
    let mut link = Messenger::new(BufStream::new(stream), MOST, Arc::from(CLIENT));
    link.sync_versions().await.map_err(|error| {
        // TLS 1.3 tells of our certificate only now.
        let said = match &error {
            SyncVersionsError::RequestError(error) => of_connection(error).and_then(refusal::said),
            _ => None,
        };
        if let Some(said) = said {
            return Trouble::new(Kind::Later, to, said);
        }
        let wants = if spec.tls.is_some() { "wants a certificate of us (tls_cert)" } else { "speaks TLS (kafka-tls)" };
        Trouble::new(Kind::Later, to, format!("gives no answer as Kafka would: it {wants}, or is something else"))
    })?;
    if let Some(sasl) = &spec.sasl {
        let_in(&link, sasl, to).await?;
    }
    Ok(link)
}

/// Shows who we are.
async fn let_in(link: &Link, sasl: &SaslSpec, to: &Endpoint) -> Result<(), Trouble> {
    let held = |why: String| Trouble::new(Kind::Held, to, why);
    let password = password(&sasl.password).map_err(held)?;
    let credentials = Credentials::new(sasl.user.clone(), password);
    let config = match sasl.mechanism {
        Mechanism::Plain => SaslConfig::Plain(credentials),
        Mechanism::ScramSha256 => SaslConfig::ScramSha256(credentials),
        Mechanism::ScramSha512 => SaslConfig::ScramSha512(credentials),
    };
    let user = &sasl.user;
    link.do_sasl(config).await.map_err(|error| match error {
        SaslError::RequestError(RequestError::NoVersionMatch { .. }) => {
            held("asks nobody for a password on this listener: leave sasl_user out, or take another port".into())
        }
        SaslError::RequestError(error) => failed(to, &error),
        SaslError::UnsupportedSaslMechanism | SaslError::ApiError(Code::UnsupportedSaslMechanism) => {
            held("offers another sasl_mechanism than this".into())
        }
        SaslError::ApiError(code) => held(format!("does not let {user} in ({code})")),
        // A broker that cannot prove in its turn that it knows the password, among others.
        other => held(format!("{user} cannot be let in: {other}")),
    })
}

/// What happened to the connection, where that is why there is no answer.
fn of_connection(error: &RequestError) -> Option<&std::io::Error> {
    match error {
        RequestError::Poisoned(first) => of_connection(first),
        RequestError::IO(error)
        | RequestError::ReadFramedMessageError(ReadError::IO(error))
        | RequestError::WriteMessageError(WriteError::IO(error)) => Some(error),
        _ => None,
    }
}

/// What a request that found no answer means.
pub(super) fn failed(to: &Endpoint, error: &RequestError) -> Trouble {
    match error {
        RequestError::Poisoned(_) | RequestError::IO(_) => Trouble::new(Kind::Stale, to, "ended the connection"),
        RequestError::NoVersionMatch { api_key } => {
            Trouble::new(Kind::Held, to, format!("has no version of {api_key:?} that is known here"))
        }
        other => Trouble::new(Kind::Stale, to, other),
    }
}

fn unusable(from: &Endpoint, topic: &str, code: Code) -> Trouble {
    match code {
        Code::UnknownTopicOrPartition => Trouble::new(
            Kind::Held,
            from,
            format!("there is no topic {topic}, or none that this user may see: make it, or allow it"),
        ),
        Code::TopicAuthorizationFailed | Code::ClusterAuthorizationFailed | Code::InvalidTopicException => {
            Trouble::new(Kind::Held, from, format!("topic {topic} cannot be used ({code})"))
        }
        code => Trouble::new(Kind::Later, from, format!("topic {topic} cannot be used now ({code})")),
    }
}

/// Who leads each partition. What has no number of its own, or none that can be, is left out.
fn leaders(topic: &MetadataResponseTopic, answer: &MetadataResponse) -> Vec<Option<Endpoint>> {
    let brokers: BTreeMap<i32, Endpoint> = answer
        .brokers
        .iter()
        .filter_map(|broker| {
            let host = broker.host.0.as_str();
            let host = if host.contains(':') { format!("[{host}]") } else { host.to_owned() };
            Some((broker.node_id.0, Endpoint::parse(&format!("{host}:{}", broker.port.0), None)?))
        })
        .collect();
    let mut leaders = vec![None; topic.partitions.len()];
    for partition in &topic.partitions {
        let place = usize::try_from(partition.partition_index.0).ok().and_then(|index| leaders.get_mut(index));
        if let Some(place) = place {
            *place = brokers.get(&partition.leader_id.0).cloned();
        }
    }
    leaders
}
