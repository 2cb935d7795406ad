//! Mail for domains that we relay for.

use crate::control::{Control, Controls};

/// Mail for domains that we relay for: it comes in for the very recipient.
pub(crate) fn relayed(controls: &mut Controls) {
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
                controls.0.push(Control {
                    name: format!("relayed by {name}, {sender}, {tail}"),
                    login: None,
                    mail_from: format!("<{sender}>"),
                    rcpts: vec!["<x@sister.example>".to_owned()],
                    header,
                });
            }
        }
    }
    more(controls);
}

/// The line of the gateway that took the message, as different servers write it.
const ENTRIES: [(&str, &str); 5] = [
    (
        "Postfix",
        "Received: from mx.partner.example (mx.partner.example [203.0.113.10])
	(using TLSv1.3 with cipher TLS_AES_256_GCM_SHA384 (256/256 bits))
	by gate.corp.example (Postfix) with ESMTPS id 4F1
	for <x@sister.example>; Tue, 24 Nov 2026 09:00:00 +0000 (UTC)\n",
    ),
    (
        "Exim",
        "Received: from mx.partner.example ([203.0.113.10])
	by gate.corp.example with esmtps (Exim 4.96)
	(envelope-from <ann@partner.example>) id 1r6abc-0002-Xy
	for x@sister.example; Tue, 24 Nov 2026 09:00:00 +0000\n",
    ),
    (
        "Sendmail",
        "Received: from mx.partner.example (mx.partner.example [203.0.113.10])
	by gate.corp.example (8.17.1/8.17.1) with ESMTPS id 3AO90def
	for <x@sister.example>; Tue, 24 Nov 2026 09:00:00 GMT\n",
    ),
    (
        "behind a content filter",
        "Received: from localhost (localhost [127.0.0.1])
	by gate.corp.example (Postfix) with ESMTP id 4F4
	for <x@sister.example>; Tue, 24 Nov 2026 09:00:02 +0000 (UTC)
Received: from gate.corp.example ([127.0.0.1])
	by localhost (gate.corp.example [127.0.0.1]) (amavisd-new, port 10024)
	with ESMTP id 4F3 for <x@sister.example>; Tue, 24 Nov 2026 09:00:01 +0000 (UTC)
Received: from mx.partner.example (mx.partner.example [203.0.113.10])
	by gate.corp.example (Postfix) with ESMTPS id 4F2
	for <x@sister.example>; Tue, 24 Nov 2026 09:00:00 +0000 (UTC)\n",
    ),
    (
        "secondary, then primary",
        "Received: from backup.corp.example (backup.corp.example [198.51.100.40])
	by gate.corp.example (Postfix) with ESMTPS id 4F6
	for <x@sister.example>; Tue, 24 Nov 2026 10:00:00 +0000 (UTC)
Received: from mx.partner.example (mx.partner.example [203.0.113.10])
	by backup.corp.example (Postfix) with ESMTPS id 4F5
	for <x@sister.example>; Tue, 24 Nov 2026 09:00:00 +0000 (UTC)\n",
    ),
];

/// What comes in for a domain that we relay for, of every kind.
const KINDS: [(&str, &str, &str); 11] = [
    (
        "letter",
        "<ann@partner.example>",
        "From: ann@partner.example\nTo: x@sister.example\nMessage-ID: <1@partner.example>",
    ),
    (
        "written to a list of theirs",
        "<ann@partner.example>",
        "From: ann@partner.example\nTo: staff@sister.example\nMessage-ID: <1@partner.example>",
    ),
    (
        "blind copy",
        "<ann@partner.example>",
        "From: ann@partner.example\nTo: undisclosed-recipients:;\nMessage-ID: <1@partner.example>",
    ),
    (
        "written to us as well",
        "<ann@partner.example>",
        "From: ann@partner.example\nTo: x@sister.example, alice@corp.example\nMessage-ID: <1@partner.example>",
    ),
    (
        "judged by our filters",
        "<ann@partner.example>",
        "Authentication-Results: gate.corp.example; spf=pass smtp.mailfrom=partner.example; dkim=pass\nReceived-SPF: pass (gate.corp.example: domain of ann@partner.example) receiver=gate.corp.example;\nX-Spam-Checker-Version: SpamAssassin 4.0.0 (2022-12-14) on gate.corp.example\nFrom: ann@partner.example\nTo: x@sister.example\nMessage-ID: <1@partner.example>",
    ),
    (
        "report",
        "<>",
        "From: MAILER-DAEMON@partner.example\nTo: x@sister.example\nContent-Type: multipart/report; report-type=delivery-status; boundary=b\nMessage-ID: <1@partner.example>",
    ),
    (
        "automatic reply",
        "<>",
        "From: ann@partner.example\nTo: x@sister.example\nAuto-Submitted: auto-replied\nMessage-ID: <1@partner.example>",
    ),
    (
        "post of a list elsewhere",
        "<talk-bounces+x=sister.example@lists.partner.example>",
        "From: ann@third.example\nTo: talk@lists.partner.example\nList-Id: <talk.lists.partner.example>\nPrecedence: list\nMessage-ID: <1@third.example>",
    ),
    (
        "forwarded to them by Gmail",
        "<ann+caf_=x=sister.example@freemail.example>",
        "X-Forwarded-To: x@sister.example\nX-Forwarded-For: ann@freemail.example x@sister.example\nDelivered-To: ann@freemail.example\nFrom: shop@shop.example\nTo: ann@freemail.example\nMessage-ID: <1@shop.example>",
    ),
    (
        "forwarded to them by another",
        "<SRS0=hT4k=GR=shop.example=news@partner.example>",
        "Delivered-To: ann@partner.example\nFrom: news@shop.example\nTo: ann@partner.example\nMessage-ID: <1@shop.example>",
    ),
    (
        "invitation",
        "<ann@partner.example>",
        "From: ann@partner.example\nTo: x@sister.example\nContent-Type: text/calendar; method=REQUEST\nMessage-ID: <1@partner.example>",
    ),
];

/// Every kind by every entry.
fn more(controls: &mut Controls) {
    for (entry, trace) in ENTRIES {
        for (kind, mail_from, fields) in KINDS {
            controls.add(&format!("relayed, {kind}"), (entry, trace, None), mail_from, &["<x@sister.example>"], fields);
        }
    }
}
