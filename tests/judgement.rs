//! Verdicts on mail that an adversary, or an odd but innocent site, has shaped: each of these was once judged wrongly.

#![allow(clippy::expect_used, clippy::unwrap_used, clippy::panic, reason = "a test fails by them")]

use forwarden::assess::{Assessment, Verdict};
use forwarden::config::Config;
use forwarden::detect::Mechanism;
use forwarden::message::{Builder, Connection, Direction, Domain, Limits, eml};
use forwarden::sink::NullSink;
use std::sync::Arc;

/// A transaction at the outbound hop, whose client is the inner mail server unless said otherwise.
struct Case {
    networks: &'static [&'static str],
    login: Option<&'static str>,
    mail_from: &'static str,
    rcpts: &'static [&'static str],
    header: String,
    body: &'static str,
    weights: &'static [(&'static str, f64)],
}

impl Default for Case {
    fn default() -> Self {
        Self {
            networks: &["198.51.100.0/24"],
            login: None,
            mail_from: "<ann@partner.example>",
            rcpts: &["<x@ext.example>"],
            header: String::new(),
            body: "Good morning\r\n",
            weights: &[],
        }
    }
}

impl Case {
    fn judge(&self) -> Assessment {
        self.judge_all().into_iter().next().expect("a recipient outside")
    }

    fn judge_all(&self) -> Vec<Assessment> {
        let mut config = Config::without_file();
        config.organization.domains.insert(Domain::new("corp.example").unwrap(), true);
        config.organization.networks = self.networks.iter().map(|network| network.parse().unwrap()).collect();
        config.weights.overrides = self.weights.iter().map(|(id, weight)| ((*id).to_owned(), *weight)).collect();
        let engine = forwarden::app::engine(&config, Arc::new(forwarden::clock::SystemClock), Arc::new(NullSink));
        let connection = Connection {
            client_addr: Some("198.51.100.5".parse().unwrap()),
            client_name: Some("inner.corp.example".into()),
            helo: Some("inner.corp.example".into()),
            mta: Some("hop.corp.example".into()),
        };
        let mut builder = Builder::new("outbound", Direction::Outbound, connection, Limits::default());
        builder.auth_user(self.login.map(str::to_owned));
        builder.sender(self.mail_from, Vec::new());
        for rcpt in self.rcpts {
            let mut words = rcpt.split(' ').map(str::to_owned);
            builder.recipient(&words.next().unwrap(), words.collect(), None, None);
        }
        let text = format!("{}\n\n{}", self.header.trim(), self.body);
        let parts = eml::split(text.as_bytes());
        for (name, body) in &parts.fields {
            builder.header(name, body);
        }
        builder.body(parts.body);
        engine.inspect(&builder.finish(), true).assessments
    }
}

fn shown(assessment: &Assessment) -> String {
    let evidence = assessment.evidence.iter().map(|weighed| {
        format!("\n  {:5.2} {} {}", weighed.counted, weighed.evidence.signal.id(), weighed.evidence.value)
    });
    format!("{} {:.3}{}", assessment.verdict, assessment.confidence, evidence.collect::<String>())
}

/// The inner server's line over one by which it took the message from a client that calls itself `helo`.
fn taken_from(helo: &str, looked_up: &str) -> String {
    format!(
        "Received: from {helo} ({looked_up} [203.0.113.66])
 by inner.corp.example (Postfix) with ESMTP id 4A1; Tue, 24 Nov 2026 09:00:00 +0000
From: Alice <alice@corp.example>
To: alice@corp.example
Subject: Out of office
Auto-Submitted: auto-replied
Message-ID: <1@ext.example>"
    )
}

#[test]
fn a_helo_in_our_name_is_no_proof_of_being_inside() {
    // The name a stranger gives itself must not make its message one that began here.
    let forged = Case {
        mail_from: "<alice@corp.example>",
        rcpts: &["<x@ext.example> ORCPT=rfc822;x@ext.example"],
        header: taken_from("mail.corp.example", "unknown"),
        ..Case::default()
    }
    .judge();
    assert_ne!(forged.verdict, Verdict::AutoReply, "{}", shown(&forged));
    assert!(forged.evidence.iter().any(|seen| seen.evidence.signal.id() == "entry.from_outside"), "{}", shown(&forged));
    let looked_up = Case {
        mail_from: "<alice@corp.example>",
        header: taken_from("mail.corp.example", "mail.corp.example"),
        ..Case::default()
    }
    .judge();
    assert_eq!(looked_up.verdict, Verdict::AutoReply, "{}", shown(&looked_up));
}

/// A logged-in person who writes under a private address, with blind copies outside.
#[test]
fn a_private_identity_of_a_logged_in_user_is_no_forward() {
    let trace = "Received: from [203.0.113.9] (unknown [203.0.113.9]) (Authenticated sender: bob)
 by inner.corp.example (Postfix) with ESMTPSA id 4A2; Tue, 24 Nov 2026 09:00:00 +0000
";
    for (mail_from, id) in [
        ("<bob@home.example>", "<1@home.example>"),
        ("<bob@corp.example>", "<1@home.example>"),
        ("<bob@home.example>", "<1@corp.example>"),
    ] {
        for login in [None, Some("bob")] {
            let header = format!(
                "{}From: Bob <bob@home.example>\nTo: alice@corp.example\nSubject: dinner\nMessage-ID: {id}",
                if login.is_none() { trace } else { "" }
            );
            let judged = Case { login, mail_from, header, ..Case::default() }.judge();
            assert_eq!(judged.verdict, Verdict::Ordinary, "{mail_from} {id} {login:?}: {}", shown(&judged));
        }
    }
}

#[test]
fn a_contact_form_is_no_forward() {
    for (mail_from, id, to) in [
        ("<www@corp.example>", "<1@visitor.example>", "info@corp.example"),
        ("<info@corp.example>", "<1@visitor.example>", "info@corp.example"),
        ("<www@corp.example>", "<1@web1.corp.example>", "info@corp.example"),
    ] {
        for trace in [
            "Received: by web1.corp.example (Postfix, from userid 33) id 4A3; Tue, 24 Nov 2026 09:00:00 +0000",
            "Received: from web1.corp.example (web1.corp.example [198.51.100.7])
 by inner.corp.example (Postfix) with ESMTP id 4A3; Tue, 24 Nov 2026 09:00:00 +0000",
        ] {
            let header =
                format!("{trace}\nFrom: visitor@visitor.example\nTo: {to}\nSubject: A question\nMessage-ID: {id}");
            let judged = Case { mail_from, rcpts: &["<agency@ext.example>"], header, ..Case::default() }.judge();
            assert!(!judged.verdict.is_forward(), "{mail_from} {id} {trace}: {}", shown(&judged));
        }
    }
}

/// A forward whose trace says that the mailbox got it stays one, whatever its submission looks like.
#[test]
fn a_delivered_message_handed_in_again_is_a_forward() {
    let header = "Received: from [198.51.100.9] (ws9.corp.example [198.51.100.9])
 by inner.corp.example (Postfix) with ESMTPSA id 4A5; Tue, 24 Nov 2026 09:00:09 +0000
Delivered-To: alice@corp.example
Received: from mx.partner.example (mx.partner.example [203.0.113.10])
 by inner.corp.example (Postfix) with ESMTP id 4A4 for <alice@corp.example>; Tue, 24 Nov 2026 09:00:00 +0000
From: Ann <ann@partner.example>
To: alice@corp.example
Subject: Offer
Message-ID: <1@partner.example>"
        .to_owned();
    let judged = Case { mail_from: "<alice@corp.example>", header, ..Case::default() }.judge();
    assert_eq!(judged.verdict, Verdict::AutoForward, "{}", shown(&judged));
    assert_eq!(judged.forwarder.map(|forwarder| forwarder.to_string()).as_deref(), Some("alice@corp.example"));
    assert_eq!(judged.mechanism, Some(Mechanism::ClientRule));
}

/// What an outsider wrote into the message must not say by what it was forwarded, nor by whom, where our side knows.
#[test]
fn an_outsider_s_marks_do_not_name_mechanism_platform_or_forwarder() {
    let header = "Delivered-To: alice@corp.example
Received: from mx.partner.example (mx.partner.example [203.0.113.10])
 by inner.corp.example (Postfix) with ESMTP id 4A4 for <alice@corp.example>; Tue, 24 Nov 2026 09:00:00 +0000
X-Forwarded-To: x@ext.example
X-Forwarded-For: carol@corp.example x@ext.example
X-MS-Exchange-Organization-AutoForwarded: true
From: Ann <ann@partner.example>
To: alice@corp.example
Subject: Offer
Message-ID: <1@partner.example>"
        .to_owned();
    for rcpts in [&["<x@ext.example> ORCPT=rfc822;alice@corp.example"][..], &["<x@ext.example>"][..]] {
        let judged = Case { rcpts, header: header.clone(), ..Case::default() }.judge();
        assert_eq!(judged.verdict, Verdict::AutoForward, "{}", shown(&judged));
        assert_eq!(judged.mechanism, Some(Mechanism::MtaForward), "{}", shown(&judged));
        assert_eq!(judged.platform, None, "{}", shown(&judged));
        let forwarder = judged.forwarder.as_ref().map(ToString::to_string);
        assert_eq!(forwarder.as_deref(), Some("alice@corp.example"), "{}", shown(&judged));
    }
}

/// ORCPT is a parameter that the client chooses: a user who writes a new message must not make a colleague of it.
#[test]
fn an_orcpt_that_a_logged_in_user_supplies_is_not_believed() {
    let case = |header: &str, login| Case {
        login,
        mail_from: "<mallory@corp.example>",
        rcpts: &["<x@ext.example> ORCPT=rfc822;alice@corp.example"],
        header: header.to_owned(),
        ..Case::default()
    };
    let new = "From: Mallory <mallory@corp.example>\nTo: x@ext.example\nSubject: hello\nMessage-ID: <1@corp.example>";
    let judged = case(new, Some("mallory")).judge();
    assert!(!judged.verdict.is_forward(), "{}", shown(&judged));
    // Through an own server an expansion of an own user's mail keeps the author, and is a forward.
    let judged = case(&new.replace("x@ext.example", "alice@corp.example"), None).judge();
    assert_eq!(judged.verdict, Verdict::AutoForward, "{}", shown(&judged));
}

#[test]
fn the_same_message_is_judged_the_same_every_time() {
    let header = "X-Forwarded-To: x@ext.example
X-MS-Exchange-Inbox-Rules-Loop: alice@corp.example
X-Sieve-Redirected-From: bob@corp.example
X-Loop: carol@corp.example
Delivered-To: dora@corp.example
X-Forwarded-For: erin@corp.example x@ext.example
From: Ann <ann@partner.example>
To: alice@corp.example
Message-ID: <1@partner.example>";
    let shown = || {
        let judged = Case { header: header.to_owned(), ..Case::default() }.judge();
        format!("{:?} {:?} {:?} {}", judged.forwarder, judged.mechanism, judged.platform, shown(&judged))
    };
    let first = shown();
    for _ in 0..20 {
        assert_eq!(shown(), first);
    }
}

/// A stream of Outlook's own format in which nothing but PidTagAutoForwarded stands, in base64.
const WINMAIL: &str = "eJ8+IgEAAQOQBgAMAAAAAQAAAAsABQABAAAAAAA=";

fn winmail(stream: &str) -> Case {
    let header = "Received: from ex1.corp.example (ex1.corp.example [198.51.100.6])
 by inner.corp.example (Postfix) with ESMTP id 4A6; Tue, 24 Nov 2026 09:00:00 +0000
From: Alice <alice@corp.example>
To: x@ext.example
Subject: FW: Offer
Message-ID: <2@corp.example>
Content-Type: multipart/mixed; boundary=b";
    let body = format!(
        "--b\r\nContent-Type: text/plain\r\n\r\nsee attachment\r\n--b\r\nContent-Type: application/ms-tnef; name=winmail.dat\r\n\
         Content-Transfer-Encoding: base64\r\n\r\n{stream}\r\n--b--\r\n"
    );
    Case { mail_from: "<alice@corp.example>", header: header.to_owned(), body: body.leak(), ..Case::default() }
}

#[test]
fn outlook_s_own_format_says_that_a_rule_forwarded() {
    let judged = winmail(WINMAIL).judge();
    assert_eq!(judged.verdict, Verdict::AutoForward, "{}", shown(&judged));
    assert_eq!(judged.mechanism, Some(Mechanism::InboxRule));
    assert_eq!(judged.forwarder.map(|forwarder| forwarder.to_string()).as_deref(), Some("alice@corp.example"));
    // The same with the property unset.
    let judged = winmail("eJ8+IgEAAQOQBgAMAAAAAQAAAAsABQAAAAAAAAA=").judge();
    assert!(!judged.verdict.is_forward(), "{}", shown(&judged));
}

#[test]
fn a_message_that_is_nothing_but_another_one_is_supporting_evidence() {
    let header = "From: Alice <alice@corp.example>
To: x@ext.example
Subject: Offer
Message-ID: <2@corp.example>
Content-Type: message/rfc822"
        .to_owned();
    let seen = |body: &'static str| {
        let judged =
            Case { mail_from: "<alice@corp.example>", header: header.clone(), body, ..Case::default() }.judge();
        judged.evidence.iter().any(|seen| seen.evidence.signal.id() == "body.whole_message")
    };
    assert!(seen("From: ann@partner.example\r\nTo: alice@corp.example\r\nSubject: Offer\r\n\r\nHello\r\n"));
    assert!(!seen("From: ann@partner.example\r\nTo: carol@partner.example\r\nSubject: Offer\r\n\r\nHello\r\n"));
}

#[test]
fn of_a_chain_of_mailboxes_the_last_one_forwards() {
    let header = "Delivered-To: bob@corp.example
Delivered-To: alice@corp.example
Received: from mx.partner.example (mx.partner.example [203.0.113.10])
 by inner.corp.example (Postfix) with ESMTP id 4A4 for <alice@corp.example>; Tue, 24 Nov 2026 09:00:00 +0000
From: Ann <ann@partner.example>
To: alice@corp.example
Message-ID: <1@partner.example>"
        .to_owned();
    let judged = Case { header, ..Case::default() }.judge();
    assert_eq!(
        judged.forwarder.as_ref().map(ToString::to_string).as_deref(),
        Some("bob@corp.example"),
        "{}",
        shown(&judged)
    );
}

/// Ten thousand fields for a thousand recipients: what is common to them is kept once.
#[test]
fn what_is_seen_does_not_multiply_by_recipients() {
    let header: String = (0..9_000).map(|n| format!("Delivered-To: user{n}@corp.example\n")).collect();
    let rcpts: Vec<&'static str> = (0..1_000).map(|n| &*format!("<x{n}@ext.example>").leak()).collect();
    let judged = Case { header, rcpts: rcpts.leak(), ..Case::default() }.judge_all();
    assert_eq!(judged.len(), 1_000);
    assert!(judged.iter().all(|one| one.evidence.len() < 40), "{}", shown(&judged[0]));
    assert!(Arc::ptr_eq(&judged[0].evidence[0].evidence, &judged[999].evidence[0].evidence));
}

/// An administrator who sets a weight to nothing does not want the row to name anybody, or to excuse anything, either.
#[test]
fn a_row_that_weighs_nothing_says_nothing() {
    let header = "Delivered-To: bob@corp.example
Received: from mx.partner.example (mx.partner.example [203.0.113.10])
 by inner.corp.example (Postfix) with ESMTP id 4A4 for <alice@corp.example>; Tue, 24 Nov 2026 09:00:00 +0000
From: Ann <ann@partner.example>
To: alice@corp.example
Message-ID: <1@partner.example>"
        .to_owned();
    let judged = Case { header, weights: &[("trace.delivered_to", 0.0)], ..Case::default() }.judge();
    let forwarder = judged.forwarder.as_ref().map(ToString::to_string);
    assert_eq!(forwarder.as_deref(), Some("alice@corp.example"), "{}", shown(&judged));
    let form = |weights| Case {
        header: "Received: by web1.corp.example (Postfix, from userid 33) id 4A3; Tue, 24 Nov 2026 09:00:00 +0000
From: visitor@visitor.example
To: info@corp.example
Message-ID: <1@visitor.example>"
            .to_owned(),
        mail_from: "<info@corp.example>",
        weights,
        ..Case::default()
    };
    assert!(!form(&[]).judge().verdict.is_forward());
    let judged = form(&[("innocent.born_here", 0.0)]).judge();
    assert!(judged.verdict.is_forward(), "{}", shown(&judged));
}
