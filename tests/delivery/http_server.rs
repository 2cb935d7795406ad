//! A receiver that speaks HTTP as Splunk, Elasticsearch, Sentinel, Google SecOps or anything that takes JSON lines, and fails as it is told.

use crate::acks::Acks;
use crate::google::Google;
use crate::https_server;
use crate::inputs::State;
use crate::syslog_server::Identity;
use flate2::read::GzDecoder;
use rustls::ServerConfig;
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener};
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

/// A running server.
#[derive(Debug, Clone)]
pub(crate) struct Server {
    pub(crate) addr: SocketAddr,
    state: Arc<Mutex<State>>,
    tls: Arc<Mutex<Option<Arc<ServerConfig>>>>,
}

impl Server {
    /// Starts one on a free port that does this to its first requests.
    pub(crate) fn start(faults: &[Fault]) -> Self {
        Self::start_with(faults.iter().copied().map(Some).collect())
    }

    /// The same, with requests between that go well.
    pub(crate) fn start_with(faults: Vec<Option<Fault>>) -> Self {
        Self::listen(faults, None)
    }

    /// One that speaks TLS.
    pub(crate) fn start_tls(identity: &Identity<'_>) -> Self {
        Self::listen(Vec::new(), Some(https_server::config(identity)))
    }

    /// It has another certificate from now on.
    pub(crate) fn show(&self, identity: &Identity<'_>) {
        *self.tls.lock().unwrap() = Some(https_server::config(identity));
    }

    fn listen(faults: Vec<Option<Fault>>, tls: Option<Arc<ServerConfig>>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let addr = listener.local_addr().unwrap();
        let state = State { faults: faults.into(), ..State::default() };
        let server = Self { addr, state: Arc::new(Mutex::new(state)), tls: Arc::new(Mutex::new(tls)) };
        let serving = server.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let serving = serving.clone();
                let tls = serving.tls.lock().unwrap().clone();
                std::thread::spawn(move || match tls {
                    Some(config) => serving.serve(https_server::accept(config, stream)),
                    None => serving.serve(stream),
                });
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
        match *self.tls.lock().unwrap() {
            Some(_) => format!("https://localhost:{}/google/token", self.addr.port()),
            None => format!("http://{}/google/token", self.addr),
        }
    }

    fn serve(&self, stream: impl Read + Write) {
        let mut reader = BufReader::new(stream);
        while self.one(&mut reader).is_some() {}
    }

    fn one(&self, reader: &mut BufReader<impl Read + Write>) -> Option<()> {
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
            return answer(reader, 200, "", token);
        }
        if path == "/google/token" {
            let (status, said) = state.google.ask(&body, &self.token_uri());
            let now = jiff::Timestamp::from_second(state.google.now()).unwrap();
            drop(state);
            let date = jiff::fmt::rfc2822::DateTimePrinter::new().timestamp_to_rfc9110_string(&now).unwrap();
            return answer(reader, status, &format!("Date: {date}\r\n"), &said);
        }
        state.requests += 1;
        let fault = state.faults.pop_front().flatten();
        match fault {
            Some(Fault::DropBefore) => return None,
            Some(Fault::Status(status, after)) => {
                drop(state);
                let after = after.map(|after| format!("Retry-After: {after}\r\n")).unwrap_or_default();
                return answer(reader, status, &after, "{\"text\":\"not now\"}");
            }
            _ => {}
        }
        let authorization = field("authorization").unwrap_or_default();
        let channel = field("x-splunk-request-channel");
        let (status, said) = state.take(&path, &body, &authorization, channel, fault);
        drop(state);
        if fault == Some(Fault::DropAfter) {
            return None;
        }
        answer(reader, status, "", &said)
    }
}

fn answer(reader: &mut BufReader<impl Read + Write>, status: u16, fields: &str, body: &str) -> Option<()> {
    let length = if status == 204 { String::new() } else { format!("Content-Length: {}\r\n", body.len()) };
    let body = if status == 204 { "" } else { body };
    let stream = reader.get_mut();
    stream.write_all(format!("HTTP/1.1 {status} .\r\n{fields}{length}\r\n{body}").as_bytes()).ok()?;
    stream.flush().ok()
}
