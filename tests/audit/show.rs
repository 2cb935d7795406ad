//! What is printed, in each format.

use crate::tree::Tree;

#[test]
fn a_table_for_people_and_one_for_spreadsheets() {
    let tree = Tree::new();
    tree.file("/home/alice/.forward", "\\alice, alice.with.a.very.long.name.indeed@mail.department.ext.example\n");
    tree.file(
        "/home/bob/.forward",
        "\"|/home/bob/bin/send-it-somewhere --with 'many words' and more and more and more and more\"\n",
    );
    let output = tree.run(&[]);
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.lines().all(|line| line.chars().count() <= 100), "{text}");
    let rows: Vec<&str> = text.lines().collect();
    assert!(rows[0].starts_with("MAILBOX") && rows[0].ends_with("RULE"), "{text}");
    assert!(rows[1].starts_with("alice ") && rows[1].ends_with("other       yes  forward"), "{text}");
    assert!(rows[2].starts_with("  /home/alice/.forward:1  ") && rows[2].ends_with("(0 d)"), "{text}");
    assert!(text.contains("2 rules to the outside, 0 of them approved; 3 homes looked into, 2 files read."), "{text}");
    let csv = String::from_utf8(tree.run(&["--format", "csv"]).stdout).unwrap();
    let mut reader = csv::Reader::from_reader(csv.as_bytes());
    let records: Vec<csv::StringRecord> = reader.records().map(Result::unwrap).collect();
    assert_eq!(records.len(), 2);
    assert_eq!((&records[0][0], &records[0][1], &records[0][5], &records[0][7]), ("forward", "alice", "yes", "1"));
    assert!(records[1][2].starts_with("'|/home/bob"), "{csv}");
}

#[test]
fn wrong_usage_is_told_apart() {
    let tree = Tree::new();
    for args in [&["--format", "yaml"][..], &["--since", "x"], &["--own", "a b"], &["extra"]] {
        assert_eq!(tree.run(args).status.code(), Some(2), "{args:?}");
    }
}
