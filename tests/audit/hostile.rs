//! Trees that somebody made to mislead whoever looks at them.

use crate::tree::{Tree, notes};
use nix::sys::stat::Mode;
use nix::unistd::{Gid, Uid, geteuid, mkfifo};
use std::fs::File;
use std::os::unix::fs::{PermissionsExt, chown};

#[test]
fn no_link_leads_out_of_the_root() {
    let tree = Tree::new();
    let outside = tempfile::tempdir().unwrap();
    std::fs::write(outside.path().join("secret"), "secret@ext.example\n").unwrap();
    let outside = outside.path().to_str().unwrap();
    tree.link("/home/alice/.forward", format!("{outside}/secret"));
    tree.link("/home/bob/.forward", format!("../../../../../../../../../../..{outside}/secret"));
    tree.link("/home/carol/.qmail", "/home/carol/.qmail");
    tree.link("/home/carol/sieve", outside);
    // What is below the root is followed, absolute or not, as a process confined to it would.
    tree.file("/home/carol/mail/forward", "carol@ext.example\n");
    tree.link("/home/carol/.forward", "/home/carol/mail/forward");
    tree.file("/srv/aliases", "x: x@ext.example\n");
    tree.link("/etc/aliases", "../../../srv/./aliases");
    let found = tree.audit(&[]);
    assert_eq!(
        found.rules(),
        ["forward carol carol@ext.example moves /home/carol/.forward:1", "alias x x@ext.example moves /etc/aliases:1",]
    );
    assert_eq!(
        found.problems(),
        [
            "/home/alice/.forward: is a link that leads nowhere below the root",
            "/home/bob/.forward: is a link that leads nowhere below the root",
            "/home/carol/.qmail: is a link that leads in a circle",
            "/home/carol/sieve: is a link that leads nowhere below the root",
        ]
    );
    assert_eq!(found.status, 1);
}

#[test]
fn what_is_no_file_or_too_large_is_named_and_passed_over() {
    let tree = Tree::new();
    mkfifo(&tree.path("/home/alice/.forward"), Mode::from_bits_truncate(0o644)).unwrap();
    std::fs::create_dir(tree.path("/home/bob/.forward")).unwrap();
    File::create(tree.path("/home/carol/.forward")).unwrap().set_len(1 << 30).unwrap();
    File::create(tree.file("/etc/aliases", "")).unwrap().set_len(1 << 30).unwrap();
    tree.link("/home/carol/.qmail", "/dev/zero");
    tree.file("/home/bob/.qmail", "bob@ext.example\n");
    let found = tree.audit(&[]);
    assert_eq!(found.rules(), ["qmail bob bob@ext.example moves /home/bob/.qmail:1"]);
    assert_eq!(
        found.problems(),
        [
            "/etc/aliases: has 1073741824 octets; files of up to 67108864 are read",
            "/home/alice/.forward: is no regular file: not opened",
            "/home/bob/.forward: is a folder",
            "/home/carol/.forward: has 1073741824 octets; files of up to 1048576 are read",
            "/home/carol/.qmail: is a link that leads nowhere below the root",
        ]
    );
}

/// Whoever looks as root does not read for users what they may not read themselves.
#[test]
fn homes_are_read_with_the_rights_of_their_users() {
    if !geteuid().is_root() {
        assert!(std::env::var_os("CI").is_none(), "the tests do not run as root");
        return;
    }
    let tree = Tree::new();
    tree.file("/etc/passwd", "alice:x:4001:4001::/home/alice:/bin/sh\nbob:x:4002:4002::/home/bob:/bin/sh\n");
    let give = |path: &str, id: u32, mode: u32| {
        chown(tree.path(path), Some(id), Some(id)).unwrap();
        std::fs::set_permissions(tree.path(path), PermissionsExt::from_mode(mode)).unwrap();
    };
    tree.file("/etc/secret", "root:hash@secret.example:1:\n");
    give("/etc/secret", 0, 0o600);
    tree.file("/home/bob/private", "bob@secret.example\n");
    give("/home/bob/private", 4002, 0o600);
    tree.file("/home/bob/.forward", "bob@ext.example\n");
    give("/home/bob/.forward", 0, 0o666);
    give("/home/bob", 4002, 0o700);
    tree.link("/home/alice/.forward", "/etc/secret");
    tree.link("/home/alice/.qmail", "/home/bob/private");
    tree.file("/home/alice/.forward+a", ":include:/etc/secret, :include:/home/bob/.forward, a@ext.example\n");
    give("/home/alice/.forward+a", 4001, 0o600);
    give("/home/alice", 4001, 0o700);
    let found = tree.audit(&[]);
    assert_eq!(
        found.rules(),
        [
            "forward alice a@ext.example moves /home/alice/.forward+a:1",
            "forward bob bob@ext.example moves /home/bob/.forward:1",
        ]
    );
    assert_eq!(notes(found.rule("bob@ext.example")), "the file is root's; others may write the file");
    let refused = "a link leads to what user alice may not read";
    assert_eq!(
        found.problems(),
        [
            format!("/home/alice/.forward: {refused}"),
            "/etc/secret: is not read: user alice may not read".to_owned(),
            "/home/bob/.forward: is not read: user alice may not read".to_owned(),
            format!("/home/alice/.qmail: {refused}"),
        ]
    );
    // As another user, what may not be read is named.
    let copy = tempfile::tempdir().unwrap();
    std::fs::set_permissions(copy.path(), PermissionsExt::from_mode(0o755)).unwrap();
    let program = copy.path().join("forwarden");
    std::fs::copy(env!("CARGO_BIN_EXE_forwarden"), &program).unwrap();
    let mut command = std::process::Command::new(&program);
    let args = ["audit", "--own", "corp.example", "--format", "json", "--root", tree.path("").to_str().unwrap()]
        .map(str::to_owned);
    use std::os::unix::process::CommandExt;
    command.args(args).uid(Uid::from_raw(4001).as_raw()).gid(Gid::from_raw(4001).as_raw());
    let said = String::from_utf8(command.output().unwrap().stdout).unwrap();
    assert!(
        said.contains("a@ext.example") && said.contains("\"place\":\"/home/bob\",\"reason\":\"Permission denied\""),
        "{said}"
    );
}

#[test]
fn names_and_texts_do_nothing_to_a_terminal() {
    let tree = Tree::new();
    tree.file(
        "/home/alice/.forward",
        b"\xff\xfe\x00@evil.example, \x1b]0;x\x07@ext.example\n\xc3(@ext.example\ngood@ext.example\n",
    );
    tree.file("/home/bob/.qmail-\u{1b}[2J\u{202e}", "&=cmd|calc@ext.example\n");
    tree.file("/home/carol/.forward", "\"unclosed, carol@ext.example\n");
    for format in ["text", "json", "csv"] {
        let output = tree.run(&["--format", format]);
        for said in [output.stdout, output.stderr] {
            let said = String::from_utf8(said).unwrap();
            let hostile = |c: char| (c.is_control() && !matches!(c, '\n' | '\r')) || c == '\u{202e}';
            assert!(!said.contains(hostile), "{format}: {said:?}");
            assert!(!said.contains("panicked"), "{said}");
        }
    }
    let found = tree.audit(&[]);
    assert_eq!(found.rule("good@ext.example")["line"], 3);
    let csv = String::from_utf8(tree.run(&["--format", "csv"]).stdout).unwrap();
    assert!(csv.contains(",'=cmd|calc@ext.example,"), "{csv}");
    let text = String::from_utf8(tree.run(&[]).stdout).unwrap();
    assert!(text.lines().all(|line| line.chars().count() <= 100), "{text}");
}

#[test]
fn a_root_that_is_none() {
    let tree = Tree::new();
    let file = tree.file("/file", "");
    for root in [file.to_str().unwrap(), "/nonexistent"] {
        let output = crate::tree::forwarden(&["audit", "--root", root]);
        assert_eq!(output.status.code(), Some(1));
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(said.starts_with(&format!("forwarden: the root {root} cannot be opened: ")), "{said}");
    }
    let empty = tempfile::tempdir().unwrap();
    let output = crate::tree::forwarden(&["audit", "--root", empty.path().to_str().unwrap()]);
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("/etc/passwd: is not there: no homes are known, name them by --home"), "{said}");
}
