//! Forwards that are known by what came in: an observer at the front door, the milter at the hop, and in between a Sieve
//! redirect, a filter that hides every trace, and a script that fetches mail over IMAP and sends it again.

use crate::dovecot::Dovecot;
use crate::lab::Server;
use crate::mail::mail;
use crate::site::{Setup, Site};
use crate::strip;
use crate::wait::wait_for;
use serde_json::Value;

/// Long enough to be somebody's, not everybody's.
const TEXT: &str = "The delivery is planned for next week, and the invoice follows separately, as agreed on the phone.\r\n\
                    Please tell the warehouse that the second pallet is fragile and must not be stacked.\r\n";

const STATE: &str = "[policy]\nmode = \"observe\"\n\n[state]\ndirectory = \"@DIR@/state\"\ntext = true\n";

fn site() -> Option<Site> {
    Site::up(Setup { observer: true, policy: STATE, ..Setup::default() })
}

fn ann_writes(site: &Site, user: &str) {
    let recipient = format!("{user}@corp.example");
    let header = mail(&format!("to-{user}"), "ann@partner.example", &recipient, "");
    let header = String::from_utf8(header).expect("text").replace("Hello.\r\n", "");
    site.ann_sends(&recipient, format!("{header}{TEXT}").as_bytes());
}

/// The event of what left; it must name the forwarder, and be sure because of what came in.
#[track_caller]
fn assert_known(site: &Site, destination: &str, forwarder: &str, evidence: &str) -> Value {
    let event = wait_for(&format!("what left for {destination}"), || {
        site.events_for(destination).into_iter().find(|event| event["listener"] == "outbound")
    });
    assert_eq!(event["verdict"], "auto_forward", "{event:#}");
    assert_eq!(event["forwarder"], forwarder, "{event:#}");
    let ids: Vec<&str> =
        event["evidence"].as_array().expect("evidence").iter().filter_map(|row| row["id"].as_str()).collect();
    assert!(ids.contains(&evidence), "{ids:?}: {event:#}");
    event
}

#[test]
fn a_sieve_redirect() {
    let Some(site) = site() else { return };
    let dovecot = Dovecot::start(&site.file(""), &site.lab, &["grace"]);
    dovecot.sieve("grace", "require [\"copy\"];\nredirect :copy \"grace@freemail.example\";\n");
    ann_writes(&site, "grace");
    site.arrives_at("grace@freemail.example");
    let event = assert_known(&site, "grace@freemail.example", "grace@corp.example", "correlation.message_id");
    assert_eq!(event["mechanism"], "sieve_redirect", "{event:#}");
}

#[test]
fn a_forward_of_which_every_trace_was_taken_away() {
    let Some(site) = site() else { return };
    let filter = strip::start(site.lab.address(Server::Hop));
    site.lab.set(Server::Inner, &format!("relayhost=[127.0.0.1]:{}", filter.port()));
    // The same filter carries what dave writes himself.
    site.dave_writes_to("zoe@partner.example", "own");
    ann_writes(&site, "heidi");
    let arrived = site.arrives_at("heidi@stripped.example");
    // The hop's own line is all that is left.
    assert!(arrived.fields("Delivered-To").is_empty() && arrived.fields("Received").len() == 1, "{}", arrived.text());
    assert_known(&site, "heidi@stripped.example", "heidi@corp.example", "correlation.message_id");
    site.arrives_at("zoe@partner.example");
    let own = wait_for("dave's mail", || {
        site.events_for("zoe@partner.example").into_iter().find(|event| event["listener"] == "outbound")
    });
    assert_eq!(own["verdict"], "ordinary", "{own:#}");
}

#[test]
fn a_script_that_fetches_and_sends_again() {
    let Some(site) = site() else { return };
    let dovecot = Dovecot::start(&site.file(""), &site.lab, &["ivan"]);
    ann_writes(&site, "ivan");
    let text = wait_for("mail in ivan's INBOX", || dovecot.fetch_text("ivan").expect("IMAP"));
    // A message of its own: nothing of the header is left, and the words are the same.
    let header = mail("fetched", "ivan@corp.example", "ivan@freemail.example", "");
    let header = String::from_utf8(header).expect("text").replace("Hello.\r\n", "");
    let message = [header.into_bytes(), text].concat();
    let mut session = site.lab.session(Server::Inner);
    let reply = session.send("<ivan@corp.example>", &["<ivan@freemail.example>"], &message).expect("a reply");
    assert_eq!(reply.code, 250, "{}", reply.text);
    site.arrives_at("ivan@freemail.example");
    assert_known(&site, "ivan@freemail.example", "ivan@corp.example", "correlation.text");
}
