//! Sieve scripts that Pigeonhole's own compiler accepts, where Dovecot looks for them.

use crate::tree::{Tree, command, installed, notes};
use std::path::Path;

/// Whether Pigeonhole compiles a script.
fn compiles(path: &Path) -> bool {
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("dovecot.conf");
    let text = "plugin {\n  sieve_plugins = sieve_extprograms\n  sieve_extensions = +vnd.dovecot.pipe +vnd.dovecot.environment\n}\n";
    std::fs::write(&config, format!("{text}base_dir = {}\n", folder.path().display())).unwrap();
    let mut sievec = command("sievec");
    let output = sievec.arg("-c").arg(&config).arg(path).arg(folder.path().join("out.svbin")).output().unwrap();
    eprintln!("{}", String::from_utf8_lossy(&output.stderr));
    output.status.success()
}

const CONFIGURATION: &str = "\
plugin {
  sieve = file:~/scripts;active=~/.active.sieve
  sieve_before = /var/lib/dovecot/before.d
  sieve_after = /var/lib/dovecot/after.sieve
  sieve_global = /var/lib/dovecot/global
}
";

const SCRIPTS: &[(&str, &str)] = &[
    ("/home/alice/scripts/main.sieve", "\
require [\"fileinto\", \"copy\", \"include\", \"variables\", \"encoded-character\", \"envelope\", \"enotify\", \"imap4flags\"];
# a comment; redirect \"no@ext.example\";
/* redirect \"never@ext.example\"; */
include :global \"shared\";
include :personal \"more\";
set \"user\" \"hidden\";
set \"domain\" \"ext.example\";
if allof (header :contains [\"subject\", \"x-a\"] [\"offer\", \"}\"], not size :over 10K) {
    addflag \"\\\\Seen\";
    redirect :copy \"copied@ext.example\";
} elsif anyof (envelope :is \"from\" \"x@partner.example\", true) {
    redirect text: # an address on lines of its own
moved@ext.example
.
;
    stop;
} else {
    redirect \"${user}@${domain}\";
    redirect \"hex${hex:40}ext.example\";
}
if header :matches \"x-to\" \"*\" { redirect \"${1}\"; }
notify :message \"mail\" \"mailto:notice@ext.example\";
"),
    ("/home/alice/scripts/more.sieve", "redirect \"more@ext.example\";\nkeep;\n"),
    ("/home/alice/scripts/old.sieve", "redirect \"old@ext.example\";\n"),
    ("/home/bob/.dovecot.sieve", "require \"fileinto\";\nfileinto \"INBOX.x\";\n"),
    ("/var/lib/dovecot/before.d/10-all.sieve", "require [\"vnd.dovecot.pipe\", \"copy\"];\npipe :copy \"archive\" [\"all@ext.example\"];\n"),
    ("/var/lib/dovecot/after.sieve", "if exists \"x-after\" { redirect \"after@ext.example\"; }\n"),
    ("/var/lib/dovecot/global/shared.sieve", "redirect \"shared@ext.example\";\n"),
];

#[test]
fn every_script_where_dovecot_looks() {
    if !installed("sievec") {
        return;
    }
    let tree = Tree::new();
    tree.file("/etc/dovecot/conf.d/90-sieve.conf", CONFIGURATION);
    for (path, script) in SCRIPTS {
        let path = tree.file(path, script);
        // `include` looks for what it includes in a user's configuration.
        let alone = script.lines().filter(|line| !line.starts_with("include")).collect::<Vec<_>>().join("\n");
        let copy = tempfile::tempdir().unwrap();
        let copy = copy.path().join("script.sieve");
        std::fs::write(&copy, alone).unwrap();
        assert!(compiles(&copy), "{}", path.display());
    }
    tree.link("/home/alice/.active.sieve", "scripts/main.sieve");
    let found = tree.audit(&[]);
    assert_eq!(found.problems(), [] as [&str; 0]);
    let main = "/home/alice/scripts/main.sieve";
    assert_eq!(
        found.rules(),
        [
            format!("sieve alice copied@ext.example keeps {main}:10"),
            format!("sieve alice moved@ext.example moves {main}:12"),
            format!("sieve alice hidden@ext.example moves {main}:18"),
            format!("sieve alice hex@ext.example moves {main}:19"),
            format!("sieve alice ${{1}} moves {main}:21"),
            format!("sieve alice notice@ext.example keeps {main}:22"),
            "sieve alice more@ext.example keeps /home/alice/scripts/more.sieve:1".to_owned(),
            "sieve alice old@ext.example moves /home/alice/scripts/old.sieve:1".to_owned(),
            "sieve * after@ext.example moves /var/lib/dovecot/after.sieve:1".to_owned(),
            "sieve * all@ext.example keeps /var/lib/dovecot/before.d/10-all.sieve:2".to_owned(),
            "sieve alice shared@ext.example moves /var/lib/dovecot/global/shared.sieve:1".to_owned(),
        ]
    );
    assert_eq!(
        notes(found.rule("hidden@ext.example")),
        "under conditions; by variables: ${user}@${domain}".replace(
            "under conditions; by variables: ${user}@${domain}",
            "by variables: ${user}@${domain}; under conditions"
        )
    );
    assert_eq!(notes(found.rule("old@ext.example")), "not active: another script is, or none");
    assert_eq!(notes(found.rule("more@ext.example")), "");
    let unclear = found.rule("${1}");
    assert_eq!((unclear["class"].as_str(), unclear["leaves"].as_bool()), (Some("unclear"), Some(true)));
}

/// What the compiler refuses is a problem here as well, with the line; what stands before is listed all the same.
#[test]
fn scripts_that_are_none() {
    if !installed("sievec") {
        return;
    }
    for (script, line) in [
        ("redirect \"a@ext.example\";\nredirect \"b@ext.example\"\n", 2),
        ("redirect \"a@ext.example\";\nif true {\n", 2),
        ("redirect \"a@ext.example\";\nif header \"a\" \"b\" keep;\n", 2),
        ("redirect \"a@ext.example\";\n\"x\";\n", 2),
        ("redirect \"a@ext.example\";\nkeep; /* open\n", 3),
        ("redirect \"a@ext.example\";\n}\n", 2),
    ] {
        let tree = Tree::new();
        let path = tree.file("/home/alice/.dovecot.sieve", script);
        assert!(!compiles(&path), "{script}");
        let found = tree.audit(&[]);
        assert_eq!(found.rule("a@ext.example")["line"], 1, "{script}");
        assert!(notes(found.rule("a@ext.example")).contains("the script has a mistake"), "{script}");
        let place = format!("/home/alice/.dovecot.sieve:{line}: no Sieve: ");
        assert!(found.problems().iter().any(|problem| problem.starts_with(&place)), "{script}: {:?}", found.problems());
    }
}

#[test]
fn scripts_that_include_each_other() {
    let tree = Tree::new();
    tree.link("/home/alice/.dovecot.sieve", "sieve/a.sieve");
    tree.file("/home/alice/sieve/a.sieve", "include \"b\"; include \"../../bob/x\"; include \"gone\";");
    tree.file("/home/alice/sieve/b.sieve", "include \"a\"; redirect \"b@ext.example\";");
    let found = tree.audit(&[]);
    assert_eq!(found.rules(), ["sieve alice b@ext.example moves /home/alice/sieve/b.sieve:1"]);
    assert_eq!(found.problems(), ["/home/alice/.dovecot.sieve: includes \"../../bob/x\": not known which file"]);
}
