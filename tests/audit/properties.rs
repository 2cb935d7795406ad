//! Whatever the files hold: an answer, soon, and no more of it than there is in them.

use crate::tree::Tree;
use forwarden::audit::{Audit, Scope};
use proptest::prelude::*;

/// A file of each format.
const FILES: &[&str] = &[
    "/etc/aliases",
    "/etc/mail/sendmail.cf",
    "/etc/mail/virtusertable",
    "/etc/postfix/main.cf",
    "/etc/postfix/master.cf",
    "/etc/postfix/patterns",
    "/etc/dovecot/dovecot.conf",
    "/etc/procmailrc",
    "/etc/maildroprc",
    "/etc/exim4/exim4.conf",
    "/home/alice/.forward",
    "/home/alice/.forward+exim",
    "/home/alice/.qmail",
    "/home/alice/.courier",
    "/home/alice/.procmailrc",
    "/home/alice/.mailfilter",
    "/home/alice/.dovecot.sieve",
];

fn audit(tree: &Tree) -> Audit {
    Audit::run(Scope {
        root: tree.path(""),
        homes: Vec::new(),
        postfix: None,
        mailboxes: Vec::new(),
        domains: vec!["corp.example".to_owned()],
    })
    .unwrap()
}

/// Words of all the formats, so that chance finds its way into them.
const WORDS: &[&str] = &[
    "redirect",
    ":copy",
    "\"",
    "x@ext.example",
    ";",
    "{",
    "}",
    "[",
    "]",
    "(",
    ")",
    "if",
    "anyof",
    "not",
    "text:",
    "\n",
    "\n.\n",
    "\\",
    ":0 c",
    "! ",
    "|",
    "/usr/bin/procmail",
    "$HOME",
    "${",
    "=",
    "INCLUDERC=",
    "to ",
    "cc ",
    "include ",
    "/",
    "`",
    ":include:",
    "deliver",
    "unseen",
    "pipe",
    "mail",
    "&",
    ",",
    ":",
    "\t",
    " ",
    "#",
    "# Exim filter\n",
    "# Sieve filter\n",
    "REDIRECT ",
    "hash:",
    "pcre:",
    "virtual_alias_maps = pcre:/etc/postfix/patterns\n",
    "sieve_before = /",
    "Kvirtuser hash ",
    "system_filter = ",
    "%",
    "<",
    ">",
    "\u{e9}",
    "\u{202e}",
    "\0",
    "-o ",
    "'",
    "@",
    "alice",
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn any_octets(octets in proptest::collection::vec(any::<u8>(), 0..300)) {
        let tree = Tree::new();
        FILES.iter().for_each(|path| drop(tree.file(path, &octets)));
        audit(&tree);
    }

    #[test]
    fn any_words(words in proptest::collection::vec(proptest::sample::select(WORDS), 0..60)) {
        let tree = Tree::new();
        FILES.iter().for_each(|path| drop(tree.file(path, words.concat())));
        let found = audit(&tree);
        // Nothing is reported of lines that are not there.
        let lines = words.concat().lines().count();
        for finding in &found.findings {
            prop_assert!(finding.line.is_none_or(|line| line >= 1 && line <= lines), "{finding:?}");
        }
    }
}

/// Files that would cost a careless reader hours, or all memory.
#[test]
fn costly_files() {
    let tree = Tree::new();
    let most = usize::try_from(forwarden::audit::MAX_USER_BYTES).unwrap();
    let fill = |text: &str| text.repeat(most / text.len());
    let addresses = (0..30_000).map(|at| format!("{at}@ext.example ")).collect::<String>();
    for (path, text) in [
        ("/home/alice/.mailfilter", fill("to ")),
        ("/home/alice/.mailfilters/a", fill("A=$A$A\n")),
        ("/home/alice/.mailfilters/b", fill("to \"!x@y.example\" ")),
        ("/home/alice/.procmailrc", format!("A=xxxxxxxxxx\n{}", fill("A=$A$A$A\n").get(..most - 20).unwrap())),
        ("/home/alice/.forward", fill(":include:/home/alice/.forward,\n")),
        ("/home/alice/.forward+a", format!("|/bin/x {addresses}")),
        ("/home/alice/.forward+b", fill("\"")),
        ("/home/alice/.forward+c", fill("(<,")),
        ("/home/alice/.dovecot.sieve", fill("set \"a\" \"${a}${a}\"; redirect \"${a}\";\n")),
        ("/home/bob/.dovecot.sieve", fill("include \"x\";")),
        ("/home/bob/sieve/x.sieve", fill("if true {")),
        ("/home/carol/.dovecot.sieve", fill("[\"a\",")),
        ("/etc/mail/sendmail.cf", fill("Kvirtuser ")),
        ("/etc/dovecot/dovecot.conf", fill("{\n")),
        ("/etc/postfix/main.cf", format!("a = $a$a$a\nalias_maps = {}\n", "unionmap:{".repeat(10_000))),
    ] {
        tree.file(path, text);
    }
    let found = audit(&tree);
    assert!(found.findings.len() < 600_000, "{}", found.findings.len());
    let octets: usize = found.findings.iter().map(|finding| format!("{finding:?}").len()).sum();
    assert!(octets < 500_000_000, "{octets}");
}
