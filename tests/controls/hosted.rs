//! Mailboxes of ours in a cloud whose hosts are configured as own ones, and that hands mail over for them.

use crate::control::{ADDRESSED, Controls, Way};

const CLOUDS: [Way; 3] = [
    (
        "hosted, written by a client",
        "Received: from eur01.outbound.cloud.example (eur01.outbound.cloud.example [203.0.113.80])
	by gate.corp.example (Postfix) with ESMTPS id 7A1; Tue, 24 Nov 2026 09:00:02 +0000 (UTC)
Received: from DB9.outbound.cloud.example (2001:db8:80::1) by AM9.outbound.cloud.example
 (2001:db8:80::2) with Microsoft SMTP Server (version=TLS1_2) id 15.20.7; Tue, 24 Nov 2026 09:00:01 +0000
Received: from DB9.outbound.cloud.example ([fe80::1]) by DB9.outbound.cloud.example
 ([fe80::1%5]) with mapi id 15.20.7.1; Tue, 24 Nov 2026 09:00:00 +0000
Authentication-Results: dkim=none (message not signed)
 header.d=none;dmarc=none action=none header.from=corp.example;
X-MS-Exchange-CrossTenant-Id: 0f9c1c3a-5f0b-4f0e-9a0e-6b1f6f1c2d3e\n",
        None,
    ),
    (
        "hosted, on the web",
        "Received: from mail-7.outbound.cloud.example (mail-7.outbound.cloud.example [203.0.113.81])
	by gate.corp.example (Postfix) with ESMTPS id 7A2; Tue, 24 Nov 2026 09:00:01 +0000 (UTC)
Received: by mail-7.outbound.cloud.example with SMTP id abc.7; Tue, 24 Nov 2026 09:00:00 +0000
X-Google-Smtp-Source: AGHT+abc
X-Received: by 2002:a05:6402:7 with SMTP id def; Tue, 24 Nov 2026 09:00:00 +0000
X-Forwarded-Encrypted: i=1; AJvYcCabc@partner.example\n",
        None,
    ),
    (
        "hosted, at the hop itself",
        "Received: from mail-7.outbound.cloud.example (mail-7.outbound.cloud.example [203.0.113.81])
	by hop.corp.example (Postfix) with ESMTPS id 7A3; Tue, 24 Nov 2026 09:00:01 +0000 (UTC)\n",
        None,
    ),
];

/// What persons and the cloud itself write.
pub(crate) fn hosted(controls: &mut Controls) {
    for way in CLOUDS {
        for (kind, to, rcpts) in ADDRESSED {
            for (name, mail_from, fields) in [
                ("new", "<alice@corp.example>", "From: Alice <alice@corp.example>\nSubject: Lunch\n"),
                (
                    "answer",
                    "<alice@corp.example>",
                    "From: Alice <alice@corp.example>\nSubject: RE: Lunch\nIn-Reply-To: <1@partner.example>\nReferences: <1@partner.example>\n",
                ),
                (
                    "by hand",
                    "<alice@corp.example>",
                    "From: Alice <alice@corp.example>\nSubject: FW: Lunch\nReferences: <1@partner.example>\n",
                ),
                (
                    "delegate",
                    "<alice@corp.example>",
                    "From: Boss <boss@corp.example>\nSender: Alice <alice@corp.example>\nSubject: Plan\n",
                ),
                (
                    "from a shared mailbox",
                    "<sales@corp.example>",
                    "From: Sales <sales@corp.example>\nSubject: Offer\nX-Auto-Response-Suppress: DR, RN, NRN, OOF\n",
                ),
            ] {
                let fields = format!("{fields}{to}Message-ID: <DB9P7@DB9.outbound.cloud.example>");
                controls.add(&format!("in the cloud, {name}, {kind}"), way, mail_from, rcpts, &fields);
            }
        }
        for (name, fields) in [
            (
                "out of office",
                "From: Alice <alice@corp.example>\nX-Auto-Response-Suppress: All\nAuto-Submitted: auto-replied\nX-MS-Exchange-Inbox-Rules-Loop: alice@corp.example\nX-MS-Exchange-Generated-Message-Source: Mailbox Rules Agent\nSubject: Automatic reply: Lunch\nIn-Reply-To: <1@partner.example>\n",
            ),
            (
                "undeliverable",
                "From: <postmaster@corp.example>\nContent-Type: multipart/report; report-type=delivery-status; boundary=b\nSubject: Undeliverable: Lunch\nAuto-Submitted: auto-replied\n",
            ),
            (
                "read",
                "From: Alice <alice@corp.example>\nContent-Type: multipart/report; report-type=disposition-notification; boundary=b\nSubject: Read: Lunch\n",
            ),
            (
                "meeting accepted",
                "From: Alice <alice@corp.example>\nContent-Type: text/calendar; method=REPLY\nContent-Class: urn:content-classes:calendarmessage\nSubject: Accepted: Lunch\n",
            ),
        ] {
            let fields = format!("{fields}To: ann@partner.example\nMessage-ID: <DB9P8@DB9.outbound.cloud.example>");
            controls.add(&format!("in the cloud, {name}"), way, "<>", &["<ann@partner.example>"], &fields);
        }
    }
}
