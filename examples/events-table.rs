//! Prints a file of events as a table, one row a destination: what left, who forwarded it, where to, by what
//! mechanism, how sure that is, and what was done.
//!
//! Usage: `events-table EVENTS.jsonl`

use serde_json::Value;
use std::env;
use std::error::Error;
use std::fs;

const WIDTH: usize = 100;
const GAP: &str = "  ";
/// A Message-ID made by a machine would take the room of what matters.
const MESSAGE_WIDTH: usize = 10;
const TITLES: [&str; 7] = ["WHAT LEFT", "MESSAGE", "FORWARDED BY", "TO", "MECHANISM", "SURE", "DONE"];

fn main() -> Result<(), Box<dyn Error>> {
    let path = env::args_os().nth(1).ok_or("usage: events-table EVENTS.jsonl")?;
    let text = fs::read_to_string(path)?;
    let events: Vec<Value> = text.lines().map(serde_json::from_str).collect::<Result<_, _>>()?;
    let mut rows: Vec<_> = events.iter().flat_map(rows_of).collect();
    rows.sort();

    let widths = widths(&rows);
    print_row(&TITLES.map(str::to_owned), &widths);
    print_row(&widths.map(|width| "─".repeat(width)), &widths);
    for row in &rows {
        print_row(row, &widths);
    }
    Ok(())
}

fn rows_of(event: &Value) -> Vec<[String; 7]> {
    let text = |key: &str| event[key].as_str().map_or_else(|| "-".to_owned(), str::to_owned);
    let words =
        |key: &str| -> Vec<&str> { event[key].as_array().into_iter().flatten().filter_map(Value::as_str).collect() };
    let message = text("message_id");
    let message = message.trim_start_matches('<').split('@').next().unwrap_or_default();
    let done = match words("would").as_slice() {
        [] => text("action"),
        would => format!("would be {}", would.join(", ")),
    };
    let sure = event["confidence"].as_f64().map_or_else(|| "-".to_owned(), |confidence| format!("{confidence:.2}"));
    let row = |destination: &str| {
        let message = cut(message, MESSAGE_WIDTH);
        let destination = destination.to_owned();
        [text("verdict"), message, text("forwarder"), destination, text("mechanism"), sure.clone(), done.clone()]
    };
    words("destinations").into_iter().map(row).collect()
}

/// As wide as the widest cell, and then the widest columns narrowed until a row fits.
fn widths(rows: &[[String; 7]]) -> [usize; 7] {
    let mut widths = TITLES.map(str::len);
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    while widths.iter().sum::<usize>() + GAP.len() * (widths.len() - 1) > WIDTH {
        match widths.iter_mut().max() {
            Some(widest) => *widest -= 1,
            None => break,
        }
    }
    widths
}

fn print_row(cells: &[String; 7], widths: &[usize; 7]) {
    let cells: Vec<_> = cells.iter().zip(widths).map(|(cell, &width)| format!("{:width$}", cut(cell, width))).collect();
    println!("{}", cells.join(GAP).trim_end());
}

/// Cells hold what outsiders wrote: control characters never reach the terminal.
fn cut(cell: &str, width: usize) -> String {
    let mut cell: String = cell.chars().map(|c| if c.is_control() { '?' } else { c }).collect();
    if cell.chars().count() > width {
        cell = cell.chars().take(width - 1).chain(['…']).collect();
    }
    cell
}
