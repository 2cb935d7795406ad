//! HTTP: a request a batch, and what the receiver answers, understood as each kind of receiver means it.

mod ack;
mod answer;
mod body;
mod client;
mod key_file;
mod oauth;

pub use key_file::KeyFile;
pub use oauth::{Grant, OauthSpec};

use super::gzip::compressed;
use super::{Item, Sent, TlsSpec, first_line};
use crate::sink::Endpoint;
use crate::sink::encode::Format;
use ack::Acks;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use client::{Answer, Client};
use hyper::Uri;
use hyper::header::{AUTHORIZATION, CONTENT_ENCODING, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use oauth::Tokens;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// A receiver that is spoken to by HTTP.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpSpec {
    /// Where it is.
    pub to: Endpoint,
    /// What is asked for there.
    pub path: String,
    /// How it is recognised; `None` for plain HTTP.
    pub tls: Option<TlsSpec>,
    /// Header fields of the request.
    pub headers: Vec<(String, String)>,
    /// How we are recognised.
    pub auth: Auth,
    /// Whether bodies are compressed.
    pub gzip: bool,
    /// Whether Splunk is asked until events are indexed.
    pub acknowledge: bool,
}

/// How we are recognised.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Auth {
    /// Not at all, or by the client certificate.
    #[default]
    None,
    /// By what stands in a file, behind this word in `Authorization`.
    Token {
        /// `Splunk`, `ApiKey`, `Bearer`; for `Basic` the file has a name and a password with a colon between.
        scheme: String,
        /// The file; read for every request, so that a new token needs no restart.
        file: PathBuf,
    },
    /// By a token that another server gives.
    Oauth(OauthSpec),
}

impl HttpSpec {
    /// Reads a URL.
    ///
    /// # Errors
    /// The end of a sentence that begins with it.
    pub fn parse(url: &str) -> Result<Self, &'static str> {
        let wrong = "is no URL: write \"https://siem.corp.example:8088/services/collector/event\"";
        let uri: Uri = url.parse().map_err(|_| wrong)?;
        let secure = match uri.scheme_str() {
            Some("https") => true,
            Some("http") => false,
            _ => return Err(wrong),
        };
        let authority = uri.authority().ok_or(wrong)?.as_str();
        if authority.contains('@') {
            return Err("has a name or a password in it: write token_file");
        }
        let to = Endpoint::parse(authority, Some(if secure { 443 } else { 80 })).ok_or(wrong)?;
        let path = uri.path_and_query().map_or("/", |path| path.as_str()).to_owned();
        let tls = secure.then(TlsSpec::default);
        Ok(Self { to, path, tls, headers: Vec::new(), auth: Auth::None, gzip: false, acknowledge: false })
    }

    /// Whether it is on this host: what is sent there passes no network.
    pub fn is_own_host(&self) -> bool {
        matches!(self.to.host.as_str(), "localhost" | "::1") || self.to.host.starts_with("127.")
    }

    /// Whether its path is one of Splunk's event collector, which can acknowledge.
    pub fn can_acknowledge(&self) -> bool {
        ack::path(&self.path).is_some()
    }

    /// Whether a header field can be sent.
    pub fn is_header(name: &str, value: &str) -> bool {
        HeaderName::from_bytes(name.as_bytes()).is_ok() && HeaderValue::from_str(value).is_ok()
    }

    /// The files that it names.
    pub fn files(&self) -> Vec<&Path> {
        let own = match &self.auth {
            Auth::None => Vec::new(),
            Auth::Token { file, .. } => vec![file.as_path()],
            Auth::Oauth(spec) => spec.files(),
        };
        own.into_iter().chain(self.tls.iter().flat_map(TlsSpec::files)).collect()
    }
}

/// A secret: the first line of a file.
///
/// # Errors
/// The file and what is wrong with it.
pub fn secret(path: &Path) -> Result<String, String> {
    let line = first_line(path)?;
    if HeaderValue::from_str(&line).is_err() {
        return Err(format!("{}: its first line cannot be sent in a header field", path.display()));
    }
    Ok(line)
}

/// A receiver at work.
pub(in crate::sink) struct Http {
    spec: HttpSpec,
    format: &'static Format,
    client: Client,
    tokens: Option<Tokens>,
    acks: Option<Acks>,
}

impl Http {
    /// `timeout` is what the receiver is given for a batch.
    pub(in crate::sink) fn new(spec: &HttpSpec, format: &'static Format, timeout: Duration) -> Self {
        let tokens = match &spec.auth {
            Auth::Oauth(oauth) => Some(Tokens::new(oauth.clone())),
            _ => None,
        };
        let acks = ack::path(&spec.path).filter(|_| spec.acknowledge).and_then(|path| Acks::new(path, timeout));
        Self { client: Client::new(spec.to.clone(), spec.tls.clone()), spec: spec.clone(), format, tokens, acks }
    }

    pub(super) fn reset(&mut self) {
        self.client.reset();
    }

    pub(super) async fn send(&mut self, records: &[&[u8]]) -> Sent {
        if self.format.name != "gelf" {
            return self.request(records).await;
        }
        // GELF has one record a request.
        let mut items = Vec::with_capacity(records.len());
        for record in records {
            match self.request(&[record]).await {
                Sent::Taken => items.push(Item::Taken),
                Sent::Refused(error) => items.push(Item::Refused(error)),
                other if items.is_empty() => return other,
                _ => break,
            }
        }
        items.resize(records.len(), Item::Later);
        Sent::Each(items)
    }

    async fn request(&mut self, records: &[&[u8]]) -> Sent {
        let mut octets = body::of(self.format, records);
        if self.spec.gzip {
            octets = match compressed(&octets) {
                Ok(octets) => octets,
                Err(error) => return Sent::unreachable(format!("the body cannot be compressed: {error}")),
            };
        }
        let headers = match self.headers().await {
            Ok(headers) => headers,
            Err(sent) => return sent,
        };
        let (to, path, format, count) = (&self.spec.to, &self.spec.path, self.format, records.len());
        if let Some(acks) = &mut self.acks {
            let understand = |answer: &Answer| answer::understand(format, to, answer, count);
            return acks.send(&mut self.client, to, path, headers, octets, understand).await;
        }
        let mut answer = self.client.post(path, headers, octets.clone()).await;
        // A token that was good until now may have been taken back: one that is new is another matter.
        if answer.as_ref().is_ok_and(|answer| answer.status.as_u16() == 401)
            && self.tokens.as_mut().is_some_and(Tokens::renew)
        {
            answer = match self.headers().await {
                Ok(headers) => self.client.post(&self.spec.path, headers, octets).await,
                Err(sent) => return sent,
            };
        }
        match answer {
            Ok(answer) => {
                if answer.status.as_u16() == 401 {
                    self.tokens.as_mut().map(Tokens::renew);
                }
                answer::understand(format, &self.spec.to, &answer, count)
            }
            Err(error) => Sent::unreachable(format!("{}: {error}", self.spec.to)),
        }
    }

    async fn headers(&mut self) -> Result<HeaderMap, Sent> {
        let mut headers = HeaderMap::new();
        let mut add = |name: &str, value: &str, secret: bool| {
            let (Ok(name), Ok(mut value)) = (HeaderName::from_bytes(name.as_bytes()), HeaderValue::from_str(value))
            else {
                return;
            };
            value.set_sensitive(secret);
            headers.insert(name, value);
        };
        add(CONTENT_TYPE.as_str(), body::content_type(self.format), false);
        if self.spec.gzip {
            add(CONTENT_ENCODING.as_str(), "gzip", false);
        }
        for (name, value) in &self.spec.headers {
            add(name, value, false);
        }
        match &self.spec.auth {
            Auth::None => {}
            Auth::Token { scheme, file } => {
                let token = secret(file).map_err(Sent::Held)?;
                let token = if scheme.eq_ignore_ascii_case("basic") { STANDARD.encode(token) } else { token };
                add(AUTHORIZATION.as_str(), &format!("{scheme} {token}"), true);
            }
            Auth::Oauth(_) => {
                if let Some(tokens) = &mut self.tokens {
                    let token = tokens.current().await?;
                    add(AUTHORIZATION.as_str(), &format!("Bearer {token}"), true);
                }
            }
        }
        Ok(headers)
    }
}
