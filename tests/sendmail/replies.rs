//! What Sendmail answers its client is what the configuration says.

use crate::lab::Lab;
use crate::mail::forwarded;
use crate::wait::wait_until;

const RULES: &str = r#"
[policy]
mode = "enforce"

[[rule]]
id = "no"
when = { destination = ["@refused.example"] }
then = [{ reject = { code = 553, enhanced = "5.7.9", text = "{forwarder} may not forward ({rule})" } }]

[[rule]]
id = "later"
when = { destination = ["@later.example"] }
then = [{ tempfail = { code = 452, enhanced = "4.7.8", text = "not now" } }]

[[rule]]
id = "usual-no"
when = { destination = ["@plain-refused.example"] }
then = ["reject"]

[[rule]]
id = "usual-later"
when = { destination = ["@plain-later.example"] }
then = ["tempfail"]

[[rule]]
id = "gone"
when = { destination = ["@gone.example"] }
then = ["discard"]

[[rule]]
id = "strip"
when = { destination = ["@stripped.example"] }
then = ["strip"]

[[rule]]
id = "tag"
when = { destination = ["@tagged.example"] }
then = ["tag"]
"#;

fn to(domain: &str) -> String {
    format!("alice@{domain} ORCPT=rfc822;alice@corp.example")
}

#[test]
#[ignore = "needs a Debian with Sendmail: make test-sendmail"]
fn replies_are_those_of_the_configuration() {
    let lab = Lab::up(RULES);
    let message = forwarded("reply", "ann@partner.example", "alice@corp.example");
    for (domain, wanted) in [
        ("refused.example", "553 5.7.9 alice@corp.example may not forward (no)"),
        ("later.example", "452 4.7.8 not now"),
        // A temporary reply stays temporary.
        ("plain-refused.example", "550 5.7.1 "),
        ("plain-later.example", "451 4.7.1 "),
    ] {
        let said = lab.hop_is_sent(&[&to(domain)], &message).expect_err(domain);
        assert!(said.contains(&format!("the server said {wanted}")), "{domain}: {said}");
    }
    lab.hop_is_sent(&[&to("gone.example")], &message).expect("taken, and gone");
    assert_eq!(lab.event_for("outbound", "alice@gone.example")["action"], "discarded");
    lab.queue_runs_empty("mqueue-out");
    assert!(lab.arrived_at("alice@gone.example").is_empty());
}

#[test]
#[ignore = "needs a Debian with Sendmail: make test-sendmail"]
fn edits_are_carried_out() {
    let lab = Lab::up(RULES);
    let message = forwarded("edits", "ann@partner.example", "alice@corp.example");
    let recipients = [to("stripped.example"), to("tagged.example")];
    let recipients: Vec<&str> = recipients.iter().map(String::as_str).collect();
    lab.hop_is_sent(&recipients, &message).expect("it is taken");
    let arrived = lab.arrives_at("alice@tagged.example");
    assert_eq!(arrived.recipients, ["alice@tagged.example"]);
    assert!(arrived.message.contains("X-Forwarden"), "{}", arrived.message);
    assert_eq!(lab.event_for("outbound", "alice@stripped.example")["action"], "stripped");
    lab.queue_runs_empty("mqueue-out");
    assert!(lab.arrived_at("alice@stripped.example").is_empty());
}

/// A refusal at the hop comes back to the sender outside, from the server in front: the manual warns of that.
#[test]
#[ignore = "needs a Debian with Sendmail: make test-sendmail"]
fn a_refusal_tells_the_sender_of_the_forward() {
    let lab = Lab::up(
        "[policy]\nmode = \"enforce\"\n\n[[rule]]\nid = \"no\"\n\
         when = { destination = [\"@freemail.example\"] }\nthen = [\"reject\"]\n",
    );
    lab.ann_writes_to("alice@corp.example", "refused");
    wait_until("a bounce leaves", || {
        lab.arrived_at("ann@partner.example").iter().any(|bounce| bounce.message.contains("alice@freemail.example"))
    });
}
