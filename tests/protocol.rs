//! The milter protocol against the real daemon, by MTAs that behave well, oddly and badly.

#![allow(clippy::expect_used, clippy::unwrap_used, clippy::panic, reason = "a test fails by them")]

mod support;

use support::{ALL_EDITS, ALL_STEPS, Daemon, Mta, forward};

const ALICE: &str = "<x@ext.example> ORCPT=rfc822;alice@corp.example";

fn enforcing(then: &str) -> Daemon {
    Daemon::start(&format!(
        "[policy]\nmode = \"enforce\"\n[[rule]]\nid = \"forwards\"\nwhen = {{ verdict = [\"auto_forward\", \"bulk_copy\"] }}\nthen = [{then}]\n"
    ))
}

fn send(mta: &mut Mta, rcpt: &str) -> support::Replies {
    let (from, rcpt, headers) = forward(rcpt);
    mta.message(from, &rcpt, &headers);
    mta.end_of_message()
}

/// Dave writes to alice, who forwards, and to a partner.
fn mixed(mta: &mut Mta) {
    let headers = [("From", "dave@corp.example"), ("To", "alice@corp.example, z@partner.example")];
    mta.message("<dave@corp.example>", &[ALICE, "<z@partner.example>"], &headers);
}

#[test]
fn several_messages_on_one_connection_do_not_mix() {
    let daemon = Daemon::start("");
    let mut mta = Mta::connect(daemon.addr);
    // A relay of ours logs in, and its line in the trace shows that it had the message before.
    mta.macros(b'M', &[("i", "FIRST"), ("{auth_authen}", "alice")]);
    let (from, rcpt, headers) = forward(ALICE);
    let trace = ("Received", "from mx.partner.example by inner.corp.example with ESMTP id 1");
    mta.message(from, &rcpt, &[&[trace], &headers[..]].concat());
    mta.end_of_message();
    // The last two come without a single macro, a queue id among them.
    mta.macros(b'M', &[("{mail_addr}", "dave@corp.example")]);
    mta.message("<dave@corp.example>", &["<ann@partner.example>"], &[("From", "dave@corp.example")]);
    mta.end_of_message_as("SECOND");
    mta.message("<dave@corp.example>", &["<ann@partner.example>"], &[("From", "dave@corp.example")]);
    assert_eq!(mta.read_end(), Some(b'c'));
    let events = daemon.events(3);
    assert_eq!(events[0]["client"]["auth_user"], "alice");
    assert_eq!(events[1]["client"]["auth_user"], serde_json::Value::Null);
    assert_eq!(events[2]["queue_id"], serde_json::Value::Null, "the queue id of the message before");
    assert_eq!(events[0]["verdict"], "auto_forward");
    assert_eq!(events[0]["forwarder"], "alice@corp.example");
    assert_eq!(events[0]["queue_id"], "4XyZ1k0q2Rz9tQ");
    assert_eq!(events[1]["verdict"], "ordinary");
    assert_eq!(events[1]["queue_id"], "SECOND");
    assert_eq!(events[1]["message_id"], serde_json::Value::Null);
    assert_eq!(events[1]["envelope"]["rcpt_count"], 1);
    assert_eq!(events[1]["client"]["ip"], "198.51.100.10");
}

#[test]
fn an_abort_drops_the_message_and_nothing_else() {
    let daemon = Daemon::start("");
    let mut mta = Mta::connect(daemon.addr);
    mta.message(
        "<mallory@corp.example>",
        &["<drop@evil.example> ORCPT=rfc822;mallory@corp.example"],
        &[("From", "a@b.example")],
    );
    mta.abort();
    send(&mut mta, ALICE);
    let events = daemon.events(1);
    assert_eq!(events.len(), 1);
    assert_eq!(events[0]["forwarder"], "alice@corp.example");
    assert_eq!(events[0]["envelope"]["rcpt_count"], 1);
}

#[test]
fn macros_behind_the_recipient_they_are_about() {
    let daemon = Daemon::start("");
    let mut mta = Mta::connect(daemon.addr);
    mta.mail("<ann@partner.example>");
    mta.rcpt("<carol@corp.example>");
    mta.macros(b'R', &[("{rcpt_mailer}", "esmtp"), ("{rcpt_addr}", "carol@agency.example")]);
    mta.rcpt("<dora@corp.example>");
    mta.header("From", "ann@partner.example");
    mta.end_of_message();
    // Sendmail's virtusertable: the argument is inside, the macros of this very recipient are outside.
    let event = &daemon.events(1)[0];
    assert_eq!(event["forwarder"], "dora@corp.example");
    assert_eq!(event["destinations"][0], "carol@agency.example");
    assert_eq!(event["mechanism"], "mta_forward");
}

#[test]
fn macros_of_one_recipient_are_not_those_of_the_next() {
    let daemon = Daemon::start("");
    let mut mta = Mta::connect(daemon.addr);
    for _ in 0..2 {
        mta.mail("<ann@partner.example>");
        mta.macros(b'R', &[("{rcpt_mailer}", "esmtp"), ("{rcpt_addr}", "carol@agency.example")]);
        mta.rcpt("<dora@corp.example>");
        // None of its own.
        mta.rcpt("<bob@corp.example>");
        mta.macros(b'R', &[("{rcpt_mailer}", "esmtp"), ("{rcpt_addr}", "carol@agency.example")]);
        mta.rcpt("<erin@corp.example>");
        mta.header("From", "ann@partner.example");
        mta.end_of_message();
    }
    let events = daemon.events(4);
    let forwarders: Vec<_> = events.iter().map(|event| event["forwarder"].as_str().unwrap()).collect();
    assert_eq!(forwarders, ["dora@corp.example", "erin@corp.example", "dora@corp.example", "erin@corp.example"]);
}

#[test]
fn bare_addresses_and_null_senders() {
    let daemon = Daemon::start("");
    let mut mta = Mta::connect(daemon.addr);
    for sender in ["ann@partner.example", "<>", ""] {
        mta.message(
            sender,
            &["x@ext.example"],
            &[("From", "ann@partner.example"), ("Delivered-To", "heidi@corp.example")],
        );
        assert_eq!(mta.end_of_message().answer(), b'c');
    }
    let events = daemon.events(3);
    assert_eq!(events[0]["envelope"]["mail_from"], "ann@partner.example");
    for event in &events {
        assert_eq!(event["forwarder"], "heidi@corp.example", "{event}");
        assert_eq!(event["envelope"]["rcpt_to"][0], "x@ext.example");
    }
    assert_eq!(events[1]["envelope"]["mail_from"], "");
    assert_eq!(events[2]["envelope"]["mail_from"], "");
}

#[test]
fn a_thousand_recipients_are_judged_one_by_one() {
    let daemon = Daemon::start("");
    let mut mta = Mta::connect(daemon.addr);
    mta.mail("<ann@partner.example>");
    for index in 0..1000 {
        let forwarded =
            if index % 2 == 0 { format!(" ORCPT=rfc822;user{}@corp.example", index % 4) } else { String::new() };
        mta.rcpt(&format!("<r{index}@ext.example>{forwarded}"));
    }
    mta.header("From", "dave@corp.example");
    assert_eq!(mta.end_of_message().answer(), b'c');
    // Two forwarders, and those to whom it was simply sent.
    let events = daemon.events(3);
    assert_eq!(events.len(), 3);
    assert!(events.iter().all(|event| event["envelope"]["rcpt_count"] == 1000));
    let forwarders: Vec<_> = events.iter().map(|event| event["forwarder"].clone()).collect();
    assert!(forwarders.contains(&"user0@corp.example".into()) && forwarders.contains(&"user2@corp.example".into()));
}

#[test]
fn more_than_is_read_is_judged_by_what_was_read() {
    let daemon = Daemon::start("[limits]\nheader_fields = 5000\nfield_bytes = 1024\nrecipients = 100\n");
    let mut mta = Mta::connect(daemon.addr);
    let rcpts: Vec<String> =
        (0..200).map(|index| format!("<r{index}@ext.example> ORCPT=rfc822;alice@corp.example")).collect();
    mta.mail("<ann@partner.example>");
    rcpts.iter().for_each(|rcpt| mta.rcpt(rcpt));
    mta.header("References", "x".repeat(60_000));
    for index in 0..10_000 {
        mta.header("X-Filler", format!("{index}"));
    }
    assert_eq!(mta.end_of_message().answer(), b'c');
    let event = &daemon.events(1)[0];
    assert_eq!(event["forwarder"], "alice@corp.example");
    let exceeded: Vec<&str> = event["evidence"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|seen| seen["id"] == "limit.exceeded")
        .map(|seen| seen["value"].as_str().unwrap())
        .collect();
    for what in ["header_fields", "field_length", "recipients"] {
        assert!(exceeded.contains(&what), "{what} is missing in {exceeded:?}");
    }
    daemon.assert_serving();
}

#[test]
fn bytes_that_are_no_text() {
    let daemon = Daemon::start("");
    let mut mta = Mta::connect(daemon.addr);
    mta.mail("<\u{fc}ser@partner.example>");
    mta.send(b'R', b"<x\xff\xfe@ext.example>\0ORCPT=rfc822;alice@corp.example\0");
    mta.header("Subject", b"caf\xe9 \x01\x1b[31m \xff");
    mta.header("X-\u{e9}", b"\x80\x81");
    // A NUL inside a field's body: the packet then has a string too many.
    mta.send(b'L', b"X-Nul\0 a\0b\0");
    mta.header("Message-ID", "<bytes@partner.example>");
    assert_eq!(mta.end_of_message().answer(), b'c');
    let event = &daemon.events(1)[0];
    assert_eq!(event["forwarder"], "alice@corp.example");
    assert_eq!(event["destinations"][0], "x\u{fffd}\u{fffd}@ext.example");
    assert_eq!(event["message_id"], "bytes@partner.example", "what stands behind the bytes was read");
    daemon.assert_serving();
}

#[test]
fn garbage_is_answered_or_cut_and_others_are_served() {
    let daemon = Daemon::start("");
    let bystander = &mut Mta::connect(daemon.addr);
    for garbage in [
        &b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"[..],
        &[0xff; 64],
        &[0, 0, 0, 0],
        &[0x7f, 0xff, 0xff, 0xff, b'L'],
        &[0, 0, 0, 2, b'?', b'x'],
        &[0, 0, 0, 1, b'O'],
        &[0, 0, 0, 5, b'O', 0, 0],
        &[0, 0, 0, 9, b'M', b'<'],
        &[0, 0, 0, 1, b'E'],
    ] {
        use std::io::Write;
        let mut stream = std::net::TcpStream::connect(daemon.addr).unwrap();
        let _ = stream.write_all(garbage);
        // Closed in the middle of whatever it was.
        drop(stream);
        let mut negotiated = Mta::connect(daemon.addr);
        negotiated.mail("<a@partner.example>");
        negotiated.raw(garbage);
        drop(negotiated);
    }
    assert_eq!(send(bystander, ALICE).answer(), b'c');
    daemon.assert_serving();
    assert_eq!(daemon.events(2)[0]["forwarder"], "alice@corp.example");
}

#[test]
fn what_is_no_protocol_is_cut_at_once() {
    let daemon = Daemon::start("");
    for garbage in [
        // A packet of 2 GiB, another protocol, an unknown command, a recipient without its end and one that is not there.
        &[0x7f, 0xff, 0xff, 0xff, b'L'][..],
        b"GET / HTTP/1.1\r\n\r\n",
        &[0, 0, 0, 2, b'?', b'x'],
        &[0, 0, 0, 3, b'R', b'<', b'x'],
        &[0, 0, 0, 1, b'R'],
    ] {
        let mut mta = Mta::connect(daemon.addr);
        mta.mail("<ann@partner.example>");
        mta.raw(garbage);
        assert!(mta.is_closed(), "{garbage:?}");
    }
    daemon.assert_serving();
    assert_eq!(daemon.events(1).len(), 1, "no event of what was never complete");
}

#[test]
fn a_connection_lost_in_mid_message_is_no_message_in_progress() {
    let mut daemon = Daemon::start("[daemon]\ndrain = \"1h\"\n");
    for tail in [&b""[..], &[0, 0, 0, 9, b'L', b'x'], &[0, 0, 0, 2, b'?', b'x'], &[0, 0, 0, 1, b'Q']] {
        // Without silent steps each is answered, so the message is known to have begun.
        let mut mta = Mta::connect_offering(daemon.addr, 6, ALL_EDITS, 0x40);
        mta.mail("<ann@partner.example>");
        mta.rcpt(ALICE);
        mta.raw(tail);
    }
    daemon.signal(nix::sys::signal::Signal::SIGTERM);
    assert_eq!(daemon.wait().code(), Some(0));
    assert!(support::read_events(&daemon.path("events.jsonl")).is_empty());
}

#[test]
fn an_mta_that_offers_nothing_gets_a_reply_to_each_step() {
    let daemon = Daemon::start("");
    // Version 2 of the protocol knows no silent steps; leaving out the end of the header is all that is offered here.
    let mut mta = Mta::connect_offering(daemon.addr, 2, 0x3f, 0x40);
    assert_eq!(mta.steps, 0x40);
    // Every other step of this message waits for its reply.
    assert_eq!(send(&mut mta, ALICE).answer(), b'c');
    assert_eq!(daemon.events(1)[0]["forwarder"], "alice@corp.example");
}

#[test]
fn negotiation_asks_for_silence_and_no_body() {
    let daemon = Daemon::start("");
    let mta = Mta::connect(daemon.addr);
    assert_eq!(
        mta.edits,
        0x1 | 0x4 | 0x8 | 0x10 | 0x20,
        "add header, add and delete recipient, change header, quarantine"
    );
    for (name, bit) in
        [("NODATA", 0x200), ("NOEOH", 0x40), ("NOBODY", 0x10), ("NOUNKNOWN", 0x100), ("HDR_LEADSPC", 0x10_0000)]
    {
        assert_ne!(mta.steps & bit, 0, "{name}");
    }
    for (name, bit) in [("CONN", 0x1000), ("HELO", 0x2000), ("MAIL", 0x4000), ("RCPT", 0x8000), ("HDR", 0x80)] {
        assert_ne!(mta.steps & bit, 0, "NR_{name}");
    }
}

#[test]
fn an_edit_that_is_not_offered_is_never_half_done() {
    for (then, offered, answer) in [
        // No quarantine on offer; on_error is tempfail.
        ("\"tag\", \"quarantine\"", ALL_EDITS & !0x20, b't'),
        // No deletion of recipients on offer.
        ("\"tag\", \"strip\"", ALL_EDITS & !0x8, b't'),
        ("\"tag\"", ALL_EDITS & !0x1, b't'),
    ] {
        let daemon = enforcing(then);
        let mut mta = Mta::connect_offering(daemon.addr, 6, offered, ALL_STEPS);
        mixed(&mut mta);
        let replies = mta.end_of_message();
        assert_eq!(replies.0.len(), 1, "no edit was begun: {replies:?}");
        assert_eq!(replies.answer(), answer);
        let event = &daemon.events(1)[0];
        assert_eq!(event["outcome"], "failure", "{event}");
        assert!(event["error"].as_str().unwrap().contains("does not offer"), "{event}");
        assert_eq!(event["action"], "logged");
        daemon.assert_serving();
    }
}

#[test]
fn what_cannot_be_edited_is_left_to_on_error() {
    for (on_error, edits) in [("accept", &b"c"[..]), ("quarantine", b"qc"), ("tempfail", b"t")] {
        let port = support::free_port();
        let daemon = Daemon::start(&format!(
            "[[listener]]\nname = \"other\"\non_error = \"{on_error}\"\nsocket = \"inet:127.0.0.1:{port}\"\n\
             [policy]\nmode = \"enforce\"\n[[rule]]\nid = \"forwards\"\nwhen = {{ verdict = \"auto_forward\" }}\nthen = [\"strip\"]\n"
        ));
        let addr = ([127, 0, 0, 1], port).into();
        // No deletion of recipients on offer.
        let mut mta = Mta::connect_offering(addr, 6, ALL_EDITS & !0x8, ALL_STEPS);
        mixed(&mut mta);
        let replies = mta.end_of_message();
        assert_eq!(replies.0.iter().map(|(command, _)| *command).collect::<Vec<u8>>(), edits, "{on_error}");
        // On offer, but the MTA would not know the recipient by the only name there is for it here.
        let mut mta = Mta::connect(addr);
        mta.mail("<dave@corp.example>");
        mta.send(b'R', b"<caf\xe9@ext.example>\0ORCPT=rfc822;alice@corp.example\0");
        mta.rcpt("<z@partner.example>");
        mta.header("From", "dave@corp.example");
        let replies = mta.end_of_message();
        assert_eq!(replies.0.iter().map(|(command, _)| *command).collect::<Vec<u8>>(), edits, "{on_error}");
        let failed: Vec<_> = daemon.events(4).into_iter().filter(|event| event["outcome"] == "failure").collect();
        assert!(failed.iter().any(|event| event["error"].as_str().unwrap().contains("does not offer")), "{failed:?}");
        assert!(failed.iter().all(|event| event["on_error"] == on_error && event["action"] == "logged"), "{failed:?}");
        assert!(failed.iter().any(|event| event["error"].as_str().unwrap().contains("is no UTF-8")), "{failed:?}");
    }
}

#[test]
fn the_event_tells_what_on_error_did_not_what_it_was_to_do() {
    let port = support::free_port();
    let daemon = Daemon::start(&format!(
        "[[listener]]\nname = \"other\"\non_error = \"quarantine\"\nsocket = \"inet:127.0.0.1:{port}\"\n\
         [policy]\nmode = \"enforce\"\n[[rule]]\nid = \"forwards\"\nwhen = {{ verdict = \"auto_forward\" }}\nthen = [\"quarantine\"]\n"
    ));
    let mut mta = Mta::connect_offering(([127, 0, 0, 1], port).into(), 6, ALL_EDITS & !0x20, ALL_STEPS);
    assert_eq!(send(&mut mta, ALICE).answer(), b't');
    let event = &daemon.events(1)[0];
    assert_eq!((&event["outcome"], &event["on_error"]), (&"failure".into(), &"tempfail".into()), "{event}");
}

#[test]
fn clients_of_every_family() {
    let daemon = Daemon::start("");
    let clients = [
        (&b"mail\x004\0\x19198.51.100.10\0"[..], Some("198.51.100.10")),
        (b"mail\x006\0\x192001:db8::1\0", Some("2001:db8::1")),
        // As Sendmail writes it.
        (b"mail\x006\0\x19IPv6:2001:db8::1\0", Some("2001:db8::1")),
        (b"mail\0U", None),
        (b"mail\0L\0\0/run/mta.sock\0", None),
    ];
    for (index, (client, ip)) in clients.into_iter().enumerate() {
        let mut mta = Mta::connect_from(daemon.addr, client);
        assert_eq!(send(&mut mta, ALICE).answer(), b'c');
        assert_eq!(daemon.events(index + 1)[index]["client"]["ip"].as_str(), ip);
    }
}

#[test]
fn each_action_as_the_mta_sees_it() {
    let hold = enforcing("\"quarantine\"");
    let replies = send(&mut Mta::connect(hold.addr), ALICE);
    assert_eq!(replies.edits(b'q'), ["forwarden: forwards|"]);
    assert_eq!(replies.answer(), b'c');
    assert_eq!(hold.events(1)[0]["action"], "quarantined");

    let strip = enforcing("\"strip\"");
    let mut mta = Mta::connect(strip.addr);
    mixed(&mut mta);
    let replies = mta.end_of_message();
    assert_eq!(replies.edits(b'-'), ["<x@ext.example>|"]);
    assert_eq!(strip.events(2)[0]["action"], "stripped");

    let reject =
        enforcing("{ reject = { code = 554, enhanced = \"5.7.7\", text = \"{forwarder} to {destination}: {rule}\" } }");
    let replies = send(&mut Mta::connect(reject.addr), ALICE);
    assert_eq!(replies.edits(b'y'), ["554 5.7.7 alice@corp.example to x@ext.example: forwards|"]);
    assert_eq!(reject.events(1)[0]["action"], "rejected");

    // A `%` is doubled: MTAs read the text as a format.
    let percent = enforcing("{ reject = { text = \"100% no: {destination}\" } }");
    let replies = send(&mut Mta::connect(percent.addr), "<x%y@ext.example> ORCPT=rfc822;alice@corp.example");
    assert_eq!(replies.edits(b'y'), ["550 5.7.1 100%% no: x%%y@ext.example|"]);

    // What senders write is not filled in again, and stays one line of a reply.
    let once = enforcing("{ reject = { text = \"{destination} by {rule}\" } }");
    let replies = send(&mut Mta::connect(once.addr), "<{rule}{forwarder}@ext.example> ORCPT=rfc822;alice@corp.example");
    assert_eq!(replies.edits(b'y'), ["550 5.7.1 {rule}{forwarder}@ext.example by forwards|"]);

    let tempfail = enforcing("\"tempfail\"");
    let replies = send(&mut Mta::connect(tempfail.addr), ALICE);
    assert_eq!(replies.edits(b'y'), ["451 4.7.1 Try again later|"]);

    let discard = enforcing("\"discard\"");
    assert_eq!(send(&mut Mta::connect(discard.addr), ALICE).answer(), b'd');
    assert_eq!(discard.events(1)[0]["action"], "discarded");
}

/// Recipients over the limit are passed on unjudged: a whole-message action must not take them along.
#[test]
fn recipients_over_the_limit_are_not_dropped_with_the_rest() {
    for (then, edit) in [("\"discard\"", b'-'), ("\"reject\"", b'-'), ("\"strip\"", b'-')] {
        let daemon = Daemon::start(&format!(
            "[limits]\nrecipients = 100\n[policy]\nmode = \"enforce\"\n[[rule]]\nid = \"forwards\"\nwhen = {{ verdict = [\"auto_forward\"] }}\nthen = [{then}]\n"
        ));
        let mut mta = Mta::connect(daemon.addr);
        mta.mail("<ann@partner.example>");
        (0..100).for_each(|index| mta.rcpt(&format!("<r{index}@ext.example> ORCPT=rfc822;alice@corp.example")));
        mta.rcpt("<bob@corp.example>");
        mta.header("From", "ann@partner.example");
        let replies = mta.end_of_message();
        assert_eq!(replies.answer(), b'c', "{then}");
        assert_eq!(replies.edits(edit).len(), 100, "{then}: those that were judged are taken out");
    }
}

#[test]
fn a_tag_is_ours_alone() {
    let daemon = enforcing("\"tag\"");
    let mut mta = Mta::connect(daemon.addr);
    let (from, rcpt, headers) = forward(ALICE);
    mta.mail(from);
    mta.rcpt(rcpt[0]);
    mta.header("X-Forwarden", "ordinary; forged");
    headers.iter().for_each(|(name, body)| mta.header(name, body));
    mta.header("x-forwarden", "forged again");
    let replies = mta.end_of_message();
    // Deleted last first, so that the count of the others stays right: `index|name|`, empty body.
    let deleted: Vec<(u32, String)> = replies
        .0
        .iter()
        .filter(|(command, _)| *command == b'm')
        .map(|(_, payload)| {
            let index = u32::from_be_bytes(payload[..4].try_into().unwrap());
            (index, String::from_utf8_lossy(&payload[4..]).replace('\0', "|"))
        })
        .collect();
    assert_eq!(deleted, [(2, "x-forwarden||".to_owned()), (1, "X-Forwarden||".to_owned())]);
    let inserted: Vec<String> = replies
        .0
        .iter()
        .filter(|(command, _)| *command == b'i')
        .map(|(_, payload)| {
            assert_eq!(payload[..4], [0; 4], "inserted at the top");
            String::from_utf8_lossy(&payload[4..]).replace('\0', "|")
        })
        .collect();
    assert_eq!(inserted.len(), 2);
    assert!(inserted[1].starts_with("X-Forwarden| auto_forward; confidence="), "{}", inserted[1]);
    assert!(inserted[1].contains("; forwarder=alice@corp.example; destination=x@ext.example; rule=forwards|"));
    assert!(inserted[0].starts_with("X-Forwarden-Evidence| "), "{}", inserted[0]);
}

#[test]
fn a_mailbox_of_ours_gets_it_instead_or_as_well() {
    let redirect = "{ redirect = \"security@corp.example\" }";
    let copy = "{ copy = \"security@corp.example\" }";
    for (then, edits, done) in [
        (redirect.to_owned(), &b"-i+c"[..], "redirected"),
        (copy.to_owned(), b"+c", "copied"),
        (format!("\"strip\", {copy}"), b"-+c", "stripped"),
        (format!("\"quarantine\", {copy}"), b"+qc", "quarantined"),
    ] {
        let daemon = enforcing(&then);
        // Alone, so that nobody else would be left.
        let replies = send(&mut Mta::connect(daemon.addr), ALICE);
        assert_eq!(replies.0.iter().map(|(command, _)| *command).collect::<Vec<u8>>(), edits, "{then}");
        assert_eq!(replies.edits(b'+'), ["<security@corp.example>|"]);
        assert_eq!(daemon.events(1)[0]["action"], done);
        // Who has it already does not get it twice.
        let mut mta = Mta::connect(daemon.addr);
        mta.message("<ann@partner.example>", &[ALICE, "<Security@CORP.example>"], &[("From", "ann@partner.example")]);
        assert!(mta.end_of_message().edits(b'+').is_empty(), "{then}");
        // Not on offer: nothing is begun.
        let mut mta = Mta::connect_offering(daemon.addr, 6, ALL_EDITS & !0x4, ALL_STEPS);
        let replies = send(&mut mta, ALICE);
        assert_eq!((replies.0.len(), replies.answer()), (1, b't'), "{then}");
    }
    let daemon = enforcing(redirect);
    let replies = send(&mut Mta::connect(daemon.addr), ALICE);
    assert!(replies.edits(b'i')[0].ends_with("X-Forwarden-Recipient| x@ext.example|"), "{replies:?}");
}

#[test]
fn a_thousand_tagged_recipients_are_a_handful_of_fields() {
    for (forwarders, fields) in [(1, 2), (3, 6), (1000, 16)] {
        let daemon = enforcing("\"tag\"");
        let mut mta = Mta::connect(daemon.addr);
        mta.mail("<ann@partner.example>");
        for index in 0..1000 {
            mta.rcpt(&format!("<r{index}@ext.example> ORCPT=rfc822;user{}@corp.example", index % forwarders));
        }
        mta.header("From", "ann@partner.example");
        let replies = mta.end_of_message();
        let inserted = replies.edits(b'i');
        assert_eq!(inserted.len(), fields, "{forwarders} forwarders");
        assert!(inserted.iter().all(|field| field.len() < 998), "{inserted:?}");
        let first = inserted.last().unwrap();
        assert!(first.contains("; forwarder=user0@corp.example; destination=r0@ext.example"), "{first}");
        match forwarders {
            1000 => assert!(first.ends_with("; rule=forwards; not_shown=992|"), "{first}"),
            _ => assert!(first.contains(" more; rule=forwards|"), "{first}"),
        }
    }
}

#[test]
fn forged_fields_leave_with_any_edit_and_only_then() {
    for (then, edits) in [("\"strip\"", &b"m-c"[..]), ("\"quarantine\"", b"mqc"), ("\"log\"", b"c")] {
        let daemon = enforcing(then);
        let mut mta = Mta::connect(daemon.addr);
        mixed(&mut mta);
        mta.header("X-Forwarden", "ordinary; forged");
        let replies = mta.end_of_message();
        assert_eq!(replies.0.iter().map(|(command, _)| *command).collect::<Vec<u8>>(), edits, "{then}");
    }
}

#[test]
fn an_observer_cannot_edit() {
    let port = support::free_port();
    let daemon = Daemon::start(&format!(
        "[[listener]]\nname = \"watch\"\nrole = \"observe\"\nsocket = \"inet:127.0.0.1:{port}\"\n\
         [policy]\nmode = \"enforce\"\n[[rule]]\nid = \"forwards\"\nthen = [\"tag\", \"quarantine\"]\n"
    ));
    let mut mta = Mta::connect(([127, 0, 0, 1], port).into());
    assert_eq!(mta.edits, 0);
    let replies = send(&mut mta, ALICE);
    assert_eq!(replies.0.len(), 1);
    assert_eq!(replies.answer(), b'c');
    let event = &daemon.events(1)[0];
    assert_eq!(event["mode"], "observe");
    assert_eq!(event["action"], "logged");
    assert_eq!(event["would"][0], "quarantined");
    assert_eq!(event["listener"], "watch");
}

/// A prefix before the subject, octet by octet as it came, and fields of the administrator's own in the place of forged ones.
#[test]
fn a_tag_with_words_of_one_s_own() {
    let daemon = enforcing(
        r#"{ tag = { subject = "[forwarded]", fields = { "X-Corp-Forward" = "{forwarder} to {destination} by {rule}, {mechanism} {confidence}" } } }"#,
    );
    let mut mta = Mta::connect(daemon.addr);
    let headers = [
        ("From", "Ann <ann@partner.example>"),
        ("X-CORP-Forward", "forged"),
        ("Subject", "=?utf-8?q?B=C3=BCro?="),
        ("To", "alice@corp.example"),
    ];
    mta.message("<ann@partner.example>", &[ALICE, "<y@ext.example> ORCPT=rfc822;alice@corp.example"], &headers);
    let replies = mta.end_of_message();
    let changed = replies.edits(b'm');
    assert!(changed.iter().any(|edit| edit.ends_with("Subject| [forwarded] =?utf-8?q?B=C3=BCro?=|")), "{changed:?}");
    assert!(changed.iter().any(|edit| edit.ends_with("X-CORP-Forward||")), "{changed:?}");
    let added = replies.edits(b'i');
    for to in ["x", "y"] {
        let expected =
            format!("X-Corp-Forward| alice@corp.example to {to}@ext.example by forwards, mta_forward 1.000|");
        assert!(added.iter().any(|edit| edit.ends_with(&expected)), "{expected}: {added:?}");
    }
    // It stands there already: nothing is put before it again.
    let again = [("From", "ann@partner.example"), ("Subject", "[forwarded] x")];
    mta.message("<ann@partner.example>", &[ALICE], &again);
    assert!(mta.end_of_message().edits(b'm').is_empty());
}
