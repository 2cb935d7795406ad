//! The milter protocol (version 6): translates only. Commands of the MTA build a message, a plan becomes its edits.

mod apply;
mod client_address;
mod copy;
mod counts;
mod keep;
mod negotiate;
mod session;

use super::ListenerSpec;
use super::listener::{Listener, Stream};
use super::socket::Bound;
use crate::engine::Current;
use crate::message::Limits;
use client_address::Untagged;
use indymilter::{Callbacks, Config};
use session::Session;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};
use tokio::sync::{Notify, watch};

/// What all listeners share.
#[derive(Clone)]
pub struct Shared {
    /// The engine for sessions that begin.
    pub engine: Arc<Current>,
    /// How much of a message is read.
    pub limits: Limits,
    /// Whether bodies are asked for.
    pub read_body: bool,
    /// Connections open at the same time at one listener; more wait.
    pub max_connections: usize,
    /// Messages in progress.
    pub busy: Arc<Busy>,
}

/// Counts the messages in progress, over all listeners, so that a shutdown can wait for them.
#[derive(Debug, Default)]
pub struct Busy {
    messages: AtomicUsize,
    idle: Notify,
}

impl Busy {
    /// How many messages are in progress.
    pub fn count(&self) -> usize {
        self.messages.load(Ordering::Acquire)
    }

    /// Waits until no message is in progress.
    pub async fn wait_until_idle(&self) {
        loop {
            // Asked for before the count is read, so that no change between the two is missed.
            let changed = self.idle.notified();
            if self.count() == 0 {
                return;
            }
            changed.await;
        }
    }
}

/// Held while a message is in progress.
#[derive(Debug)]
struct InProgress(Arc<Busy>);

impl InProgress {
    fn begin(busy: &Arc<Busy>) -> Self {
        busy.messages.fetch_add(1, Ordering::AcqRel);
        Self(Arc::clone(busy))
    }
}

impl Drop for InProgress {
    fn drop(&mut self) {
        if self.0.messages.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.0.idle.notify_waiters();
        }
    }
}

/// When a listener stops.
#[derive(Debug, Clone)]
pub struct Stop {
    /// Turns true when no connection is to be accepted any more.
    pub accepting: watch::Receiver<bool>,
    /// Turns true when sessions are to end, wherever they are.
    pub serving: watch::Receiver<bool>,
}

/// Serves one listener until it is stopped.
///
/// # Errors
/// The socket cannot be handed to the runtime.
pub async fn run(spec: Arc<ListenerSpec>, bound: Bound, shared: Shared, stop: Stop) -> io::Result<()> {
    let listener = Listener::new(bound, &spec.name, &spec.at.allow)?;
    let closer = listener.closer();
    let config = Config { max_connections: shared.max_connections, ..Config::default() };
    let shutdown = async move {
        said(stop.accepting).await;
        closer.close();
        said(stop.serving).await;
    };
    indymilter::run(Mtas(listener), callbacks(spec, shared), config, shutdown).await
}

/// Waits until it turns true. Where nobody is left who could say so, it is never said.
async fn said(mut stop: watch::Receiver<bool>) {
    if stop.wait_for(|stop| *stop).await.is_err() {
        std::future::pending::<()>().await;
    }
}

/// A listener whose connections speak the protocol as the library reads it.
struct Mtas(Listener);

impl indymilter::Listener for Mtas {
    type Io = Untagged<Stream>;

    fn poll_accept(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Self::Io>> {
        self.0.poll_accept(cx).map_ok(Untagged::new)
    }
}

fn callbacks(spec: Arc<ListenerSpec>, shared: Shared) -> Callbacks<Session> {
    let callbacks = Callbacks::new()
        .on_negotiate(move |cx, actions, options| {
            Box::pin(std::future::ready(negotiate::negotiate(cx, &spec, &shared, actions, options)))
        })
        .on_connect(|cx, name, socket| Box::pin(std::future::ready(session::connect(cx, &name, &socket))))
        .on_helo(|cx, name| Box::pin(std::future::ready(session::helo(cx, &name))))
        .on_mail(|cx, args| Box::pin(std::future::ready(session::mail(cx, &args))))
        .on_rcpt(|cx, args| Box::pin(std::future::ready(session::rcpt(cx, &args))))
        .on_header(|cx, name, value| Box::pin(std::future::ready(session::header(cx, &name, &value))))
        .on_body(|cx, chunk| Box::pin(std::future::ready(session::body(cx, &chunk))))
        .on_eom(|cx| Box::pin(session::eom(cx)))
        .on_abort(|cx| Box::pin(std::future::ready(session::abort(cx))));
    callbacks.on_close(|cx| Box::pin(std::future::ready(session::close(cx))))
}
