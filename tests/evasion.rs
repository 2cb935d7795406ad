//! Ways to hide a forward from a filter, or to make it cry wolf: each must change nothing. The properties below do the same
//! at random.

#![allow(clippy::expect_used, clippy::unwrap_used, clippy::panic, reason = "a test fails by them")]

use forwarden::assess::{Assessment, Verdict};
use forwarden::config::Config;
use forwarden::message::{Builder, Connection, Direction, Domain, Limits};
use forwarden::sink::NullSink;
use proptest::prelude::*;
use std::borrow::Cow;
use std::sync::Arc;

type Field = (String, Vec<u8>);

fn fields(fields: &[(&str, &str)]) -> Vec<Field> {
    fields.iter().map(|(name, body)| ((*name).to_owned(), format!(" {body}").into_bytes())).collect()
}

fn judge(mail_from: &str, rcpt: &str, fields: &[Field]) -> Assessment {
    let mut config = Config::without_file();
    config.organization.domains.insert(Domain::new("corp.example").unwrap(), true);
    config.organization.networks = vec!["198.51.100.0/24".parse().unwrap()];
    let engine = forwarden::app::engine(&config, Arc::new(forwarden::clock::SystemClock), Arc::new(NullSink));
    let connection = Connection { client_addr: Some("198.51.100.5".parse().unwrap()), ..Connection::default() };
    let mut builder = Builder::new("outbound", Direction::Outbound, connection, Limits::default());
    builder.sender(mail_from, Vec::new());
    let mut words = rcpt.split(' ').map(str::to_owned);
    builder.recipient(&words.next().unwrap(), words.collect(), None, None);
    for (name, body) in fields {
        builder.header(name.as_bytes(), body);
    }
    engine.inspect(&builder.finish(), true).assessments.into_iter().next().expect("a recipient outside")
}

fn shown(assessment: &Assessment) -> String {
    let evidence = assessment
        .evidence
        .iter()
        .map(|seen| format!("\n  {:5.1} {} {}", seen.counted, seen.evidence.signal.id(), seen.evidence.value));
    format!(
        "{} {:.3} {:?}{}",
        assessment.verdict,
        assessment.confidence,
        assessment.forwarder,
        evidence.collect::<String>()
    )
}

const ENTRY: (&str, &str) = (
    "Received",
    "from mx.partner.example (mx.partner.example [203.0.113.10]) by inner.corp.example with ESMTP id 1; Tue, 24 Nov 2026 09:00:00 +0000",
);

/// A mark that our server wrote on mail from outside, in this form: it must be seen, and name alice.
fn mark_is_seen(name: &str, body: &[u8]) {
    let mut all = vec![(name.to_owned(), body.to_owned())];
    all.extend(fields(&[
        ENTRY,
        ("From", "ann@partner.example"),
        ("To", "list@partner.example"),
        ("Message-ID", "<1@partner.example>"),
    ]));
    let judged = judge("<ann@partner.example>", "<x@ext.example>", &all);
    let seen = judged.evidence.iter().find(|seen| seen.evidence.signal.id() == "exchange.forwarding_loop");
    let named = seen.and_then(|seen| seen.evidence.names.forwarder.as_ref()).map(ToString::to_string);
    assert_eq!(
        named.as_deref(),
        Some("alice@corp.example"),
        "{name:?} {:?}: {}",
        String::from_utf8_lossy(body),
        shown(&judged)
    );
    assert_eq!(judged.verdict, Verdict::AutoForward, "{}", shown(&judged));
}

const LOOP: &str = "X-MS-Exchange-ForwardingLoop";

#[test]
fn folding_hides_nothing() {
    mark_is_seen(LOOP, b"\r\n alice@corp.example;\r\n\t0f9c1c3a-5f0b-4f0e-9a0e-6b1f6f1c2d3e");
    mark_is_seen(LOOP, b"\n alice@corp.example;0f9c1c3a-5f0b-\n 4f0e-9a0e-6b1f6f1c2d3e");
}

#[test]
fn space_before_the_colon_and_letter_case_hide_nothing() {
    mark_is_seen("X-MS-Exchange-ForwardingLoop ", b" alice@corp.example;x");
    mark_is_seen("X-MS-Exchange-ForwardingLoop\t", b" alice@corp.example;x");
    mark_is_seen("x-ms-exchange-FORWARDINGLOOP", b" Alice@CORP.example;x".to_ascii_lowercase().as_slice());
}

#[test]
fn a_harmless_duplicate_hides_nothing() {
    let mut all = fields(&[(LOOP, "bob@partner.example;x"), (LOOP, "alice@corp.example;x"), (LOOP, "none;x")]);
    all.extend(fields(&[ENTRY, ("From", "ann@partner.example"), ("From", "friend@ext.example")]));
    let judged = judge("<ann@partner.example>", "<x@ext.example>", &all);
    assert_eq!(judged.verdict, Verdict::AutoForward, "{}", shown(&judged));
    assert_eq!(judged.forwarder.unwrap().to_string(), "alice@corp.example");
}

#[test]
fn control_and_8_bit_octets_hide_nothing() {
    mark_is_seen(LOOP, b" \0alice@corp.example;x");
    mark_is_seen(LOOP, b" alice@corp.example;\xff\xfe");
    mark_is_seen(LOOP, b" alice@corp.example;\x01\x7f");
}

#[test]
fn ten_thousand_fields_above_it_hide_nothing() {
    let mut all: Vec<Field> = (0..9_900).map(|n| (format!("X-Filler-{n}"), b" x".to_vec())).collect();
    all.extend(fields(&[(LOOP, "alice@corp.example;x"), ENTRY, ("From", "ann@partner.example")]));
    let judged = judge("<ann@partner.example>", "<x@ext.example>", &all);
    assert_eq!(judged.forwarder.as_ref().unwrap().to_string(), "alice@corp.example", "{}", shown(&judged));
}

/// The recipient of a forward of alice's, written in this way: it is outside, and the forward is seen.
fn leaves(rcpt: &str) {
    let all = fields(&[
        ENTRY,
        ("From", "ann@partner.example"),
        ("To", "alice@corp.example"),
        ("Delivered-To", "alice@corp.example"),
    ]);
    let judged = judge("<ann@partner.example>", &format!("{rcpt} ORCPT=rfc822;alice@corp.example"), &all);
    assert_eq!(judged.verdict, Verdict::AutoForward, "{rcpt}: {}", shown(&judged));
}

#[test]
fn recipients_that_only_seem_to_be_inside() {
    for rcpt in [
        "<x%evil.example@corp.example>",
        "<evil.example!x@corp.example>",
        "<@corp.example,@gate.corp.example:x@evil.example>",
        "<\"alice@corp.example\"@evil.example>",
        "<x@corp.example.evil.example>",
        "<x@notcorp.example>",
        "<x@[192.0.2.66]>",
        "<x@[IPv6:2001:db8::66]>",
        "<x@EVIL.example.>",
        "x@evil.example",
        "<x@xn--crp-0na.example>",
        "<x@cörp.example>",
    ] {
        leaves(rcpt);
    }
}

#[test]
fn recipients_that_are_inside_get_no_verdict() {
    for rcpt in ["<bob@corp.example>", "<bob@CORP.example.>", "<bob+tag@sub.corp.example>", "bob@corp.example"] {
        let mut config = Config::without_file();
        config.organization.domains.insert(Domain::new("corp.example").unwrap(), true);
        let engine = forwarden::app::engine(&config, Arc::new(forwarden::clock::SystemClock), Arc::new(NullSink));
        let mut builder = Builder::new("outbound", Direction::Outbound, Connection::default(), Limits::default());
        builder.sender("<ann@partner.example>", Vec::new());
        builder.recipient(rcpt, Vec::new(), None, None);
        assert_eq!(engine.inspect(&builder.finish(), true).assessments.len(), 0, "{rcpt}");
    }
}

/// From in this form is outside, and the structure of a forward is seen; in the other it is ours.
#[test]
fn the_author_is_read_as_an_address_and_not_as_a_text() {
    let verdict = |from: &str| {
        let all = fields(&[ENTRY, ("From", from), ("To", "alice@corp.example"), ("Message-ID", "<1@partner.example>")]);
        judge("<ann@partner.example>", "<x@ext.example>", &all)
    };
    for from in [
        "\"alice@corp.example\" <ann@partner.example>",
        "alice@corp.example (comment) <ann@partner.example>",
        "=?utf-8?q?alice=40corp.example?= <ann@partner.example>",
        "ann(x)@(y)partner.(z)example",
        "ann@partner\r\n .example",
        "Staff: ann@partner.example;",
        "<@corp.example:ann@partner.example>",
        "ann@partner.example.",
    ] {
        let judged = verdict(from);
        assert!(
            judged.evidence.iter().any(|seen| seen.evidence.signal.id() == "author.foreign"),
            "{from}: {}",
            shown(&judged)
        );
        assert_eq!(judged.verdict, Verdict::AutoForward, "{from}: {}", shown(&judged));
    }
    let missing = judge("<ann@partner.example>", "<x@ext.example>", &fields(&[ENTRY, ("To", "alice@corp.example")]));
    assert_eq!(missing.verdict, Verdict::AutoForward, "{}", shown(&missing));
}

/// What an outsider can write so that a forward of its mail is let through.
#[test]
fn exemptions_from_outside_are_none() {
    let base = fields(&[
        ("Delivered-To", "alice@corp.example"),
        ENTRY,
        ("From", "ann@partner.example"),
        ("To", "alice@corp.example"),
        ("Message-ID", "<1@partner.example>"),
    ]);
    for injected in [
        ("List-Id", "<dev.corp.example>"),
        ("List-Post", "<mailto:dev@corp.example>"),
        ("Precedence", "list"),
        ("Auto-Submitted", "auto-replied"),
        ("X-Autoreply", "yes"),
        ("X-Loop", "alice@corp.example"),
        ("Content-Type", "multipart/report; report-type=delivery-status"),
        ("Content-Type", "text/calendar; method=REQUEST"),
        ("Subject", "Fwd: x"),
        ("X-Forwarded-Message-Id", "<0@corp.example>"),
        ("X-Auto-Response-Suppress", "All"),
        ("Sender", "alice@corp.example"),
    ] {
        let mut all = base.clone();
        all.extend(fields(&[injected]));
        let judged = judge("<ann@partner.example>", "<x@ext.example>", &all);
        assert_eq!(judged.verdict, Verdict::AutoForward, "{injected:?}: {}", shown(&judged));
        assert_eq!(judged.forwarder.unwrap().to_string(), "alice@corp.example", "{injected:?}");
    }
}

/// What an outsider can write so that ordinary mail of ours, an answer that quotes nothing of it, is called a forward.
#[test]
fn marks_from_outside_do_not_cry_wolf() {
    let relayed = (
        "Received",
        "from mx.partner.example (mx.partner.example [203.0.113.10]) by gate.corp.example with ESMTP id 1 for <x@ext.example>; Tue, 24 Nov 2026 09:00:00 +0000",
    );
    for forged in [
        ("X-MS-Exchange-Organization-AutoForwarded", "true"),
        ("X-Forwarded-To", "x@ext.example"),
        ("X-MailFwdBy", "alice"),
        ("Received", "from a.example by b.example for <alice@corp.example>; Tue, 24 Nov 2026 08:00:00 +0000"),
    ] {
        let all = fields(&[
            relayed,
            forged,
            ("From", "ann@partner.example"),
            ("To", "x@ext.example"),
            ("Message-ID", "<1@partner.example>"),
        ]);
        let judged = judge("<ann@partner.example>", "<x@ext.example>", &all);
        assert_eq!(judged.verdict, Verdict::Ordinary, "{forged:?}: {}", shown(&judged));
    }
}

/// The name of a mark in a text is no mark.
#[test]
fn a_mark_that_is_only_text_is_no_mark() {
    let all = fields(&[
        ("From", "alice@corp.example"),
        ("To", "x@ext.example"),
        ("Subject", "X-MS-Exchange-ForwardingLoop: alice@corp.example"),
    ]);
    let judged = judge("<alice@corp.example>", "<x@ext.example>", &all);
    assert_eq!(judged.verdict, Verdict::Ordinary, "{}", shown(&judged));
}

/// Messages of all kinds, by verdict: the base of the properties.
fn bases() -> Vec<(&'static str, &'static str, Vec<Field>)> {
    let mail = [
        ("From", "Ann Archer <ann@partner.example>"),
        ("To", "Alice <alice@corp.example>"),
        ("Subject", "Offer"),
        ("Message-ID", "<1@partner.example>"),
    ];
    let with = |above: &[(&str, &str)], below: &[(&str, &str)]| fields(&[above, below].concat());
    vec![
        ("<ann@partner.example>", "<x@ext.example> ORCPT=rfc822;alice@corp.example", with(&[ENTRY], &mail)),
        ("<ann@partner.example>", "<x@ext.example>", with(&[("Delivered-To", "alice@corp.example"), ENTRY], &mail)),
        ("<ann@partner.example>", "<x@ext.example>", with(&[(LOOP, "alice@corp.example;x"), ENTRY], &mail)),
        (
            "<ann@partner.example>",
            "<x@ext.example>",
            with(
                &[("X-Sieve-Redirected-From", "alice@corp.example"), ("X-Sieve", "Pigeonhole Sieve 0.5"), ENTRY],
                &mail,
            ),
        ),
        ("<alice@corp.example>", "<x@ext.example>", with(&[("Resent-From", "<alice@corp.example>"), ENTRY], &mail)),
        (
            "<alice@corp.example>",
            "<x@ext.example>",
            with(&[("From", "alice@corp.example"), ("To", "x@ext.example"), ("Subject", "Lunch")], &[]),
        ),
        (
            "<alice@corp.example>",
            "<x@ext.example>",
            with(&[("From", "alice@corp.example"), ("To", "x@ext.example"), ("Subject", "WG: Lunch")], &[]),
        ),
        (
            "<>",
            "<ann@partner.example>",
            with(
                &[("From", "alice@corp.example"), ("To", "ann@partner.example"), ("Auto-Submitted", "auto-replied")],
                &[],
            ),
        ),
        (
            "<dev-bounces@corp.example>",
            "<x@ext.example>",
            with(&[ENTRY, ("List-Id", "<dev.corp.example>"), ("To", "dev@corp.example")], &mail[..1]),
        ),
        (
            "<ann@partner.example>",
            "<x@sister.example>",
            with(&[ENTRY, ("From", "ann@partner.example"), ("To", "x@sister.example")], &[]),
        ),
    ]
}

fn essence(judged: &Assessment) -> (Verdict, Option<String>, Option<String>, Option<Cow<'static, str>>) {
    let mechanism = judged.mechanism.map(|mechanism| mechanism.name().to_owned());
    (judged.verdict, judged.forwarder.as_ref().map(ToString::to_string), mechanism, judged.platform.clone())
}

/// Folds at the spaces that `folds` picks.
fn folded(body: &[u8], folds: u64) -> Vec<u8> {
    let mut out = Vec::new();
    let mut spaces = 0;
    for &byte in body {
        if byte == b' ' {
            if folds >> (spaces % 64) & 1 == 1 {
                out.extend_from_slice(b"\r\n");
            }
            spaces += 1;
        }
        out.push(byte);
    }
    out
}

fn recased(name: &str, cases: u64) -> String {
    let flip = |(index, c): (usize, char)| {
        if cases >> (index % 64) & 1 == 1 { c.to_ascii_uppercase() } else { c.to_ascii_lowercase() }
    };
    name.chars().enumerate().map(flip).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn how_a_header_is_written_changes_nothing(
        base in 0..10_usize,
        folds in any::<u64>(),
        cases in any::<u64>(),
        space in prop::bool::ANY,
        comment in "[a-z ]{0,12}",
        harmless in prop::collection::vec(("X-(Mailer|Priority|Test-[a-z]{1,5})", "[ -~]{0,40}"), 0..6),
        places in prop::collection::vec(any::<prop::sample::Index>(), 6),
        duplicate in prop::bool::ANY,
        moved in any::<prop::sample::Index>(),
    ) {
        let (mail_from, rcpt, plain) = bases().swap_remove(base);
        let expected = essence(&judge(mail_from, rcpt, &plain));
        let mut other: Vec<Field> = plain
            .iter()
            .map(|(name, body)| {
                let mut body = body.clone();
                // A comment may stand behind any address (RFC 5322 §3.2.2).
                if matches!(name.as_str(), "From" | "To" | "Resent-From") {
                    body.extend_from_slice(format!(" ({comment})").as_bytes());
                }
                let name = recased(name, cases);
                (if space { format!("{name} ") } else { name }, folded(&body, folds))
            })
            .collect();
        if duplicate {
            let copy = other.iter().find(|(name, _)| name.trim().eq_ignore_ascii_case("To")).cloned();
            other.extend(copy);
        }
        // Fields of the message itself may stand in any order; the trace may not.
        let own: Vec<usize> = (0..other.len())
            .filter(|&at| matches!(other[at].0.trim().to_ascii_lowercase().as_str(), "from" | "to" | "subject" | "message-id"))
            .collect();
        if own.len() > 1 {
            let (a, b) = (own[moved.index(own.len())], own[0]);
            other.swap(a, b);
        }
        for (index, (name, body)) in harmless.iter().enumerate() {
            let at = places[index].index(other.len() + 1);
            other.insert(at, (name.clone(), format!(" {body}").into_bytes()));
        }
        let judged = judge(mail_from, rcpt, &other);
        prop_assert_eq!(essence(&judged), expected, "{:?}\n{}", other, shown(&judged));
    }

    #[test]
    fn a_name_in_encoded_words_changes_nothing(base in 0..10_usize, name in "[a-zA-Z@. ]{1,20}") {
        let (mail_from, rcpt, plain) = bases().swap_remove(base);
        let expected = essence(&judge(mail_from, rcpt, &plain));
        let hex: String = name.bytes().map(|b| format!("={b:02X}")).collect();
        let mut other = plain.clone();
        for (field, body) in &mut other {
            if field == "From" || field == "To" {
                let text = String::from_utf8(body.clone()).unwrap();
                let address = text.rsplit_once('<').map_or(text.trim(), |(_, rest)| rest.trim_end_matches('>')).to_owned();
                *body = format!(" =?utf-8?q?{hex}?= <{address}>").into_bytes();
            }
        }
        let judged = judge(mail_from, rcpt, &other);
        prop_assert_eq!(essence(&judged), expected, "{}", shown(&judged));
    }
}
