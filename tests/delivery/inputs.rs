//! What receivers that speak HTTP make of a request: Splunk, Elasticsearch, Sentinel, Google SecOps, and anything that takes
//! JSON lines.

use crate::acks::Acks;
use crate::google::Google;
use crate::http_server::Fault;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// What they know.
#[derive(Debug, Default)]
pub(crate) struct State {
    pub(crate) faults: VecDeque<Option<Fault>>,
    pub(crate) ids: BTreeMap<String, usize>,
    pub(crate) requests: usize,
    pub(crate) conflicts: usize,
    pub(crate) tokens: usize,
    pub(crate) heads: Vec<String>,
    pub(crate) wrong: Vec<String>,
    pub(crate) acks: Acks,
    pub(crate) google: Google,
}

impl State {
    /// What is answered to a request.
    pub(crate) fn take(
        &mut self,
        path: &str,
        body: &str,
        authorization: &str,
        channel: Option<String>,
        fault: Option<Fault>,
    ) -> (u16, String) {
        if path.starts_with("/services/collector/") {
            if authorization != "Splunk tok" {
                return (403, r#"{"text":"Invalid token","code":4}"#.into());
            }
            if path == "/services/collector/ack" {
                return self.acks.ask(channel, body);
            }
            let id = match self.acks.taken(channel) {
                Ok(id) => id,
                Err(answer) => return answer,
            };
            let events = serde_json::Deserializer::from_str(body).into_iter::<Value>();
            let events: Vec<Value> = events.collect::<Result<_, _>>().unwrap();
            if events.iter().any(|event| event["event"].to_string().contains("poison")) {
                return (400, r#"{"text":"Event field cannot be blank","code":13}"#.into());
            }
            events.iter().for_each(|event| self.keep(event["event"]["id"].as_str().unwrap()));
            let mut said = serde_json::json!({"text": "Success", "code": 0});
            if let Some(id) = id {
                said["ackId"] = id.into();
            }
            return (200, said.to_string());
        }
        if path.ends_with("/events:import") {
            if authorization != format!("Bearer {}", self.google.token) {
                return (401, r#"{"error":{"code":401,"status":"UNAUTHENTICATED"}}"#.into());
            }
            let body: Value = serde_json::from_str(body).unwrap();
            for event in body["inlineSource"]["events"].as_array().unwrap() {
                self.keep(event["udm"]["metadata"]["productLogId"].as_str().unwrap());
            }
            return (200, "{}".into());
        }
        if path == "/_bulk" {
            return self.bulk(body, fault);
        }
        if path.starts_with("/dataCollectionRules/") {
            if authorization != "Bearer tok" {
                return (401, String::new());
            }
            let rows: Vec<Value> = serde_json::from_str(body).unwrap();
            rows.iter().for_each(|row| self.keep(row["EventUid"].as_str().unwrap()));
            return (204, String::new());
        }
        if path == "/lines" {
            let lines: Vec<Value> = body.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
            if lines.iter().any(|line| line.to_string().contains("poison")) {
                return (422, "no \u{1b}[31mthanks".into());
            }
            lines.iter().for_each(|line| self.keep(line["id"].as_str().unwrap()));
            return (200, String::new());
        }
        (404, "no such input".into())
    }

    fn bulk(&mut self, body: &str, fault: Option<Fault>) -> (u16, String) {
        if !body.ends_with('\n') {
            self.wrong.push("_bulk without its last line feed".into());
        }
        let lines: Vec<Value> = body.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let mut items = Vec::new();
        let mut seen = BTreeSet::new();
        for (number, pair) in lines.chunks(2).enumerate() {
            let id = pair[0]["create"]["_id"].as_str().unwrap().to_owned();
            assert!(seen.insert(id.clone()), "twice in a request");
            let status = if fault == Some(Fault::Partial) && number % 2 == 1 {
                429
            } else if pair[1].to_string().contains("poison") {
                400
            } else if self.ids.contains_key(&id) {
                self.conflicts += 1;
                409
            } else {
                self.keep(&id);
                201
            };
            items.push(serde_json::json!({"create": {"status": status, "_id": id, "error": {"type": "of a kind"}}}));
        }
        let errors = items.iter().any(|item| item["create"]["status"] != 201);
        (200, serde_json::json!({"took": 1, "errors": errors, "items": items}).to_string())
    }

    fn keep(&mut self, id: &str) {
        *self.ids.entry(id.to_owned()).or_insert(0) += 1;
    }
}
