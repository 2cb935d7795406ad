//! Mail that leaves and is no forward, made from what is known to look like one: hundreds of variations, and not one may
//! raise an alarm, whether own networks are configured or not.

#![allow(clippy::expect_used, clippy::unwrap_used, clippy::panic, reason = "a test fails by them")]

use forwarden::assess::{Assessment, Verdict};
use forwarden::config::Config;
use forwarden::engine::Engine;
use forwarden::message::{Builder, Connection, Direction, Domain, Limits, eml};
use forwarden::sink::NullSink;
use std::sync::Arc;

/// A message at the outbound hop.
#[derive(Debug, Clone)]
struct Control {
    name: String,
    login: Option<&'static str>,
    mail_from: String,
    rcpts: Vec<String>,
    header: String,
}

/// How a message of ours came to the hop: a name, the trace, a login at the hop itself.
type Way = (&'static str, &'static str, Option<&'static str>);

/// A person's client, at the desk or on the road.
const CLIENTS: [Way; 5] = [
    (
        "desk",
        "Received: from ws7.corp.example (ws7.corp.example [198.51.100.90])
 (Authenticated sender: alice) by inner.corp.example (Postfix) with ESMTPSA id 4A1; Tue, 24 Nov 2026 09:00:00 +0000\n",
        None,
    ),
    (
        "roaming",
        "Received: from [192.0.2.20] (dyn9.provider.example [203.0.113.9])
 by inner.corp.example (Postfix) with ESMTPSA id 4A2; Tue, 24 Nov 2026 09:00:00 +0000\n",
        None,
    ),
    (
        "webmail",
        "Received: from webmail.corp.example (webmail.corp.example [198.51.100.8])
 by inner.corp.example (Postfix) with ESMTP id 4A3; Tue, 24 Nov 2026 09:00:00 +0000
Received: from [203.0.113.10] by webmail.corp.example with HTTP; Tue, 24 Nov 2026 08:59:59 +0000\n",
        None,
    ),
    (
        "two hops",
        "Received: from inner.corp.example (inner.corp.example [198.51.100.5])
 by gate.corp.example (Postfix) with ESMTP id 4A5; Tue, 24 Nov 2026 09:00:01 +0000
Received: from [198.51.100.91] (ws8.corp.example [198.51.100.91])
 by inner.corp.example (Postfix) with ESMTPSA id 4A4; Tue, 24 Nov 2026 09:00:00 +0000\n",
        None,
    ),
    ("login at the hop", "", Some("alice")),
];

/// A program of ours.
const PROGRAMS: [Way; 4] = [
    (
        "pickup",
        "Received: by web1.corp.example (Postfix, from userid 33)\n id 4B1; Tue, 24 Nov 2026 09:00:00 +0000\n",
        None,
    ),
    (
        "own machine",
        "Received: from web1.corp.example (web1.corp.example [198.51.100.20])
 by inner.corp.example (Postfix) with ESMTP id 4B2; Tue, 24 Nov 2026 09:00:00 +0000\n",
        None,
    ),
    (
        "local, then relayed",
        "Received: from web1.corp.example (web1.corp.example [198.51.100.20])
 by inner.corp.example (Postfix) with ESMTP id 4B4; Tue, 24 Nov 2026 09:00:01 +0000
Received: by web1.corp.example (Postfix, from userid 33)\n id 4B3; Tue, 24 Nov 2026 09:00:00 +0000\n",
        None,
    ),
    (
        "sendmail submit",
        "Received: (from www@localhost)\n by web1.corp.example (8.17.1/8.17.1/Submit) id 3AO9; Tue, 24 Nov 2026 09:00:00 GMT\n",
        None,
    ),
];

/// A service in the cloud that has a login of ours.
const SERVICES: [Way; 2] = [
    (
        "connector",
        "Received: from out7.saas.example (out7.saas.example [203.0.113.40])
 (Authenticated sender: crm-connector) by inner.corp.example (Postfix) with ESMTPSA id 4C1; Tue, 24 Nov 2026 09:00:00 +0000
Received: from worker.saas.example (unknown [203.0.113.41])\n by out7.saas.example with ESMTP id 77; Tue, 24 Nov 2026 08:59:59 +0000\n",
        None,
    ),
    ("connector at the hop", "", Some("crm-connector")),
];

/// Who gets it: a name, To and Cc, the recipients outside.
const ADDRESSED: [(&str, &str, &[&str]); 4] = [
    ("to outside", "To: Ann <ann@partner.example>\n", &["<ann@partner.example>"]),
    ("cc own", "To: ann@partner.example\nCc: bob@corp.example\n", &["<ann@partner.example>"]),
    ("bcc outside, to own", "To: bob@corp.example\n", &["<ann@partner.example>"]),
    (
        "undisclosed",
        "To: undisclosed-recipients:;\n",
        &["<ann@partner.example>", "<ben@other.example>", "<cy@third.example>"],
    ),
];

struct Controls(Vec<Control>);

impl Controls {
    fn add(&mut self, name: &str, way: Way, mail_from: &str, rcpts: &[&str], fields: &str) {
        let (by, trace, login) = way;
        self.0.push(Control {
            name: format!("{name}, {by}"),
            login,
            mail_from: mail_from.to_owned(),
            rcpts: rcpts.iter().map(|rcpt| (*rcpt).to_owned()).collect(),
            header: format!("{trace}{}", fields.trim_end()),
        });
    }

    /// New mail, answers, and mail sent on by hand.
    fn persons(&mut self) {
        for way in CLIENTS {
            for (kind, to, rcpts) in ADDRESSED {
                for (software, id) in [
                    ("Thunderbird", "<7a31@corp.example>"),
                    ("iPhone Mail", "<7A31-4F@phone.local>"),
                    ("Gmail app", "<CA+7a31@mail.provider.example>"),
                ] {
                    let fields = format!(
                        "From: Alice <alice@corp.example>\n{to}Subject: Lunch\nUser-Agent: {software}\nMessage-ID: {id}"
                    );
                    self.add(&format!("new mail, {kind}, {software}"), way, "<alice@corp.example>", rcpts, &fields);
                }
                let private =
                    format!("From: Alice <alice@home.example>\n{to}Subject: Lunch\nMessage-ID: <7a@home.example>");
                self.add(&format!("private identity, {kind}"), way, "<alice@home.example>", rcpts, &private);
                self.add(&format!("private From alone, {kind}"), way, "<alice@corp.example>", rcpts, &private);
                let sender = format!(
                    "From: Boss <boss@corp.example>\nSender: alice@corp.example\n{to}Subject: Plan\nMessage-ID: <7a@corp.example>"
                );
                self.add(&format!("delegate, {kind}"), way, "<alice@corp.example>", rcpts, &sender);
            }
            for subject in ["Re: Offer", "AW: Offer", "SV: Offer", "回复: Offer"] {
                let fields = format!(
                    "From: alice@corp.example\nTo: ann@partner.example\nSubject: {subject}\nIn-Reply-To: <1@partner.example>\nReferences: <0@corp.example> <1@partner.example>\nMessage-ID: <7a@corp.example>"
                );
                self.add(
                    &format!("answer {subject}"),
                    way,
                    "<alice@corp.example>",
                    &["<ann@partner.example>"],
                    &fields,
                );
            }
            for subject in [
                "Fwd: Offer",
                "WG: Offer",
                "TR: Offer",
                "RV: Offer",
                "ENC: Offer",
                "VB: Offer",
                "转发: Offer",
                "Пересл: Offer",
            ] {
                let fields = format!(
                    "From: alice@corp.example\nTo: ben@other.example\nSubject: {subject}\nReferences: <1@partner.example>\nMessage-ID: <7a@corp.example>"
                );
                self.add(
                    &format!("by hand, {subject}"),
                    way,
                    "<alice@corp.example>",
                    &["<ben@other.example>"],
                    &fields,
                );
            }
            for method in ["REQUEST", "REPLY", "CANCEL", "COUNTER"] {
                let fields = format!(
                    "From: alice@corp.example\nTo: ann@partner.example\nSubject: Meeting\nContent-Type: text/calendar; method={method}\nMessage-ID: <7a@corp.example>"
                );
                self.add(
                    &format!("calendar {method}"),
                    way,
                    "<alice@corp.example>",
                    &["<ann@partner.example>"],
                    &fields,
                );
            }
        }
    }

    /// What programs of ours write, for us and for others.
    fn programs(&mut self) {
        for way in PROGRAMS {
            for (mail_from, id) in [
                ("<www@corp.example>", "<7b@visitor.example>"),
                ("<www@corp.example>", "<7b@web1.corp.example>"),
                ("<info@corp.example>", "<7b@visitor.example>"),
                ("<visitor@visitor.example>", "<7b@web1.corp.example>"),
            ] {
                for to in ["info@corp.example", "agency@ext.example"] {
                    let fields = format!(
                        "From: Visitor <visitor@visitor.example>\nTo: {to}\nSubject: A question\nMessage-ID: {id}"
                    );
                    self.add(
                        &format!("contact form, {mail_from} {id} to {to}"),
                        way,
                        mail_from,
                        &["<agency@ext.example>"],
                        &fields,
                    );
                }
            }
            for (name, from) in [
                ("helpdesk", "support@corp.example"),
                ("shop", "shop@corp.example"),
                ("scanner", "scan@corp.example"),
                ("cron", "root@web1.corp.example"),
                ("monitoring", "alerts@corp.example"),
            ] {
                for (kind, to, rcpts) in ADDRESSED {
                    let fields = format!(
                        "From: {from}\n{to}Subject: [#4711] News\nAuto-Submitted: auto-generated\nX-Mailer: {name}\nMessage-ID: <7c@web1.corp.example>"
                    );
                    self.add(&format!("{name}, {kind}"), way, &format!("<{from}>"), rcpts, &fields);
                }
            }
            // A ticket that quotes the customer as author, to an outside expert.
            let ticket = "From: \"Ann via Support\" <support@corp.example>\nReply-To: support+4711@corp.example\nTo: expert@ext.example\nSubject: [#4711]\nIn-Reply-To: <1@partner.example>\nMessage-ID: <7d@web1.corp.example>";
            self.add("ticket on behalf", way, "<support@corp.example>", &["<expert@ext.example>"], ticket);
            let newsletter = "From: news@corp.example\nTo: ann@partner.example\nList-Unsubscribe: <https://corp.example/u>\nPrecedence: bulk\nSubject: News\nMessage-ID: <7e@web1.corp.example>";
            self.add(
                "own newsletter",
                way,
                "<bounce+ann=partner.example@corp.example>",
                &["<ann@partner.example>"],
                newsletter,
            );
        }
        for way in SERVICES {
            for (kind, to, rcpts) in ADDRESSED {
                for mail_from in
                    ["<bounces+77-ann=partner.example@saas.example>", "<crm@corp.example>", "<alice@corp.example>"]
                {
                    let fields = format!(
                        "From: Alice <alice@corp.example>\n{to}Subject: Offer\nX-SaaS-Id: 7\nDKIM-Signature: v=1; d=saas.example; b=QQ==\nMessage-ID: <7f@saas.example>"
                    );
                    self.add(&format!("SaaS for alice, {mail_from}, {kind}"), way, mail_from, rcpts, &fields);
                }
            }
        }
    }

    /// Reports and automatic replies that were made here.
    fn automatic(&mut self) {
        for way in [PROGRAMS[1], CLIENTS[3], ("made here", "", None)] {
            for (name, from, fields) in [
                ("vacation", "alice@corp.example", "Auto-Submitted: auto-replied (vacation)\nSubject: Out of office"),
                (
                    "Exchange out of office",
                    "alice@corp.example",
                    "X-Auto-Response-Suppress: All\nX-MS-Exchange-Inbox-Rules-Loop: alice@corp.example\nX-MS-Exchange-Generated-Message-Source: Mailbox Rules Agent\nSubject: Automatic reply",
                ),
                (
                    "Zimbra vacation",
                    "alice@corp.example",
                    "X-Zimbra-Forwarded: alice@corp.example\nAuto-Submitted: auto-replied (zimbra; vacation)\nSubject: Away",
                ),
                (
                    "failure",
                    "MAILER-DAEMON@corp.example",
                    "Content-Type: multipart/report; report-type=delivery-status; boundary=b\nSubject: Undelivered",
                ),
                (
                    "delay",
                    "postmaster@corp.example",
                    "Content-Type: multipart/report; report-type=delivery-status; boundary=b\nSubject: Delayed",
                ),
                (
                    "receipt",
                    "alice@corp.example",
                    "Content-Type: multipart/report; report-type=disposition-notification; boundary=b\nSubject: Read",
                ),
            ] {
                let fields =
                    format!("From: {from}\nTo: ann@partner.example\n{fields}\nMessage-ID: <8a@inner.corp.example>");
                self.add(name, way, "<>", &["<ann@partner.example>"], &fields);
            }
        }
    }

    /// Lists of ours, with members outside.
    fn lists(&mut self) {
        let entry: Way = (
            "posted from outside",
            "Received: from mx.partner.example (mx.partner.example [203.0.113.10])
 by inner.corp.example (Postfix) with ESMTP id 4D1 for <dev@corp.example>; Tue, 24 Nov 2026 09:00:00 +0000\n",
            None,
        );
        for way in [entry, CLIENTS[0], CLIENTS[1]] {
            for author in ["ann@partner.example", "alice@corp.example"] {
                for (software, mail_from) in [
                    ("Mailman", "<dev-bounces@corp.example>"),
                    ("Mailman with VERP", "<dev-bounces+x=ext.example@corp.example>"),
                    ("mlmmj", "<dev+bounces-77-x=ext.example@corp.example>"),
                    ("ezmlm", "<dev-return-77-x=ext.example@corp.example>"),
                    ("Google Groups", "<dev+bncBCABC7MVFQ7A@corp.example>"),
                    ("owner alias", "<owner-dev@corp.example>"),
                ] {
                    let fields = format!(
                        "From: {author}\nTo: dev@corp.example\nSubject: [dev] patch\nList-Id: <dev.corp.example>\nList-Post: <mailto:dev@corp.example>\nPrecedence: list\nMessage-ID: <9a@partner.example>"
                    );
                    self.add(&format!("{software}, post of {author}"), way, mail_from, &["<x@ext.example>"], &fields);
                }
            }
        }
    }

    /// Mail for domains that we relay for: it comes in for the very recipient.
    fn relayed(&mut self) {
        for (name, by) in
            [("backup MX", "backup.corp.example"), ("gateway", "gate.corp.example"), ("inner", "inner.corp.example")]
        {
            for (sender, client) in [
                ("ann@partner.example", "203.0.113.10"),
                ("news@shop.example", "203.0.113.77"),
                ("bob@mail.example", "203.0.113.12"),
            ] {
                for tail in ["for <x@sister.example>; ", "; "] {
                    let tail = tail.trim_start_matches("; ");
                    let semicolon = if tail.is_empty() { ";" } else { "" };
                    let header = format!(
                        "Received: from mx.{host} (mx.{host} [{client}])\n by {by} (Postfix) with ESMTP id 4E1{semicolon} {tail}Tue, 24 Nov 2026 09:00:00 +0000\nFrom: {sender}\nTo: x@sister.example\nSubject: Offer\nMessage-ID: <1@{host}>",
                        host = sender.split('@').nth(1).unwrap(),
                    );
                    self.0.push(Control {
                        name: format!("relayed by {name}, {sender}, {tail}"),
                        login: None,
                        mail_from: format!("<{sender}>"),
                        rcpts: vec!["<x@sister.example>".to_owned()],
                        header,
                    });
                }
            }
        }
    }
}

fn engine(networks: &[&str]) -> Engine {
    let mut config = Config::without_file();
    config.organization.domains.insert(Domain::new("corp.example").unwrap(), true);
    config.organization.networks = networks.iter().map(|network| network.parse().unwrap()).collect();
    forwarden::app::engine(&config, Arc::new(forwarden::clock::SystemClock), Arc::new(NullSink))
}

fn judge(engine: &Engine, control: &Control) -> Vec<Assessment> {
    let connection = Connection {
        client_addr: Some("198.51.100.5".parse().unwrap()),
        client_name: Some("inner.corp.example".into()),
        helo: Some("inner.corp.example".into()),
        mta: Some("hop.corp.example".into()),
    };
    let mut builder = Builder::new("outbound", Direction::Outbound, connection, Limits::default());
    builder.auth_user(control.login.map(str::to_owned));
    builder.sender(&control.mail_from, Vec::new());
    for rcpt in &control.rcpts {
        builder.recipient(rcpt, vec![format!("ORCPT=rfc822;{}", rcpt.trim_matches(['<', '>']))], None, None);
    }
    for (name, value) in &eml::split(format!("{}\n\n", control.header).as_bytes()).fields {
        builder.header(name, value);
    }
    engine.inspect(&builder.finish(), true).assessments
}

fn shown(assessment: &Assessment) -> String {
    let counted = assessment.evidence.iter().filter(|seen| seen.counted != 0.0);
    let evidence =
        counted.map(|seen| format!("\n    {:5.1} {} {}", seen.counted, seen.evidence.signal.id, seen.evidence.value));
    format!("{} {:.3}{}", assessment.verdict, assessment.confidence, evidence.collect::<String>())
}

fn controls() -> Vec<Control> {
    let mut controls = Controls(Vec::new());
    controls.persons();
    controls.programs();
    controls.automatic();
    controls.lists();
    controls.relayed();
    controls.0
}

#[test]
fn not_one_of_hundreds_raises_an_alarm() {
    let controls = controls();
    assert!(controls.len() >= 300, "only {}", controls.len());
    let mut alarms = Vec::new();
    for (site, engine) in [("networks", engine(&["198.51.100.0/24"])), ("names alone", engine(&[]))] {
        for control in &controls {
            for assessment in
                judge(&engine, control).iter().filter(|assessment| assessment.verdict.is_forward()).take(1)
            {
                alarms.push(format!("{} ({site}): {}", control.name, shown(assessment)));
            }
        }
    }
    assert!(alarms.is_empty(), "{} alarms of {}:\n{}", alarms.len(), 2 * controls.len(), alarms.join("\n"));
}

#[test]
fn they_are_told_apart() {
    let controls = controls();
    let engine = engine(&["198.51.100.0/24"]);
    for (name, verdict) in [
        ("by hand", Verdict::ManualForward),
        ("calendar", Verdict::Meeting),
        ("vacation", Verdict::AutoReply),
        ("failure", Verdict::Bounce),
        ("Mailman", Verdict::List),
        ("new mail", Verdict::Ordinary),
        ("answer", Verdict::Ordinary),
    ] {
        let of_kind: Vec<_> = controls.iter().filter(|control| control.name.starts_with(name)).collect();
        assert!(!of_kind.is_empty(), "{name}");
        for control in of_kind {
            let judged = judge(&engine, control).remove(0);
            assert_eq!(judged.verdict, verdict, "{}: {}", control.name, shown(&judged));
        }
    }
}

/// Journals are copies of everything, and called that.
#[test]
fn a_journal_is_a_bulk_copy() {
    let mut journal = Controls(Vec::new());
    let fields = "X-MS-Journal-Report:\nFrom: <journal@corp.example>\nTo: archive@vendor.example\nMessage-ID: <1@journal.report.generator>";
    journal.add("journal", PROGRAMS[1], "<>", &["<archive@vendor.example>"], fields);
    let judged = judge(&engine(&["198.51.100.0/24"]), &journal.0[0]).remove(0);
    assert_eq!(judged.verdict, Verdict::BulkCopy, "{}", shown(&judged));
}
