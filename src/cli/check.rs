//! `forwarden check`: is the configuration right, its lists, its policy tests?

use super::source::{self, Circumstances};
use crate::clock::SystemClock;
use crate::config::{Config, PolicyTest, Problem, Severity};
use crate::engine::Engine;
use crate::frontend::ListenerSpec;
use crate::sink::NullSink;
use clap::{Args, ValueEnum};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

/// Check the configuration, its lists and its policy tests; print every problem with file, line and what to do.
///
/// Exit status: 0 if it can be used, 1 if not.
#[derive(Debug, Args)]
pub(super) struct Command {
    /// Configuration file.
    #[arg(long, short, value_name = "FILE", default_value = super::DEFAULT_CONFIG)]
    config: PathBuf,
    /// How it is printed.
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// A line a problem, then a summary.
    Text,
    /// One JSON object a problem and line.
    Json,
}

impl Command {
    /// Checks.
    pub(super) fn run(self) -> ExitCode {
        let (config, mut problems) = match Config::load(&self.config) {
            Ok(loaded) => (Some(loaded.config), loaded.warnings),
            Err(problems) => (None, problems.iter().cloned().collect()),
        };
        if let Some(config) = &config {
            let engine = crate::app::engine(config, Arc::new(SystemClock), Arc::new(NullSink));
            for test in &config.tests {
                problems.extend(try_out(&engine, config, test).into_iter().map(|text| test.failure(text)));
            }
        }
        for problem in &problems {
            super::print(&match self.format {
                Format::Text => format!("{problem}\n"),
                Format::Json => format!("{}\n", json(problem)),
            });
        }
        let errors = problems.iter().filter(|problem| problem.severity == Severity::Error).count();
        if self.format == Format::Text {
            let summary = summary(config.as_ref(), errors, problems.len() - errors);
            super::print(&format!("{}: {summary}\n", self.config.display()));
        }
        if errors == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
    }
}

fn json(problem: &Problem) -> serde_json::Value {
    serde_json::json!({
        "severity": match problem.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
        },
        "file": problem.file.to_string_lossy(),
        "line": problem.line,
        "key": problem.key,
        "text": problem.text,
    })
}

fn summary(config: Option<&Config>, errors: usize, warnings: usize) -> String {
    let counted = |number: usize, what: &str| format!("{number} {what}{}", if number == 1 { "" } else { "s" });
    let warned = counted(warnings, "warning");
    match config {
        Some(config) if errors == 0 => {
            let parts = [
                counted(config.listeners.len(), "listener"),
                counted(config.policy.rules.len(), "rule"),
                counted(config.policy.exceptions.len(), "exception"),
                format!("{} passed", counted(config.tests.len(), "test")),
            ];
            let fine = if warnings == 0 { "fine".to_owned() } else { format!("can be used, {warned}") };
            format!("{fine} ({})", parts.join(", "))
        }
        // The daemon takes a configuration whose tests fail: whether they are right is for people to say.
        Some(_) => format!("policy tests fail: {}, {warned}", counted(errors, "error")),
        None => format!("cannot be used: {}, {warned}", counted(errors, "error")),
    }
}

/// What a policy test expected and did not get.
fn try_out(engine: &Engine, config: &Config, test: &PolicyTest) -> Vec<String> {
    let bytes = match source::read(&test.message).and_then(|bytes| {
        source::check(&bytes).map_err(|reason| format!("{}: {reason}", test.message.display()))?;
        Ok(bytes)
    }) {
        Ok(bytes) => bytes,
        Err(problem) => return vec![problem],
    };
    let named = |spec: &&ListenerSpec| test.listener.as_ref().is_none_or(|name| *name == spec.name);
    let listener = config.listeners.iter().find(named);
    let circumstances = Circumstances {
        listener: listener.map(|spec| spec.name.clone()).unwrap_or_default(),
        direction: listener.map(|spec| spec.direction).unwrap_or_default(),
        auth_user: test.auth_user.clone(),
        mail_from: test.mail_from.as_deref().map(source::path_and_params),
        recipients: test.rcpt.iter().map(|text| source::path_and_params(text)).collect(),
        client_addr: test.client,
        ..Circumstances::default()
    };
    let message = source::build(&bytes, &circumstances, config.limits, config.read_body);
    let inspection = engine.inspect(&message, true);
    let name = test.message.display();
    let (Some(assessment), Some(decision)) = (inspection.assessments.first(), inspection.decisions.first()) else {
        return vec![format!("{name}: no recipient is outside, so nothing was decided")];
    };
    let none = || "none".to_owned();
    let actions: Vec<&str> = decision.actions.iter().map(crate::policy::Action::name).collect();
    let expected = &test.expected;
    let found = [
        ("rule", expected.rule.clone(), decision.rule.clone().unwrap_or_else(none)),
        ("exception", expected.exception.clone(), decision.exception.clone().unwrap_or_else(none)),
        ("verdict", expected.verdict.clone(), assessment.verdict.to_string()),
        ("forwarder", expected.forwarder.clone(), assessment.forwarder.as_ref().map_or_else(none, ToString::to_string)),
        (
            "mechanism",
            expected.mechanism.clone(),
            assessment.mechanism.map_or_else(none, |mechanism| mechanism.to_string()),
        ),
        ("action", expected.action.as_ref().map(|list| list.join(", ")), actions.join(", ")),
    ];
    found
        .into_iter()
        .filter_map(|(what, expected, found)| {
            let expected = expected.filter(|expected| !expected.eq_ignore_ascii_case(&found))?;
            Some(format!("{name}: {what} is {found}, expected {expected}"))
        })
        .collect()
}
