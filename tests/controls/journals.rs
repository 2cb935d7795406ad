//! Journals: everything is copied to an archive outside.

use crate::control::{Control, Controls, PROGRAMS};

/// Reports of Exchange's journal agent, as the generations write them.
pub(crate) fn journals() -> Vec<Control> {
    let mut controls = Controls::default();
    for way in [PROGRAMS[1], PROGRAMS[2]] {
        for (name, from, mark) in [
            ("bare", "<journal@corp.example>", "X-MS-Journal-Report:\n"),
            (
                "agent",
                "\"Journal\" <journal@corp.example>",
                "X-MS-Exchange-Generated-Message-Source: Journal Agent\nX-MS-Journal-Report:\n",
            ),
            (
                "hosted",
                "\"Microsoft Outlook\" <exchange329e71ec88ae4615@corp.example>",
                "X-MS-Journal-Report:\nContent-Identifer: ExJournalReport\n",
            ),
        ] {
            for sender in ["<>", "<journal@corp.example>"] {
                let fields = format!(
                    "{mark}From: {from}\nTo: archive@vendor.example\nSubject: Quarterly figures\nContent-Type: multipart/mixed; boundary=b\nMessage-ID: <1@journal.report.generator>"
                );
                controls.add(
                    &format!("journal, {name}, {sender}"),
                    way,
                    sender,
                    &["<archive@vendor.example>"],
                    &fields,
                );
            }
        }
    }
    controls.0
}
