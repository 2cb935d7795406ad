//! Google SecOps with the key of a service account: tokens are asked for with what is signed by it, kept, and renewed.

use crate::google::new_key;
use crate::http_server::Server;
use crate::site::{arrived, daemon, send, wait_until, written};
use crate::support::Daemon;
use crate::syslog_server::Identity;
use crate::wrong::Certificates;
use std::path::Path;
use std::process::Command;

const PATH: &str = "/v1beta/projects/p/locations/us/instances/i/events:import";

struct Site {
    folder: tempfile::TempDir,
    server: Server,
    daemon: Daemon,
}

impl Site {
    fn start() -> Self {
        let (folder, server) = (tempfile::tempdir().unwrap(), Server::start(&[]));
        let public = new_key(&folder.path().join("google.json"), &server.token_uri());
        server.google(|google| (google.public, google.expires_in) = (Some(public), 3_599));
        let daemon = daemon(&format!(
            "[[output]]\nname = \"secops\"\nformat = \"udm\"\nto = \"http://{}{PATH}\"\nlinger = \"50ms\"\n\
             oauth_key_file = \"{}/google.json\"\n",
            server.addr,
            folder.path().display()
        ));
        Self { folder, server, daemon }
    }

    /// Sends so many and waits until all have arrived; `all` is how many there are now.
    fn all_arrive(&self, count: usize, all: usize) {
        send(&self.daemon, count);
        let wanted = written(&self.daemon, all);
        let got = arrived(&self.daemon, &wanted, || self.server.ids());
        assert!(got.len() == all && got.values().all(|count| *count == 1), "{got:?}");
        assert_eq!(self.server.wrong(), Vec::<String>::new());
    }

    fn given(&self) -> usize {
        self.server.google(|google| google.given)
    }

    fn status(&self) -> String {
        let mut command = Command::new(env!("CARGO_BIN_EXE_forwarden"));
        command.args(["spool", "status", "--config"]).arg(self.daemon.path("forwarden.toml"));
        String::from_utf8(command.output().unwrap().stdout).unwrap().replace("\n ", "")
    }
}

#[test]
fn a_token_is_kept_until_it_ends_and_renewed_when_it_is_refused() {
    let site = Site::start();
    site.all_arrive(10, 10);
    site.all_arrive(10, 20);
    assert_eq!(site.given(), 1, "a token that is good is used again");
    // Taken back: the next answer is 401, and events do not wait for it.
    site.server.google(|google| google.token.clear());
    site.all_arrive(10, 30);
    assert_eq!(site.given(), 2);
    // The key was replaced, and the old one is no longer known: no restart is needed.
    let public = new_key(&site.folder.path().join("google.json"), &site.server.token_uri());
    site.server.google(|google| {
        google.public = Some(public);
        google.token.clear();
        google.expires_in = 60;
    });
    site.all_arrive(10, 40);
    assert_eq!(site.given(), 3);
    // One that ends soon is not kept.
    site.all_arrive(1, 41);
    assert_eq!(site.given(), 4);
    let key = std::fs::read_to_string(site.folder.path().join("google.json")).unwrap();
    let key: serde_json::Value = serde_json::from_str(&key).unwrap();
    let secret = key["private_key"].as_str().unwrap().lines().nth(1).unwrap();
    assert!(!site.daemon.log().contains(secret) && !site.daemon.log().contains("ya29"));
}

/// A key that was deleted there, and a file that is no key any more: events wait, and it is said why.
#[test]
fn a_wrong_key_holds_events_back() {
    let site = Site::start();
    let good = std::fs::read(site.folder.path().join("google.json")).unwrap();
    new_key(&site.folder.path().join("google.json"), &site.server.token_uri());
    send(&site.daemon, 3);
    written(&site.daemon, 3);
    let why = "invalid_grant: it does not know the account or its key any more";
    wait_until(|| site.daemon.log(), "the reason", || site.status().contains(why));
    assert!(site.status().contains(" held ") && !site.status().contains("host's clock"), "{}", site.status());
    assert_eq!((site.given(), site.server.ids().len()), (0, 0));
    let test = || {
        let mut command = Command::new(env!("CARGO_BIN_EXE_forwarden"));
        command.args(["outputs", "test", "secops", "--config"]).arg(site.daemon.path("forwarden.toml"));
        let output = command.output().unwrap();
        (output.status.success(), String::from_utf8(output.stdout).unwrap() + &String::from_utf8_lossy(&output.stderr))
    };
    std::fs::write(site.folder.path().join("google.json"), "{\"type\": \"service_account\", \"private_key\": \"s3cret")
        .unwrap();
    let (taken, said) = test();
    assert!(!taken && said.contains("no key of a service account") && !said.contains("s3cret"), "{said}");
    std::fs::write(site.folder.path().join("google.json"), good).unwrap();
    let (taken, said) = test();
    assert!(taken && said.contains("was taken"), "{said}");
}

/// Tokens and events over TLS: who gives tokens is known to this system's authorities, as Google is.
#[test]
fn tokens_are_asked_for_over_tls() {
    let certificates = Certificates::new("Test authority");
    let own = certificates.sign("localhost");
    let server = Server::start_tls(&Identity { own: &own, clients: None });
    let folder = tempfile::tempdir().unwrap();
    let public = new_key(&folder.path().join("google.json"), &server.token_uri());
    server.google(|google| (google.public, google.expires_in) = (Some(public), 3_599));
    let config = format!(
        "[organization]\ndomains = [\"corp.example\"]\n[[listener]]\nsocket = \"inet:127.0.0.1:8891\"\n[spool]\n\
         [[output]]\nname = \"secops\"\nformat = \"udm\"\nto = \"https://localhost:{}{PATH}\"\n{}\n\
         oauth_key_file = \"{}/google.json\"\n",
        server.addr.port(),
        certificates.trust(),
        folder.path().display()
    );
    let file = folder.path().join("forwarden.toml");
    std::fs::write(&file, config).unwrap();
    let test = |authorities: &Path| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_forwarden"));
        command.args(["outputs", "test", "secops", "--config"]).arg(&file).env("SSL_CERT_FILE", authorities);
        let output = command.output().unwrap();
        (output.status.success(), String::from_utf8(output.stdout).unwrap() + &String::from_utf8_lossy(&output.stderr))
    };
    let (taken, said) = test(&certificates.ca);
    assert!(taken && said.contains("was taken") && server.ids().len() == 1, "{said}");
    // A stranger gets neither the assertion nor events.
    let stranger = Certificates::new("Another authority");
    let (taken, said) = test(&stranger.ca);
    assert!(!taken && said.contains("that this system does not trust"), "{said}");
    assert_eq!((server.google(|google| google.given), server.ids().len()), (1, 1));
}

/// A clock that is a minute ahead makes no difference, one that is far ahead is spoken of.
#[test]
fn clocks_may_differ_a_little() {
    let site = Site::start();
    site.server.google(|google| google.ahead = -50);
    site.all_arrive(3, 3);
    site.server.google(|google| {
        google.ahead = 500;
        google.token.clear();
    });
    site.all_arrive(3, 6);
    site.server.google(|google| {
        google.ahead = -720;
        google.token.clear();
    });
    send(&site.daemon, 3);
    let why = "this host's clock is 72";
    wait_until(|| site.daemon.log(), "the reason", || site.status().contains(why));
    assert!(site.status().contains("s ahead of that of the server"), "{}", site.status());
}
