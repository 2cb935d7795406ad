//! Indexer acknowledgement of Splunk: its first answer says that events look right and gives a number, and only later, when
//! it is asked by that number, that they are indexed. What it never says so of is sent again.

use super::super::Sent;
use super::answer;
use super::client::{Answer, Client};
use crate::sink::Endpoint;
use hyper::header::{CONTENT_ENCODING, COOKIE, HeaderMap, HeaderName, HeaderValue};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};
use uuid::Uuid;

/// Numbers are given out by channel; each sender has one of its own.
const CHANNEL: HeaderName = HeaderName::from_static("x-splunk-request-channel");
/// Where the event collector is.
const COLLECTOR: &str = "/services/collector";
/// How long the answer to a request may take, within what the output may take as a whole.
const ANSWER: Duration = Duration::from_secs(30);
/// The first wait before it is asked, and the longest.
const WAITS: (Duration, Duration) = (Duration::from_millis(200), Duration::from_secs(2));

/// The way from events to where it is asked about them; `None` where this is no event collector of Splunk.
pub(super) fn path(events: &str) -> Option<String> {
    let path = events.split('?').next().unwrap_or_default();
    let at = path.rfind(COLLECTOR)?;
    let rest = &path[at + COLLECTOR.len()..];
    let known = rest.is_empty() || rest == "/event" || rest.starts_with("/event/");
    known.then(|| format!("{}{COLLECTOR}/ack", &path[..at]))
}

/// A channel, and what is asked on it.
pub(super) struct Acks {
    path: String,
    channel: HeaderValue,
    /// How long sending and asking may take together.
    within: Duration,
    /// Whether it is known that the token has acknowledgement.
    known: bool,
}

#[derive(Deserialize)]
struct Given {
    #[serde(rename = "ackId")]
    id: u64,
}

#[derive(Deserialize)]
struct Acknowledged {
    acks: BTreeMap<String, bool>,
}

impl Acks {
    /// A new channel; `timeout` is what the output gives the receiver for a batch.
    pub(super) fn new(path: String, timeout: Duration) -> Option<Self> {
        let channel = HeaderValue::from_str(&Uuid::now_v7().to_string()).ok()?;
        // Whoever waits for all of it gives up later than this does, which knows more.
        let within = timeout - (timeout / 10).min(Duration::from_secs(1));
        Some(Self { path, channel, within, known: false })
    }

    /// Sends a batch and asks until it is indexed.
    pub(super) async fn send(
        &mut self,
        client: &mut Client,
        to: &Endpoint,
        path: &str,
        mut headers: HeaderMap,
        body: Vec<u8>,
        understand: impl FnOnce(&Answer) -> Sent,
    ) -> Sent {
        let until = Instant::now() + self.within;
        headers.insert(CHANNEL, self.channel.clone());
        let mut asking = headers.clone();
        asking.remove(CONTENT_ENCODING);
        if !self.known {
            // Without acknowledgement the events would be taken and never acknowledged, again and again: ask before.
            match self.ask(client, to, &asking, 0, until).await {
                Err(sent) => return sent,
                Ok(_) => self.known = true,
            }
        }
        let answer = match posted(client, to, path, headers, body, until).await {
            Ok(answer) => answer,
            Err(sent) => return sent,
        };
        let sent = understand(&answer);
        if sent != Sent::Taken {
            return sent;
        }
        let Ok(Given { id }) = serde_json::from_slice(&answer.body) else {
            self.known = false;
            return Sent::Held(off(to));
        };
        // Behind a load balancer, the one who has the events is found by its cookie.
        if let Some(cookies) = answer.cookies {
            asking.insert(COOKIE, cookies);
        }
        let mut wait = WAITS.0;
        loop {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                let within = self.within.as_secs_f64().ceil();
                let text = format!("{to}: events were taken, and not indexed within {within} s");
                return Sent::unreachable(text);
            }
            tokio::time::sleep(wait.min(left)).await;
            wait = match self.ask(client, to, &asking, id, until).await {
                Ok(Asked::Indexed) => return Sent::Taken,
                Ok(Asked::NotYet(after)) => (wait * 2).min(WAITS.1).max(after.unwrap_or_default()),
                Err(sent) => return sent,
            };
        }
    }

    /// Asks once.
    async fn ask(
        &mut self,
        client: &mut Client,
        to: &Endpoint,
        headers: &HeaderMap,
        id: u64,
        until: Instant,
    ) -> Result<Asked, Sent> {
        let body = format!("{{\"acks\":[{id}]}}").into_bytes();
        let answer = posted(client, to, &self.path, headers.clone(), body, until).await?;
        match answer.status.as_u16() {
            200..=299 => {
                let Ok(Acknowledged { acks }) = serde_json::from_slice(&answer.body) else {
                    let said = answer::said(to, &answer);
                    return Err(Sent::Held(format!("{said}: is no answer on an acknowledgement (acknowledge = true)")));
                };
                let indexed = acks.get(&id.to_string()).copied().unwrap_or_default();
                Ok(if indexed { Asked::Indexed } else { Asked::NotYet(None) })
            }
            408 | 425 | 429 | 500..=599 => Ok(Asked::NotYet(answer.after)),
            400 if answer::code(&answer.body) == Some(14) => {
                self.known = false;
                Err(Sent::Held(off(to)))
            }
            _ => Err(Sent::Held(format!("{}, asked at {}", answer::said(to, &answer), self.path))),
        }
    }
}

enum Asked {
    Indexed,
    /// And when it wants to be asked again.
    NotYet(Option<Duration>),
}

fn off(to: &Endpoint) -> String {
    format!("{to}: the token has no indexer acknowledgement: turn it on there, or leave out acknowledge")
}

/// A request and its answer, while there is time.
async fn posted(
    client: &mut Client,
    to: &Endpoint,
    path: &str,
    headers: HeaderMap,
    body: Vec<u8>,
    until: Instant,
) -> Result<Answer, Sent> {
    let most = until.saturating_duration_since(Instant::now()).min(ANSWER).max(WAITS.0);
    match tokio::time::timeout(most, client.post(path, headers, body)).await {
        Ok(Ok(answer)) => Ok(answer),
        // What ends a connection may have ended with it, and knows of no numbers when it is back.
        Ok(Err(error)) => Err(Sent::unreachable(format!("{to}: {error}"))),
        Err(_) => {
            client.reset();
            Err(Sent::unreachable(format!("{to}: no answer within {} s", most.as_secs_f64().ceil())))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_it_is_asked() {
        for (events, ack) in [
            ("/services/collector/event", Some("/services/collector/ack")),
            ("/services/collector", Some("/services/collector/ack")),
            ("/services/collector/event/1.0?index=mail", Some("/services/collector/ack")),
            ("/behind/services/collector/event", Some("/behind/services/collector/ack")),
            ("/services/collector/raw", None),
            ("/services/collectors", None),
            ("/", None),
        ] {
            assert_eq!(path(events).as_deref(), ack, "{events}");
        }
    }
}
