//! Does a Sendmail take ORCPT?

use crate::doctor::rules::{Finding, Rule, Severity, Site};

pub(in super::super) const RULE: Rule = Rule {
    id: "sendmail.dsn",
    what: "PrivacyOptions keep Sendmail from announcing DSN: ORCPT and NOTIFY are lost",
    look,
};

fn look(site: &Site, findings: &mut Vec<Finding>) {
    for cf in site.sendmails.iter().filter(|cf| site.is_sendmail_hop(cf)) {
        let options = cf.option("PrivacyOptions");
        let bad = |option: &&str| option.eq_ignore_ascii_case("noreceipts") || option.eq_ignore_ascii_case("goaway");
        let all: Vec<&str> =
            options.split([',', ' ', '\t']).map(str::trim).filter(|option| !option.is_empty()).collect();
        if !all.iter().any(&bad) {
            continue;
        }
        let mut left: Vec<&str> = all.iter().copied().filter(|option| !bad(option)).collect();
        // What `goaway` stands for, but for noreceipts.
        if all.iter().any(|option| option.eq_ignore_ascii_case("goaway")) {
            left.extend(["needmailhelo", "noexpn", "novrfy", "noverb", "nobodyreturn"]);
        }
        findings.push(
            Finding::new(RULE.id, Severity::Error, &cf.path, "PrivacyOptions")
                .found(options)
                .means("The hop does not announce DSN: ORCPT and NOTIFY are lost, the best evidence of a forward. In its .mc file:")
                .change(format!("define(`confPRIVACY_FLAGS', `{}')dnl", left.join(","))),
        );
    }
}
