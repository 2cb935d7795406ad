//! `forwarden doctor`: is the mail server wired so that forwards can be seen?

mod canary;

use super::counted;
use super::source::{self, printable};
use crate::config::Config;
use crate::doctor::{self, Cf, Finding, Instance, Place, Severity, Site, Way};
use clap::{Args, ValueEnum};
use std::path::PathBuf;
use std::process::ExitCode;

/// Where Postfix has its configuration.
const POSTFIX: &str = "/etc/postfix";

/// Where Sendmail has its own.
const SENDMAIL: &str = "/etc/mail/sendmail.cf";

/// Look at how the mail server is wired: does everything that leaves pass a listener, and with all the evidence?
///
/// Reads what postconf says of every instance of Postfix on this host, compares it with the listeners of the configuration,
/// and says what each finding means and which line to change. Changes nothing, and sends no mail but with --canary. Run it as root: sockets and
/// tables may be nobody else's to see.
///
/// Exit status: 0 if there is nothing but notes, 1 if there are errors or warnings, or something could not be looked at.
#[derive(Debug, Args)]
pub(super) struct Command {
    /// Configuration file.
    #[arg(long, short, value_name = "FILE", default_value = super::DEFAULT_CONFIG)]
    config: PathBuf,
    /// The folder of a Postfix configuration; its other instances (postmulti) are looked at, too. May be given several times.
    /// Without it /etc/postfix is taken, and what [quarantine.release] names.
    #[arg(long, value_name = "DIR")]
    postfix_config: Vec<PathBuf>,
    /// The sendmail.cf of a Sendmail. May be given several times. Without it, and without --postfix-config,
    /// /etc/mail/sendmail.cf is taken where it exists, and what [quarantine.release] names.
    #[arg(long, value_name = "FILE")]
    sendmail: Vec<PathBuf>,
    /// A server elsewhere that has the milter: what is sent there is seen. May be given several times.
    #[arg(long, value_name = "HOST:PORT", value_parser = hop)]
    hop: Vec<Place>,
    #[command(flatten)]
    canaries: canary::Canaries,
    /// How it is printed.
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// The findings, the worst first, and where mail goes.
    Text,
    /// One JSON object a finding and line.
    Json,
}

fn hop(text: &str) -> Result<Place, String> {
    doctor::place(text).ok_or_else(|| "write [192.0.2.25]:10040 or relay.corp.example:25".to_owned())
}

impl Command {
    /// Looks.
    pub(super) fn run(self) -> ExitCode {
        let Some(config) = super::load(&self.config, &[]) else { return ExitCode::FAILURE };
        let mut problems = Vec::new();
        let instances = self.instances(&config, &mut problems);
        let sendmails = self.sendmails(&config, &mut problems);
        problems.iter().for_each(|problem: &String| super::complain(problem));
        if instances.is_empty() && sendmails.is_empty() {
            if problems.is_empty() {
                super::complain(&format!(
                    "there is neither {POSTFIX}/main.cf nor {SENDMAIL}: --postfix-config DIR or --sendmail FILE says where"
                ));
            }
            return ExitCode::FAILURE;
        }
        let outputs = config.outputs;
        let site = Site {
            instances,
            sendmails,
            listeners: config.listeners,
            organization: config.organization,
            hops: self.hop.clone(),
        };
        let findings = doctor::examine(&site);
        super::print(&match self.format {
            Format::Json => findings.iter().map(|finding| source::json(finding) + "\n").collect(),
            Format::Text => text(&site, &findings),
        });
        let wrong = findings.iter().any(|finding| finding.severity != Severity::Note);
        let seen = self.canaries.run(&site.listeners, &outputs, self.format);
        if wrong || !seen || !problems.is_empty() { ExitCode::FAILURE } else { ExitCode::SUCCESS }
    }

    /// Every Sendmail there is.
    fn sendmails(&self, config: &Config, problems: &mut Vec<String>) -> Vec<Cf> {
        let mut named = self.sendmail.clone();
        if named.is_empty() && self.postfix_config.is_empty() {
            named.extend(Some(PathBuf::from(SENDMAIL)).filter(|file| file.exists()));
            named.extend(config.quarantine.as_ref().and_then(|spec| spec.release.sendmail.clone()));
        }
        named.dedup();
        let mut read =
            |file: &PathBuf| Cf::read(file).map_err(|error| problems.push(format!("{}: {error}", file.display()))).ok();
        named.iter().filter_map(&mut read).collect()
    }

    /// Every instance there is, once.
    fn instances(&self, config: &Config, problems: &mut Vec<String>) -> Vec<Instance> {
        let mut named = self.postfix_config.clone();
        if named.is_empty() && self.sendmail.is_empty() {
            named.extend(Some(PathBuf::from(POSTFIX)).filter(|dir| dir.join("main.cf").exists()));
            named.extend(config.quarantine.as_ref().and_then(|spec| spec.release.postfix.clone()));
        }
        let mut dirs: Vec<PathBuf> = Vec::new();
        for dir in named {
            let dir = std::path::absolute(&dir).unwrap_or(dir);
            match doctor::directories(&dir) {
                Ok(found) => dirs.extend(found),
                Err(error) => problems.push(format!("{}: {error}", dir.display())),
            }
        }
        let mut seen = Vec::new();
        dirs.retain(|dir| {
            let real = std::fs::canonicalize(dir).unwrap_or_else(|_| dir.clone());
            let new = !seen.contains(&real);
            seen.push(real);
            new
        });
        let mut read = |dir: &PathBuf| {
            Instance::read(dir).map_err(|error| problems.push(format!("{}: {error}", dir.display()))).ok()
        };
        dirs.iter().filter_map(&mut read).collect()
    }
}

/// The findings, then the way of mail, then a sum.
fn text(site: &Site, findings: &[Finding]) -> String {
    let mut out: String = findings.iter().map(finding).collect();
    for instance in &site.instances {
        let (major, minor) = instance.version;
        let way = match site.way_of_default(instance) {
            Way::Watched => "what leaves passes the milter".to_owned(),
            Way::Outside(place) if site.is_relay(instance) => format!("has the milter, and sends on ({place})"),
            Way::Outside(place) => format!("what leaves goes outside ({place})"),
            Way::Inside(place) if site.is_relay(instance) => format!("has the milter, and sends to {place}"),
            Way::Inside(place) => format!("what leaves goes to {place}"),
            Way::Program(name) => format!("what leaves goes to the program of {name}"),
            Way::Here => "nothing leaves".to_owned(),
            Way::Missing(name) => format!("what leaves goes to {name}, which there is not"),
        };
        out += &wrapped(&format!("{}: Postfix {major}.{minor}, {way}", instance.dir.display()), "");
    }
    for cf in &site.sendmails {
        let way = match site.way_of_sendmail(cf) {
            Way::Watched => "what leaves passes the milter".to_owned(),
            Way::Outside(place) | Way::Inside(place) if site.is_sendmail_hop(cf) => {
                format!("has the milter, and sends on ({place})")
            }
            Way::Outside(place) => format!("what leaves goes outside ({place})"),
            Way::Inside(place) | Way::Program(place) | Way::Missing(place) => format!("what leaves goes to {place}"),
            Way::Here => "nothing leaves".to_owned(),
        };
        out += &wrapped(&format!("{}: Sendmail, {way}", cf.path.display()), "");
    }
    let count = |severity| findings.iter().filter(|finding| finding.severity == severity).count();
    let sum = [(Severity::Error, "error"), (Severity::Warning, "warning"), (Severity::Note, "note")]
        .map(|(severity, what)| (count(severity), what));
    let sum: Vec<String> =
        sum.iter().filter(|(number, _)| *number > 0).map(|(number, what)| counted(*number, what)).collect();
    out + &if sum.is_empty() { "fine\n".to_owned() } else { format!("{}\n", sum.join(", ")) }
}

fn finding(finding: &Finding) -> String {
    let mut out = wrapped(&format!("{}: {}: {}", finding.severity.name(), finding.file.display(), finding.at), "");
    let found = printable(&finding.found, 300);
    let found = if found.is_empty() { "nothing".to_owned() } else { found };
    out += &wrapped(&format!("is: {found} [{}]", finding.id), "    ");
    out += &wrapped(&finding.text, "    ");
    for line in &finding.change {
        // A line to copy is never broken.
        out += &format!("    > {}\n", printable(line, 1000));
    }
    out + "\n"
}

/// Text in lines of at most 100 columns, broken at blanks.
fn wrapped(text: &str, indent: &str) -> String {
    const COLUMNS: usize = 100;
    let mut out = String::new();
    let mut line = String::new();
    for word in printable(text, 4000).split_whitespace() {
        let length = indent.chars().count() + line.chars().count() + 1 + word.chars().count();
        if !line.is_empty() && length > COLUMNS {
            out += &format!("{indent}{line}\n");
            line.clear();
        }
        if !line.is_empty() {
            line.push(' ');
        }
        line += word;
    }
    out + &format!("{indent}{line}\n")
}

/// The rules, for the manual.
#[cfg(test)]
fn rules() -> Vec<String> {
    doctor::RULES.iter().map(|rule| format!("| `{}` | {} |", rule.id, rule.what)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    #[test]
    fn every_rule_is_in_the_manual() {
        let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/doctor.md");
        let page = std::fs::read_to_string(page).expect("docs/doctor.md");
        let missing: Vec<String> = rules().into_iter().filter(|row| !page.contains(row)).collect();
        assert!(missing.is_empty(), "docs/doctor.md lacks:\n{}", missing.join("\n"));
    }

    #[test]
    fn lines_are_short() {
        let text = wrapped(&"word ".repeat(60), "    ");
        assert!(text.lines().count() == 4 && text.lines().all(|line| line.len() <= 100), "{text}");
    }
}
