//! A receiver that speaks HTTP as Splunk, Elasticsearch, Sentinel, Google SecOps or anything that takes JSON lines, and fails as it is told.

use crate::acks::Acks;
use crate::google::Google;
use flate2::read::GzDecoder;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

/// What happens to a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// It is answered so, and `Retry-After` says this.
    Status(u16, Option<&'static str>),
    /// It is read, kept, and the connection ends without an answer.
    DropAfter,
    /// The connection ends at once.
    DropBefore,
    /// Of `_bulk` every second item is to come again.
    Partial,
}

#[derive(Debug, Default)]
struct State {
    faults: VecDeque<Option<Fault>>,
    ids: BTreeMap<String, usize>,
    requests: usize,
    conflicts: usize,
    tokens: usize,
    heads: Vec<String>,
    wrong: Vec<String>,
    acks: Acks,
    google: Google,
}

/// A running server.
#[derive(Debug, Clone)]
pub(crate) struct Server {
    pub(crate) addr: SocketAddr,
    state: Arc<Mutex<State>>,
}

impl Server {
    /// Starts one on a free port that does this to its first requests.
    pub(crate) fn start(faults: &[Fault]) -> Self {
        Self::start_with(faults.iter().copied().map(Some).collect())
    }

    /// The same, with requests between that go well.
    pub(crate) fn start_with(faults: Vec<Option<Fault>>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let addr = listener.local_addr().unwrap();
        let state = State { faults: faults.into(), ..State::default() };
        let server = Self { addr, state: Arc::new(Mutex::new(state)) };
        let serving = server.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let serving = serving.clone();
                std::thread::spawn(move || while serving.one(&stream).is_some() {});
            }
        });
        server
    }

    /// How often each event was taken.
    pub(crate) fn ids(&self) -> BTreeMap<String, usize> {
        self.state.lock().unwrap().ids.clone()
    }

    pub(crate) fn requests(&self) -> usize {
        self.state.lock().unwrap().requests
    }

    /// How many `_bulk` items were there already.
    pub(crate) fn conflicts(&self) -> usize {
        self.state.lock().unwrap().conflicts
    }

    /// How many tokens were given.
    pub(crate) fn tokens(&self) -> usize {
        self.state.lock().unwrap().tokens
    }

    /// The request lines and fields.
    pub(crate) fn heads(&self) -> Vec<String> {
        self.state.lock().unwrap().heads.clone()
    }

    /// What no receiver would have taken.
    pub(crate) fn wrong(&self) -> Vec<String> {
        self.state.lock().unwrap().wrong.clone()
    }

    /// Looks at, or changes, what it acknowledges.
    pub(crate) fn acks<T>(&self, with: impl FnOnce(&mut Acks) -> T) -> T {
        with(&mut self.state.lock().unwrap().acks)
    }

    /// Looks at, or changes, whom it gives tokens to as Google.
    pub(crate) fn google<T>(&self, with: impl FnOnce(&mut Google) -> T) -> T {
        with(&mut self.state.lock().unwrap().google)
    }

    /// Where it gives tokens as Google.
    pub(crate) fn token_uri(&self) -> String {
        format!("http://{}/google/token", self.addr)
    }

    fn one(&self, mut stream: &TcpStream) -> Option<()> {
        let mut reader = BufReader::new(stream);
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            if reader.read_line(&mut head).ok()? == 0 {
                return None;
            }
        }
        let field = |name: &str| {
            let line = head.lines().find(|line| line.to_lowercase().starts_with(&format!("{name}:")))?;
            Some(line.split_once(':')?.1.trim().to_owned())
        };
        let length: usize = field("content-length")?.parse().ok()?;
        let mut octets = vec![0; length];
        reader.read_exact(&mut octets).ok()?;
        if field("content-encoding").as_deref() == Some("gzip") {
            let mut plain = Vec::new();
            GzDecoder::new(&octets[..]).read_to_end(&mut plain).unwrap();
            octets = plain;
        }
        let body = String::from_utf8(octets).unwrap();
        let path = head.split(' ').nth(1)?.to_owned();
        let mut state = self.state.lock().unwrap();
        state.heads.push(head.clone());
        if path == "/token" {
            state.tokens += 1;
            let good = ["grant_type=client_credentials", "client_id=me", "client_secret=s3cret%2B", "scope=all"];
            if !good.iter().all(|part| body.split('&').any(|found| found == *part)) {
                state.wrong.push(body);
            }
            drop(state);
            let token = r#"{"token_type":"Bearer","expires_in":3599,"access_token":"tok"}"#;
            return answer(stream, 200, "", token);
        }
        if path == "/google/token" {
            let (status, said) = state.google.ask(&body, &self.token_uri());
            let now = jiff::Timestamp::from_second(state.google.now()).unwrap();
            drop(state);
            let date = jiff::fmt::rfc2822::DateTimePrinter::new().timestamp_to_rfc9110_string(&now).unwrap();
            return answer(stream, status, &format!("Date: {date}\r\n"), &said);
        }
        state.requests += 1;
        let fault = state.faults.pop_front().flatten();
        match fault {
            Some(Fault::DropBefore) => return None,
            Some(Fault::Status(status, after)) => {
                drop(state);
                let after = after.map(|after| format!("Retry-After: {after}\r\n")).unwrap_or_default();
                return answer(stream, status, &after, "{\"text\":\"not now\"}");
            }
            _ => {}
        }
        let authorization = field("authorization").unwrap_or_default();
        let channel = field("x-splunk-request-channel");
        let (status, said) = state.take(&path, &body, &authorization, channel, fault);
        drop(state);
        if fault == Some(Fault::DropAfter) {
            let _ = stream.flush();
            return None;
        }
        answer(stream, status, "", &said)
    }
}

fn answer(mut stream: &TcpStream, status: u16, fields: &str, body: &str) -> Option<()> {
    let length = if status == 204 { String::new() } else { format!("Content-Length: {}\r\n", body.len()) };
    let body = if status == 204 { "" } else { body };
    stream.write_all(format!("HTTP/1.1 {status} .\r\n{fields}{length}\r\n{body}").as_bytes()).ok()
}

impl State {
    fn take(
        &mut self,
        path: &str,
        body: &str,
        authorization: &str,
        channel: Option<String>,
        fault: Option<Fault>,
    ) -> (u16, String) {
        if path.starts_with("/services/collector/") {
            if authorization != "Splunk tok" {
                return (403, r#"{"text":"Invalid token","code":4}"#.into());
            }
            if path == "/services/collector/ack" {
                return self.acks.ask(channel, body);
            }
            let id = match self.acks.taken(channel) {
                Ok(id) => id,
                Err(answer) => return answer,
            };
            let events = serde_json::Deserializer::from_str(body).into_iter::<Value>();
            let events: Vec<Value> = events.collect::<Result<_, _>>().unwrap();
            if events.iter().any(|event| event["event"].to_string().contains("poison")) {
                return (400, r#"{"text":"Event field cannot be blank","code":13}"#.into());
            }
            events.iter().for_each(|event| self.keep(event["event"]["id"].as_str().unwrap()));
            let mut said = serde_json::json!({"text": "Success", "code": 0});
            if let Some(id) = id {
                said["ackId"] = id.into();
            }
            return (200, said.to_string());
        }
        if path.ends_with("/events:import") {
            if authorization != format!("Bearer {}", self.google.token) {
                return (401, r#"{"error":{"code":401,"status":"UNAUTHENTICATED"}}"#.into());
            }
            let body: Value = serde_json::from_str(body).unwrap();
            for event in body["inlineSource"]["events"].as_array().unwrap() {
                self.keep(event["udm"]["metadata"]["productLogId"].as_str().unwrap());
            }
            return (200, "{}".into());
        }
        if path == "/_bulk" {
            return self.bulk(body, fault);
        }
        if path.starts_with("/dataCollectionRules/") {
            if authorization != "Bearer tok" {
                return (401, String::new());
            }
            let rows: Vec<Value> = serde_json::from_str(body).unwrap();
            rows.iter().for_each(|row| self.keep(row["EventUid"].as_str().unwrap()));
            return (204, String::new());
        }
        if path == "/lines" {
            let lines: Vec<Value> = body.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
            if lines.iter().any(|line| line.to_string().contains("poison")) {
                return (422, "no \u{1b}[31mthanks".into());
            }
            lines.iter().for_each(|line| self.keep(line["id"].as_str().unwrap()));
            return (200, String::new());
        }
        (404, "no such input".into())
    }

    fn bulk(&mut self, body: &str, fault: Option<Fault>) -> (u16, String) {
        if !body.ends_with('\n') {
            self.wrong.push("_bulk without its last line feed".into());
        }
        let lines: Vec<Value> = body.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let mut items = Vec::new();
        let mut seen = BTreeSet::new();
        for (number, pair) in lines.chunks(2).enumerate() {
            let id = pair[0]["create"]["_id"].as_str().unwrap().to_owned();
            assert!(seen.insert(id.clone()), "twice in a request");
            let status = if fault == Some(Fault::Partial) && number % 2 == 1 {
                429
            } else if pair[1].to_string().contains("poison") {
                400
            } else if self.ids.contains_key(&id) {
                self.conflicts += 1;
                409
            } else {
                self.keep(&id);
                201
            };
            items.push(serde_json::json!({"create": {"status": status, "_id": id, "error": {"type": "of a kind"}}}));
        }
        let errors = items.iter().any(|item| item["create"]["status"] != 201);
        (200, serde_json::json!({"took": 1, "errors": errors, "items": items}).to_string())
    }

    fn keep(&mut self, id: &str) {
        *self.ids.entry(id.to_owned()).or_insert(0) += 1;
    }
}
