//! What an MTA tells on one connection. State lives as long as its phase: MAIL begins a message, its end or an abort
//! drops it; the connection's own data and the engine stay.

use super::apply::{self, Applied};
use super::copy::Copy;
use super::counts;
use super::keep::keep;
use super::{InProgress, Shared};
use crate::engine::Engine;
use crate::event::{Body, Failure, Fault};
use crate::frontend::{ListenerSpec, OnError, Role};
use crate::message::{Builder, Connection, Message};
use crate::policy::Mode;
use indymilter::{Actions, Context, EomContext, Macros, ProtoOpts, SocketInfo, Status};
use std::ffi::{CStr, CString};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Instant;

/// One connection of an MTA.
pub(super) struct Session {
    spec: Arc<ListenerSpec>,
    shared: Shared,
    engine: Arc<Engine>,
    actions: Actions,
    options: ProtoOpts,
    connection: Connection,
    message: Option<InMessage>,
}

/// One message on it.
struct InMessage {
    builder: Builder,
    rcpt_macros: RcptMacros,
    /// All of it, where it may have to be stored.
    copy: Option<Copy>,
    _in_progress: InProgress,
}

/// Tells the macros of a recipient from those that the library still has of the recipient before it: new ones are read
/// while the old are still there, and so never lie at the same place in memory.
#[derive(Default)]
struct RcptMacros([Option<usize>; 2]);

impl RcptMacros {
    const NAMES: [&CStr; 2] = [c"{rcpt_addr}", c"{rcpt_mailer}"];

    /// Address and mailer of the recipient that the MTA names now.
    fn next(&mut self, macros: &Macros) -> [Option<String>; 2] {
        let places = Self::NAMES.map(|name| macros.get(name).map(|value| value.as_ptr().addr()));
        let left_over = places == self.0;
        self.0 = places;
        if left_over { [None, None] } else { Self::NAMES.map(|name| text_macro(macros, name)) }
    }
}

impl Session {
    /// Begins a connection, with the engine of the moment.
    pub(super) fn new(spec: &Arc<ListenerSpec>, shared: &Shared, actions: Actions) -> Self {
        Self {
            spec: Arc::clone(spec),
            engine: shared.engine.get(),
            shared: shared.clone(),
            actions,
            options: ProtoOpts::empty(),
            connection: Connection::default(),
            message: None,
        }
    }

    /// What the steps of the connection are to be.
    pub(super) fn agreed(&mut self, options: ProtoOpts) {
        self.options = options;
    }

    /// Whether a message may have to be stored, and so has to be read to its end.
    pub(super) fn may_store(&self) -> bool {
        self.spec.role == Role::Enforce && self.engine.quarantine.is_some() && self.engine.policy.may_store()
    }

    fn copy(&self) -> Option<Copy> {
        let quarantine = self.engine.quarantine.as_ref().filter(|_| self.may_store())?;
        Some(Copy::new(quarantine.spec().max_message, self.writes_leading_space()))
    }

    /// Whether header bodies are exchanged with the space behind the colon.
    pub(super) fn writes_leading_space(&self) -> bool {
        self.options.contains(ProtoOpts::LEADING_SPACE)
    }

    /// The reply to a step, which is none where silence was agreed.
    fn reply(&self, silent: ProtoOpts) -> Status {
        if self.options.contains(silent) { Status::Noreply } else { Status::Continue }
    }
}

/// A client connected to the MTA.
pub(super) fn connect(cx: &mut Context<Session>, name: &CStr, socket: &SocketInfo) -> Status {
    let mta = text_macro(&cx.macros, c"j");
    let Some(session) = &mut cx.data else {
        return Status::Tempfail;
    };
    let name = lossy(name);
    session.connection = Connection {
        client_addr: match socket {
            SocketInfo::Inet(addr) => Some(addr.ip().to_canonical()),
            _ => None,
        },
        // Postfix writes what it could not look up as `[address]` or `unknown`.
        client_name: (!name.starts_with('[') && name != "unknown").then_some(name),
        helo: None,
        mta,
    };
    session.reply(ProtoOpts::NOREPLY_CONNECT)
}

/// The client gave its name.
pub(super) fn helo(cx: &mut Context<Session>, name: &CStr) -> Status {
    let Some(session) = &mut cx.data else {
        return Status::Tempfail;
    };
    session.connection.helo = Some(lossy(name));
    session.reply(ProtoOpts::NOREPLY_HELO)
}

/// A message begins.
pub(super) fn mail(cx: &mut Context<Session>, args: &[CString]) -> Status {
    let Some(session) = &mut cx.data else {
        return Status::Tempfail;
    };
    let connection = session.connection.clone();
    let mut builder = Builder::new(&session.spec.name, session.spec.direction, connection, session.shared.limits);
    let (path, params) = path_and_params(args);
    builder.sender(&path, params);
    let copy = session.copy();
    session.message = Some(InMessage {
        builder,
        rcpt_macros: RcptMacros::default(),
        copy,
        _in_progress: InProgress::begin(&session.shared.busy),
    });
    session.reply(ProtoOpts::NOREPLY_MAIL)
}

/// A recipient.
pub(super) fn rcpt(cx: &mut Context<Session>, args: &[CString]) -> Status {
    let Some(session) = &mut cx.data else {
        return Status::Tempfail;
    };
    if let Some(message) = &mut session.message {
        let (path, params) = path_and_params(args);
        let [resolved, mailer] = message.rcpt_macros.next(&cx.macros);
        message.builder.recipient(&path, params, resolved.as_deref(), mailer.as_deref());
    }
    session.reply(ProtoOpts::NOREPLY_RCPT)
}

/// A header field.
pub(super) fn header(cx: &mut Context<Session>, name: &CStr, value: &CStr) -> Status {
    let Some(session) = &mut cx.data else {
        return Status::Tempfail;
    };
    if let Some(message) = &mut session.message {
        message.builder.header(name.to_bytes(), value.to_bytes());
        if let Some(copy) = &mut message.copy {
            copy.header(name.to_bytes(), value.to_bytes());
        }
    }
    session.reply(ProtoOpts::NOREPLY_HEADER)
}

/// A piece of the body.
pub(super) fn body(cx: &mut Context<Session>, chunk: &[u8]) -> Status {
    let Some(session) = &mut cx.data else {
        return Status::Tempfail;
    };
    if let Some(message) = &mut session.message {
        if session.shared.read_body {
            message.builder.body(chunk);
        }
        if let Some(copy) = &mut message.copy {
            copy.body(chunk);
        }
    }
    session.reply(ProtoOpts::NOREPLY_BODY)
}

/// The message is given up.
pub(super) fn abort(cx: &mut Context<Session>) -> Status {
    if let Some(session) = &mut cx.data {
        session.message = None;
    }
    Status::Continue
}

/// The connection ends.
pub(super) fn close(cx: &mut Context<Session>) -> Status {
    cx.data = None;
    Status::Continue
}

/// The message is complete: judge it, do what policy says, report both, answer.
pub(super) async fn eom(cx: &mut EomContext<Session>) -> Status {
    let Some(session) = &mut cx.data else {
        return Status::Tempfail;
    };
    let Some(InMessage { mut builder, copy, _in_progress, .. }) = session.message.take() else {
        return Status::Continue;
    };
    builder.queue_id(text_macro(&cx.macros, c"i"));
    builder.auth_user(text_macro(&cx.macros, c"{auth_authen}"));
    let begun = Instant::now();
    let message = builder.finish();
    let (engine, spec, actions) = (Arc::clone(&session.engine), Arc::clone(&session.spec), session.actions);
    let status = judge(cx, &engine, &spec, actions, &message, copy).await;
    counts::answered(&spec.name, begun);
    status
}

/// Judges a message and does what policy says; the answer.
async fn judge(
    cx: &mut EomContext<Session>,
    engine: &Engine,
    spec: &ListenerSpec,
    actions: Actions,
    message: &Message,
    copy: Option<Copy>,
) -> Status {
    let may_edit = spec.role == Role::Enforce;
    let judged = catch_unwind(AssertUnwindSafe(|| engine.inspect(message, may_edit)));
    let inspection = match judged {
        Ok(inspection) => inspection,
        Err(panic) => {
            let (status, did) = apply::on_error(cx, spec.on_error, actions).await;
            fault(engine, did, message, &panic_text(panic.as_ref()));
            return status;
        }
    };
    counts::judged(&inspection);
    let applied = match inspection.mode {
        Mode::Observe => Applied::unchanged(),
        Mode::Enforce => {
            let stored = || keep(engine, message, &inspection, copy.and_then(Copy::finish));
            apply::plan(cx, &inspection.plan, actions, stored).await
        }
    };
    let (status, did) = match (&applied.error, applied.status) {
        (None, status) => (status, None),
        // Nothing was begun: the listener's own setting decides.
        (Some(_), Status::Continue) => {
            let (status, did) = apply::on_error(cx, spec.on_error, actions).await;
            (status, Some(did))
        }
        // Some edits were made and others not: only a refusal for now undoes them.
        (Some(_), broken_off) => (broken_off, Some(OnError::Tempfail)),
    };
    let failure = applied.error.as_deref().zip(did).map(|(error, did)| Failure { error, on_error: did.name() });
    if let Some(Failure { error, on_error }) = failure {
        counts::fault(&spec.name, "editing");
        tracing::error!(queue_id = queue_id(message), listener = %spec.name, %error, %on_error, "edit failed");
    }
    // Reporting is ours to get wrong: it must not take back what the message was given.
    let recorded = catch_unwind(AssertUnwindSafe(|| {
        engine.record(message, &inspection, failure, applied.stored_as.as_deref());
    }));
    if let Err(panic) = recorded {
        counts::fault(&spec.name, "reporting");
        tracing::error!(queue_id = queue_id(message), error = %panic_text(panic.as_ref()), "event could not be made");
    }
    if failure.is_none() && inspection.mode == Mode::Enforce {
        spend(engine, inspection.released).await;
    }
    status
}

/// What was released has passed.
async fn spend(engine: &Engine, released: Vec<(String, String)>) {
    if let Some(quarantine) = engine.quarantine.clone().filter(|_| !released.is_empty()) {
        let spent = tokio::task::spawn_blocking(move || {
            released.iter().for_each(|(key, recipient)| quarantine.spend(key, recipient));
        });
        if spent.await.is_err() {
            tracing::error!("releases could not be taken off the list");
        }
    }
}

fn fault(engine: &Engine, did: OnError, message: &Message, error: &str) {
    counts::fault(&message.listener, "judging");
    let action = did.name();
    tracing::error!(queue_id = queue_id(message), listener = %message.listener, %error, on_error = action, "message could not be judged");
    let fault = Fault {
        fault: "judging",
        error: error.to_owned(),
        action,
        listener: message.listener.clone(),
        queue_id: message.queue_id.clone(),
    };
    if catch_unwind(AssertUnwindSafe(|| engine.report(Body::Fault(fault)))).is_err() {
        tracing::error!(queue_id = queue_id(message), "the fault could not be reported as an event");
    }
}

pub(super) fn queue_id(message: &Message) -> &str {
    message.queue_id.as_deref().unwrap_or("-")
}

fn panic_text(panic: &(dyn std::any::Any + Send)) -> String {
    let text =
        panic.downcast_ref::<&str>().map(|text| (*text).to_owned()).or_else(|| panic.downcast_ref::<String>().cloned());
    format!("defect in this program: {}", text.unwrap_or_else(|| "no description".to_owned()))
}

fn text_macro(macros: &Macros, name: &CStr) -> Option<String> {
    macros.get(name).map(lossy).filter(|value| !value.is_empty())
}

/// The path, with or without brackets, then its ESMTP parameters; an empty path where there is none at all.
fn path_and_params(args: &[CString]) -> (String, Vec<String>) {
    let mut words = args.iter().map(|arg| lossy(arg));
    let path = words.next().unwrap_or_default();
    (path, words.filter(|word| !word.is_empty()).collect())
}

fn lossy(text: &CStr) -> String {
    text.to_string_lossy().into_owned()
}
