//! The rules that the audit finds are those by which this Sendmail forwards.

use crate::lab::Lab;
use serde_json::Value;

fn rules(lab: &Lab) -> Vec<String> {
    let audit = ["/opt/forwarden/forwarden", "audit", "--format", "json", "--config", "/lab/forwarden.toml"];
    let output = lab.run(&audit, b"");
    assert_eq!(output.status.code(), Some(1), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).expect("text");
    let lines = text.lines().map(|line| serde_json::from_str::<Value>(line).expect("JSON"));
    let shown = |line: Value| {
        let text = |key: &str| line[key].as_str().unwrap_or_default().to_owned();
        let notes =
            line["notes"].as_array().into_iter().flatten().filter_map(Value::as_str).collect::<Vec<_>>().join("; ");
        assert_eq!(line["type"], "rule", "{line}");
        format!("{} {} {} {} {notes}", text("source"), text("mailbox"), text("target"), line["keeps_copy"])
            .trim()
            .to_owned()
    };
    lines.map(shown).collect()
}

#[test]
#[ignore = "needs a Debian with Sendmail: make test-sendmail"]
fn rules_at_rest_are_found() {
    let lab = Lab::up("");
    let homes = ["forward alice alice@freemail.example false", "forward bob bob@ext.example true"];
    let found = |aliases: [&str; 2], table: &str| -> Vec<String> {
        homes.iter().chain(&aliases).map(|rule| (*rule).to_owned()).chain([table.to_owned()]).collect()
    };
    let aliases = ["alias erin erin@freemail.example false", "alias frank frank@ext.example true"];
    let table = "virtusertable carol@corp.example carol@freemail.example false";
    assert_eq!(rules(&lab), found(aliases, table));
    // Without the texts Sendmail goes on as ever, by what is made of them.
    let output = lab.run(&["/bin/rm", "/etc/mail/virtusertable", "/etc/mail/aliases"], b"");
    assert!(output.status.success());
    let hidden = "only in the database: there is no text";
    let aliases = aliases.map(|alias| format!("{alias} {hidden}"));
    assert_eq!(rules(&lab), found([&aliases[0], &aliases[1]], &format!("{table} {hidden}")));
}
