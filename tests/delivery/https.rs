//! The same over TLS: HTTP to a receiver that is who it should be, or is not.

use crate::http_server::Server;
use crate::site::{arrived, daemon, send, written};
use crate::support::Daemon;
use crate::syslog_server::Identity;
use crate::wrong::{Certificates, Receiver, client, is_refused};
use std::collections::BTreeMap;

impl Receiver for Server {
    fn ids(&self) -> BTreeMap<String, usize> {
        Self::ids(self)
    }

    fn become_(&mut self, identity: &Identity<'_>) {
        self.show(identity);
    }

    fn speaks(&self) -> bool {
        true
    }
}

fn sender(server: &Server, keys: &str) -> Daemon {
    let to = format!("to = \"https://localhost:{}/lines\"", server.addr.port());
    daemon(&format!("[[output]]\nname = \"siem\"\nlinger = \"50ms\"\n{to}\n{keys}\n"))
}

#[test]
fn a_receiver_is_recognised() {
    let certificates = Certificates::new("Test authority");
    let (own, us) = (certificates.sign("localhost"), certificates.sign("mx1.corp.example"));
    let trust = certificates.trust();
    for (strict, keys) in [
        (false, trust.clone()),
        (false, format!("tls_fingerprint = \"{}\"", own.fingerprint)),
        (true, format!("{trust}\n{}", client(&us))),
    ] {
        let clients = strict.then_some(certificates.ca.as_path());
        let server = Server::start_tls(&Identity { own: &own, clients });
        let daemon = sender(&server, &keys);
        send(&daemon, 20);
        let wanted = written(&daemon, 20);
        let got = arrived(&daemon, &wanted, || server.ids());
        assert!(got.values().all(|count| *count == 1), "{got:?}");
    }
}

#[test]
fn a_receiver_is_refused_until_it_is_put_right() {
    is_refused(|identity, keys| {
        let server = Server::start_tls(identity);
        let daemon = sender(&server, keys);
        Some((server, daemon))
    });
}
