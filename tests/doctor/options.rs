//! The command itself: what it prints, what it takes, and what it says when it cannot look.

use crate::site::{Site, available};
use std::process::Command;

fn forwarden(args: &[&str]) -> (i32, String, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_forwarden")).args(args).output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

#[test]
fn text_for_people() {
    if !available() {
        return;
    }
    let site = Site::b();
    site.add("inner", "main.cf", "transport_maps = inline:{{partner.example = smtp:[mx.partner.example]}}\n");
    site.add("out", "main.cf", "smtpd_discard_ehlo_keywords = dsn\n");
    let output = site.look(&[]);
    let said = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(1), "{said}");
    for wanted in [
        "transport_maps, partner.example",
        "    is: smtp:[mx.partner.example] [route.transport]\n",
        "    > partner.example smtp:[127.0.0.1]:10040\n",
        "    > smtpd_discard_ehlo_keywords =\n",
        "what leaves passes the milter",
        "\n2 errors\n",
    ] {
        assert!(said.contains(wanted), "{wanted:?} is not in\n{said}");
    }
    let long: Vec<&str> = said.lines().filter(|line| line.chars().count() > 100 && line.contains(' ')).collect();
    assert!(long.is_empty(), "{long:#?}");
}

/// What stands in a configuration may be anybody's: a terminal is safe from it.
#[test]
fn a_terminal_is_safe() {
    if !available() {
        return;
    }
    let site = Site::b();
    site.add("inner", "main.cf", "transport_maps = texthash:@DIR@/transport\n");
    site.add("inner", "transport", "evil\u{1b}[2Jx.example smtp:[mx\u{202e}.example]\n");
    for format in ["text", "json"] {
        let said = String::from_utf8(site.look(&["--format", format]).stdout).unwrap();
        assert!(said.contains("route.transport"), "{said}");
        assert!(!said.contains(['\u{1b}', '\u{202e}']), "{said:?}");
    }
}

#[test]
fn what_cannot_be_looked_at() {
    if !available() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("forwarden.toml");
    std::fs::copy(concat!(env!("CARGO_MANIFEST_DIR"), "/conf/minimal.toml"), &config).unwrap();
    let config = config.to_str().unwrap();
    let nowhere = folder.path().join("nowhere");
    let (status, out, err) = forwarden(&["doctor", "--config", config, "--postfix-config", nowhere.to_str().unwrap()]);
    assert_eq!((status, out.as_str()), (1, ""));
    assert!(err.contains("nowhere/main.cf"), "{err}");
    let (status, _, err) = forwarden(&["doctor", "--config", nowhere.to_str().unwrap()]);
    assert_eq!(status, 1, "{err}");
    let (status, _, err) = forwarden(&["doctor", "--hop", "[x", "--config", config]);
    assert_eq!(status, 2);
    assert!(err.contains("write [192.0.2.25]:10040"), "{err}");
    // References in a circle: Postfix itself gives up.
    std::fs::write(folder.path().join("main.cf"), "a = $b\nb = $a\ndefault_transport = $a\n").unwrap();
    std::fs::write(folder.path().join("master.cf"), "").unwrap();
    let (status, _, err) =
        forwarden(&["doctor", "--config", config, "--postfix-config", folder.path().to_str().unwrap()]);
    assert_eq!(status, 1);
    assert!(err.contains("nesting"), "{err}");
}

#[test]
fn canaries_that_cannot_fly() {
    if !available() {
        return;
    }
    let site = Site::b();
    for wrong in ["nobody", "x@corp.example>\r\nDATA", "<x@corp.example>"] {
        let output = site.look(&["--canary", wrong]);
        assert_eq!(output.status.code(), Some(2), "{wrong}");
        assert!(String::from_utf8_lossy(&output.stderr).contains("write a mailbox"), "{wrong}");
    }
    // Nobody is at that port.
    let server = format!("127.0.0.1:{}", crate::support::free_port());
    let output = site.look(&["--canary", "test@corp.example", "--canary-server", &server, "--canary-wait", "1s"]);
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(said.contains(&format!("{server}: canary for test@corp.example: ")), "{said}");
}
