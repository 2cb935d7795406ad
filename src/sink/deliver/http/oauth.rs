//! Tokens of OAuth 2.0: by client credentials (RFC 6749, 4.4), as Microsoft Entra gives them, or for an assertion that is
//! signed with the key of a service account (RFC 7523), as Google does.

use super::client::{Answer, Client};
use super::{HttpSpec, KeyFile, Sent, TlsSpec, secret};
use crate::sink::Endpoint;
use hyper::header::{CONTENT_TYPE, HeaderMap, HeaderValue};
use jiff::Timestamp;
use serde::Deserialize;
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// What a token is for, and what is shown to get one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OauthSpec {
    /// What is shown.
    pub grant: Grant,
    /// What the token is for.
    pub scope: String,
}

/// What is shown to get a token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Grant {
    /// A secret.
    Secret {
        /// The server, by its URL.
        server: Box<HttpSpec>,
        /// Our id there.
        client: String,
        /// The file of our secret.
        file: PathBuf,
    },
    /// What is signed with the key in this file, which also says who we are and who gives tokens.
    Key(PathBuf),
}

impl OauthSpec {
    /// The files that it names.
    pub(super) fn files(&self) -> Vec<&Path> {
        match &self.grant {
            Grant::Secret { server, file, .. } => {
                server.tls.iter().flat_map(TlsSpec::files).chain([file.as_path()]).collect()
            }
            Grant::Key(file) => vec![file],
        }
    }
}

/// A token is renewed so long before its end.
const EARLY: Duration = Duration::from_secs(120);
/// Clocks that are so far apart are spoken of, in seconds.
const APART: i64 = 30;

/// The current token.
pub(super) struct Tokens {
    spec: OauthSpec,
    /// Who gives them, and the way there.
    client: Option<(Endpoint, Client)>,
    current: Option<(String, Instant)>,
    /// Whether the current one was used before.
    used: bool,
}

#[derive(Deserialize)]
struct Given {
    access_token: String,
    #[serde(default)]
    expires_in: u64,
}

impl Tokens {
    pub(super) fn new(spec: OauthSpec) -> Self {
        Self { spec, client: None, current: None, used: false }
    }

    /// Forgets the token, which was refused. Whether a new one could do better: this one was not new.
    pub(super) fn renew(&mut self) -> bool {
        self.current = None;
        std::mem::take(&mut self.used)
    }

    /// A token that is good for a while yet.
    pub(super) async fn current(&mut self) -> Result<String, Sent> {
        if let Some((token, until)) = &self.current
            && Instant::now() < *until
        {
            self.used = true;
            return Ok(token.clone());
        }
        // Read each time: a new secret or key needs no restart.
        let now = Timestamp::now();
        let (server, form) = match &self.spec.grant {
            Grant::Secret { server, client, file } => {
                let secret = secret(file).map_err(Sent::Held)?;
                let scope = &self.spec.scope;
                let values = [("client_id", client.as_str()), ("client_secret", &secret), ("scope", scope)];
                (server.as_ref().clone(), form("client_credentials", &values))
            }
            Grant::Key(file) => {
                let key = KeyFile::read(file).map_err(Sent::Held)?;
                let assertion = key.assertion(&self.spec.scope, now.as_second());
                let assertion = assertion.map_err(|problem| Sent::Held(format!("{}: {problem}", file.display())))?;
                let grant = "urn:ietf:params:oauth:grant-type:jwt-bearer";
                (key.server, form(grant, &[("assertion", &assertion)]))
            }
        };
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/x-www-form-urlencoded"));
        let to = server.to.clone();
        let (_, client) = match self.client.take().filter(|(known, _)| *known == to) {
            Some(known) => self.client.insert(known),
            None => self.client.insert((to.clone(), Client::new(to.clone(), server.tls))),
        };
        let answer = client.post(&server.path, headers, form.into_bytes()).await;
        let answer = answer.map_err(|error| Sent::unreachable(format!("{to}: {error}")))?;
        match answer.status.as_u16() {
            200..=299 => {}
            408 | 425 | 429 | 500..=599 => {
                let error = format!("{to}: no token, but {}", answer.status);
                return Err(Sent::Later { error, after: answer.after, broken: false });
            }
            _ => return Err(Sent::Held(refused(&to, &answer, now))),
        }
        let given: Given = serde_json::from_slice(&answer.body)
            .map_err(|_| Sent::unreachable(format!("{to}: the answer has no access_token")))?;
        let good_for = Duration::from_secs(given.expires_in).saturating_sub(EARLY);
        self.current = Instant::now().checked_add(good_for).map(|until| (given.access_token.clone(), until));
        self.used = false;
        Ok(given.access_token)
    }
}

/// Why there is no token. What the server says may repeat the secret: only the code is shown (RFC 6749, 5.2), and what it
/// can mean.
fn refused(to: &Endpoint, answer: &Answer, now: Timestamp) -> String {
    #[derive(Deserialize)]
    struct Said {
        error: String,
    }
    let mut text = format!("{to}: no token, but {}", answer.status);
    let said = serde_json::from_slice(&answer.body).map(|said: Said| said.error).unwrap_or_default();
    if let Some((code, meaning)) = CODES.iter().find(|(code, _)| *code == said) {
        let _ = write!(text, ", {code}: {meaning}");
    }
    let ahead = answer.date.map(|date| now.as_second() - date.as_second()).unwrap_or_default();
    if ahead.abs() >= APART {
        let way = if ahead > 0 { "ahead of" } else { "behind" };
        let _ = write!(text, "; this host's clock is {} s {way} that of the server", ahead.abs());
    }
    text
}

/// Codes of errors, and what they mean to us.
const CODES: [(&str, &str); 6] = [
    ("invalid_client", "it does not know us, or the secret is wrong"),
    ("invalid_grant", "it does not know the account or its key any more, or a clock is wrong"),
    ("invalid_request", "it does not understand what we ask"),
    ("invalid_scope", "oauth_scope is not what it gives tokens for"),
    ("unauthorized_client", "we may not have such tokens"),
    ("unsupported_grant_type", "it does not give tokens in this way"),
];

/// A form that asks for a token.
fn form(grant: &str, values: &[(&str, &str)]) -> String {
    let mut form = format!("grant_type={}", quoted(grant));
    for (name, value) in values {
        let _ = write!(form, "&{name}={}", quoted(value));
    }
    form
}

/// A value in a form.
fn quoted(text: &str) -> String {
    let mut out = String::new();
    for octet in text.bytes() {
        if octet.is_ascii_alphanumeric() || b"-._~".contains(&octet) {
            out.push(char::from(octet));
        } else {
            let _ = write!(out, "%{octet:02X}");
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use hyper::StatusCode;

    #[test]
    fn nothing_ends_a_value_early() {
        assert_eq!(quoted("a&b=c d+ä%"), "a%26b%3Dc%20d%2B%C3%A4%25");
    }

    #[test]
    fn what_a_refusal_says() {
        let to = Endpoint { host: "login.example".into(), port: 443 };
        let now = Timestamp::from_second(1_800_000_000).unwrap();
        let said = |body: &str, date: i64| {
            let date = Timestamp::from_second(date).ok();
            let answer =
                Answer { status: StatusCode::BAD_REQUEST, after: None, date, cookies: None, body: body.into() };
            refused(&to, &answer, now)
        };
        let body = r#"{"error":"invalid_grant","error_description":"s3cret"}"#;
        let text = said(body, 1_800_000_000 - 720);
        assert!(text.contains("invalid_grant: it does not know") && !text.contains("s3cret"), "{text}");
        assert!(text.ends_with("; this host's clock is 720 s ahead of that of the server"), "{text}");
        assert!(said("{}", 1_800_000_010).ends_with("400 Bad Request"), "near enough");
        assert!(!said(r#"{"error":"s3cret"}"#, 1_800_000_000).contains("s3cret"));
    }
}
