//! Is there time for an answer?

use super::{Finding, Rule, Severity, Site};

pub(super) const RULE: Rule = Rule { id: "milter.timeout", what: "the mail server waits too short, or too long", look };

/// What is needed at least, and what an observer may cost incoming mail at most, in seconds.
const TIMES: [(&str, u64, u64, &str); 3] =
    [("connect_timeout", 5, 30, "30s"), ("command_timeout", 5, 30, "30s"), ("content_timeout", 60, 300, "300s")];

fn look(site: &Site, findings: &mut Vec<Finding>) {
    let hops = site.hops_here();
    for watch in site.watches() {
        let is_hop = hops.iter().any(|hop| std::ptr::eq(hop.smtpd, watch.smtpd));
        for (name, least, most, usual) in TIMES {
            let written = watch.milter.setting(watch.instance, watch.smtpd, name);
            let Some(seconds) = seconds(written) else { continue };
            let text = if seconds < least {
                "That may be too short on a busy host: then mail waits, or passes unseen, although Forwarden is there."
            } else if seconds > most && !is_hop {
                "So long is every client kept waiting while Forwarden hangs; this listener only watches."
            } else {
                continue;
            };
            let (file, at, line) = if watch.milter.has(name) {
                watch.instance.setting(Some(watch.smtpd), "smtpd_milters", &watch.milter.with(name, usual))
            } else {
                watch.instance.setting(Some(watch.smtpd), &format!("milter_{name}"), usual)
            };
            findings.push(
                Finding::new(RULE.id, Severity::Warning, &file, at)
                    .found(format!("{name} {written} at {}", watch.smtpd.title()))
                    .means(text)
                    .change(line),
            );
        }
    }
}

/// A time of Postfix in seconds.
fn seconds(text: &str) -> Option<u64> {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let unit = match text.get(digits.len()..)? {
        "" | "s" => 1,
        "m" => 60,
        "h" => 3600,
        "d" => 86400,
        "w" => 604_800,
        _ => return None,
    };
    digits.parse::<u64>().ok()?.checked_mul(unit)
}

#[cfg(test)]
mod tests {
    use super::seconds;

    #[test]
    fn times() {
        assert_eq!([seconds("30s"), seconds("5m"), seconds("1"), seconds("x")], [Some(30), Some(300), Some(1), None]);
    }
}
