//! How much of what is said with some confidence is true: for labelled cases, each a folder with `message.eml` and an
//! `envelope.json` that has a `label` and, where one recipient of several is meant, `truth.destination`.
//!
//! Usage: `forwarden replay --format json CASES | reliability CASES`

use serde_json::Value;
use std::collections::HashMap;
use std::error::Error;
use std::io::{self, BufRead};
use std::path::{Path, PathBuf};

/// The lower ends of the classes of confidence.
const CLASSES: [f64; 7] = [0.0, 0.05, 0.2, 0.5, 0.8, 0.95, 0.99];

fn main() -> Result<(), Box<dyn Error>> {
    let root = std::env::args_os().nth(1).ok_or("usage: forwarden replay --format json CASES | reliability CASES")?;
    let mut cases = HashMap::new();
    find(&PathBuf::from(root), &mut cases)?;
    let mut classes = [(0_u32, 0_u32, 0.0_f64); CLASSES.len()];
    for line in io::stdin().lock().lines() {
        let line: Value = serde_json::from_str(&line?)?;
        let Some(case) = line["case"].as_str().and_then(|name| cases.get(name)) else { continue };
        // A resend by hand can leave the very traces of a rule, so it can be called neither right nor wrong.
        if case["direction"] == "in" || case["label"] == "manual_forward" {
            continue;
        }
        let confidence = line["confidence"].as_f64().unwrap_or_default();
        let class = CLASSES.iter().rposition(|low| confidence >= *low).unwrap_or_default();
        let (said, were, sum) = &mut classes[class];
        *said += 1;
        *sum += confidence;
        *were += u32::from(is_forward(case, line["recipient"].as_str().unwrap_or_default()));
    }
    println!("| confidence | recipients | mean confidence | forwards | share of forwards |");
    println!("|---|---|---|---|---|");
    for (index, (said, were, sum)) in classes.iter().enumerate().rev().filter(|(_, (said, ..))| *said > 0) {
        let high = CLASSES.get(index + 1).copied().unwrap_or(1.0);
        let (mean, share) = (sum / f64::from(*said), f64::from(*were) / f64::from(*said));
        println!("| {} to {high} | {said} | {mean:.3} | {were} | {share:.3} |", CLASSES[index]);
    }
    Ok(())
}

/// Whether a message to this recipient is labelled as a forward.
fn is_forward(case: &Value, recipient: &str) -> bool {
    let plain = |text: &str| text.trim_matches(['<', '>', ' ']).to_lowercase();
    let meant: Vec<String> = match &case["truth"]["destination"] {
        Value::String(one) => vec![plain(one)],
        Value::Array(several) => several.iter().filter_map(Value::as_str).map(plain).collect(),
        _ => Vec::new(),
    };
    case["label"] == "auto_forward" && (meant.is_empty() || meant.contains(&plain(recipient)))
}

/// Finds the cases by the names of their folders.
fn find(folder: &Path, cases: &mut HashMap<String, Value>) -> Result<(), Box<dyn Error>> {
    let envelope = folder.join("envelope.json");
    if envelope.exists() {
        let name = folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
        cases.insert(name, serde_json::from_str(&std::fs::read_to_string(envelope)?)?);
        return Ok(());
    }
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            find(&path, cases)?;
        }
    }
    Ok(())
}
