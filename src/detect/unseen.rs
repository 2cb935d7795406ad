//! What forwarding software is known to leave that is not looked for, and why.

/// A trace that says nothing, or never comes by.
#[derive(Debug)]
pub struct Unseen {
    /// Stable id, as a row would have it: whoever asks for a row finds why there is none.
    pub id: &'static str,
    /// Whose it is.
    pub platform: &'static str,
    /// What it is.
    pub what: &'static str,
    /// Why it is no row.
    pub why: &'static str,
}

const fn unseen(id: &'static str, platform: &'static str, what: &'static str, why: &'static str) -> Unseen {
    Unseen { id, platform, what, why }
}

/// Their table, for the manual.
pub const UNSEEN: &[Unseen] = &[
    unseen(
        "exchange.organization_fields",
        "Any",
        "X-MS-Exchange-Organization-* behind an ordinary connector",
        "Exchange takes these fields off at its border; what keeps them is a row",
    ),
    unseen(
        "exchange_online.ordinary_marks",
        "Exchange Online",
        "Moderation-Loop, *-Original, CrossTenant-Id",
        "on ordinary mail too, and they name nobody",
    ),
    unseen(
        "exchange_online.relay_pool",
        "Exchange Online",
        "addresses of the relay pool",
        "they change, and Microsoft does not publish them; the sender that is kept is seen as entry.foreign_sender",
    ),
    unseen(
        "exchange.auto_submitted",
        "Exchange",
        "Auto-Submitted: auto-generated beside the rules agent",
        "the agent's own mark is the row; the field alone is on notices of all kinds",
    ),
    unseen(
        "exchange.rule_flavours",
        "Exchange",
        "what a rule keeps: a redirect leaves author, addressees, date and Message-ID as they were",
        "nothing to see, and so told by structure",
    ),
    unseen(
        "gmail.ordinary_marks",
        "Gmail",
        "X-Forwarded-Encrypted, X-Google-Smtp-Source, X-Gm-*",
        "on mail that was never forwarded",
    ),
    unseen(
        "google_groups.marks",
        "Google Groups",
        "X-Google-Group-Id, X-Original-Sender",
        "a list of ours is told by its bounce address and List-Id",
    ),
    unseen(
        "yandex.forward_marks",
        "Yandex",
        "X-Yandex-Forward, X-Yandex-Fwd",
        "on every message that Yandex delivers or sends",
    ),
    unseen(
        "provider.unmarked",
        "Zoho, QQ, NetEase, Proton, iCloud",
        "a mark of forwarding",
        "none is known to exist: told by structure alone",
    ),
    unseen(
        "domino.person_document",
        "HCL Domino",
        "the change of recipient in the person document",
        "leaves nothing; told by structure, and by sender.null where mail rules send on",
    ),
    unseen(
        "groupwise.rules",
        "GroupWise",
        "a mark of rules",
        "none is known: a new message with the old one inside, body.whole_message",
    ),
    unseen(
        "kopano.new_message",
        "Kopano",
        "a forward rule with rule headers switched off",
        "a new message with FW: in the subject, as a person writes it: told by correlation, where there is state",
    ),
    unseen(
        "server.unmarked",
        "SmarterMail, Kerio Connect, Apache James, OpenSMTPD, DirectAdmin",
        "a mark of forwarding",
        "none is known: told by structure",
    ),
    unseen(
        "smartermail.authenticated_as",
        "SmarterMail",
        "X-SmarterMail-Authenticated-As",
        "says who submitted, on ordinary mail",
    ),
    unseen(
        "mdaemon.return_path",
        "MDaemon",
        "X-Return-Path",
        "on all that MDaemon delivers; where it sends on, X-MDaemon-Deliver-To stands beside it",
    ),
    unseen("cyrus.x_sieve", "Cyrus", "X-Sieve: CMU Sieve", "on everything that Cyrus delivers"),
    unseen(
        "procmail.old_fields",
        "procmail, formail",
        "Old-*",
        "any field that a recipe replaced, under whatever name",
    ),
    unseen("gateway.marks", "Gateways", "X-Mimecast-Originator, X-Barracuda-*, X-Relaying-Domain", "on ordinary mail"),
    unseen("forwardemail.marks", "Forward Email", "X-ForwardEmail-*", "also on what is merely submitted there"),
    unseen(
        "addy.feedback_id",
        "addy.io",
        "Feedback-ID",
        "its letter F stands beside the fields that are rows; the field alone is on bulk mail of all kinds",
    ),
    unseen(
        "any.tags_and_seals",
        "Any",
        "VERP, BATV, DKIM and ARC seals as such",
        "on ordinary mail; what they name is read by other rows",
    ),
    unseen(
        "sieve.notice",
        "Sieve",
        "enotify notices (Auto-Submitted: auto-notified) to the outside",
        "a summary, no copy of the message: called auto_reply, which a policy may refuse",
    ),
    unseen(
        "client.rules",
        "Mail clients",
        "rules of Outlook, Apple Mail, Thunderbird and phones",
        "a new message like any other on the wire: told by correlation with what came in, where there is state",
    ),
    unseen(
        "client.script",
        "Scripts",
        "mail fetched by IMAP and attached to a new message",
        "as clients: correlation.text",
    ),
    unseen(
        "any.rhythm",
        "Any",
        "rhythm, coverage and fan-in of many messages",
        "no single message shows them: events of their own and rule conditions, where there is state",
    ),
    unseen(
        "any.destination_class",
        "Any",
        "a destination at a freemail or alias provider",
        "makes a forward worse and nothing a forward: the rule condition destination_class",
    ),
    unseen(
        "mta.own_author",
        "Postfix, Exim, Sendmail",
        "a message of an own author, expanded by an alias without ORCPT",
        "bit for bit a blind copy to somebody outside",
    ),
    unseen(
        "mta.bcc_before",
        "Any",
        "Bcc maps of a server before the one that is watched, without NOTIFY and ORCPT",
        "bit for bit a blind copy",
    ),
    unseen("any.other_way", "Any", "what leaves by another way than the hop", "see the manual on wiring"),
];

#[cfg(test)]
mod tests {
    use super::UNSEEN;
    use std::collections::BTreeSet;

    #[test]
    fn ids_are_given_once_and_are_of_no_row() {
        let mut ids: BTreeSet<&str> = crate::detect::catalogue().map(|signal| signal.id).collect();
        for unseen in UNSEEN {
            assert!(ids.insert(unseen.id), "{}", unseen.id);
        }
    }
}
