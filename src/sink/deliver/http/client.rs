//! A connection to one server, kept open between requests.

use super::super::{TlsSpec, refusal, stream};
use crate::sink::Endpoint;
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Bytes;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::header::{DATE, HOST, HeaderMap, HeaderValue, RETRY_AFTER, SET_COOKIE};
use hyper::{Method, Request, StatusCode};
use hyper_util::rt::TokioIo;
use jiff::Timestamp;
use std::error::Error;
use std::fmt::Write;
use std::io;
use std::time::Duration;

/// How much of an answer is read: one on ten thousand records is a few megabytes.
const MOST: usize = 16 << 20;
/// How many cookies are sent back.
const COOKIES: usize = 10;

/// What a server answered.
#[derive(Debug, Clone)]
pub(super) struct Answer {
    pub(super) status: StatusCode,
    /// When it wants to be asked again.
    pub(super) after: Option<Duration>,
    /// What time it is there.
    pub(super) date: Option<Timestamp>,
    /// What is to be sent back with requests that belong to this one.
    pub(super) cookies: Option<HeaderValue>,
    pub(super) body: Vec<u8>,
}

/// A connection, made when it is needed.
pub(super) struct Client {
    to: Endpoint,
    tls: Option<TlsSpec>,
    open: Option<SendRequest<Full<Bytes>>>,
}

impl Client {
    pub(super) fn new(to: Endpoint, tls: Option<TlsSpec>) -> Self {
        Self { to, tls, open: None }
    }

    pub(super) fn reset(&mut self) {
        self.open = None;
    }

    /// Sends a request and reads its answer. A connection that the server ended meanwhile is made anew, once.
    pub(super) async fn post(&mut self, path: &str, headers: HeaderMap, body: Vec<u8>) -> io::Result<Answer> {
        let body = Bytes::from(body);
        if let Some(mut open) = self.open.take().filter(|open| !open.is_closed())
            && let Ok(answer) = self.ask(&mut open, path, headers.clone(), body.clone()).await
        {
            self.open = Some(open);
            return Ok(answer);
        }
        let mut open = self.connect().await?;
        let answer = self.ask(&mut open, path, headers, body).await?;
        self.open = Some(open);
        Ok(answer)
    }

    async fn connect(&self) -> io::Result<SendRequest<Full<Bytes>>> {
        let stream = stream::tcp(&self.to).await?;
        // The connection is driven by a task of this output's own runtime, and ends with it or with the sender.
        Ok(match &self.tls {
            Some(tls) => {
                let stream = tls.connect(&self.to.host, stream).await?;
                let (sender, connection) = handshake(TokioIo::new(stream)).await.map_err(|error| failed(&error))?;
                tokio::spawn(connection);
                sender
            }
            None => {
                let (sender, connection) = handshake(TokioIo::new(stream)).await.map_err(|error| failed(&error))?;
                tokio::spawn(connection);
                sender
            }
        })
    }

    async fn ask(
        &self,
        open: &mut SendRequest<Full<Bytes>>,
        path: &str,
        headers: HeaderMap,
        body: Bytes,
    ) -> io::Result<Answer> {
        open.ready().await.map_err(|error| failed(&error))?;
        let mut request = Request::new(Full::new(body));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = path.parse().map_err(io::Error::other)?;
        *request.headers_mut() = headers;
        let host = HeaderValue::from_str(&self.to.to_string()).map_err(io::Error::other)?;
        request.headers_mut().insert(HOST, host);
        let response = open.send_request(request).await.map_err(|error| failed(&error))?;
        let status = response.status();
        let after = response.headers().get(RETRY_AFTER).and_then(|value| asked(value.to_str().ok()?));
        let date = response.headers().get(DATE).and_then(|value| time(value.to_str().ok()?));
        let cookies = cookies(response.headers());
        let body = Limited::new(response.into_body(), MOST).collect().await.map_err(|error| failed(error.as_ref()))?;
        Ok(Answer { status, after, date, cookies, body: body.to_bytes().to_vec() })
    }
}

/// What went wrong, and why: the library says only what it was about.
fn failed(error: &(dyn Error + 'static)) -> io::Error {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(found) = cause {
        if let Some(said) = found.downcast_ref().and_then(refusal::said) {
            return io::Error::other(said);
        }
        let _ = write!(text, ": {found}");
        cause = found.source();
    }
    io::Error::other(text)
}

/// `Retry-After` (RFC 9110, 10.2.3): seconds, or a date.
fn asked(text: &str) -> Option<Duration> {
    if let Ok(seconds) = text.trim().parse() {
        return Some(Duration::from_secs(seconds));
    }
    Duration::try_from(time(text)?.duration_since(Timestamp::now())).ok()
}

fn time(text: &str) -> Option<Timestamp> {
    Some(jiff::fmt::rfc2822::parse(text.trim()).ok()?.timestamp())
}

/// `Set-Cookie` as `Cookie` (RFC 6265): names and values, without what is said about them.
fn cookies(headers: &HeaderMap) -> Option<HeaderValue> {
    let pairs: Vec<&str> = headers
        .get_all(SET_COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok()?.split(';').next())
        .map(str::trim)
        .filter(|pair| pair.contains('='))
        .take(COOKIES)
        .collect();
    if pairs.is_empty() { None } else { HeaderValue::from_str(&pairs.join("; ")).ok() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_to_come_back() {
        assert_eq!(asked(" 120 "), Some(Duration::from_secs(120)));
        assert_eq!(asked("Sun, 06 Nov 1994 08:49:37 GMT"), None, "it is past");
        assert!(asked("Sat, 06 Nov 2094 08:49:37 GMT").is_some());
        assert_eq!(asked("soon"), None);
    }

    #[test]
    fn cookies_go_back_without_what_is_said_about_them() {
        let mut headers = HeaderMap::new();
        assert_eq!(cookies(&headers), None);
        for value in ["lb=node-2; Path=/; HttpOnly", "nothing", "b=\"2\""] {
            headers.append(SET_COOKIE, HeaderValue::from_static(value));
        }
        assert_eq!(cookies(&headers).unwrap(), "lb=node-2; b=\"2\"");
    }
}
