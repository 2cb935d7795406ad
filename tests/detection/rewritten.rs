//! The fixtures written in other words: a header section may be folded, its names in any case, with comments, encoded words
//! and more fields in it, and says the same. And damaged, so that it says anything.

use crate::fixture::Fixture;
use crate::{config, fixtures};
use forwarden::assess::{Assessment, Verdict};
use forwarden::message::eml;
use proptest::prelude::*;
use std::sync::OnceLock;

/// What is compared: verdict, forwarder, mechanism and platform of each recipient.
type Essence = Vec<(Verdict, Option<String>, Option<&'static str>, Option<String>)>;

fn essence(assessments: &[Assessment]) -> Essence {
    let of_one = |one: &Assessment| {
        let forwarder = one.forwarder.as_ref().map(ToString::to_string);
        (
            one.verdict,
            forwarder,
            one.mechanism.map(forwarden::detect::Mechanism::name),
            one.platform.as_deref().map(str::to_owned),
        )
    };
    assessments.iter().map(of_one).collect()
}

/// All fixtures, with what is said of them as they stand.
fn bases() -> &'static [(Fixture, Essence)] {
    static BASES: OnceLock<Vec<(Fixture, Essence)>> = OnceLock::new();
    BASES.get_or_init(|| {
        let with_essence = |fixture: Fixture| {
            let essence = essence(&fixture.judge(&config()));
            (fixture, essence)
        };
        // One with a limit on the length of fields may not grow.
        fixtures().into_iter().filter(|fixture| fixture.circumstances.field_bytes.is_none()).map(with_essence).collect()
    })
}

/// The fields that a message has of its own: where they stand says nothing, unlike those of the trace.
const OWN_FIELDS: [&str; 8] = ["from", "to", "cc", "subject", "date", "message-id", "mime-version", "content-type"];
/// Fields in which a comment may stand behind the last address (RFC 5322 §3.2.2).
const ADDRESSES: [&str; 8] = ["from", "to", "cc", "sender", "reply-to", "resent-from", "resent-to", "delivered-to"];

/// How a message is written anew.
#[derive(Debug, Clone)]
struct Style {
    /// By bits: which white space is folded, which letters of names are upper case, where own fields go.
    folds: u64,
    cases: u64,
    order: [u8; OWN_FIELDS.len()],
    space_before_colon: bool,
    comment: Option<String>,
    encoded: bool,
    /// What nobody reads, and where it is put.
    harmless: Vec<(String, String, prop::sample::Index)>,
    /// Which own field is there twice.
    duplicate: Option<u8>,
}

fn style() -> impl Strategy<Value = Style> {
    let harmless = ("X-Harmless-[A-Za-z0-9]{1,6}|User-Agent|X-Priority", "[ -~]{0,40}", any::<prop::sample::Index>());
    (
        any::<(u64, u64, [u8; OWN_FIELDS.len()], bool)>(),
        prop::option::of("[a-z ]{0,12}"),
        any::<bool>(),
        prop::collection::vec(harmless, 0..5),
        prop::option::of(0..3_u8),
    )
        .prop_map(|((folds, cases, order, space_before_colon), comment, encoded, harmless, duplicate)| Style {
            folds,
            cases,
            order,
            space_before_colon,
            comment,
            encoded,
            harmless,
            duplicate,
        })
}

impl Style {
    fn write(&self, message: &str) -> Vec<u8> {
        let parts = eml::split(message.as_bytes());
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).expect("text");
        let mut fields: Vec<(String, String)> =
            parts.fields.iter().map(|(name, body)| (text(name), text(body))).collect();
        self.reorder(&mut fields);
        if let Some(at) = self.duplicate {
            let wanted = ["to", "date", "mime-version"][usize::from(at)];
            let copy = fields.iter().find(|(name, _)| name.eq_ignore_ascii_case(wanted)).cloned();
            fields.extend(copy);
        }
        for (name, body, at) in &self.harmless {
            fields.insert(at.index(fields.len() + 1), (name.clone(), format!(" {body}")));
        }
        let mut written = Vec::new();
        for (name, body) in &fields {
            let space = if self.space_before_colon { " " } else { "" };
            let line = format!("{}{space}:{}\r\n", self.recase(name), self.fold(&self.reword(name, body)));
            written.extend_from_slice(line.as_bytes());
        }
        written.extend_from_slice(b"\r\n");
        written.extend_from_slice(parts.body);
        written
    }

    /// Puts the own fields into another order, those of one name among themselves in the old one.
    fn reorder(&self, fields: &mut [(String, String)]) {
        let own = |name: &str| OWN_FIELDS.iter().position(|own| name.eq_ignore_ascii_case(own));
        let places: Vec<usize> = (0..fields.len()).filter(|&at| own(&fields[at].0).is_some()).collect();
        let mut moved: Vec<(String, String)> = places.iter().map(|&at| fields[at].clone()).collect();
        moved.sort_by_key(|(name, _)| own(name).map(|index| (self.order[index], index)));
        for (at, field) in places.into_iter().zip(moved) {
            fields[at] = field;
        }
    }

    fn recase(&self, name: &str) -> String {
        let flip = |(index, c): (usize, char)| {
            if self.cases >> (index % 64) & 1 == 1 { c.to_ascii_uppercase() } else { c.to_ascii_lowercase() }
        };
        name.chars().enumerate().map(flip).collect()
    }

    fn reword(&self, name: &str, body: &str) -> String {
        let name = name.to_ascii_lowercase();
        let mut body = body.to_owned();
        if self.encoded && name == "subject" && !body.contains("=?") {
            body = format!(" {}", encoded_words(body.trim()));
        }
        if self.encoded && matches!(name.as_str(), "from" | "to" | "cc") && !body.contains(['=', ',', ';', '(', '\\']) {
            body = match body.split_once('<') {
                Some((phrase, address)) if !phrase.trim().is_empty() => {
                    format!(" {} <{address}", encoded_words(phrase.trim().trim_matches('"')))
                }
                _ => body,
            };
        }
        match &self.comment {
            Some(comment) if ADDRESSES.contains(&name.as_str()) => body.push_str(&format!(" ({comment})")),
            Some(comment) if name == "received" => {
                if let Some((clauses, date)) = body.rsplit_once(';') {
                    body = format!("{clauses} ({comment});{date}");
                }
            }
            _ => {}
        }
        body
    }

    fn fold(&self, body: &str) -> String {
        let mut folded = String::new();
        let mut spaces = 0;
        for c in body.chars() {
            if c == ' ' && !folded.ends_with(['\r', '\n']) {
                if self.folds >> (spaces % 64) & 1 == 1 {
                    folded.push_str("\r\n");
                }
                spaces += 1;
            }
            folded.push(c);
        }
        folded
    }
}

/// A text in encoded words (RFC 2047), each short enough for one.
fn encoded_words(text: &str) -> String {
    let letters: Vec<char> = text.chars().collect();
    let word = |letters: &[char]| {
        let text: String = letters.iter().collect();
        let hex: String = text.bytes().map(|byte| format!("={byte:02X}")).collect();
        format!("=?utf-8?q?{hex}?=")
    };
    letters.chunks(8).map(word).collect::<Vec<_>>().join(" ")
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn how_a_header_is_written_changes_no_judgement(style in style()) {
        let config = config();
        for (fixture, expected) in bases() {
            let written = style.write(&fixture.message);
            let judged = essence(&fixture.judge_as(&config, &written));
            prop_assert_eq!(&judged, expected, "{}\n{}", fixture.name, String::from_utf8_lossy(&written));
        }
    }

    #[test]
    fn damaged_messages_break_nothing(
        damages in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>(), 0..4_u8), 1..12),
    ) {
        let config = config();
        for (fixture, _) in bases() {
            let mut message = fixture.message.clone().into_bytes();
            for (at, byte, kind) in &damages {
                let at = at.index(message.len());
                match kind {
                    0 => message[at] = *byte,
                    1 => message.insert(at, *byte),
                    2 => drop(message.remove(at)),
                    _ => message.truncate(at.max(message.len() / 2)),
                }
            }
            for assessment in fixture.judge_as(&config, &message) {
                prop_assert!((0.0..=1.0).contains(&assessment.confidence), "{}", fixture.name);
            }
        }
    }
}
