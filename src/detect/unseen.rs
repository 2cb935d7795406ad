//! What forwarding software is known to leave that is not looked for, and why.

/// A trace that says nothing, or never comes by.
#[derive(Debug)]
pub struct Unseen {
    /// Whose it is.
    pub platform: &'static str,
    /// What it is.
    pub what: &'static str,
    /// Why it is no row.
    pub why: &'static str,
}

const fn unseen(platform: &'static str, what: &'static str, why: &'static str) -> Unseen {
    Unseen { platform, what, why }
}

/// Their table, for the manual.
pub const UNSEEN: &[Unseen] = &[
    unseen(
        "Any",
        "X-MS-Exchange-Organization-* behind an ordinary connector",
        "Exchange takes these fields off at its border; what keeps them is a row",
    ),
    unseen(
        "Exchange Online",
        "Moderation-Loop, *-Original, CrossTenant-Id",
        "on ordinary mail too, and they name nobody",
    ),
    unseen(
        "Exchange Online",
        "addresses of the relay pool",
        "they change, and Microsoft does not publish them; the sender that is kept is seen as entry.foreign_sender",
    ),
    unseen(
        "Exchange",
        "Auto-Submitted: auto-generated beside the rules agent",
        "the agent's own mark is the row; the field alone is on notices of all kinds",
    ),
    unseen("Gmail", "X-Forwarded-Encrypted, X-Google-Smtp-Source, X-Gm-*", "on mail that was never forwarded"),
    unseen(
        "Google Groups",
        "X-Google-Group-Id, X-Original-Sender",
        "a list of ours is told by its bounce address and List-Id",
    ),
    unseen("Yandex", "X-Yandex-Forward, X-Yandex-Fwd", "on every message that Yandex delivers or sends"),
    unseen(
        "Zoho, QQ, NetEase, Proton, iCloud",
        "a mark of forwarding",
        "none is known to exist: told by structure alone",
    ),
    unseen(
        "HCL Domino",
        "the change of recipient in the person document",
        "leaves nothing; told by structure, and by sender.null where mail rules send on",
    ),
    unseen("GroupWise", "a mark of rules", "none is known: a new message with the old one inside, body.whole_message"),
    unseen(
        "SmarterMail, Kerio Connect, Apache James, OpenSMTPD, DirectAdmin",
        "a mark of forwarding",
        "none is known: told by structure",
    ),
    unseen("Cyrus", "X-Sieve: CMU Sieve", "on everything that Cyrus delivers"),
    unseen("Gateways", "X-Mimecast-Originator, X-Barracuda-*, X-Relaying-Domain", "on ordinary mail"),
    unseen("Forward Email", "X-ForwardEmail-*", "also on what is merely submitted there"),
    unseen("Any", "VERP, BATV, DKIM and ARC seals as such", "on ordinary mail; what they name is read by other rows"),
    unseen(
        "Sieve",
        "enotify notices (Auto-Submitted: auto-notified) to the outside",
        "a summary, no copy of the message: called auto_reply, which a policy may refuse",
    ),
    unseen(
        "Mail clients",
        "rules of Outlook, Apple Mail, Thunderbird and phones",
        "a new message like any other on the wire: told by correlation with what came in, where there is state",
    ),
    unseen("Scripts", "mail fetched by IMAP and attached to a new message", "as clients: correlation.text"),
    unseen(
        "Postfix, Exim, Sendmail",
        "a message of an own author, expanded by an alias without ORCPT",
        "bit for bit a blind copy to somebody outside",
    ),
    unseen(
        "Any",
        "Bcc maps of a server before the one that is watched, without NOTIFY and ORCPT",
        "bit for bit a blind copy",
    ),
    unseen("Any", "what leaves by another way than the hop", "see the manual on wiring"),
];
