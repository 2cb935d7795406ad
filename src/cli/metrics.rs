//! `forwarden metrics`: the table of metrics.

use crate::metrics::{ALL, Kind, MAX_NAMES, Metric, Values};
use clap::{Args, ValueEnum};
use serde_json::{Value, json};
use std::process::ExitCode;

/// Print the table of metrics: what a running daemon shows at /metrics of its [admin] listener.
#[derive(Debug, Args)]
pub(super) struct Command {
    /// How it is printed.
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// Two lines a metric.
    Text,
    /// One JSON object a metric and line.
    Json,
    /// The table in the manual.
    Markdown,
}

impl Command {
    /// Prints.
    pub(super) fn run(self) -> ExitCode {
        match self.format {
            Format::Text => ALL.iter().for_each(|metric| super::print(&text(metric))),
            Format::Json => ALL.iter().for_each(|metric| super::print(&format!("{}\n", object(metric)))),
            Format::Markdown => {
                super::print("| metric | kind | labels | what it tells |\n|---|---|---|---|\n");
                ALL.iter().for_each(|metric| super::print(&row(metric)));
            }
        }
        ExitCode::SUCCESS
    }
}

fn text(metric: &Metric) -> String {
    let labels: Vec<&str> = metric.labels.iter().map(|label| label.name).collect();
    let labels = if labels.is_empty() { String::new() } else { format!("{{{}}}", labels.join(",")) };
    format!("{}{labels} ({})\n    {}\n", metric.name, metric.kind.name(), metric.help)
}

fn object(metric: &Metric) -> Value {
    let labels = metric.labels.iter().map(|label| {
        let values = match label.values {
            Values::Of(values) => json!(values),
            Values::Names => Value::Null,
        };
        (label.name.to_owned(), values)
    });
    let buckets = match metric.kind {
        Kind::Histogram(bounds) => json!(bounds),
        _ => Value::Null,
    };
    json!({
        "name": metric.name,
        "kind": metric.kind.name(),
        "labels": labels.collect::<serde_json::Map<_, _>>(),
        "most_names": metric.labels.iter().any(|label| label.values == Values::Names).then_some(MAX_NAMES),
        "buckets": buckets,
        "help": metric.help,
    })
}

fn row(metric: &Metric) -> String {
    let labels: Vec<String> = metric
        .labels
        .iter()
        .map(|label| match label.values {
            Values::Of(_) if label.name == "version" => format!("`{}`", label.name),
            Values::Of(values) => format!("`{}`: {}", label.name, values.join(", ")),
            Values::Names => format!("`{}`: its name", label.name),
        })
        .collect();
    format!("| `{}` | {} | {} | {} |\n", metric.name, metric.kind.name(), labels.join("; "), metric.help)
}
