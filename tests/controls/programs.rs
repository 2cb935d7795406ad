//! Programs and services that write in our name.

use crate::control::{ADDRESSED, Controls, PROGRAMS, SERVICES};

/// What programs of ours write, for us and for others.
pub(crate) fn programs(controls: &mut Controls) {
    for way in PROGRAMS {
        for (mail_from, id) in [
            ("<www@corp.example>", "<7b@visitor.example>"),
            ("<www@corp.example>", "<7b@web1.corp.example>"),
            ("<info@corp.example>", "<7b@visitor.example>"),
            ("<visitor@visitor.example>", "<7b@web1.corp.example>"),
        ] {
            for to in ["info@corp.example", "agency@ext.example"] {
                let fields =
                    format!("From: Visitor <visitor@visitor.example>\nTo: {to}\nSubject: A question\nMessage-ID: {id}");
                controls.add(
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
                controls.add(&format!("{name}, {kind}"), way, &format!("<{from}>"), rcpts, &fields);
            }
        }
        // A ticket that quotes the customer as author, to an outside expert.
        let ticket = "From: \"Ann via Support\" <support@corp.example>\nReply-To: support+4711@corp.example\nTo: expert@ext.example\nSubject: [#4711]\nIn-Reply-To: <1@partner.example>\nMessage-ID: <7d@web1.corp.example>";
        controls.add("ticket on behalf", way, "<support@corp.example>", &["<expert@ext.example>"], ticket);
        let newsletter = "From: news@corp.example\nTo: ann@partner.example\nList-Unsubscribe: <https://corp.example/u>\nPrecedence: bulk\nSubject: News\nMessage-ID: <7e@web1.corp.example>";
        controls.add(
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
                controls.add(&format!("SaaS for alice, {mail_from}, {kind}"), way, mail_from, rcpts, &fields);
            }
        }
    }
}
