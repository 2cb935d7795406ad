//! Tables of a real Postfix, made by its own programs.

use crate::tree::{Tree, command, forwarden, installed, notes, shown};
use serde_json::Value;
use std::path::Path;

/// Makes a table with `postmap` or `postalias`, by a configuration of its own.
pub(crate) fn make(program: &str, table: &str) {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("main.cf"), "").unwrap();
    let output = command(program).arg("-c").arg(folder.path()).arg(table).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

const MAIN: &str = "\
    base = $config_directory\n\
    alias_maps = hash:/etc/aliases\n\
    virtual_alias_maps = lmdb:$base/virtual, proxy:pcre:$base/patterns\n\
    recipient_bcc_maps = hash:$base/bcc\n\
    sender_bcc_maps = texthash:$base/senders\n\
    always_bcc = archive@ext.example\n\
    recipient_canonical_maps = inline:{ {old@corp.example = new@ext.example} }\n\
    sender_canonical_maps = btree:$base/names\n\
    luser_relay = nobody+$local@ext.example\n\
    smtpd_restriction_classes = mine\n\
    mine = check_sender_access hash:$base/access, permit\n\
    smtpd_recipient_restrictions =\n\
    \x20   check_recipient_access hash:$base/access,\n\
    \x20   reject_unauth_destination\n\
    header_checks = regexp:$base/headers\n";

const MASTER: &str = "\
    smtp      inet  n  -  y  -  -  smtpd\n\
    \x20 -o { smtpd_client_restrictions = check_client_access cidr:/etc/postfix/clients }\n\
    submission inet n  -  y  -  -  smtpd\n\
    \x20 -o always_bcc=other@ext.example\n";

fn files(tree: &Tree) {
    tree.file("/etc/postfix/main.cf", MAIN);
    tree.file("/etc/postfix/master.cf", MASTER);
    tree.file("/etc/aliases", "frank: \\frank,\n\tfrank@ext.example\nlist: :include:/etc/list\n");
    tree.file("/etc/list", "member@ext.example\n");
    tree.file(
        "/etc/postfix/virtual",
        "# ours\nInfo@corp.example  info@corp.example,\n  info@ext.example\n@gone.example @ext.example\n",
    );
    tree.file("/etc/postfix/patterns", "/^(.*)@x\\.corp\\.example$/  $1@ext.example\n/^any@/ $2\n");
    tree.file("/etc/postfix/bcc", "carol@corp.example carol@ext.example\n");
    tree.file("/etc/postfix/senders", "dave@corp.example dave@ext.example\n");
    tree.file("/etc/postfix/names", "erin@corp.example erin@ext.example\n");
    tree.file(
        "/etc/postfix/access",
        "fay@corp.example REDIRECT fay@ext.example\ngus@corp.example BCC gus@ext.example\nhal@corp.example OK\n",
    );
    tree.file("/etc/postfix/headers", "/^Subject: .*offer/i  REDIRECT offers@ext.example\n/^Subject: x/ REJECT\n");
    tree.file("/etc/postfix/clients", "192.0.2.0/24 REDIRECT net@ext.example\n");
    let at = |path: &str| tree.path(path).display().to_string();
    make("postalias", &format!("hash:{}", at("/etc/aliases")));
    make("postmap", &format!("lmdb:{}", at("/etc/postfix/virtual")));
    make("postmap", &format!("btree:{}", at("/etc/postfix/names")));
    for table in ["bcc", "access"] {
        make("postmap", &format!("hash:{}", at(&format!("/etc/postfix/{table}"))));
    }
}

const RULES: &[&str] = &[
    "alias frank frank@ext.example keeps /etc/aliases:2",
    "include list member@ext.example moves /etc/list:1",
    "virtual_alias /^any@/ $2 moves /etc/postfix/patterns:2",
    "virtual_alias /^(.*)@x\\.corp\\.example$/ $1@ext.example moves /etc/postfix/patterns:1",
    "virtual_alias Info@corp.example info@ext.example keeps /etc/postfix/virtual:2",
    "virtual_alias @gone.example *@ext.example moves /etc/postfix/virtual:4",
    "recipient_bcc carol@corp.example carol@ext.example keeps /etc/postfix/bcc:1",
    "sender_bcc dave@corp.example dave@ext.example keeps /etc/postfix/senders:1",
    "always_bcc * archive@ext.example keeps /etc/postfix/main.cf",
    "always_bcc * other@ext.example keeps /etc/postfix/main.cf",
    "canonical old@corp.example new@ext.example moves /etc/postfix/main.cf",
    "sender_canonical erin@corp.example erin@ext.example moves /etc/postfix/names:1",
    "access fay@corp.example fay@ext.example moves /etc/postfix/access:1",
    "access gus@corp.example gus@ext.example keeps /etc/postfix/access:2",
    "access 192.0.2.0/24 net@ext.example moves /etc/postfix/clients:1",
    "access /^Subject: .*offer/i offers@ext.example moves /etc/postfix/headers:1",
    "luser_relay * nobody+$local@ext.example moves /etc/postfix/main.cf",
];

fn sorted(mut rules: Vec<String>) -> Vec<String> {
    rules.sort();
    rules
}

/// Of a copy of a disk: settings by reading, tables by Postfix itself.
#[test]
fn every_table_of_a_copy() {
    if !installed("postmap") {
        return;
    }
    let tree = Tree::new();
    files(&tree);
    let found = tree.audit(&[]);
    assert_eq!(
        sorted(found.rules()),
        sorted(RULES.iter().map(|rule| (*rule).to_owned()).collect()),
        "{:#?}",
        found.problems()
    );
    assert_eq!(found.problems(), [] as [&str; 0]);
    let by = |target: &str| notes(found.rule(target));
    assert_eq!(by("fay@ext.example"), "by smtpd_recipient_restrictions");
    assert_eq!(by("net@ext.example"), "by smtpd_client_restrictions of service smtp/inet");
    assert_eq!(by("other@ext.example"), "by always_bcc of service submission/inet");
}

/// On the host itself, `postconf` tells the settings. The instance is one of its own, below a root that is the real one.
#[test]
fn every_table_of_a_host() {
    if !installed("postconf") {
        return;
    }
    let tree = Tree::new();
    files(&tree);
    let root = tree.path("").display().to_string();
    let here = |text: &str| text.replace("/etc/", &format!("{root}/etc/"));
    tree.file("/etc/postfix/main.cf", here(MAIN));
    tree.file("/etc/postfix/master.cf", here(MASTER));
    tree.file("/etc/aliases", here("frank: \\frank,\n\tfrank@ext.example\nlist: :include:/etc/list\n"));
    make("postalias", &format!("hash:{root}/etc/aliases"));
    let (folder, homes) = (format!("{root}/etc/postfix"), format!("{root}/home/*"));
    let output = forwarden(&[
        "audit",
        "--own",
        "corp.example",
        "--home",
        &homes,
        "--postfix-config",
        &folder,
        "--format",
        "json",
    ]);
    let text = String::from_utf8(output.stdout).unwrap();
    let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let rules = lines.iter().filter(|line| line["type"] == "rule").map(shown);
    // The tester's host may have rules of its own.
    let ours = rules.filter(|rule| rule.contains(&root)).map(|rule| rule.replace(&root, "")).collect();
    assert_eq!(sorted(ours), sorted(RULES.iter().map(|rule| (*rule).to_owned()).collect()), "{text}");
}

/// A rule that somebody put into the database alone is seen by nobody who reads the text.
#[test]
fn text_and_database_that_differ() {
    if !installed("postmap") {
        return;
    }
    let tree = Tree::new();
    tree.file(
        "/etc/postfix/main.cf",
        "virtual_alias_maps = hash:/etc/postfix/virtual hash:/etc/postfix/nodb\nalias_maps = hash:/etc/aliases\n",
    );
    let table = tree.file("/etc/postfix/virtual", "a@corp.example a@ext.example\nb@corp.example b@ext.example\n");
    make("postmap", &format!("hash:{}", table.display()));
    tree.file(
        "/etc/postfix/virtual",
        "a@corp.example a@ext.example\nb@corp.example b@corp.example\nc@corp.example c@ext.example\n",
    );
    tree.file("/etc/postfix/nodb", "d@corp.example d@ext.example\n");
    let aliases = tree.file("/etc/aliases", "e: e@ext.example\n");
    make("postalias", &format!("hash:{}", aliases.display()));
    std::fs::remove_file(aliases).unwrap();
    let found = tree.audit(&[]);
    for (target, note, line) in [
        ("a@ext.example", "", Some(1)),
        ("b@ext.example", "only in the database, not in the text: nobody who reads the file sees it; ", None),
        ("c@ext.example", "only in the text, not in the database: it has no effect; ", Some(3)),
        ("d@ext.example", "only in the text: there is no database, so it has no effect; ", Some(1)),
        ("e@ext.example", "only in the database: there is no text; ", None),
    ] {
        let by = if target.starts_with('e') { "by alias_maps" } else { "by virtual_alias_maps" };
        assert_eq!(notes(found.rule(target)), format!("{note}{by}"), "{target}");
        assert_eq!(found.rule(target)["line"].as_u64(), line, "{target}");
    }
}

/// What cannot be listed is asked for every mailbox that is known; of a copy it is not, and that is said.
#[test]
fn tables_that_can_only_be_asked() {
    if !installed("postmap") {
        return;
    }
    let tree = Tree::new();
    let root = tree.path("").display().to_string();
    let database = rusqlite::Connection::open(tree.path("/etc/aliases.sqlite")).unwrap();
    database
        .execute_batch(
            "CREATE TABLE a (k TEXT, v TEXT); INSERT INTO a VALUES ('alice@corp.example', 'alice@ext.example'), \
             ('zoe@corp.example', 'zoe@ext.example');",
        )
        .unwrap();
    tree.file("/etc/query.cf", format!("dbpath = {root}/etc/aliases.sqlite\nquery = SELECT v FROM a WHERE k = '%s'\n"));
    tree.file("/etc/postfix/main.cf", format!("alias_maps =\nvirtual_alias_maps = proxy:sqlite:{root}/etc/query.cf, pipemap:{{inline:{{bob=x}}, inline:{{x=bob@ext.example}}}}\n"));
    let homes = format!("{root}/home/*");
    let folder = format!("{root}/etc/postfix");
    let output = forwarden(&["audit", "--own", "corp.example", "--home", &homes, "--postfix-config", &folder]);
    let text = String::from_utf8(output.stdout).unwrap();
    for part in ["alice@ext.example", "bob@ext.example", "cannot be listed: it was asked for 7 names"] {
        assert!(text.replace('\n', " ").contains(part), "{part}: {text}");
    }
    assert!(!text.contains("zoe@ext.example"), "nobody knows her here: {text}");
    let found = tree.audit(&[]);
    assert!(
        found
            .problems()
            .iter()
            .any(|problem| problem.contains("a table of kind sqlite can only be asked on the host itself"))
    );
}

/// A copy's configuration names a library, and links lead its tables out: neither is followed.
#[test]
fn a_hostile_configuration_runs_nothing() {
    if !installed("postmap") {
        return;
    }
    let tree = Tree::new();
    let outside = tempfile::tempdir().unwrap();
    let table = outside.path().join("virtual");
    std::fs::write(&table, "secret@corp.example secret@ext.example\n").unwrap();
    make("postmap", &format!("hash:{}", table.display()));
    tree.link("/etc/postfix/virtual.db", outside.path().join("virtual.db"));
    tree.file("/etc/postfix/broken.db", b"\x00\x01garbage");
    tree.file("/etc/postfix/dynamicmaps.cf", "evil /etc/postfix/evil.so dict_evil_open\n");
    tree.file("/etc/postfix/main.cf", "shlib_directory = /etc/postfix\nvirtual_alias_maps = hash:/etc/postfix/virtual hash:/etc/postfix/broken evil:x hash:$undefined/x hash:relative\nalias_maps = $alias_maps$alias_maps\n");
    let found = tree.audit(&[]);
    assert_eq!(found.rules(), [] as [&str; 0]);
    let problems = found.problems();
    for part in [
        "hash:/etc/postfix/virtual (by virtual_alias_maps): is a link that leads nowhere below the root",
        "hash:/etc/postfix/broken (by virtual_alias_maps): ",
        "evil:x (by virtual_alias_maps): a table of kind evil can only be asked on the host itself",
        "hash:$undefined/x (by virtual_alias_maps): the name of the table is not understood",
        "hash:relative (by virtual_alias_maps): is no absolute path",
    ] {
        assert!(problems.iter().any(|problem| problem.starts_with(part)), "{part}: {problems:#?}");
    }
    assert!(Path::new(&outside.path()).exists());
}
