//! Fields that look like a forward's and stand on ordinary mail.

use crate::control::{CLIENTS, Controls, PROGRAMS};

const MARKS: [(&str, &str); 24] = [
    ("Gmail", "X-Forwarded-Encrypted: i=1; AJvYcCWabc@partner.example"),
    ("Yandex token", "X-Yandex-Forward: 0f9c1c3a5f0b4f0e9a0e6b1f6f1c2d3e"),
    ("Yandex host", "X-Yandex-Fwd: 1"),
    ("Cyrus", "X-Sieve: CMU Sieve 3.0"),
    ("Exchange Online", "X-LD-Processed: 0f9c1c3a-5f0b-4f0e-9a0e-6b1f6f1c2d3e,ExtAddr,ExtFwd"),
    ("Forward Email", "X-ForwardEmail-Sender: rfc822; alice@corp.example, smtp.forwardemail.example, 203.0.113.9"),
    ("Mimecast", "X-Mimecast-Originator: corp.example"),
    ("gateway", "X-Relaying-Domain: corp.example"),
    ("Thunderbird", "X-Forwarded-Message-Id: <1@partner.example>"),
    ("MDaemon", "X-MDRemoteIP: 203.0.113.9"),
    ("original", "X-Original-Authentication-Results: mx.partner.example; spf=pass"),
    ("loop token of the site", "X-Loop: corp.example-gateway"),
    ("ARC", "ARC-Seal: i=1; a=rsa-sha256; d=corp.example; s=arc; cv=none; b=QQ=="),
    ("not by a rule", "X-MS-Exchange-Organization-AutoForwarded: false"),
    ("SCL", "X-MS-Exchange-Organization-SCL: -1"),
    ("text of a mark", "X-Comment: X-Forwarded-To: x@ext.example"),
    ("Auto-Submitted", "Auto-Submitted: no"),
    ("suppressed replies", "X-Auto-Response-Suppress: OOF, AutoReply"),
    ("bulk", "Precedence: bulk"),
    ("spam report", "X-Spam-Status: No, score=-1.0 required=5.0 tests=ALL_TRUSTED autolearn=ham"),
    ("originating address", "X-Originating-IP: [203.0.113.9]"),
    ("transport rules", "X-MS-Exchange-Transport-EndToEndLatency: 00:00:01.1"),
    ("receipt wanted", "Disposition-Notification-To: alice@corp.example"),
    ("reply elsewhere", "Reply-To: alice@home.example"),
];

/// Each on a new message of ours.
pub(crate) fn marks(controls: &mut Controls) {
    for way in [CLIENTS[0], CLIENTS[1], CLIENTS[4], PROGRAMS[1]] {
        for (name, mark) in MARKS {
            for (kind, to, rcpts) in [
                ("to outside", "ann@partner.example", &["<ann@partner.example>"]),
                ("bcc outside, to own", "bob@corp.example", &["<ann@partner.example>"]),
            ] {
                let fields = format!(
                    "{mark}\nFrom: Alice <alice@corp.example>\nTo: {to}\nSubject: Lunch\nMessage-ID: <9@corp.example>"
                );
                controls.add(&format!("mark, {name}, {kind}"), way, "<alice@corp.example>", rcpts, &fields);
            }
        }
    }
}
