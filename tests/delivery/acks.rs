//! Splunk's indexer acknowledgement, on the side of the receiver.

use std::collections::{BTreeMap, BTreeSet};

/// What it knows of the batches that it took.
#[derive(Debug, Default)]
pub(crate) struct Acks {
    /// Whether the token has acknowledgement at all.
    pub(crate) on: bool,
    /// Whether what is taken is indexed.
    pub(crate) indexing: bool,
    /// How often each batch is asked for before it is indexed.
    pub(crate) late: usize,
    pending: BTreeMap<(String, u64), usize>,
    next: BTreeMap<String, u64>,
    /// Each channel that was used.
    pub(crate) channels: BTreeSet<String>,
    /// How often it was asked.
    pub(crate) asked: usize,
    /// How often it could say that a batch is indexed.
    pub(crate) indexed: usize,
}

impl Acks {
    /// A batch came on a channel; what is answered instead of success, or its number.
    pub(crate) fn taken(&mut self, channel: Option<String>) -> Result<Option<u64>, (u16, String)> {
        if !self.on {
            return Ok(None);
        }
        let channel = self.known(channel)?;
        let next = self.next.entry(channel.clone()).or_default();
        let id = *next;
        *next += 1;
        self.pending.insert((channel, id), 0);
        Ok(Some(id))
    }

    /// Somebody asks.
    pub(crate) fn ask(&mut self, channel: Option<String>, body: &str) -> (u16, String) {
        if !self.on {
            return (400, r#"{"text":"ACK is disabled","code":14}"#.into());
        }
        let channel = match self.known(channel) {
            Ok(channel) => channel,
            Err(answer) => return answer,
        };
        self.asked += 1;
        let asked: serde_json::Value = serde_json::from_str(body).unwrap();
        let mut acks = serde_json::Map::new();
        for id in asked["acks"].as_array().unwrap().iter().map(|id| id.as_u64().unwrap()) {
            let key = (channel.clone(), id);
            let indexed = self.pending.get_mut(&key).is_some_and(|times| {
                *times += 1;
                self.indexing && *times > self.late
            });
            if indexed {
                // It says so once.
                self.pending.remove(&key);
                self.indexed += 1;
            }
            acks.insert(id.to_string(), indexed.into());
        }
        (200, serde_json::json!({ "acks": acks }).to_string())
    }

    /// It was restarted: numbers begin again, and it knows of none.
    pub(crate) fn forget(&mut self) {
        self.pending.clear();
        self.next.clear();
    }

    fn known(&mut self, channel: Option<String>) -> Result<String, (u16, String)> {
        let Some(channel) = channel else {
            return Err((400, r#"{"text":"Data channel is missing","code":10}"#.into()));
        };
        if uuid::Uuid::parse_str(&channel).is_err() {
            return Err((400, r#"{"text":"Invalid data channel","code":11}"#.into()));
        }
        self.channels.insert(channel.clone());
        Ok(channel)
    }
}
