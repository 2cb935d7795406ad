//! The listener beside the mail: `/metrics` for Prometheus, `/healthz`, `/readyz`. It reads numbers and changes nothing;
//! nothing that anybody sends there reaches the mail path.

mod request;

use crate::frontend::{Bound, Endpoint, Listener, Stream};
use crate::metrics::Registry;
use request::{Page, Refusal};
use std::future::poll_fn;
use std::io;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::Semaphore;

/// Octets of the longest request.
const MAX_REQUEST: usize = 8 << 10;
/// How long a request may take to arrive, and an answer to be taken.
const PATIENCE: Duration = Duration::from_secs(5);
/// Connections open at the same time; more wait.
const MAX_CONNECTIONS: usize = 16;

/// What is shown.
pub struct Shown {
    /// The numbers.
    pub registry: Registry,
    /// Looks again at what is not counted as it happens, before the numbers are shown.
    pub refresh: Box<dyn Fn() + Send + Sync>,
    /// Why no mail should be sent here, where there is a reason.
    pub unready: Box<dyn Fn() -> Option<&'static str> + Send + Sync>,
}

/// Answers until the process ends.
///
/// # Errors
/// The socket cannot be handed to the runtime.
pub async fn run(at: &Endpoint, bound: Bound, shown: Arc<Shown>) -> io::Result<()> {
    let mut listener = Listener::new(bound, "admin", &at.allow)?;
    let open = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    loop {
        let permit = Arc::clone(&open).acquire_owned().await.map_err(io::Error::other)?;
        let stream = poll_fn(|cx| listener.poll_accept(cx)).await?;
        let shown = Arc::clone(&shown);
        tokio::spawn(async move {
            if tokio::time::timeout(2 * PATIENCE, serve(stream, &shown)).await.is_err() {
                tracing::debug!("admin: an answer was not taken in time");
            }
            drop(permit);
        });
    }
}

/// One request, one answer, then the end.
async fn serve(mut stream: Stream, shown: &Shown) {
    let mut head = Vec::with_capacity(1 << 10);
    let asked = match tokio::time::timeout(PATIENCE, read(&mut stream, &mut head)).await {
        Ok(Ok(true)) => request::parse(&head),
        // Gone before it said anything: a check whether somebody listens.
        Ok(Err(_) | Ok(false)) if head.is_empty() => return,
        Ok(Err(_) | Ok(false)) if head.len() < MAX_REQUEST => Err(Refusal::Malformed),
        Ok(Err(_) | Ok(false)) => Err(Refusal::TooLong),
        Err(_) => Err(Refusal::TooSlow),
    };
    let answer = match asked {
        Ok((page, with_body)) => answer(page, with_body, shown),
        Err(refusal) => {
            tracing::debug!(?refusal, "admin: a request was refused");
            refusal.answer()
        }
    };
    if stream.write_all(&answer).await.is_ok() && stream.shutdown().await.is_ok() {
        // What else was sent is read, at most this much: closing with bytes unread would take the answer back.
        let mut rest = [0; 1 << 10];
        for _ in 0..64 {
            if !matches!(stream.read(&mut rest).await, Ok(count) if count > 0) {
                break;
            }
        }
    }
}

/// Reads up to the empty line; whether there was one.
async fn read(stream: &mut Stream, head: &mut Vec<u8>) -> io::Result<bool> {
    while !request::is_whole(head) {
        let room = MAX_REQUEST.saturating_sub(head.len());
        if room == 0 || (&mut *stream).take(room as u64).read_buf(head).await? == 0 {
            return Ok(false);
        }
    }
    Ok(true)
}

fn answer(page: Page, with_body: bool, shown: &Shown) -> Vec<u8> {
    let (status, kind, body) = match page {
        Page::Metrics => {
            (shown.refresh)();
            ("200 OK", "text/plain; version=0.0.4; charset=utf-8", shown.registry.render())
        }
        Page::Health => ("200 OK", request::TEXT, "ok\n".to_owned()),
        Page::Ready => match (shown.unready)() {
            None => ("200 OK", request::TEXT, "ready\n".to_owned()),
            Some(why) => ("503 Service Unavailable", request::TEXT, format!("{why}\n")),
        },
    };
    request::response(status, kind, "", &body, with_body)
}
