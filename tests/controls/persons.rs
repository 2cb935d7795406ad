//! Persons of ours: new mail, answers, mail sent on by hand.

use crate::control::{ADDRESSED, CLIENTS, Controls};

/// New mail, answers, and mail sent on by hand.
pub(crate) fn persons(controls: &mut Controls) {
    for way in CLIENTS {
        for (kind, to, rcpts) in ADDRESSED {
            for (software, id) in [
                ("Thunderbird", "<7a31@corp.example>"),
                ("iPhone Mail", "<7A31-4F@phone.local>"),
                ("Gmail app", "<CA+7a31@mail.provider.example>"),
            ] {
                let fields = format!(
                    "From: Alice <alice@corp.example>\n{to}Subject: Lunch\nUser-Agent: {software}\nMessage-ID: {id}"
                );
                controls.add(&format!("new mail, {kind}, {software}"), way, "<alice@corp.example>", rcpts, &fields);
            }
            let private =
                format!("From: Alice <alice@home.example>\n{to}Subject: Lunch\nMessage-ID: <7a@home.example>");
            controls.add(&format!("private identity, {kind}"), way, "<alice@home.example>", rcpts, &private);
            controls.add(&format!("private From alone, {kind}"), way, "<alice@corp.example>", rcpts, &private);
            let sender = format!(
                "From: Boss <boss@corp.example>\nSender: alice@corp.example\n{to}Subject: Plan\nMessage-ID: <7a@corp.example>"
            );
            controls.add(&format!("delegate, {kind}"), way, "<alice@corp.example>", rcpts, &sender);
        }
        for subject in ["Re: Offer", "AW: Offer", "SV: Offer", "回复: Offer"] {
            let fields = format!(
                "From: alice@corp.example\nTo: ann@partner.example\nSubject: {subject}\nIn-Reply-To: <1@partner.example>\nReferences: <0@corp.example> <1@partner.example>\nMessage-ID: <7a@corp.example>"
            );
            controls.add(
                &format!("answer {subject}"),
                way,
                "<alice@corp.example>",
                &["<ann@partner.example>"],
                &fields,
            );
        }
        for subject in [
            "Fwd: Offer",
            "WG: Offer",
            "TR: Offer",
            "RV: Offer",
            "ENC: Offer",
            "VB: Offer",
            "转发: Offer",
            "Пересл: Offer",
        ] {
            let fields = format!(
                "From: alice@corp.example\nTo: ben@other.example\nSubject: {subject}\nReferences: <1@partner.example>\nMessage-ID: <7a@corp.example>"
            );
            controls.add(
                &format!("by hand, {subject}"),
                way,
                "<alice@corp.example>",
                &["<ben@other.example>"],
                &fields,
            );
        }
        for method in ["REQUEST", "REPLY", "CANCEL", "COUNTER"] {
            let fields = format!(
                "From: alice@corp.example\nTo: ann@partner.example\nSubject: Meeting\nContent-Type: text/calendar; method={method}\nMessage-ID: <7a@corp.example>"
            );
            controls.add(
                &format!("calendar {method}"),
                way,
                "<alice@corp.example>",
                &["<ann@partner.example>"],
                &fields,
            );
        }
    }
}
