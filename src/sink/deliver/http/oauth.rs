//! Tokens of OAuth 2.0 by client credentials (RFC 6749, 4.4), as Microsoft Entra gives them.

use super::client::Client;
use super::{HttpSpec, Sent, secret};
use hyper::header::{CONTENT_TYPE, HeaderMap, HeaderValue};
use serde::Deserialize;
use std::fmt::Write;
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// Who gives tokens, and to whom.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OauthSpec {
    /// The server, by its URL.
    pub server: Box<HttpSpec>,
    /// Our id there.
    pub client: String,
    /// The file of our secret.
    pub secret: PathBuf,
    /// What the token is for.
    pub scope: String,
}

/// A token is renewed so long before its end.
const EARLY: Duration = Duration::from_secs(120);

/// The current token.
pub(super) struct Tokens {
    spec: OauthSpec,
    client: Client,
    current: Option<(String, Instant)>,
}

#[derive(Deserialize)]
struct Given {
    access_token: String,
    #[serde(default)]
    expires_in: u64,
}

impl Tokens {
    pub(super) fn new(spec: OauthSpec) -> Self {
        Self { client: Client::new(spec.server.to.clone(), spec.server.tls.clone()), spec, current: None }
    }

    pub(super) fn forget(&mut self) {
        self.current = None;
    }

    /// A token that is good for a while yet.
    pub(super) async fn current(&mut self) -> Result<String, Sent> {
        if let Some((token, until)) = &self.current
            && Instant::now() < *until
        {
            return Ok(token.clone());
        }
        let to = &self.spec.server.to;
        let secret = secret(&self.spec.secret).map_err(Sent::Held)?;
        let mut form = "grant_type=client_credentials".to_owned();
        for (name, value) in [("client_id", &self.spec.client), ("client_secret", &secret), ("scope", &self.spec.scope)]
        {
            let _ = write!(form, "&{name}={}", quoted(value));
        }
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/x-www-form-urlencoded"));
        let answer = self
            .client
            .post(&self.spec.server.path, headers, form.into_bytes())
            .await
            .map_err(|error| Sent::unreachable(format!("{to}: {error}")))?;
        // What it says may repeat the secret: it is not shown.
        let said = format!("{to}: no token, but {}", answer.status);
        match answer.status.as_u16() {
            200..=299 => {}
            408 | 425 | 429 | 500..=599 => {
                return Err(Sent::Later { error: said, after: answer.after, broken: false });
            }
            _ => return Err(Sent::Held(said)),
        }
        let given: Given = serde_json::from_slice(&answer.body)
            .map_err(|_| Sent::unreachable(format!("{to}: the answer has no access_token")))?;
        let good_for = Duration::from_secs(given.expires_in).saturating_sub(EARLY);
        self.current = Some((given.access_token.clone(), Instant::now() + good_for));
        Ok(given.access_token)
    }
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

    #[test]
    fn nothing_ends_a_value_early() {
        assert_eq!(quoted("a&b=c d+ä%"), "a%26b%3Dc%20d%2B%C3%A4%25");
    }
}
