//! The events themselves.

use super::super::source::printable;
use super::{Format, List, directory};
use crate::sink::spool;
use serde_json::Value;
use std::fmt::Write;
use std::io;
use std::process::ExitCode;

impl List {
    pub(super) fn run(self) -> io::Result<ExitCode> {
        let directory = directory(&self.config)?;
        let mut out = String::new();
        let mut count = 0;
        if self.refused {
            for dead in spool::dead(&directory, self.output.as_deref(), self.limit)? {
                count += 1;
                if self.format == Format::Json {
                    json(&mut out, &dead)?;
                    continue;
                }
                out += &line(&dead.event);
                let _ = writeln!(out, "  {}: {}", printable(&dead.output, 20), printable(&dead.error, 74));
            }
        } else {
            for waits in spool::list(&directory, self.output.as_deref(), self.limit)? {
                count += 1;
                match self.format {
                    Format::Json => json(&mut out, &waits)?,
                    Format::Text => out += &line(&waits.event),
                }
            }
        }
        if count == 0 && self.format == Format::Text {
            out += if self.refused { "nothing was refused\n" } else { "nothing waits\n" };
        }
        super::super::print(&out);
        Ok(ExitCode::SUCCESS)
    }
}

fn json(out: &mut String, value: &impl serde::Serialize) -> io::Result<()> {
    *out += &serde_json::to_string(value).map_err(io::Error::other)?;
    out.push('\n');
    Ok(())
}

/// One event: id, time, what it is; and who forwards where.
fn line(event: &Value) -> String {
    let text = |key: &str| event[key].as_str().unwrap_or_default();
    let kind = ["verdict", "fault", "behaviour", "change", "reason"]
        .into_iter()
        .map(text)
        .find(|word| !word.is_empty())
        .unwrap_or(text("kind"));
    let to = event["destinations"][0].as_str().or(event["destination"].as_str()).unwrap_or_default();
    let pair = match (text("forwarder"), to) {
        ("", to) => to.to_owned(),
        (from, to) => format!("{from} to {to}"),
    };
    let mut row = format!("{}\n", printable(&format!("{}  {:<24}  {kind}", text("id"), text("time")), 98));
    if !pair.is_empty() {
        row += &format!("  {}\n", printable(&pair, 96));
    }
    row
}
