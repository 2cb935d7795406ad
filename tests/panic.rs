//! A defect that strikes while one message is judged is that message's affair: it gets the listener's `on_error`, an event
//! and nothing more.

#![allow(clippy::expect_used, clippy::unwrap_used, clippy::panic, reason = "a test fails by them")]

mod support;

use forwarden::clock::Clock;
use forwarden::config::Config;
use forwarden::engine::Current;
use forwarden::event::{Body, Event};
use forwarden::frontend::milter::{self, Busy, Shared, Stop};
use forwarden::frontend::{Bound, Endpoint, ListenerSpec, OnError, Role, Socket};
use forwarden::message::{Direction, Limits};
use forwarden::sink::Sink;
use std::net::{SocketAddr, TcpListener};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use support::{Mta, Replies, forward};

/// A clock that panics once when it was told to: a defect in the middle of judging.
#[derive(Default)]
struct Treacherous(AtomicBool);

impl Clock for Treacherous {
    fn now(&self) -> jiff::Timestamp {
        assert!(!self.0.swap(false, Ordering::SeqCst), "the clock stands still");
        jiff::Timestamp::UNIX_EPOCH
    }
}

#[derive(Default)]
struct Kept(Mutex<Vec<Event>>);

impl Sink for Kept {
    fn send(&self, event: Event) {
        self.0.lock().unwrap().push(event);
    }
}

struct Fixture {
    addr: SocketAddr,
    clock: Arc<Treacherous>,
    events: Arc<Kept>,
    _runtime: tokio::runtime::Runtime,
    _stop: [tokio::sync::watch::Sender<bool>; 2],
}

fn serve(on_error: OnError) -> Fixture {
    let (clock, events) = (Arc::new(Treacherous::default()), Arc::new(Kept::default()));
    let mut config = Config::without_file();
    config.organization.domains.insert(forwarden::message::Domain::new("corp.example").unwrap(), true);
    let engine = forwarden::app::engine(&config, clock.clone(), events.clone());
    let socket = TcpListener::bind("127.0.0.1:0").unwrap();
    socket.set_nonblocking(true).unwrap();
    let addr = socket.local_addr().unwrap();
    let spec = ListenerSpec {
        name: "outbound".into(),
        role: Role::Enforce,
        direction: Direction::Outbound,
        at: Endpoint::new(Socket::Tcp(addr)),
        on_error,
    };
    let shared = Shared {
        engine: Arc::new(Current::new(engine)),
        limits: Limits::default(),
        read_body: false,
        max_connections: 10,
        busy: Arc::new(Busy::default()),
    };
    let (accepting, stop_accepting) = tokio::sync::watch::channel(false);
    let (serving, stop_serving) = tokio::sync::watch::channel(false);
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let stop = Stop { accepting: stop_accepting, serving: stop_serving };
    runtime.spawn(milter::run(Arc::new(spec), Bound::Tcp(socket), shared, stop));
    Fixture { addr, clock, events, _runtime: runtime, _stop: [accepting, serving] }
}

fn send(mta: &mut Mta, queue_id: &str) -> Replies {
    let (from, rcpt, headers) = forward("<x@ext.example> ORCPT=rfc822;alice@corp.example");
    mta.message(from, &rcpt, &headers);
    mta.end_of_message_as(queue_id)
}

fn a_defect_becomes(on_error: OnError, action: &str, check: impl Fn(&Replies)) {
    let fixture = serve(on_error);
    let mut bystander = Mta::connect(fixture.addr);
    let mut mta = Mta::connect(fixture.addr);
    fixture.clock.0.store(true, Ordering::SeqCst);
    check(&send(&mut mta, "STRUCK"));
    // The same connection and the other one go on.
    assert_eq!(send(&mut mta, "NEXT").answer(), b'c');
    assert_eq!(send(&mut bystander, "OTHER").answer(), b'c');
    let events = fixture.events.0.lock().unwrap();
    let Body::Fault(fault) = &events[0].body else { panic!("{:?}", events[0]) };
    assert_eq!(fault.queue_id.as_deref(), Some("STRUCK"));
    assert_eq!(fault.action, action);
    assert!(fault.error.contains("the clock stands still"), "{}", fault.error);
    let judged: Vec<_> = events[1..]
        .iter()
        .map(|event| match &event.body {
            Body::Message(message) => (message.queue_id.clone().unwrap(), message.forwarder.clone().unwrap()),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(judged, [("NEXT".into(), "alice@corp.example".into()), ("OTHER".into(), "alice@corp.example".into())]);
}

#[test]
fn accept() {
    a_defect_becomes(OnError::Accept, "accept", |replies| {
        assert_eq!(replies.0.len(), 1);
        assert_eq!(replies.answer(), b'c');
    });
}

#[test]
fn tempfail() {
    a_defect_becomes(OnError::Tempfail, "tempfail", |replies| assert_eq!(replies.answer(), b't'));
}

#[test]
fn quarantine() {
    a_defect_becomes(OnError::Quarantine, "quarantine", |replies| {
        assert_eq!(replies.edits(b'q'), ["forwarden: could not be judged|"]);
        assert_eq!(replies.answer(), b'c');
    });
}
