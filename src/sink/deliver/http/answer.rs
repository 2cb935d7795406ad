//! What an answer means: taken, not now, never, or that somebody must change something first.

use super::super::{Item, Sent};
use super::client::Answer;
use crate::sink::Endpoint;
use crate::sink::encode::Format;
use serde::Deserialize;

/// How much of an answer is shown.
const SHOWN: usize = 300;

/// What a server's answer on `count` records means.
pub(super) fn understand(format: &Format, to: &Endpoint, answer: &Answer, count: usize) -> Sent {
    let status = answer.status.as_u16();
    let said = said(to, answer);
    match status {
        200..=299 if format.name == "elasticsearch_bulk" => items(&answer.body, count)
            .map_or_else(|| Sent::unreachable(format!("{said}: is no answer of _bulk")), Sent::Each),
        200..=299 => Sent::Taken,
        408 | 425 | 429 | 500..=599 => Sent::Later { error: said, after: answer.after, broken: false },
        // The wrong place, or the wrong name: every event would be refused, and none of them is to blame.
        300..=399 | 401..=405 | 407 | 410 => Sent::Held(said),
        400 if format.name == "splunk_hec" && code(&answer.body) == Some(10) => {
            Sent::Held(format!("{said}: this token wants indexer acknowledgement: write acknowledge = true"))
        }
        400 if format.name == "splunk_hec" && !blames_an_event(&answer.body) => Sent::Held(said),
        _ => Sent::Refused(said),
    }
}

/// Who answered what.
pub(super) fn said(to: &Endpoint, answer: &Answer) -> String {
    format!("{to}: {}{}", answer.status.as_u16(), excerpt(&answer.body))
}

/// The first of what a server said, on one line.
fn excerpt(body: &[u8]) -> String {
    let text: String = String::from_utf8_lossy(&body[..body.len().min(SHOWN * 4)])
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .take(SHOWN)
        .collect();
    if text.trim().is_empty() { String::new() } else { format!(" {}", text.trim()) }
}

/// Codes of Splunk that are about the data: none, in the wrong format, no event, a blank one, fields that cannot be.
fn blames_an_event(body: &[u8]) -> bool {
    code(body).is_some_and(|code| matches!(code, 5 | 6 | 12 | 13 | 15))
}

/// Which of the answers of Splunk's event collector it is.
pub(super) fn code(body: &[u8]) -> Option<u32> {
    #[derive(Deserialize)]
    struct Said {
        code: u32,
    }
    Some(serde_json::from_slice::<Said>(body).ok()?.code)
}

#[derive(Deserialize)]
struct Bulk {
    errors: bool,
    #[serde(default)]
    items: Vec<std::collections::BTreeMap<String, Result_>>,
}

#[derive(Deserialize)]
struct Result_ {
    status: u16,
    #[serde(default)]
    error: serde_json::Value,
}

/// What `_bulk` says of each record; `None` where it says nothing that can be understood.
fn items(body: &[u8], count: usize) -> Option<Vec<Item>> {
    let bulk: Bulk = serde_json::from_slice(body).ok()?;
    if !bulk.errors {
        return Some(vec![Item::Taken; count]);
    }
    if bulk.items.len() != count {
        return None;
    }
    let one = |item: &std::collections::BTreeMap<String, Result_>| {
        let result = item.values().next()?;
        Some(match result.status {
            // 409: it has it already, by its id.
            200..=299 | 409 => Item::Taken,
            408 | 425 | 429 | 401 | 403 | 500..=599 => Item::Later,
            status => Item::Refused(format!("{status}{}", excerpt(result.error.to_string().as_bytes()))),
        })
    };
    bulk.items.iter().map(one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sink::encode::format;
    use hyper::StatusCode;

    fn sent(name: &str, status: u16, body: &str, count: usize) -> Sent {
        let to = Endpoint { host: "siem".into(), port: 443 };
        let status = StatusCode::from_u16(status).unwrap();
        let answer = Answer { status, after: None, date: None, cookies: None, body: body.into() };
        understand(format(name).unwrap(), &to, &answer, count)
    }

    #[test]
    fn what_answers_mean() {
        for status in [200, 201, 202, 204] {
            assert_eq!(sent("json", status, "", 1), Sent::Taken);
        }
        for status in [408, 425, 429, 500, 502, 503, 504] {
            assert!(matches!(sent("json", status, "", 1), Sent::Later { broken: false, .. }), "{status}");
        }
        for status in [301, 401, 403, 404] {
            assert!(matches!(sent("json", status, "", 1), Sent::Held(_)), "{status}");
        }
        for status in [400, 413, 422] {
            assert!(matches!(sent("json", status, "", 1), Sent::Refused(_)), "{status}");
        }
        assert!(matches!(
            sent("splunk_hec", 400, r#"{"text":"Event field cannot be blank","code":13}"#, 1),
            Sent::Refused(_)
        ));
        assert!(matches!(sent("splunk_hec", 400, r#"{"text":"Incorrect index","code":7}"#, 1), Sent::Held(_)));
        let Sent::Held(error) = sent("splunk_hec", 400, r#"{"text":"Data channel is missing","code":10}"#, 1) else {
            panic!("held")
        };
        assert!(error.ends_with("write acknowledge = true"), "{error}");
    }

    #[test]
    fn each_item_of_bulk_counts() {
        let body = r#"{"took":1,"errors":true,"items":[{"create":{"status":201}},{"create":{"status":409,"error":{}}},
            {"create":{"status":429,"error":{}}},{"create":{"status":400,"error":{"type":"document_parsing_exception"}}}]}"#;
        let Sent::Each(items) = sent("elasticsearch_bulk", 200, body, 4) else { panic!("items") };
        assert_eq!(items[..3], [Item::Taken, Item::Taken, Item::Later]);
        assert!(matches!(&items[3], Item::Refused(error) if error.contains("document_parsing_exception")));
        assert_eq!(sent("elasticsearch_bulk", 200, r#"{"errors":false}"#, 2), Sent::Each(vec![Item::Taken; 2]));
        for body in ["", "<html>", r#"{"errors":true,"items":[]}"#] {
            assert!(matches!(sent("elasticsearch_bulk", 200, body, 2), Sent::Later { .. }), "{body}");
        }
    }

    #[test]
    fn what_a_server_says_stays_on_one_line() {
        assert_eq!(excerpt(b"a\r\nb\x1b[2J"), " a  b [2J");
        assert_eq!(excerpt(&[b'x'; 10_000]).len(), SHOWN + 1);
    }
}
