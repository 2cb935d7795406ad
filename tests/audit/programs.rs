//! procmail and maildrop: what the audit says of a file, and what the real program does by it.

use crate::tree::{Tree, command, installed, notes};
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

const MESSAGE: &str = "From: ann@partner.example\nTo: alice@corp.example\nSubject: offer\n\nHello\n";

/// A program in the place of sendmail, which writes down its arguments.
fn sendmail(folder: &Path) -> String {
    let program = folder.join("sendmail");
    let log = folder.join("log");
    std::fs::write(&program, format!("#!/bin/sh\necho \"$@\" >> {}\ncat > /dev/null\n", log.display())).unwrap();
    std::fs::set_permissions(&program, PermissionsExt::from_mode(0o755)).unwrap();
    program.display().to_string()
}

/// Runs a program on the message, and returns what sendmail was called with, that often: copies of procmail send on their
/// own, and later.
fn sent(program: &str, args: &[&str], folder: &Path, times: usize) -> String {
    let mut child =
        command(program).args(args).env("HOME", folder).env("MAILDIR", folder).stdin(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(MESSAGE.as_bytes()).unwrap();
    assert!(child.wait().unwrap().success(), "{program}");
    let log = || std::fs::read_to_string(folder.join("log")).unwrap_or_default();
    for _ in 0..400 {
        if log().lines().count() >= times {
            break;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    log()
}

#[test]
fn procmail_sends_where_the_audit_says() {
    if !installed("procmail") {
        return;
    }
    let tree = Tree::new();
    let folder = tempfile::tempdir().unwrap();
    let rc = format!(
        "SHELL=/bin/sh\nSENDMAIL={}\nDEFAULT={}/inbox\nSITE=ext.example   # where to\nTO=\"target@$SITE\"\nINCLUDERC=$HOME/rc.more\n\n\
         :0 c\n! copied@ext.example\n\n:0 c\n* ^Subject:.*offer\n* ^From: ann\n{{\n  :0\n  ! second@ext.example, third@ext.example\n}}\n\n\
         :0:\n* ^Subject: no\ninbox\n\n:0\n! -oi \\\n  $TO\n",
        sendmail(folder.path()),
        folder.path().display()
    );
    let more = ":0 c\n| $SENDMAIL -oi piped@ext.example\n";
    // procmail takes the home from the list of users.
    let real = rc.replace("$HOME", folder.path().to_str().unwrap());
    std::fs::write(folder.path().join("rc"), real).unwrap();
    std::fs::write(folder.path().join("rc.more"), more).unwrap();
    let sent = sent("procmail", &["-m", folder.path().join("rc").to_str().unwrap()], folder.path(), 4);
    tree.file("/home/alice/.procmailrc", rc);
    tree.file("/home/alice/rc.more", more);
    let found = tree.audit(&[]);
    assert_eq!(found.problems(), [] as [&str; 0]);
    assert_eq!(
        found.rules(),
        [
            "procmail alice copied@ext.example keeps /home/alice/.procmailrc:9",
            "procmail alice second@ext.example keeps /home/alice/.procmailrc:16",
            "procmail alice third@ext.example keeps /home/alice/.procmailrc:16",
            "procmail alice target@ext.example moves /home/alice/.procmailrc:24",
            "procmail alice piped@ext.example keeps /home/alice/rc.more:2",
        ]
    );
    for target in ["copied", "second", "third", "target", "piped"] {
        assert!(sent.contains(&format!("{target}@ext.example")), "{target}: {sent}");
    }
    assert_eq!(notes(found.rule("second@ext.example")), "under conditions");
}

#[test]
fn maildrop_sends_where_the_audit_says() {
    if !installed("maildrop") {
        return;
    }
    let tree = Tree::new();
    let folder = tempfile::tempdir().unwrap();
    let filter = format!(
        "# cc \"!comment@ext.example\"\nSENDMAIL=\"{}\"\nHOST=\"ext.example\"\nif (/^Subject: *offer\"?/ && $SIZE < 100000)\n{{\n  cc \"! copied@$HOST second@ext.example\"\n}}\n\
         cc \"| $SENDMAIL piped@ext.example\"\nif (/^Subject: never/)\n  to \"!never@ext.example\"\nto '!target@ext.example'\n",
        sendmail(folder.path()),
    );
    let path = folder.path().join("filter");
    std::fs::write(&path, &filter).unwrap();
    std::fs::set_permissions(&path, PermissionsExt::from_mode(0o600)).unwrap();
    let sent = sent("maildrop", &[path.to_str().unwrap()], folder.path(), 3);
    tree.file("/home/alice/.mailfilter", filter);
    let found = tree.audit(&[]);
    assert_eq!(found.problems(), [] as [&str; 0]);
    assert_eq!(
        found.rules(),
        [
            "maildrop alice copied@ext.example keeps /home/alice/.mailfilter:6",
            "maildrop alice second@ext.example keeps /home/alice/.mailfilter:6",
            "maildrop alice piped@ext.example keeps /home/alice/.mailfilter:8",
            "maildrop alice never@ext.example moves /home/alice/.mailfilter:10",
            "maildrop alice target@ext.example moves /home/alice/.mailfilter:11",
        ]
    );
    for target in ["copied", "second", "piped", "target"] {
        assert!(sent.contains(&format!("{target}@ext.example")), "{target}: {sent}");
    }
    assert!(!sent.contains("never") && !sent.contains("comment"), "{sent}");
}

#[test]
fn files_of_the_system_are_everybody_s() {
    let tree = Tree::new();
    tree.file("/etc/procmailrc", ":0 c\n! all@ext.example\nINCLUDERC=$HOME/x\n");
    tree.file("/etc/courier/maildroprc", "cc \"! all@courier.example\"\n");
    let found = tree.audit(&[]);
    assert_eq!(
        found.rules(),
        [
            "procmail * all@ext.example keeps /etc/procmailrc:2",
            "maildrop * all@courier.example keeps /etc/courier/maildroprc:1",
        ]
    );
    assert_eq!(found.problems(), ["/etc/procmailrc: includes $HOME/x: not known which file"]);
}
