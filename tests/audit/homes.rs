//! Files in homes, and alias files.

use crate::postfix::make;
use crate::tree::{Tree, installed, notes};
use std::os::unix::fs::PermissionsExt;

#[test]
fn a_file_of_each_kind() {
    let tree = Tree::new();
    tree.file("/home/alice/.forward", "# mine\n\\alice, alice@home.example\n");
    tree.file("/home/alice/.forward+lists", "\"|/usr/bin/vacation alice\", lists@ext.example\n");
    tree.file("/home/alice/.forward.old", "old@ext.example\n");
    tree.file("/home/bob/.qmail-default", "./Maildir/\n&bob@ext.example\n");
    tree.file("/home/bob/.courier", "bob@courier.example\n");
    tree.file("/home/carol/.forward", "# Exim filter\nunseen deliver \"carol@ext.example\"\n");
    tree.file("/var/qmail/alias/.qmail-sales", "sales@ext.example\n");
    tree.file("/etc/courier/aliases/system", "support: support@ext.example\n");
    let found = tree.audit(&[]);
    assert_eq!(
        found.rules(),
        [
            "forward alice alice@home.example keeps /home/alice/.forward:2",
            "forward alice lists@ext.example keeps /home/alice/.forward+lists:1",
            "exim carol carol@ext.example keeps /home/carol/.forward:2",
            "qmail bob bob@ext.example keeps /home/bob/.qmail-default:2",
            "qmail sales sales@ext.example moves /var/qmail/alias/.qmail-sales:1",
            "courier support support@ext.example moves /etc/courier/aliases/system:1",
            "courier bob bob@courier.example moves /home/bob/.courier:1",
        ]
    );
    assert_eq!((found.problems(), found.status), (Vec::new(), 1));
}

#[test]
fn aliases_and_what_they_include() {
    let tree = Tree::new();
    tree.file(
        "/etc/aliases",
        "postmaster: root\nfrank: frank,\n  frank@ext.example\nstaff: :include:/etc/staff\nout: \"|/opt/bin/out x@ext.example\"\n\
         own: alice@corp.example, bob@mail.corp.example\n",
    );
    let staff = tree.file("/etc/staff", "# all of them\nalice\n ann@ext.example\n:include:/etc/more\n");
    tree.file("/etc/more", "more@ext.example, :include:/etc/staff\n");
    std::fs::set_permissions(&staff, PermissionsExt::from_mode(0o666)).unwrap();
    let found = tree.audit(&[]);
    assert_eq!(
        found.rules(),
        [
            "alias frank frank@ext.example keeps /etc/aliases:3",
            "alias out x@ext.example moves /etc/aliases:5",
            "include staff more@ext.example moves /etc/more:1",
            "include staff ann@ext.example moves /etc/staff:3",
        ]
    );
    assert_eq!(notes(found.rule("x@ext.example")), "by a program: /opt/bin/out x@ext.example");
    assert_eq!(notes(found.rule("ann@ext.example")), "others may write the file");
    assert_eq!(found.problems(), ["/etc/staff: files include each other in a circle, or too deep"]);
    // What stays inside is there when it is asked for.
    let all = tree.audit(&["--all"]).rules();
    assert!(all.contains(&"alias postmaster root moves /etc/aliases:1".to_owned()), "{all:?}");
    assert!(all.contains(&"alias own bob@mail.corp.example moves /etc/aliases:6".to_owned()), "{all:?}");
}

#[test]
fn sendmail_s_virtusertable() {
    let tree = Tree::new();
    tree.file(
        "/etc/mail/sendmail.cf",
        "O AliasFile=/etc/mail/aliases, /etc/mail/more\nKvirtuser hash -o /etc/mail/virtuser\n",
    );
    tree.file(
        "/etc/mail/virtuser",
        "dave@corp.example\tdave@ext.example\n@old.example\t%1@new.example\nno@corp.example\terror:nouser 550 gone\n",
    );
    tree.file("/etc/mail/more", "list: list@ext.example\n");
    let found = tree.audit(&[]);
    assert_eq!(
        found.rules(),
        [
            "alias list list@ext.example moves /etc/mail/more:1",
            "virtusertable dave@corp.example dave@ext.example moves /etc/mail/virtuser:1",
            "virtusertable @old.example %1@new.example moves /etc/mail/virtuser:2",
        ]
    );
}

/// What Sendmail looks up is the database: a copy of one is read by whichever program is there.
#[test]
fn sendmail_s_databases() {
    if !installed("postmap") {
        return;
    }
    let tree = Tree::new();
    tree.file("/etc/mail/sendmail.cf", "O AliasFile=/etc/mail/aliases\nKvirtuser hash -o /etc/mail/virtusertable\n");
    let aliases = tree.file("/etc/mail/aliases", "list: hidden@ext.example\nkept: kept@ext.example\n");
    let table = tree.file("/etc/mail/virtusertable", "dave@corp.example\tdave@ext.example\n");
    make("postalias", &format!("hash:{}", aliases.display()));
    make("postmap", &format!("hash:{}", table.display()));
    tree.file("/etc/mail/aliases", "list: alice\nkept: kept@ext.example\n");
    std::fs::remove_file(table).unwrap();
    tree.link("/etc/aliases", "mail/aliases");
    let found = tree.audit(&[]);
    assert_eq!(found.problems(), [] as [&str; 0]);
    assert_eq!(
        found.rules(),
        [
            "alias list hidden@ext.example moves /etc/mail/aliases",
            "alias kept kept@ext.example moves /etc/mail/aliases:2",
            "virtusertable dave@corp.example dave@ext.example moves /etc/mail/virtusertable.db",
        ]
    );
    let hidden = notes(found.rule("hidden@ext.example"));
    assert_eq!(hidden, "only in the database, not in the text: nobody who reads the file sees it");
}

/// Homes of virtual users are found by a pattern, and named after their folders.
#[test]
fn homes_by_pattern() {
    let tree = Tree::new();
    tree.file("/var/vmail/corp.example/dora/.forward", "dora@ext.example\n");
    tree.file("/var/vmail/corp.example/.hidden/.forward", "hidden@ext.example\n");
    tree.file("/home/alice/.forward", "alice@ext.example\n");
    let found = tree.audit(&["--home", "/var/vmail/*/*"]);
    assert_eq!(
        found.rules(),
        ["forward dora@corp.example dora@ext.example moves /var/vmail/corp.example/dora/.forward:1"]
    );
    let none = tree.audit(&["--home", "/srv/*"]);
    assert_eq!(none.problems(), ["/srv/*: no folder is named so"]);
}

/// `.forward` files that Postfix looks for elsewhere, and an alias file under two names.
#[test]
fn unusual_places() {
    let tree = Tree::new();
    tree.file("/etc/postfix/main.cf", "forward_path = /var/forward/$user, $home/.forward\n");
    tree.file("/var/forward/alice", "alice@corp.example, alice@ext.example\n");
    tree.file("/home/alice/.forward", "other@ext.example\n");
    tree.file("/etc/mail/aliases", "x: x@ext.example\n");
    tree.link("/etc/aliases", "mail/aliases");
    let found = tree.audit(&[]);
    assert_eq!(
        found.rules(),
        [
            "forward alice other@ext.example moves /home/alice/.forward:1",
            "forward alice alice@ext.example keeps /var/forward/alice:1",
            "alias x x@ext.example moves /etc/aliases:1",
        ]
    );
}

/// Exim reads Sieve in `.forward`, too.
#[test]
fn sieve_in_a_forward_file() {
    let tree = Tree::new();
    tree.file(
        "/home/alice/.forward",
        "# Sieve filter\n# redirect \"no@ext.example\";\nredirect :copy \"alice@ext.example\";\n",
    );
    assert_eq!(tree.audit(&[]).rules(), ["sieve alice alice@ext.example keeps /home/alice/.forward:3"]);
}
