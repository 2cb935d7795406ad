//! `forwarden doctor` on what m4 makes of the shipped files: they pass, and what is changed for the worse is found.

use crate::lab::Lab;
use serde_json::Value;

/// Makes both configurations anew, in /tmp, with these edits of front and hop by sed, and has the doctor look.
fn findings(lab: &Lab, front: &str, hop: &str) -> Vec<Value> {
    let script = format!(
        "set -e
        sed '{front}' /lab/front.mc | sed '/front.m4/d' >/tmp/front.mc
        sed '{front}' /lab/front.m4 >/tmp/front.m4
        sed -i '/^MAILER_DEFINITIONS/{{
            r /tmp/front.m4
            N
        }}' /tmp/front.mc
        sed '{hop}' /lab/mail/sendmail-out.mc >/tmp/out.mc
        m4 /tmp/front.mc >/tmp/front.cf
        m4 /tmp/out.mc >/tmp/out.cf
        exec /opt/forwarden/forwarden doctor --format json --config /lab/forwarden.toml \\
            --sendmail /tmp/front.cf --sendmail /tmp/out.cf"
    );
    let output = lab.run(&["/bin/sh", "-c", &script], b"");
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    let text = String::from_utf8(output.stdout).expect("text");
    let findings: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let wrong = findings.iter().any(|finding| finding["severity"] != "note");
    assert_eq!(output.status.code(), Some(i32::from(wrong)), "{findings:#?}");
    findings
}

fn ids(findings: &[Value]) -> Vec<&str> {
    findings.iter().map(|finding| finding["id"].as_str().expect("an id")).collect()
}

#[test]
#[ignore = "needs a Debian with Sendmail: make test-sendmail"]
fn the_doctor_knows_sendmail() {
    let lab = Lab::up("");
    assert_eq!(findings(&lab, "", ""), Vec::<Value>::new());
    let said =
        lab.forwarden(&["doctor", "--sendmail", "/etc/mail/sendmail.cf", "--sendmail", "/etc/mail/sendmail-out.cf"]);
    assert!(said.contains("sendmail.cf: Sendmail, what leaves passes the milter\n"), "{said}");
    assert!(said.contains("sendmail-out.cf: Sendmail, has the milter, and sends on"), "{said}");
    assert!(said.ends_with("\nfine\n"), "{said}");

    for (front, hop, wanted) in [
        // No hop behind it; one at the wrong port.
        ("/SMART_HOST/d", "", vec!["sendmail.route"]),
        ("s/10040/10041/", "", vec!["sendmail.route"]),
        // Stops incoming mail; lets mail leave unseen; bounces.
        ("s/F=,/F=T,/", "", vec!["sendmail.filter"]),
        ("", "s/F=T,/F=,/", vec!["sendmail.filter"]),
        ("", "s/F=T,/F=R,/", vec!["sendmail.filter"]),
        ("", "s/^INPUT_MAIL_FILTER/MAIL_FILTER/", vec!["sendmail.route", "sendmail.route", "sendmail.filter"]),
        ("", "s/out.corp.example/mail.corp.example/", vec!["sendmail.shared"]),
        ("", "/QUEUE_DIR/d", vec!["sendmail.shared"]),
        ("", "/^FEATURE(.no_default_msa/a define(`confPRIVACY_FLAGS'\\'', `goaway'\\'')dnl", vec!["sendmail.dsn"]),
        // A filter at the front door, and nothing behind it.
        ("s/8890/8891/;/SMART_HOST/d", "", vec!["sendmail.expands", "sendmail.filter"]),
    ] {
        let found = findings(&lab, front, hop);
        let mut found_ids = ids(&found);
        // In which order errors of one kind come says nothing.
        found_ids.sort_unstable();
        let mut wanted = wanted;
        wanted.sort_unstable();
        assert_eq!(found_ids, wanted, "{front:?} {hop:?} {found:#?}");
    }
}

#[test]
#[ignore = "needs a Debian with Sendmail: make test-sendmail"]
fn a_mailertable_that_leads_past_the_hop() {
    let lab = Lab::up("");
    let table = "printf 'partner.example\\tesmtp:[192.0.2.1]\\ncorp.example\\tesmtp:[192.0.2.1]\\nok.example\\trelay:[127.0.0.1]\\n' \
        | makemap hash /etc/mail/mailertable";
    assert!(lab.run(&["/bin/sh", "-c", table], b"").status.success());
    let front = "/use_cw_file/a FEATURE(`mailertable'\\'', `hash -o /etc/mail/mailertable'\\'')dnl";
    let found = findings(&lab, front, "");
    assert_eq!(ids(&found), ["sendmail.table"], "{found:#?}");
    assert_eq!(found[0]["at"], "mailertable, partner.example");
    assert!(found[0]["change"][0].as_str().expect("a line").starts_with("partner.example relay:[127.0.0.1]"));
}
