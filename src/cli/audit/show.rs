//! The audit, printed.

use super::row::{Row, Unruled};
use crate::audit::Audit;
use crate::cli::counted;
use crate::cli::report::table::{harmless, wrapped};
use crate::cli::source::{json, printable};
use crate::config::Config;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::json as object;

/// How wide a terminal is taken to be.
const COLUMNS: usize = 100;

/// What is printed.
pub(super) struct Shown<'a> {
    /// The audit.
    pub audit: &'a Audit,
    /// The rules that are listed.
    pub rows: &'a [Row],
    /// Traffic without a rule.
    pub unruled: &'a [Unruled],
    /// Whether rules were compared with traffic.
    pub joined: bool,
    /// The configuration.
    pub config: &'a Config,
}

fn day(time: Timestamp) -> String {
    TimeZone::UTC.to_datetime(time).date().to_string()
}

impl Shown<'_> {
    /// A few lines a rule.
    pub(super) fn text(&self) -> String {
        let mut out = String::new();
        if !self.rows.is_empty() {
            out += &columns("MAILBOX", "TARGET", "CLASS", "COPY", "RULE");
        }
        self.rows.iter().for_each(|row| out += &of_rule(row, self.audit.is_live()));
        if !self.unruled.is_empty() {
            out += "\nForwards that were seen and have no rule here: look at mail clients, other servers, webmail.\n\n";
            for line in self.unruled {
                out += &columns(
                    &line.forwarder,
                    &line.destination,
                    line.class.unwrap_or("-"),
                    "-",
                    &line.mechanism.join(" "),
                );
                out += &format!("  {} mails, {} to {}\n", line.count, day(line.first_seen), day(line.last_seen));
            }
        }
        if !out.is_empty() {
            out.push('\n');
        }
        out + &wrapped(&self.summary())
    }

    fn summary(&self) -> String {
        let outside = self.rows.iter().filter(|row| row.leaves);
        let approved = outside.clone().filter(|row| row.exception.is_some()).count();
        let unused = outside.clone().filter(|row| row.compared && row.traffic.is_none()).count();
        let mut text = format!(
            "{} to the outside, {approved} of them approved; {} looked into, {} read.",
            counted(outside.count(), "rule"),
            counted(self.audit.users.all.len(), "home"),
            counted(self.audit.files, "file"),
        );
        if self.joined {
            text += &format!(" {unused} without traffic, {} without a rule.", counted(self.unruled.len(), "forward"));
        }
        for (table, names) in &self.audit.asked {
            text +=
                &format!(" {} cannot be listed: it was asked for {}.", printable(table, 60), counted(*names, "name"));
        }
        if self.config.organization.domains.is_empty() {
            text += " No own domains are known, so every domain counts as outside: name them by --own or --config.";
        }
        if !self.audit.problems.is_empty() {
            text += &format!(" {} could not be looked at.", counted(self.audit.problems.len(), "thing"));
        }
        text
    }

    /// One object a line.
    pub(super) fn json(&self) -> String {
        let rules = self.rows.iter().map(json);
        let traffic = self.unruled.iter().map(json);
        let problems = self
            .audit
            .problems
            .iter()
            .map(|problem| json(&object!({"type": "problem", "place": problem.place, "reason": problem.reason})));
        rules.chain(traffic).chain(problems).map(|line| line + "\n").collect()
    }

    /// For a spreadsheet.
    pub(super) fn csv(&self) -> String {
        let mut writer = csv::WriterBuilder::new().terminator(csv::Terminator::CRLF).from_writer(Vec::new());
        let written = (|| {
            writer.write_record([
                "source",
                "mailbox",
                "target",
                "class",
                "leaves",
                "keeps_copy",
                "file",
                "line",
                "owner",
                "mode",
                "modified",
                "age_days",
                "notes",
                "exception",
                "count",
                "last_seen",
            ])?;
            for row in self.rows {
                let known = |value: Option<bool>| value.map_or("unknown", |value| if value { "yes" } else { "no" });
                let cells = [
                    row.source.to_owned(),
                    cell(&row.mailbox),
                    cell(&row.target),
                    row.class.to_owned(),
                    known(Some(row.leaves)).to_owned(),
                    known(row.keeps_copy).to_owned(),
                    cell(&row.file),
                    row.line.map(|line| line.to_string()).unwrap_or_default(),
                    cell(row.owner.as_deref().unwrap_or_default()),
                    row.mode.clone().unwrap_or_default(),
                    row.modified.map(|time| time.to_string()).unwrap_or_default(),
                    row.age_days.map(|days| days.to_string()).unwrap_or_default(),
                    cell(&row.notes.join("; ")),
                    row.exception.clone().unwrap_or_default(),
                    row.traffic.as_ref().map(|seen| seen.count.to_string()).unwrap_or_default(),
                    row.traffic.as_ref().map(|seen| seen.last_seen.to_string()).unwrap_or_default(),
                ];
                writer.write_record(cells)?;
            }
            writer.flush()
        })();
        // Memory takes what is written to it.
        written
            .ok()
            .and_then(|()| writer.into_inner().ok())
            .and_then(|bytes| String::from_utf8(bytes).ok())
            .unwrap_or_default()
    }
}

/// A cell that neither a spreadsheet nor a terminal takes for a command.
fn cell(text: &str) -> String {
    harmless(&printable(text, usize::MAX))
}

fn columns(mailbox: &str, target: &str, class: &str, copy: &str, rule: &str) -> String {
    let line = format!(
        "{:<28} {:<36} {:<11} {:<4} {}",
        printable(mailbox, 27),
        printable(target, 35),
        class,
        copy,
        printable(rule, 16),
    );
    format!("{}\n", line.trim_end())
}

/// The lines of a rule: what, where it stands, what is to be known of it.
fn of_rule(row: &Row, live: bool) -> String {
    let copy = match row.keeps_copy {
        Some(true) => "yes",
        Some(false) => "no",
        None => "?",
    };
    let mut out = columns(&row.mailbox, &row.target, row.class, copy, row.source);
    let line = row.line.map(|line| format!(":{line}")).unwrap_or_default();
    let facts = [
        row.owner.clone(),
        row.mode.clone(),
        row.modified.zip(row.age_days).map(|(time, days)| format!("{} ({days} d)", day(time))),
    ];
    let facts: Vec<String> = facts.into_iter().flatten().collect();
    let behind = format!("{line}  {}", facts.join(", "));
    let room = COLUMNS.saturating_sub(behind.chars().count() + 3).max(20);
    out += &format!("  {}{}\n", printable(&row.file, room), printable(&behind, COLUMNS - 3));
    let mut more: Vec<String> = Vec::new();
    // In a copy all files changed when they were copied.
    if let (true, Some(changed), Some(modified)) = (live, row.changed, row.modified)
        && changed.duration_since(modified).as_hours() >= 24
    {
        more.push(format!("the file was touched on {}: moved, given away, or its date set back", day(changed)));
    }
    more.extend(row.exception.iter().map(|id| format!("approved by exception {id}")));
    more.extend(row.notes.iter().cloned());
    match &row.traffic {
        Some(seen) => {
            let whose = if seen.same_mailbox { String::new() } else { format!(" of {}", seen.forwarder) };
            more.push(format!("seen: {}{whose}, last {}", counted(seen.count, "mail"), day(seen.last_seen)));
        }
        None if row.compared && row.leaves => more.push("seen: no mail".to_owned()),
        None => {}
    }
    more.iter().for_each(|note| out += &format!("  {}\n", printable(note, COLUMNS - 3)));
    out
}
