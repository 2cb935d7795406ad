//! Forwarden against empty milters, over the milter protocol: messages a second, time of one message, CPU, memory.
//!
//! `cargo bench --bench milter -- [--quick]`; `benches/run` compiles the libmilter milter first and names it in
//! `EMPTY_LIBMILTER`. Rounds are interleaved, so that a machine that slows down slows all of them; medians are printed.

#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::panic,
    reason = "a benchmark that cannot run must say so loudly"
)]

mod common;

use common::Message;
use common::mta::Mta;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Connections at the same time.
const CONNECTIONS: usize = 16;

fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    if let Some(at) = args.iter().position(|arg| arg == "--serve-empty") {
        return serve_empty(args[at + 1].parse().unwrap());
    }
    let quick = args.iter().any(|arg| arg == "--quick");
    let (rounds, messages) = if quick { (3, 1_000) } else { (7, 6_000) };
    let folder = tempfile::tempdir().unwrap();
    let contenders = contenders(&folder);
    println!(
        "{rounds} rounds of {messages} messages (24 header fields, 10 kB body), {CONNECTIONS} connections, a new one for each message"
    );
    idle(&contenders[0]);
    for (kind, forward) in KINDS {
        let message = Message::realistic(forward);
        let mut figures: Vec<Vec<Figure>> = contenders.iter().map(|_| Vec::new()).collect();
        for contender in &contenders {
            load(contender, &message, messages / 10);
        }
        for _ in 0..rounds {
            for (contender, figures) in contenders.iter().zip(&mut figures) {
                figures.push(load(contender, &message, messages));
            }
        }
        println!("{kind:<44} {:>10} {:>9} {:>9} {:>12}", "messages/s", "p50 ms", "p99 ms", "CPU µs/msg");
        for (contender, figures) in contenders.iter().zip(&figures) {
            println!(
                "{:<44} {:>10.0} {:>9.2} {:>9.2} {:>12.0}",
                contender.name,
                median(figures, |figure| figure.rate),
                median(figures, |figure| figure.p50),
                median(figures, |figure| figure.p99),
                median(figures, |figure| figure.cpu),
            );
        }
        for (contender, other) in contenders.iter().zip(&figures).skip(1) {
            let ratios: Vec<f64> = figures[0].iter().zip(other).map(|(ours, theirs)| ours.rate / theirs.rate).collect();
            println!("  forwarden is {:.2} times as fast as {}", median(&ratios, |ratio| *ratio), contender.name);
        }
        println!();
    }
    let daemon = &contenders[0];
    extremes(daemon);
}

/// A milter in a process of its own.
struct Contender {
    name: &'static str,
    addr: SocketAddr,
    child: Child,
}

/// The messages of the load: ordinary mail, as nearly all is, and a forward, which makes an event.
const KINDS: [(&str, bool); 2] = [("ordinary mail", false), ("forwards, an event for each", true)];

impl Drop for Contender {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn contenders(folder: &tempfile::TempDir) -> Vec<Contender> {
    let mut contenders = Vec::new();
    let mut start = |name, command: &dyn Fn(u16) -> Command| {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let child = command(port).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let addr = SocketAddr::from(([127, 0, 0, 1], port));
        let begun = Instant::now();
        while TcpStream::connect(addr).is_err() {
            assert!(begun.elapsed() < Duration::from_secs(20), "{name} does not listen");
            std::thread::sleep(Duration::from_millis(20));
        }
        contenders.push(Contender { name, addr, child });
    };
    start("forwarden (observe, events to a file)", &|port| {
        let config = folder.path().join("forwarden.toml");
        let text = format!(
            "[organization]\ndomains = [\"corp.example\"]\nnetworks = [\"198.51.100.0/24\"]\n[[listener]]\nsocket = \"inet:127.0.0.1:{port}\"\n\
             [events]\noutput = \"file:{}\"\n[daemon]\nmax_connections = 2000\n",
            folder.path().join("events.jsonl").display()
        );
        std::fs::write(&config, text).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_forwarden"));
        command.args(["serve", "--config"]).arg(config);
        command
    });
    start("empty indymilter, same negotiation", &|port| {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["--serve-empty", &port.to_string()]);
        command
    });
    match std::env::var_os("EMPTY_LIBMILTER").map(PathBuf::from) {
        Some(program) => {
            for (name, silent) in
                [("empty libmilter (C), a reply to each step", "0"), ("empty libmilter (C), silent steps", "1")]
            {
                start(name, &|port| {
                    let mut command = Command::new(&program);
                    command.args([&format!("inet:{port}@127.0.0.1"), silent]);
                    command
                });
            }
        }
        None => println!("EMPTY_LIBMILTER is not set: no comparison with libmilter (benches/run compiles it)"),
    }
    contenders
}

/// An indymilter that does nothing, negotiated as the daemon is.
fn serve_empty(port: u16) {
    use indymilter::{Actions, Callbacks, Config, ProtoOpts, Status};
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let listener = tokio::net::TcpListener::bind(("127.0.0.1", port)).await.unwrap();
        let callbacks = Callbacks::<()>::new()
            .on_negotiate(|cx, _, offered| {
                Box::pin(async move {
                    let silent = ProtoOpts::all() - ProtoOpts::SKIP - ProtoOpts::REJECTED_RCPT;
                    let heard = ProtoOpts::NO_CONNECT
                        | ProtoOpts::NO_HELO
                        | ProtoOpts::NO_MAIL
                        | ProtoOpts::NO_RCPT
                        | ProtoOpts::NO_HEADER;
                    cx.requested_opts = (silent - heard) & offered;
                    cx.requested_actions = Actions::empty();
                    Status::Continue
                })
            })
            .on_connect(|_, _, _| Box::pin(async { Status::Noreply }))
            .on_helo(|_, _| Box::pin(async { Status::Noreply }))
            .on_mail(|_, _| Box::pin(async { Status::Noreply }))
            .on_rcpt(|_, _| Box::pin(async { Status::Noreply }))
            .on_header(|_, _, _| Box::pin(async { Status::Noreply }))
            .on_eom(|_| Box::pin(async { Status::Continue }));
        let config = Config { max_connections: 2000, ..Config::default() };
        indymilter::run(listener, callbacks, config, std::future::pending::<()>()).await.unwrap();
    });
}

struct Figure {
    rate: f64,
    p50: f64,
    p99: f64,
    cpu: f64,
}

fn load(contender: &Contender, message: &Message, messages: usize) -> Figure {
    let cpu_before = cpu(contender.child.id());
    let begun = Instant::now();
    let mut times: Vec<f64> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..CONNECTIONS)
            .map(|_| {
                scope.spawn(|| {
                    (0..messages / CONNECTIONS)
                        .map(|_| {
                            let begun = Instant::now();
                            Mta::connect(contender.addr).send(message);
                            begun.elapsed().as_secs_f64() * 1e3
                        })
                        .collect::<Vec<f64>>()
                })
            })
            .collect();
        threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    });
    let seconds = begun.elapsed().as_secs_f64();
    let cpu = cpu(contender.child.id()) - cpu_before;
    times.sort_by(f64::total_cmp);
    let count = times.len();
    Figure {
        rate: count as f64 / seconds,
        p50: times[count / 2],
        p99: times[count * 99 / 100],
        cpu: cpu * 1e6 / count as f64,
    }
}

/// What the limits allow at the most, and what it costs.
fn extremes(daemon: &Contender) {
    println!("\n{:<44} {:>12}", "forwarden, one message of", "CPU ms");
    let mut references = Message::realistic(true);
    references.headers.push(("References".into(), "<0123456789@partner.example> ".repeat(2_300)));
    let mut fields = Message::realistic(true);
    fields.headers.extend((0..10_000).map(|index| ("X-Filler".into(), format!("{index}"))));
    let mut recipients = Message::realistic(true);
    recipients.rcpts =
        (0..1_000).map(|index| format!("<r{index}@ext.example>\0ORCPT=rfc822;u{index}@corp.example\0")).collect();
    let mut one_forwarder = Message::realistic(true);
    one_forwarder.rcpts =
        (0..1_000).map(|index| format!("<r{index}@ext.example>\0ORCPT=rfc822;alice@corp.example\0")).collect();
    for (name, message) in [
        ("a 64 KiB header field", references),
        ("10,000 header fields", fields),
        ("1,000 recipients, one forwarder, one event", one_forwarder),
        ("1,000 recipients and forwarders and events", recipients),
    ] {
        let times = 50;
        let before = cpu(daemon.child.id());
        for _ in 0..times {
            Mta::connect(daemon.addr).send(&message);
        }
        println!("{name:<44} {:>12.2}", (cpu(daemon.child.id()) - before) * 1e3 / f64::from(times));
    }
}

fn idle(daemon: &Contender) {
    let resident = || {
        let status = std::fs::read_to_string(format!("/proc/{}/status", daemon.child.id())).unwrap();
        let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap().to_owned();
        line.split_whitespace().nth(1).unwrap().parse::<f64>().unwrap() / 1024.0
    };
    let before = resident();
    let connections: Vec<Mta> = (0..1_000).map(|_| Mta::connect(daemon.addr)).collect();
    println!(
        "forwarden, resident memory: {before:.1} MiB at the start, {:.1} MiB with 1,000 idle connections",
        resident()
    );
    drop(connections);
}

/// CPU seconds of a process, its threads included.
fn cpu(pid: u32) -> f64 {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    let behind_name = stat.rsplit_once(')').unwrap().1;
    let fields: Vec<&str> = behind_name.split_whitespace().collect();
    // utime and stime, in ticks of which Linux has 100 a second on every architecture we know.
    (fields[11].parse::<f64>().unwrap() + fields[12].parse::<f64>().unwrap()) / 100.0
}

fn median<T>(items: &[T], of: impl Fn(&T) -> f64) -> f64 {
    let mut values: Vec<f64> = items.iter().map(of).collect();
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
