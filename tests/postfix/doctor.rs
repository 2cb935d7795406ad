//! `forwarden doctor` looks at running servers, and is right: mail that it says passes the hop by passes it by.

use crate::lab::{Layout, Server};
use crate::site::{Setup, Site};
use serde_json::Value;
use std::process::Command;

fn findings(site: &Site) -> Vec<Value> {
    let output = Command::new(env!("CARGO_BIN_EXE_forwarden"))
        .args(["doctor", "--format", "json", "--config"])
        .arg(site.file("forwarden.toml"))
        .args(["--postfix-config", site.lab.config(Server::Inner), "--postfix-config", site.lab.config(Server::Hop)])
        .output()
        .expect("the doctor");
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    let text = String::from_utf8(output.stdout).expect("text");
    text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
}

fn passes_by(layout: Layout) {
    let Some(site) = Site::up(Setup { layout, observer: true, ..Setup::default() }) else { return };
    assert_eq!(findings(&site), Vec::<Value>::new());
    site.ann_writes_to("alice@corp.example", "seen");
    site.arrives_at("alice@freemail.example");
    site.event_for("alice@freemail.example");

    // A route of its own for the domain to which alice forwards, straight to the outside.
    let outside = site.lab.outside();
    site.lab.set(Server::Inner, &format!("transport_maps = inline:{{{{freemail.example = relay:{outside}}}}}"));
    let found = findings(&site);
    let [finding] = found.as_slice() else { panic!("{found:#?}") };
    assert_eq!(
        (&finding["id"], &finding["at"]),
        (&"route.transport".into(), &"transport_maps, freemail.example".into())
    );
    site.ann_writes_to("alice@corp.example", "unseen");
    crate::wait::wait_until("it has left", || site.arrived_at("alice@freemail.example").len() == 2);
    site.queues_run_empty();
    assert_eq!(site.events_for("alice@freemail.example").len(), 1, "the doctor is right: nobody saw it");

    let entry = finding["change"][0].as_str().expect("an entry").replacen(' ', " = ", 1);
    site.lab.set(Server::Inner, &format!("transport_maps = inline:{{{{{entry}}}}}"));
    assert_eq!(findings(&site), Vec::<Value>::new());
    site.ann_writes_to("alice@corp.example", "seen-again");
    crate::wait::wait_until("it is seen again", || site.events_for("alice@freemail.example").len() == 2);
}

#[test]
fn what_it_says_passes_by_passes_by_in_layout_b() {
    passes_by(Layout::B);
}

#[test]
fn what_it_says_passes_by_passes_by_in_layout_a() {
    passes_by(Layout::A);
}

/// A relayhost by sender counts where default_transport has no next hop, and only there.
#[test]
fn what_it_says_of_relayhosts_by_sender_is_so() {
    let Some(site) = Site::up(Setup { layout: Layout::B, ..Setup::default() }) else { return };
    let outside = site.lab.outside();
    site.lab.set(
        Server::Inner,
        &format!("sender_dependent_relayhost_maps = inline:{{{{ann@partner.example = {outside}}}}}"),
    );
    let found = findings(&site);
    assert_eq!(found.iter().map(|finding| &finding["id"]).collect::<Vec<_>>(), ["route.sender"], "{found:#?}");
    site.ann_writes_to("alice@corp.example", "unseen");
    site.arrives_at("alice@freemail.example");
    site.queues_run_empty();
    assert_eq!(site.events_for("alice@freemail.example").len(), 0);

    let hop = site.lab.address(Server::Hop);
    site.lab.set(Server::Inner, &format!("default_transport = smtp:[{}]:{}", hop.ip(), hop.port()));
    assert_eq!(findings(&site), Vec::<Value>::new());
    site.ann_writes_to("alice@corp.example", "seen");
    site.event_for("alice@freemail.example");
}

fn canaries(site: &Site, more: &[&str]) -> (Option<i32>, String) {
    let server = site.lab.address(Server::Inner).to_string();
    let output = Command::new(env!("CARGO_BIN_EXE_forwarden"))
        .args(["doctor", "--canary-server", &server, "--config"])
        .arg(site.file("forwarden.toml"))
        .args(["--postfix-config", site.lab.config(Server::Inner), "--postfix-config", site.lab.config(Server::Hop)])
        .args(more)
        .output()
        .expect("the doctor");
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    (output.status.code(), String::from_utf8(output.stdout).expect("text"))
}

/// Canaries fly through `.forward`, an alias and a virtual alias; one that passes the hop by is missed.
#[test]
fn canaries_tell_which_listener_sees_them() {
    let Some(site) = Site::up(Setup { layout: Layout::B, ..Setup::default() }) else { return };
    let mailboxes = ["alice@corp.example", "bob@corp.example", "carol@corp.example"];
    let arguments: Vec<&str> = mailboxes.iter().flat_map(|mailbox| ["--canary", mailbox]).collect();
    // Far longer than it takes: the doctor goes on as soon as all were seen.
    let (status, said) = canaries(&site, &[&arguments[..], &["--canary-wait", "10m"]].concat());
    assert_eq!(status, Some(0), "{said}");
    for (mailbox, destination) in
        mailboxes.iter().zip(["alice@freemail.example", "bob@ext.example", "carol@freemail.example"])
    {
        let line = format!("canary {mailbox}: outbound saw it: auto_forward of {mailbox} to {destination}");
        assert!(said.split_whitespace().collect::<Vec<_>>().join(" ").contains(&line), "{line} is not in {said}");
    }

    let outside = site.lab.outside();
    site.lab.set(Server::Inner, &format!("transport_maps = inline:{{{{freemail.example = relay:{outside}}}}}"));
    let (status, said) =
        canaries(&site, &["--canary", "alice@corp.example", "--canary-wait", "1s", "--format", "json"]);
    assert_eq!(status, Some(1), "{said}");
    let told: Value = serde_json::from_str(said.lines().last().expect("a line")).expect("JSON");
    assert_eq!(told["canary"], "alice@corp.example");
    assert_eq!(told["seen"], serde_json::json!([]), "{told:#}");
    let mark = told["message_id"].as_str().expect("a mark");
    crate::wait::wait_until("it arrives outside, unseen", || {
        site.arrived_at("alice@freemail.example").iter().any(|arrived| arrived.text().contains(mark))
    });
}
