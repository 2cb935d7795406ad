//! `forwarden demo`: a first look. Bundled messages through a real milter socket, no MTA and no configuration needed.

mod mta;

use crate::clock::SystemClock;
use crate::config::Config;
use crate::engine::Current;
use crate::event::{Body, Event, MessageEvent};
use crate::frontend::milter::{self, Busy, Shared, Stop};
use crate::frontend::{Bound, Endpoint, ListenerSpec, OnError, Role, Socket};
use crate::message::{Direction, Domain};
use crate::policy::{Action, AddressList, Condition, Mode, Pattern, Rule};
use crate::sink::Sink;
use clap::Args;
use mta::{Client, Mail};
use std::io;
use std::net::TcpListener;
use std::process::ExitCode;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::watch;

/// Show what Forwarden does: bundled messages through a real milter socket, without any mail server or configuration.
#[derive(Debug, Args)]
pub(super) struct Command {}

/// The bundled messages, as an outbound hop would get them.
const MAILS: &[Mail] = &[
    Mail {
        what: "mail to alice, whose .forward points outside",
        message: include_bytes!("dot-forward.eml"),
        mail_from: &["<ann@partner.example>", "SIZE=2048"],
        rcpt: &["<alice.home@freemail.example>", "ORCPT=rfc822;alice@corp.example"],
    },
    Mail {
        what: "mail to carol, a virtual alias for an outside address",
        message: include_bytes!("virtual-alias.eml"),
        mail_from: &["<ann@partner.example>"],
        rcpt: &["<carol@agency.example>", "ORCPT=rfc822;carol@corp.example"],
    },
    Mail {
        what: "mail to frank, which a BCC map copies",
        message: include_bytes!("bcc-map.eml"),
        mail_from: &["<ann@partner.example>"],
        rcpt: &["<frank.audit@archive.example>", "ORCPT=rfc822;frank.audit@archive.example", "NOTIFY=NEVER"],
    },
    Mail {
        what: "mail to heidi, whose Sieve script redirects",
        message: include_bytes!("sieve.eml"),
        mail_from: &["<ann@partner.example>"],
        rcpt: &["<heidi77@freemail.example>", "ORCPT=rfc822;heidi77@freemail.example"],
    },
    Mail {
        what: "mail to mallory, whose Exchange inbox rule forwards",
        message: include_bytes!("exchange-rule.eml"),
        mail_from: &["<mallory@corp.example>"],
        rcpt: &["<drop@evil.example>"],
    },
    Mail {
        what: "mail to wendy, whose Gmail forwarding is on",
        message: include_bytes!("gmail.eml"),
        mail_from: &["<wendy+caf_=wendy77=freemail.example@corp.example>"],
        rcpt: &["<wendy77@freemail.example>"],
    },
    Mail {
        what: "dave answers a partner",
        message: include_bytes!("ordinary.eml"),
        mail_from: &["<dave@corp.example>"],
        rcpt: &["<ann@partner.example>", "ORCPT=rfc822;ann@partner.example"],
    },
    Mail {
        what: "a post to the company's own mailing list",
        message: include_bytes!("list-post.eml"),
        mail_from: &["<dev-bounces@corp.example>"],
        rcpt: &["<zoe@ext.example>", "ORCPT=rfc822;zoe@ext.example"],
    },
    Mail {
        what: "a delivery report",
        message: include_bytes!("bounce.eml"),
        mail_from: &["<>"],
        rcpt: &["<ann@partner.example>", "ORCPT=rfc822;ann@partner.example"],
    },
];

/// Keeps the events for the table.
#[derive(Default)]
struct Kept(Mutex<Vec<Event>>);

impl Sink for Kept {
    fn send(&self, event: Event) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(event);
    }
}

impl Command {
    /// Runs it.
    pub(super) fn run(self) -> ExitCode {
        let shown = tokio::runtime::Builder::new_multi_thread()
            .enable_all()
            .build()
            .and_then(|runtime| runtime.block_on(demo()));
        match shown {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                eprintln!("forwarden: the demo could not run: {error}");
                ExitCode::FAILURE
            }
        }
    }
}

async fn demo() -> io::Result<()> {
    let kept = Arc::new(Kept::default());
    let mut engine = crate::app::engine(&config(), Arc::new(SystemClock), Arc::clone(&kept) as Arc<dyn Sink>);
    engine.report_ordinary = true;

    let socket = TcpListener::bind(("127.0.0.1", 0))?;
    socket.set_nonblocking(true)?;
    let addr = socket.local_addr()?;
    let spec = ListenerSpec {
        name: "demo".to_owned(),
        role: Role::Enforce,
        direction: Direction::Outbound,
        at: Endpoint::new(Socket::Tcp(addr)),
        on_error: OnError::Tempfail,
    };
    let shared = Shared {
        engine: Arc::new(Current::new(engine)),
        limits: crate::message::Limits::default(),
        read_body: false,
        max_connections: 10,
        busy: Arc::new(Busy::default()),
    };
    let (stop, stopped) = watch::channel(false);
    let stop_at = Stop { accepting: stopped.clone(), serving: stopped };
    let server = tokio::spawn(milter::run(Arc::new(spec), Bound::Tcp(socket), shared, stop_at));

    super::print(&format!("A milter listens on {addr}. It plays the outbound hop of corp.example, in mode enforce:\n"));
    super::print("forwards to freemail.example are held, those to evil.example are taken out, others are tagged.\n\n");
    super::print(&format!(
        " {:<20} {:<27} {:<12} {:<19} {:>5} done\n",
        "forwarder", "to", "verdict", "mechanism", "conf."
    ));
    super::print(&format!("{}\n", "─".repeat(100)));
    let mut client = Client::connect(addr).await?;
    for (index, mail) in MAILS.iter().enumerate() {
        client.send(mail).await?;
        let events = kept.0.lock().unwrap_or_else(PoisonError::into_inner).split_off(0);
        super::print(&format!("{}. {}\n", index + 1, mail.what));
        for event in events {
            if let Body::Message(message) = event.body {
                super::print(&format!("{}\n", row(&message)));
            }
        }
    }
    client.quit().await?;
    let _ = stop.send(true);
    server.await.map_err(io::Error::other)??;
    super::print(
        "\nNos. 2 and 3 carry no mark at all: the envelope gives them away (ORCPT, NOTIFY), and where they came in.\n\n\
         Why a message is judged as it is:  forwarden explain FILE.eml --own corp.example --rcpt 'ADDRESS ORCPT=…'\n\
         On a real Postfix, in a folder of its own:  make demo\n\
         To put it to work:  README.md, then forwarden check\n",
    );
    Ok(())
}

fn row(event: &MessageEvent) -> String {
    format!(
        " {:<20} {:<27} {:<12} {:<19} {:>5.3} {}",
        event.forwarder.as_deref().unwrap_or("-"),
        event.destinations.join(", "),
        event.verdict,
        event.mechanism.unwrap_or("-"),
        event.confidence,
        event.action,
    )
}

/// A small policy in mode enforce.
fn config() -> Config {
    let mut config = Config::without_file();
    if let Some(domain) = Domain::new("corp.example") {
        config.organization.domains.insert(domain, true);
    }
    config.organization.networks.extend("198.51.100.0/24".parse::<ipnet::IpNet>());
    let forward_to = |id: &str, domain: &str, then: Action| Rule {
        id: id.to_owned(),
        when: Condition::All(vec![
            Condition::Confidence(0.5),
            Condition::Destination(AddressList::from_iter(Pattern::parse(domain))),
        ]),
        then: vec![then],
        mode: Mode::Enforce,
        rollout: 100,
    };
    config.policy.mode = Mode::Enforce;
    config.policy.rules = vec![
        forward_to("freemail", "@freemail.example", Action::Quarantine),
        forward_to("evil", "@evil.example", Action::Strip),
        forward_to("other-forwards", "*", Action::Tag(crate::policy::Tag::default())),
    ];
    config
}
