//! Whether mail notices a receiver that stands still: `cargo bench --bench stalled [-- --quick]`.
//!
//! Two daemons, each with a spool and a receiver of its own, get the same forwards in turn, so that whatever else happens on
//! the machine happens to both. First one receiver is stopped (SIGSTOP) for a minute, then the other: a pair of figures for
//! each phase. At the end every event must have come, which is the one thing that is asserted.

#![allow(clippy::expect_used, clippy::unwrap_used, reason = "a benchmark that cannot run must say so loudly")]

mod common;

use common::mta::Mta;
use common::{Message, median};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::io::Read;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// Connections to each daemon at the same time.
const CONNECTIONS: usize = 4;
/// What lies between two messages of a connection: about 300 forwards a second in all, which leaves the machine idle in
/// between, so that a delay is one of the daemon.
const PAUSE: Duration = Duration::from_millis(25);
/// Figures are taken of spans as long as this, and paired.
const SPAN: Duration = Duration::from_secs(5);

fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    if args.iter().any(|arg| arg == "--receive") {
        return receive();
    }
    let stopped = Duration::from_secs(if args.iter().any(|arg| arg == "--quick") { 10 } else { 60 });
    let sites = [Site::start(), Site::start()];
    let message = Message::realistic(true);
    let mut sent = load(&sites, &message, SPAN).len();
    println!("milliseconds{:>16}{:>10}{:>12}{:>10}{:>16}", "first p50", "p99", "second p50", "p99", "p99 by p99");
    let mut ratios = Vec::new();
    for (phase, who) in [("none stopped", None), ("the first stopped", Some(0)), ("the second stopped", Some(1))] {
        if let Some(who) = who {
            sites[who].receiver.signal(Signal::SIGSTOP);
        }
        let mut times = Vec::new();
        let mut pairs = Vec::new();
        let begun = Instant::now();
        while begun.elapsed() < stopped {
            let span = load(&sites, &message, SPAN);
            pairs.push(ratio(&span, who));
            times.extend(span);
        }
        if let Some(who) = who {
            sites[who].receiver.signal(Signal::SIGCONT);
            ratios.push(ratio(&times, Some(who)));
        }
        sent += times.len();
        let of = |site: usize, share: usize| percentile(&times, site, share);
        println!(
            "{phase:<19}{:>9.3}{:>10.3}{:>12.3}{:>10.3}{:>16.3}  (median over spans of {} s: {:.3})",
            of(0, 50),
            of(0, 99),
            of(1, 50),
            of(1, 99),
            ratio(&times, who),
            SPAN.as_secs(),
            median(pairs),
        );
    }
    println!("p99 with a stopped receiver by p99 without: {:.3}", geometric_mean(&ratios));
    let waits =
        |site: &Site| forwarden::sink::spool::status(&site.folder.path().join("spool")).unwrap().outputs.remove(0);
    let begun = Instant::now();
    while sites.iter().any(|site| waits(site).waiting > 0) {
        assert!(begun.elapsed() < Duration::from_secs(60), "events still wait: {:?}", sites.each_ref().map(waits));
        std::thread::sleep(Duration::from_millis(100));
    }
    let outputs = sites.each_ref().map(waits);
    let (delivered, dropped): (u64, u64) =
        outputs.iter().fold((0, 0), |sum, output| (sum.0 + output.delivered, sum.1 + output.dropped));
    println!("{} messages, {delivered} events delivered, {dropped} dropped", sent * 2);
    assert!(delivered >= sent as u64 * 2 && dropped == 0);
}

/// The p99 of the daemon whose receiver is stopped by that of the other.
fn ratio(times: &[[f64; 2]], stopped: Option<usize>) -> f64 {
    let stopped = stopped.unwrap_or(0);
    percentile(times, stopped, 99) / percentile(times, 1 - stopped, 99)
}

fn percentile(times: &[[f64; 2]], site: usize, share: usize) -> f64 {
    let mut times: Vec<f64> = times.iter().map(|pair| pair[site]).collect();
    times.sort_by(f64::total_cmp);
    times[times.len() * share / 100]
}

/// Of ratios: a half and a double make one.
fn geometric_mean(ratios: &[f64]) -> f64 {
    ratios.iter().product::<f64>().powf(1.0 / ratios.len() as f64)
}

/// Sends the message to both in turn, for that long; milliseconds for each pair.
fn load(sites: &[Site; 2], message: &Message, span: Duration) -> Vec<[f64; 2]> {
    let until = Instant::now() + span;
    let time = |site: &Site| {
        let begun = Instant::now();
        Mta::connect(site.addr).send(message);
        begun.elapsed().as_secs_f64() * 1e3
    };
    std::thread::scope(|scope| {
        let one = |connection: usize| {
            let mut pairs = Vec::new();
            // Which comes first, changes: the second finds the caches warm.
            for round in connection.. {
                if Instant::now() >= until {
                    break;
                }
                let mut pair = [0.0; 2];
                for which in [round % 2, (round + 1) % 2] {
                    pair[which] = time(&sites[which]);
                }
                pairs.push(pair);
                std::thread::sleep(PAUSE);
            }
            pairs
        };
        let threads: Vec<_> = (0..CONNECTIONS).map(|connection| scope.spawn(move || one(connection))).collect();
        threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    })
}

/// A daemon and its receiver.
struct Site {
    addr: SocketAddr,
    folder: TempDir,
    receiver: Process,
    _daemon: Process,
}

impl Site {
    fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let port = || TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let (milter, siem) = (port(), port());
        let mut receiver = Command::new(std::env::current_exe().unwrap());
        receiver.args(["--receive", &siem.to_string()]);
        let receiver = Process::start(receiver, siem);
        let config = folder.path().join("forwarden.toml");
        let text = format!(
            "[organization]\ndomains = [\"corp.example\"]\nnetworks = [\"198.51.100.0/24\"]\n\
             [[listener]]\nsocket = \"inet:127.0.0.1:{milter}\"\n\
             [spool]\ndirectory = \"{}\"\nmin_free = 0\n\
             [[output]]\nname = \"siem\"\nformat = \"syslog\"\nto = \"tcp:127.0.0.1:{siem}\"\ntimeout = \"5s\"\n",
            folder.path().join("spool").display()
        );
        std::fs::write(&config, text).unwrap();
        let mut daemon = Command::new(env!("CARGO_BIN_EXE_forwarden"));
        daemon.args(["serve", "--config"]).arg(&config);
        let daemon = Process::start(daemon, milter);
        Self { addr: SocketAddr::from(([127, 0, 0, 1], milter)), folder, receiver, _daemon: daemon }
    }
}

/// A process that ends with the benchmark.
struct Process(Child);

impl Process {
    fn start(mut command: Command, port: u16) -> Self {
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let begun = Instant::now();
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(begun.elapsed() < Duration::from_secs(20), "{command:?} does not listen");
            std::thread::sleep(Duration::from_millis(20));
        }
        Self(child)
    }

    fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(self.0.id().try_into().unwrap()), signal).unwrap();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A receiver: it reads whatever comes, until it is ended.
fn receive() {
    let port: u16 = std::env::args().skip_while(|arg| arg != "--receive").nth(1).unwrap().parse().unwrap();
    let listener = TcpListener::bind(("127.0.0.1", port)).unwrap();
    for mut stream in listener.incoming().flatten() {
        std::thread::spawn(move || {
            let mut octets = vec![0; 64 << 10];
            while stream.read(&mut octets).is_ok_and(|count| count > 0) {}
        });
    }
}
