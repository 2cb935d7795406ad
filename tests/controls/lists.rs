//! Lists of ours, with members outside.

use crate::control::{CLIENTS, Controls, Way};

/// Lists of ours, with members outside.
pub(crate) fn lists(controls: &mut Controls) {
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
                controls.add(&format!("{software}, post of {author}"), way, mail_from, &["<x@ext.example>"], &fields);
            }
        }
    }
    more(controls);
}

/// Other software, several members, and what is between the list and the hop.
fn more(controls: &mut Controls) {
    let filtered: Way = (
        "through a content filter",
        "Received: from lists.corp.example (lists.corp.example [198.51.100.30])
	by inner.corp.example (Postfix) with ESMTP id 4D5; Tue, 24 Nov 2026 09:00:04 +0000 (UTC)
Received: from localhost (localhost [127.0.0.1])
	by lists.corp.example (Postfix) with ESMTP id 4D4
	for <dev@corp.example>; Tue, 24 Nov 2026 09:00:02 +0000 (UTC)
Received: from lists.corp.example ([127.0.0.1])
	by localhost (lists.corp.example [127.0.0.1]) (amavisd-new, port 10024)
	with LMTP id 4D3 for <dev@corp.example>; Tue, 24 Nov 2026 09:00:01 +0000 (UTC)
Received: from mx.partner.example (mx.partner.example [203.0.113.10])
	by lists.corp.example (Postfix) with ESMTP id 4D2
	for <dev@corp.example>; Tue, 24 Nov 2026 09:00:00 +0000 (UTC)\n",
        None,
    );
    let several: &[&str] = &["<x@ext.example>", "<y@ext.example>", "<z@third.example>"];
    for way in [filtered, CLIENTS[1]] {
        for (software, mail_from, id) in [
            ("Sympa", "<dev-owner@corp.example>", "List-Id: <dev.corp.example>\nX-Loop: dev@corp.example\n"),
            ("Majordomo", "<owner-dev@corp.example>", "Precedence: bulk\n"),
            (
                "Mailman 3",
                "<dev-bounces@corp.example>",
                "List-Id: Developers <dev.corp.example>\nX-Mailman-Version: 3.3.8\nArchived-At: <https://corp.example/7>\n",
            ),
            (
                "Mailman, unmunged",
                "<dev-bounces@corp.example>",
                "List-Id: <dev.corp.example>\nX-BeenThere: dev@corp.example\nErrors-To: dev-bounces@corp.example\nSender: \"dev\" <dev-bounces@corp.example>\n",
            ),
        ] {
            for (kind, from) in [
                ("outsider", "Ann <ann@partner.example>"),
                ("member of ours", "Alice <alice@corp.example>"),
                ("munged", "Ann via Dev <dev@corp.example>"),
            ] {
                for (copied, cc) in [
                    ("", ""),
                    (", author copied", "Cc: ann@partner.example\n"),
                    (", colleague copied", "Cc: bob@corp.example\n"),
                ] {
                    let fields = format!(
                        "{id}From: {from}\nTo: dev@corp.example\n{cc}Subject: [dev] patch\nMessage-ID: <9b@partner.example>"
                    );
                    controls.add(
                        &format!("{software}, several members, {kind}{copied}"),
                        way,
                        mail_from,
                        several,
                        &fields,
                    );
                }
            }
        }
    }
}
