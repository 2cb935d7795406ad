//! Brokers that answer anything at all: it is told, and nothing panics or hangs.

use super::super::{Label, Piece, Sent};
use super::sender::Kafka;
use super::{KafkaSpec, Mechanism, SaslSpec};
use crate::sink::encode::FORMATS;
use jiff::Timestamp;
use proptest::prelude::*;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

const METADATA: i16 = 3;
const VERSIONS: i16 = 18;

/// What it answers.
#[derive(Debug, Clone)]
enum Answer {
    /// These octets behind the number of the request.
    Octets(Vec<u8>),
    /// These octets as they are.
    Raw(Vec<u8>),
    Nothing,
}

fn answers() -> impl Strategy<Value = Vec<Answer>> {
    // Small numbers make more sense than others where a length or a code is read.
    let octet = prop_oneof![3 => Just(0_u8), 2 => 0..8_u8, 1 => any::<u8>()];
    let octets = || prop::collection::vec(octet.clone(), 0..80);
    let answer = prop_oneof![6 => octets().prop_map(Answer::Octets), 1 => octets().prop_map(Answer::Raw), 1 => Just(Answer::Nothing)];
    prop::collection::vec(answer, 1..6)
}

/// Answers each request by the next of these; the first questions properly: none, that for versions, that for the topic too.
async fn broker(mut stream: TcpStream, answers: Vec<Answer>, properly: usize) -> std::io::Result<()> {
    let port = stream.local_addr()?.port();
    let mut answers = answers.into_iter().cycle();
    for _ in 0..20 {
        let size = stream.read_u32().await?;
        let mut request = vec![0; size as usize];
        stream.read_exact(&mut request).await?;
        let (api, version) = (i16::from_be_bytes([request[0], request[1]]), request[3]);
        let number = request[4..8].to_vec();
        let octets = match (api, properly) {
            (VERSIONS, 1..) => [number, versions(version)].concat(),
            (METADATA, 2..) => [number, metadata(port)].concat(),
            _ => match answers.next() {
                Some(Answer::Octets(octets)) => [number, octets].concat(),
                Some(Answer::Raw(octets)) => {
                    stream.write_all(&octets).await?;
                    continue;
                }
                _ => return Ok(()),
            },
        };
        let size = u32::try_from(octets.len()).unwrap_or(0).to_be_bytes();
        stream.write_all(&[&size[..], &octets].concat()).await?;
    }
    Ok(())
}

/// What a broker says of its versions, in the oldest form; newer ones it does not know.
fn versions(asked_in: u8) -> Vec<u8> {
    let code: i16 = if asked_in > 0 { 35 } else { 0 };
    let known = [[0_i16, 3, 7], [3, 0, 4], [17, 1, 1], [36, 0, 1]];
    let known = known.iter().flatten().flat_map(|part| part.to_be_bytes());
    code.to_be_bytes().into_iter().chain(4_i32.to_be_bytes()).chain(known).collect()
}

/// That topic `t` has one partition, which broker 1 leads, who is at this port.
fn metadata(port: u16) -> Vec<u8> {
    let host = b"127.0.0.1";
    let broker = [&[0, 0, 0, 1, 0, 9][..], host, &[0, 0], &port.to_be_bytes(), &[255, 255]].concat();
    let topic = [&[0, 0, 0, 1, b't', 0][..], &[0, 0, 0, 1], &[0, 0, 0, 0, 0, 0, 0, 0, 0, 1], &[0; 8]].concat();
    [&[0, 0, 0, 0, 0, 0, 0, 1][..], &broker, &[255, 255, 0, 0, 0, 1, 0, 0, 0, 1], &topic].concat()
}

fn sent(answers: Vec<Answer>, properly: usize, mechanism: Option<Mechanism>, patience: u64) -> Sent {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut spec = KafkaSpec::parse(&format!("{}/t", listener.local_addr().unwrap()), false).unwrap();
        let password = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/config/good/tls/token");
        spec.sasl = mechanism.map(|mechanism| SaslSpec { mechanism, user: "u".into(), password });
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(broker(stream, answers.clone(), properly));
            }
        });
        let mut kafka = Kafka::new(&spec, &FORMATS[0], Duration::from_secs(1));
        let label = Label { id: "i".into(), key: "k".into(), time: Timestamp::UNIX_EPOCH };
        let piece = Piece { octets: b"{}", label: Some(&label) };
        // A broker that goes on waiting is given up by whoever sends.
        let patience = Duration::from_millis(patience);
        tokio::time::timeout(patience, kafka.send(&[piece])).await.unwrap_or_else(|_| Sent::unreachable("late".into()))
    })
}

/// The answers by which others are tried are understood: the topic is found, and its leader asked.
#[test]
fn proper_answers_lead_on() {
    let written = [&[0, 0, 0, 1, 0, 1, b't', 0, 0, 0, 1][..], &[0; 4], &[0, 0], &[0; 24], &[0; 4]].concat();
    assert_eq!(sent(vec![Answer::Octets(written)], 2, None, 10_000), Sent::Taken);
    assert_ne!(sent(vec![Answer::Nothing], 2, None, 10_000), Sent::Taken);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn no_answer_is_too_strange(answers in answers(), properly in 0..3_usize, sasl in 0..4_usize) {
        let mechanism = [None, Some(Mechanism::Plain), Some(Mechanism::ScramSha256), None][sasl];
        // Octets by chance are no proof that a record was taken.
        prop_assert_ne!(sent(answers, properly, mechanism, 50), Sent::Taken);
    }
}
