//! A report as one page: no script, no font, no picture from anywhere.

use super::table::{Table, words};
use jiff::Timestamp;
use serde_json::Value;
use std::fmt::Write;

const STYLE: &str = "
:root { --ink: #1c2430; --soft: #5b6675; --line: #dde3ea; --bar: #2f6fb3; --paper: #ffffff; --band: #f5f7fa; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e6ebf1; --soft: #9aa7b6; --line: #33404f; --bar: #6aa8e8; --paper: #161c24; --band: #1d2530; }
}
body { font: 15px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--paper); margin: 2.5rem auto; max-width: 84rem;
  padding: 0 1.5rem; }
h1 { font-size: 1.6rem; margin: 0; }
p { color: var(--soft); margin: .3rem 0 1.2rem; max-width: 46rem; }
.figures { display: flex; gap: 2.5rem; margin: 1.4rem 0; }
.figures b { display: block; font-size: 1.7rem; line-height: 1.2; }
.figures span { color: var(--soft); }
.wide { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; }
th { text-align: left; font-weight: 600; color: var(--soft); border-bottom: 2px solid var(--line); padding: .4rem .6rem; white-space: nowrap; }
td { border-bottom: 1px solid var(--line); padding: .4rem .6rem; vertical-align: middle; white-space: nowrap; }
tr:nth-child(even) td { background: var(--band); }
.number { text-align: right; font-variant-numeric: tabular-nums; }
svg { display: block; }
rect { fill: var(--bar); }
footer { color: var(--soft); margin-top: 1.5rem; }
";

/// The page.
pub(super) fn page(table: &Table, now: Timestamp) -> String {
    let mut out = String::new();
    // Writing to a String cannot fail.
    let _ = write(&mut out, table, now);
    out
}

fn write(out: &mut String, table: &Table, now: Timestamp) -> std::fmt::Result {
    let title = escaped(table.title);
    write!(
        out,
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n\
         <title>{title}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n<h1>{title}</h1>\n<p>{}. {}</p>\n",
        escaped(&table.period),
        escaped(table.note),
    )?;
    figures(out, table)?;
    let days = table.daily.iter().any(|daily| !daily.is_empty());
    out.push_str("<div class=\"wide\"><table>\n<thead><tr>");
    let on_page = |at: usize| table.columns.get(at).is_some_and(|column| column.on_page);
    for (at, column) in table.columns.iter().enumerate().filter(|(at, _)| on_page(*at)) {
        write!(out, "<th{}>{}</th>", class(number_at(table, at)), escaped(column.title))?;
    }
    out.push_str(if days { "<th>each day</th></tr></thead>\n<tbody>\n" } else { "</tr></thead>\n<tbody>\n" });
    for (row, daily) in table.rows.iter().zip(&table.daily) {
        out.push_str("<tr>");
        for (_, cell) in row.iter().enumerate().filter(|(at, _)| on_page(*at)) {
            write!(out, "<td{}>{}</td>", class(cell.is_number()), escaped(&words(cell)))?;
        }
        if days {
            write!(out, "<td>{}</td>", bars(daily))?;
        }
        out.push_str("</tr>\n");
    }
    if table.rows.is_empty() {
        writeln!(out, "<tr><td colspan=\"{}\">nothing</td></tr>", table.columns.len())?;
    }
    write!(
        out,
        "</tbody></table></div>\n<footer>Forwarden {}, {}</footer>\n</body>\n</html>\n",
        env!("CARGO_PKG_VERSION"),
        now.strftime("%Y-%m-%d %H:%M UTC"),
    )
}

/// The numbers that a manager asks for first.
fn figures(out: &mut String, table: &Table) -> std::fmt::Result {
    let at = |name: &str| table.columns.iter().position(|column| column.name == name);
    let distinct = |name: &str| {
        let cells: std::collections::BTreeSet<String> =
            at(name).map(|at| table.rows.iter().filter_map(|row| row.get(at)).map(words).collect()).unwrap_or_default();
        cells.len() as u64
    };
    let sum = at("count").map(|at| table.rows.iter().filter_map(|row| row.get(at)?.as_u64()).sum());
    let figures = [
        ("mailboxes", at("forwarder").filter(|_| sum.is_some()).map(|_| distinct("forwarder"))),
        ("destinations", at("destination").map(|_| distinct("destination"))),
        ("mails", sum),
    ];
    out.push_str("<div class=\"figures\">");
    for (name, figure) in figures {
        if let Some(figure) = figure {
            write!(out, "<div><b>{figure}</b><span>{name}</span></div>")?;
        }
    }
    out.push_str("</div>\n");
    Ok(())
}

fn number_at(table: &Table, at: usize) -> bool {
    table.rows.first().and_then(|row| row.get(at)).is_some_and(Value::is_number)
}

fn class(number: bool) -> &'static str {
    if number { " class=\"number\"" } else { "" }
}

/// How many days are drawn: more are put together.
const MOST_BARS: usize = 60;
const HEIGHT: u64 = 24;

/// A bar for each day, the highest as high as there is room.
fn bars(daily: &[u64]) -> String {
    let together = daily.len().div_ceil(MOST_BARS).max(1);
    let sums: Vec<u64> = daily.chunks(together).map(|days| days.iter().sum()).collect();
    let most = sums.iter().copied().max().unwrap_or_default().max(1);
    let width = sums.len() * 4;
    let mut out = format!(
        "<svg width=\"{width}\" height=\"{HEIGHT}\" role=\"img\" aria-label=\"{} mails in {} days, at most {most} in {together}\">",
        sums.iter().sum::<u64>(),
        daily.len(),
    );
    for (at, sum) in sums.iter().enumerate().filter(|(_, sum)| **sum > 0) {
        let height = (sum * HEIGHT).div_ceil(most);
        out += &format!("<rect x=\"{}\" y=\"{}\" width=\"3\" height=\"{height}\"/>", at * 4, HEIGHT - height);
    }
    out + "</svg>"
}

fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c if c.is_control() => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
    out
}
