//! A request to write records, and what its answer means.

use super::super::Piece;
use super::cluster::{Kind, Trouble};
use crate::sink::Endpoint;
use jiff::Timestamp;
use rskafka::protocol::error::Error as Code;
use rskafka::protocol::messages::{
    ProduceRequest, ProduceRequestPartitionData, ProduceRequestTopicData, ProduceResponse,
};
use rskafka::protocol::primitives::{Int16, Int32, NullableString, Records, String_};
use rskafka::protocol::record::{
    ControlBatchOrRecords, Record, RecordBatch, RecordBatchCompression, RecordBatchTimestampType, RecordHeader,
};
use std::collections::BTreeMap;
use std::time::Duration;

/// Taken when every replica that is in sync has it.
const ALL: i16 = -1;
/// Where nobody numbers its records.
const NOBODY: i64 = -1;

/// Records for a partition.
pub(super) struct Part<'a> {
    pub(super) partition: usize,
    pub(super) pieces: Vec<&'a Piece<'a>>,
}

/// The request that writes these, each to its partition.
pub(super) fn request(topic: &str, parts: &[Part<'_>], format: &str, gzip: bool, patience: Duration) -> ProduceRequest {
    let partition_data = parts
        .iter()
        .map(|part| ProduceRequestPartitionData {
            index: Int32(i32::try_from(part.partition).unwrap_or(i32::MAX)),
            records: Records(vec![batch(&part.pieces, format, gzip)]),
        })
        .collect();
    ProduceRequest {
        transactional_id: NullableString(None),
        acks: Int16(ALL),
        timeout_ms: Int32(i32::try_from(patience.as_millis()).unwrap_or(i32::MAX)),
        topic_data: vec![ProduceRequestTopicData { name: String_(topic.to_owned()), partition_data }],
    }
}

fn batch(pieces: &[&Piece<'_>], format: &str, gzip: bool) -> RecordBatch {
    // A piece without a label has no place in time.
    let time = |piece: &Piece<'_>| piece.label.map_or(Timestamp::UNIX_EPOCH, |label| label.time).as_millisecond();
    let first = pieces.first().map_or(0, |piece| time(piece));
    let last = pieces.iter().map(|piece| time(piece)).max().unwrap_or(first);
    let records: Vec<Record> = (0..)
        .zip(pieces)
        .map(|(offset_delta, piece)| Record {
            timestamp_delta: time(piece) - first,
            offset_delta,
            key: piece.label.map(|label| label.key.clone().into_bytes()),
            value: Some(piece.octets.to_vec()),
            headers: headers(piece, format),
        })
        .collect();
    RecordBatch {
        base_offset: 0,
        partition_leader_epoch: 0,
        last_offset_delta: records.last().map_or(0, |record| record.offset_delta),
        first_timestamp: first,
        max_timestamp: last,
        producer_id: NOBODY,
        producer_epoch: -1,
        base_sequence: -1,
        records: ControlBatchOrRecords::Records(records),
        compression: if gzip { RecordBatchCompression::Gzip } else { RecordBatchCompression::NoCompression },
        is_transactional: false,
        timestamp_type: RecordBatchTimestampType::CreateTime,
    }
}

/// What a consumer can know without reading the record.
fn headers(piece: &Piece<'_>, format: &str) -> Vec<RecordHeader> {
    let id = piece.label.map(|label| ("event_id", label.id.clone()));
    let others = [("format", format.to_owned()), ("schema_version", crate::event::SCHEMA_VERSION.to_string())];
    id.into_iter().chain(others).map(|(key, value)| RecordHeader { key: key.into(), value: value.into() }).collect()
}

/// What became of the records of a partition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Fate {
    /// All are written.
    Taken,
    /// One of them is to blame, or all together are too large.
    Blamed(String),
    /// None of them is.
    Trouble(Trouble),
}

/// What an answer says of each partition.
pub(super) fn understand(to: &Endpoint, topic: &str, answer: ProduceResponse) -> BTreeMap<usize, Fate> {
    let partitions = answer.responses.into_iter().filter(|response| response.name.0 == topic);
    partitions
        .flat_map(|response| response.partition_responses)
        .filter_map(|said| {
            let fate = said.error.map_or(Fate::Taken, |code| fate(to, topic, code));
            usize::try_from(said.index.0).ok().map(|index| (index, fate))
        })
        .collect()
}

fn fate(to: &Endpoint, topic: &str, code: Code) -> Fate {
    let trouble = |kind, why: &str| Fate::Trouble(Trouble::new(kind, to, format!("{topic}: {why} ({code})")));
    match code {
        Code::MessageTooLarge | Code::RecordListTooLarge => {
            Fate::Blamed(format!("{to}: {topic}: it is larger than the topic takes, by max.message.bytes ({code})"))
        }
        Code::InvalidRecord | Code::InvalidTimestamp | Code::CorruptMessage | Code::PolicyViolation => {
            Fate::Blamed(format!("{to}: {topic}: it is refused ({code})"))
        }
        Code::TopicAuthorizationFailed | Code::ClusterAuthorizationFailed => {
            trouble(Kind::Held, "this user may not write there")
        }
        Code::InvalidRequiredAcks
        | Code::InvalidTopicException
        | Code::UnsupportedForMessageFormat
        | Code::UnsupportedCompressionType
        | Code::UnsupportedVersion => trouble(Kind::Held, "it does not take what is sent"),
        Code::NotEnoughReplicas | Code::NotEnoughReplicasAfterAppend => {
            trouble(Kind::Later, "too few replicas are in sync for min.insync.replicas")
        }
        Code::NotLeaderOrFollower
        | Code::LeaderNotAvailable
        | Code::FencedLeaderEpoch
        | Code::UnknownTopicOrPartition
        | Code::ReplicaNotAvailable
        | Code::KafkaStorageError => trouble(Kind::Stale, "its partition is led by another broker"),
        _ => trouble(Kind::Later, "it cannot be written now"),
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::Label;
    use super::*;

    fn said(code: i16) -> Fate {
        let to = Endpoint { host: "b".into(), port: 9092 };
        fate(&to, "t", Code::new(code).unwrap())
    }

    #[test]
    fn what_answers_mean() {
        for code in [10, 18, 87, 32, 2, 44] {
            assert!(matches!(said(code), Fate::Blamed(_)), "{code}");
        }
        for (kind, codes) in [
            (Kind::Held, &[29, 31, 21, 76][..]),
            (Kind::Stale, &[3, 5, 6, 56, 74]),
            (Kind::Later, &[-1, 7, 19, 20, 77, 1234]),
        ] {
            for code in codes {
                assert!(matches!(said(*code), Fate::Trouble(trouble) if trouble.kind == kind), "{code}");
            }
        }
    }

    #[test]
    fn a_request_has_keys_times_and_headers() {
        let label = |id: &str, time: i64| Label {
            id: id.into(),
            key: "alice@corp.example".into(),
            time: Timestamp::from_millisecond(time).unwrap(),
        };
        // The second happened before the first.
        let labels = [label("a", 5_000), label("b", 4_000)];
        let pieces: Vec<Piece<'_>> = labels.iter().map(|label| Piece { octets: b"{}", label: Some(label) }).collect();
        let parts = [Part { partition: 3, pieces: pieces.iter().collect() }];
        let request = request("t", &parts, "ecs", true, Duration::from_secs(30));
        assert_eq!((request.acks.0, request.timeout_ms.0), (-1, 30_000));
        let data = &request.topic_data[0].partition_data[0];
        assert_eq!(data.index.0, 3);
        let batch = &data.records.0[0];
        assert_eq!((batch.first_timestamp, batch.max_timestamp, batch.last_offset_delta), (5_000, 5_000, 1));
        assert_eq!(batch.compression, RecordBatchCompression::Gzip);
        let ControlBatchOrRecords::Records(records) = &batch.records else { panic!("records") };
        assert_eq!((records[1].timestamp_delta, records[1].offset_delta), (-1_000, 1));
        assert_eq!(records[0].key.as_deref(), Some(&b"alice@corp.example"[..]));
        let headers: Vec<(&str, &[u8])> =
            records[1].headers.iter().map(|header| (header.key.as_str(), header.value.as_slice())).collect();
        assert_eq!(headers, [("event_id", &b"b"[..]), ("format", b"ecs"), ("schema_version", b"1")]);
    }
}
