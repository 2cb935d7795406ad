//! Helpdesks, trackers, forums and services that write for others, and the bounce domains that they send from.

use crate::control::{ADDRESSED, Controls, PROGRAMS, SERVICES, Way};

/// Notices about what a customer outside wrote, to another one outside.
const NOTICES: [(&str, &str, &str); 9] = [
    (
        "Request Tracker",
        "<rt@corp.example>",
        "From: \"Ann Archer via RT\" <rt@corp.example>\nReply-To: rt@corp.example\nX-RT-Originator: ann@partner.example\nManaged-by: RT 5.0.4\nPrecedence: bulk\nSubject: [corp #4711] Printer\nIn-Reply-To: <1@partner.example>\nMessage-ID: <rt-5.0.4-1-2.4711@corp.example>\n",
    ),
    (
        "OTRS",
        "<support@corp.example>",
        "From: \"Corp Support\" <support@corp.example>\nX-Mailer: OTRS Mail Service\nSubject: [Ticket#2026112410000017] Printer\nIn-Reply-To: <1@partner.example>\nReferences: <1@partner.example>\nMessage-ID: <1764.17@support.corp.example>\n",
    ),
    (
        "Zammad, forwarded by an agent",
        "<support@corp.example>",
        "From: \"Bob via Corp Support\" <support@corp.example>\nSubject: Fwd: [Ticket#61001] Printer\nX-Zammad-Ticket: 61001\nReferences: <1@partner.example>\nMessage-ID: <61001@corp.example>\n",
    ),
    (
        "Jira",
        "<jira@corp.example>",
        "From: \"Ann Archer (Jira)\" <jira@corp.example>\nX-JIRA-FingerPrint: 4f2\nAuto-Submitted: auto-generated\nPrecedence: bulk\nSubject: [JIRA] (DEV-7) Printer\nMessage-ID: <JIRA.7@web1.corp.example>\n",
    ),
    (
        "GitLab",
        "<gitlab@corp.example>",
        "From: Ann Archer <gitlab@corp.example>\nReply-To: corp/dev <incoming+7@corp.example>\nList-Id: corp/dev <7.dev.corp.gitlab.corp.example>\nList-Unsubscribe: <https://gitlab.corp.example/u>\nX-GitLab-Project: dev\nAuto-Submitted: auto-generated\nSubject: Re: dev | Printer (#7)\nMessage-ID: <note_7@gitlab.corp.example>\n",
    ),
    (
        "Bugzilla",
        "<bugzilla-daemon@corp.example>",
        "From: bugzilla-daemon@corp.example\nX-Bugzilla-Who: ann@partner.example\nX-Bugzilla-Type: changed\nAuto-Submitted: auto-generated\nSubject: [Bug 7] Printer\nMessage-ID: <bug-7-2@http.bugs.corp.example/>\n",
    ),
    (
        "Discourse",
        "<forum+verp-0f9c1c3a5f0b4f0e9a0e6b1f6f1c2d3e@corp.example>",
        "From: Ann Archer via Forum <forum@corp.example>\nReply-To: Forum <forum+0f9c@corp.example>\nPrecedence: list\nList-Id: Corp Forum | <forum.corp.example>\nSubject: [Forum] Printer\nMessage-ID: <topic/7/2@forum.corp.example>\n",
    ),
    (
        "a tracker in the customer's name",
        "<tracker@corp.example>",
        "From: Ann Archer <ann@partner.example>\nSender: tracker@corp.example\nReply-To: tracker+7@corp.example\nSubject: [#7] Printer\nMessage-ID: <7@web1.corp.example>\n",
    ),
    (
        "a shop in the seller's name",
        "<orders@corp.example>",
        "From: \"Seller on Corp Market\" <seller-0f9c@market.corp.example>\nReply-To: seller-0f9c@market.corp.example\nSubject: Your order\nMessage-ID: <order-7@shop.corp.example>\n",
    ),
];

/// Senders as services for bulk mail make them, in own domains and in theirs.
const BOUNCES: [&str; 8] = [
    "<bounces+123-4f2a-ann=partner.example@em.corp.example>",
    "<msprvs1=20418abc=bounces-123@bounce.corp.example>",
    "<0100018c2f-4f2a-000000@mail.corp.example>",
    "<bounce-mc.us1_123.4567-ann=partner.example@mail7.sender.example>",
    "<pm_bounces@pm-bounces.corp.example>",
    "<bounce+a1b2c3.d4e5-ann=partner.example@mg.corp.example>",
    "<v-abc_def_ghi-1@bounce.news.corp.example>",
    "<return_ann=partner.example@bounce.sender.example>",
];

/// A service that hands in by its address, which it looks up as a name of ours.
const RENTED: Way = (
    "rented host",
    "Received: from o1.em.corp.example (o1.em.corp.example [203.0.113.50])
	by inner.corp.example (Postfix) with ESMTPS id 6C1; Tue, 24 Nov 2026 09:00:00 +0000 (UTC)
Received: by worker7.sender.example with SMTP id abc; Tue, 24 Nov 2026 08:59:59 +0000 (UTC)\n",
    None,
);

/// All of them, by every program's way.
pub(crate) fn desks(controls: &mut Controls) {
    for way in PROGRAMS.into_iter().chain([SERVICES[1]]) {
        for (name, mail_from, fields) in NOTICES {
            for (kind, to, rcpts) in &ADDRESSED[..3] {
                controls.add(&format!("desk, {name}, {kind}"), way, mail_from, rcpts, &format!("{fields}{to}"));
            }
        }
    }
    for way in [SERVICES[0], SERVICES[1], RENTED, PROGRAMS[1], PROGRAMS[2]] {
        for mail_from in BOUNCES {
            for (kind, unsubscribe) in [
                ("newsletter", "List-Unsubscribe: <https://corp.example/u>\nPrecedence: bulk\n"),
                ("order confirmed", ""),
            ] {
                let fields = format!(
                    "DKIM-Signature: v=1; a=rsa-sha256; d=sender.example; s=s1; bh=QQ==; b=QQ==\nFrom: Corp <news@corp.example>\nTo: ann@partner.example\n{unsubscribe}Feedback-ID: 123:sender\nSubject: News\nMessage-ID: <4f2a@geopod-7.sender.example>"
                );
                controls.add(&format!("{kind}, {mail_from}"), way, mail_from, &["<ann@partner.example>"], &fields);
            }
        }
    }
    for way in PROGRAMS {
        for (name, mail_from, from) in [
            ("printer", "<mfp@mfp.local>", "MFP <mfp@mfp.local>"),
            ("printer without a sender", "<>", "Scan <scan@corp.example>"),
            ("cron of another name", "<root@web1.internal>", "Cron Daemon <root@web1.internal>"),
            ("backup", "<backup@nas.corp.example>", "NAS <backup@nas.corp.example>"),
            ("watch", "<nagios@watch.localdomain>", "nagios@watch.localdomain"),
        ] {
            for (kind, to, rcpts) in ADDRESSED {
                let fields = format!("From: {from}\n{to}Subject: Report\nMessage-ID: <7@web1.corp.example>");
                controls.add(&format!("machine, {name}, {kind}"), way, mail_from, rcpts, &fields);
            }
        }
    }
}
