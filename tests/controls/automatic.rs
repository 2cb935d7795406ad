//! Reports and automatic replies that were made here.

use crate::control::{CLIENTS, Controls, PROGRAMS};

/// Reports and automatic replies that were made here.
pub(crate) fn automatic(controls: &mut Controls) {
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
            controls.add(name, way, "<>", &["<ann@partner.example>"], &fields);
        }
    }
}
