//! GELF over UDP, put together as the specification has it, and by a receiver that others wrote.

use crate::site::{daemon, send, written};
use crate::support::{Daemon, Mta, wait_for};
use flate2::read::GzDecoder;
use serde_json::Value;
use socket2::{Domain, Socket, Type};
use std::collections::{BTreeMap, BTreeSet};
use std::io::Read;
use std::net::{SocketAddr, UdpSocket};
use std::sync::{Arc, Mutex};

/// A socket in whose buffer a burst has room.
fn socket() -> UdpSocket {
    let socket = Socket::new(Domain::IPV4, Type::DGRAM, None).unwrap();
    let _ = socket.set_recv_buffer_size(8 << 20);
    socket.bind(&SocketAddr::from(([127, 0, 0, 1], 0)).into()).unwrap();
    socket.into()
}

/// Every datagram that came.
fn receiver() -> (SocketAddr, Arc<Mutex<Vec<Vec<u8>>>>) {
    let socket = socket();
    let addr = socket.local_addr().unwrap();
    let received = Arc::new(Mutex::new(Vec::new()));
    let keep = Arc::clone(&received);
    std::thread::spawn(move || {
        let mut octets = vec![0; 65_536];
        while let Ok(count) = socket.recv(&mut octets) {
            keep.lock().unwrap().push(octets[..count].to_vec());
        }
    });
    (addr, received)
}

/// The messages of these datagrams, and how many parts each had: by section "Chunking" of GELF 1.1, and nothing else goes.
fn messages(datagrams: &[Vec<u8>], most: usize, gzip: bool) -> Vec<(Value, usize)> {
    let mut found = Vec::new();
    let mut parts: BTreeMap<Vec<u8>, BTreeMap<u8, &[u8]>> = BTreeMap::new();
    let read = |octets: &[u8]| -> Value {
        let mut text = Vec::new();
        match gzip {
            true => drop(GzDecoder::new(octets).read_to_end(&mut text).unwrap()),
            false => text.extend_from_slice(octets),
        }
        serde_json::from_slice(&text).unwrap()
    };
    for datagram in datagrams {
        assert!(datagram.len() <= most, "{} octets", datagram.len());
        let [0x1e, 0x0f, rest @ ..] = datagram.as_slice() else {
            found.push((read(datagram), 1));
            continue;
        };
        let (id, number, count, part) = (rest[..8].to_vec(), rest[8], rest[9], &rest[10..]);
        assert!((2..=128).contains(&count) && number < count && !part.is_empty(), "part {number} of {count}");
        assert!(number + 1 == count || datagram.len() == most, "every part but the last is full");
        let known = parts.entry(id.clone()).or_default();
        assert!(known.insert(number, part).is_none(), "part {number} came twice");
        if known.len() == usize::from(count) {
            let whole: Vec<u8> = known.values().flat_map(|part| part.iter().copied()).collect();
            found.push((read(&whole), parts.remove(&id).unwrap().len()));
        }
    }
    found
}

/// A message to a hundred recipients, of which the record is long.
fn send_long(daemon: &Daemon, subject: &str) {
    let recipients: Vec<String> = (0..100)
        .map(|number| format!("<{}{number}@ext.example> ORCPT=rfc822;alice@corp.example", "x".repeat(60)))
        .collect();
    let recipients: Vec<&str> = recipients.iter().map(String::as_str).collect();
    let mut mta = Mta::connect(daemon.addr);
    let headers =
        [("From", "Ann <ann@partner.example>"), ("Subject", subject), ("Message-ID", "<long@partner.example>")];
    mta.message("<ann@partner.example>", &recipients, &headers);
    assert_eq!(mta.end_of_message().answer(), b'c');
}

#[test]
fn long_records_go_in_parts() {
    let cases = [("", 1_420, false), ("chunk_bytes = 300\n", 300, false), ("gzip = true\n", 1_420, true)];
    for (keys, most, gzip) in [cases[0], cases[1], cases[2], ("gzip = true\nchunk_bytes = 200\n", 200, true)] {
        let (addr, received) = receiver();
        let daemon = daemon(&format!("[[output]]\nname = \"graylog\"\nformat = \"gelf\"\nto = \"udp:{addr}\"\n{keys}"));
        for number in 0..20 {
            send(&daemon, 2);
            // Nothing that compresses well: each part of it counts.
            let subject: String =
                (0..900_u32).map(|at| char::from(33 + ((at * 7919 + number * 31) % 89) as u8)).collect();
            send_long(&daemon, &subject);
        }
        let wanted = written(&daemon, 60);
        let found = wait_for("all of them", || {
            let found = messages(&received.lock().unwrap(), most, gzip);
            (found.len() >= 60).then_some(found)
        });
        let ids: BTreeSet<String> =
            found.iter().map(|(message, _)| message["_event_id"].as_str().unwrap().to_owned()).collect();
        assert_eq!(ids, wanted);
        assert!(found.iter().all(|(message, _)| message["version"] == "1.1"));
        let long: Vec<usize> =
            found.iter().filter(|(message, _)| message["_destination_count"] == 100).map(|(_, parts)| *parts).collect();
        // Compressed, they may fit one datagram.
        let fits = gzip && most == 1_420;
        assert!(long.len() == 20 && long.iter().all(|parts| *parts > 1 || fits), "{keys}: {long:?}");
        println!("{keys:?}: parts of a long record: {long:?}");
    }
}

/// What more parts would be needed for than there can be is put aside with what can be changed, and holds nothing up.
#[test]
fn what_is_too_long_is_refused_for_good() {
    let (addr, received) = receiver();
    let daemon =
        daemon(&format!("[[output]]\nname = \"graylog\"\nformat = \"gelf\"\nto = \"udp:{addr}\"\nchunk_bytes = 24\n"));
    send(&daemon, 1);
    send_long(&daemon, &"ä".repeat(1_000));
    send(&daemon, 1);
    written(&daemon, 3);
    wait_for("the others", || (messages(&received.lock().unwrap(), 24, false).len() >= 2).then_some(()));
    let log = wait_for("a word on it", || Some(daemon.log()).filter(|log| log.contains("refused for good")));
    assert!(log.contains("more than 128 parts of 24 hold: chunk_bytes can be raised, or gzip set"), "{log}");
    wait_for("the last", || {
        let found = messages(&received.lock().unwrap(), 24, false);
        let last = written(&daemon, 3).into_iter().next_back().unwrap();
        found.iter().any(|(message, _)| message["_event_id"] == last.as_str()).then_some(())
    });
}

/// kinesyslog, which others wrote for what others send, puts the parts together.
#[test]
#[ignore = "make test-siem"]
fn a_receiver_of_others_reads_them() {
    let python = concat!(env!("CARGO_MANIFEST_DIR"), "/target/siem-tools/python/bin/python");
    assert!(std::path::Path::new(python).exists(), "{python} is missing: lab/siem-tools fetches it");
    let script = r#"
import gzip, socket, sys
from kinesyslog.constant import GELF_MAGIC, GZIP_MAGIC
from kinesyslog.gelf import ChunkedMessage
receiver = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
receiver.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8 << 20)
receiver.settimeout(60)
receiver.bind(("127.0.0.1", 0))
print(receiver.getsockname()[1], flush=True)
waiting, left = {}, int(sys.argv[1])
while left:
    data = receiver.recv(65536)
    if data[:2] == GELF_MAGIC:
        part = ChunkedMessage(data)
        known = waiting.setdefault(part.header.id, part)
        data = known.update(None if known is part else part)
        if data is None:
            continue
        del waiting[part.header.id]
    if data[:2] == GZIP_MAGIC:
        data = gzip.decompress(data)
    print(data.decode(), flush=True)
    left -= 1
"#;
    for gzip in [false, true] {
        let mut receiver = std::process::Command::new(python)
            .args(["-c", script, "60"])
            .stdout(std::process::Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = std::io::BufRead::lines(std::io::BufReader::new(receiver.stdout.take().unwrap()));
        let port = lines.next().unwrap().unwrap();
        let daemon = daemon(&format!(
            "[[output]]\nname = \"graylog\"\nformat = \"gelf\"\nto = \"udp:127.0.0.1:{port}\"\ngzip = {gzip}\nchunk_bytes = 400\n"
        ));
        for number in 0..20 {
            send(&daemon, 2);
            send_long(&daemon, &format!("Größe {number} {}", "ä".repeat(500)));
        }
        let wanted = written(&daemon, 60);
        let messages: Vec<Value> = lines.map(|line| serde_json::from_str(&line.unwrap()).unwrap()).collect();
        assert!(receiver.wait().unwrap().success());
        let ids: BTreeSet<String> =
            messages.iter().map(|message| message["_event_id"].as_str().unwrap().to_owned()).collect();
        assert_eq!(ids, wanted);
        assert!(
            messages
                .iter()
                .any(|message| message["_subject"].as_str().is_some_and(|text| text.starts_with("Größe 7 ")))
        );
    }
}
