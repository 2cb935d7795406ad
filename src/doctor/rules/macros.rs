//! Are the macros sent from which events and evidence are made?

use super::{Finding, Rule, Severity, Site};

pub(super) const RULE: Rule =
    Rule { id: "milter.macros", what: "a macro that events or evidence are made of is not sent", look };

/// The macro, the parameters of which any may send it, and what is lost without it.
const NEEDED: [(&str, &[&str], &str); 5] = [
    ("j", &["milter_connect_macros"], "the mail server's name in events"),
    (
        "{auth_authen}",
        &["milter_mail_macros", "milter_rcpt_macros", "milter_data_macros", "milter_end_of_data_macros"],
        "who logged in: mail that a person sent looks like mail that a program sent",
    ),
    ("{rcpt_addr}", &["milter_rcpt_macros"], "what the mail server made of a recipient"),
    ("{rcpt_mailer}", &["milter_rcpt_macros"], "by which transport a recipient is sent to"),
    (
        "i",
        &["milter_data_macros", "milter_end_of_header_macros", "milter_end_of_data_macros"],
        "the queue id in events: they cannot be joined with the mail log",
    ),
];

fn look(site: &Site, findings: &mut Vec<Finding>) {
    for watch in site.watches() {
        let (instance, smtpd) = (watch.instance, watch.smtpd);
        for (name, parameters, lost) in NEEDED {
            let sent = |parameter: &&str| {
                let names = instance.value_at(smtpd, parameter);
                names.split([',', ' ', '\t']).any(|sent| sent.trim_matches(['{', '}']) == name.trim_matches(['{', '}']))
            };
            let Some(parameter) = parameters.first().filter(|_| !parameters.iter().any(sent)) else { continue };
            let had = instance.value_at(smtpd, parameter);
            let (file, at, line) = instance.setting(Some(smtpd), parameter, format!("{had} {name}").trim());
            findings.push(
                Finding::new(RULE.id, Severity::Warning, &file, at)
                    .found(format!("{had} at {}", smtpd.title()))
                    .means(format!("The macro {name} is not sent. Lost with it: {lost}."))
                    .change(line),
            );
        }
    }
}
