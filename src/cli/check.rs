//! `forwarden check`: is the configuration right, its lists, its policy tests?

use super::counted;
use super::source::{self, Circumstances, printable};
use crate::action::Would;
use crate::assess::Assessment;
use crate::clock::{Clock, FixedClock, SystemClock};
use crate::config::{Config, Expected, PolicyTest, Problem, Severity, Stored};
use crate::engine::Inspection;
use crate::frontend::{ListenerSpec, Role};
use crate::policy::Action;
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
            for test in &config.tests {
                problems.extend(try_out(config, test).into_iter().map(|text| test.failure(text)));
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
fn try_out(config: &Config, test: &PolicyTest) -> Vec<String> {
    let bytes = match bytes(&test.message) {
        Ok(bytes) => bytes,
        Err(problem) => return vec![printable(&problem, 300)],
    };
    let clock: Arc<dyn Clock> = match test.time {
        Some(time) => Arc::new(FixedClock(time)),
        None => Arc::new(SystemClock),
    };
    let engine = crate::app::engine(config, clock, Arc::new(NullSink));
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
    let inspection = engine.inspect(&message, listener.is_none_or(|spec| spec.role == Role::Enforce));
    let name = match &test.message {
        Stored::File(path) => format!("{}: ", path.display()),
        Stored::Headers(_) => String::new(),
    };
    let wanted = |assessment: &Assessment| {
        test.expected.recipient.as_ref().is_none_or(|recipient| recipient.same(&assessment.destination))
    };
    let Some(index) = inspection.assessments.iter().position(wanted) else {
        return vec![match &test.expected.recipient {
            Some(recipient) => format!("{name}{recipient} is no recipient outside, so nothing was decided for it"),
            None => format!("{name}no recipient is outside, so nothing was decided"),
        }];
    };
    compare(&test.expected, &inspection, index)
        .into_iter()
        .map(|(what, expected, found)| {
            format!("{name}{what} is {}, expected {}", printable(&found, 80), printable(&expected, 80))
        })
        .collect()
}

/// The message of a test.
fn bytes(stored: &Stored) -> Result<Vec<u8>, String> {
    match stored {
        Stored::Headers(text) => Ok(format!("{}\n\n", text.trim()).into_bytes()),
        Stored::File(path) => {
            let bytes = source::read(path)?;
            source::check(&bytes).map_err(|reason| format!("{}: {reason}", path.display()))?;
            Ok(bytes)
        }
    }
}

/// What was expected and is not so: what, as expected, as found.
fn compare(expected: &Expected, inspection: &Inspection, index: usize) -> Vec<(&'static str, String, String)> {
    let (Some(assessment), Some(decision), Some(carried)) =
        (inspection.assessments.get(index), inspection.decisions.get(index), inspection.carried.get(index))
    else {
        return Vec::new();
    };
    let none = || "none".to_owned();
    let actions: Vec<&str> = decision.actions.iter().map(Action::name).collect();
    let would = carried.would.as_ref();
    let by = |would: &Would| would.rule.clone().unwrap_or_else(|| "default".to_owned());
    let found = [
        ("rule", &expected.rule, decision.rule.clone().unwrap_or_else(none)),
        ("exception", &expected.exception, decision.exception.clone().unwrap_or_else(none)),
        ("verdict", &expected.verdict, assessment.verdict.to_string()),
        ("forwarder", &expected.forwarder, assessment.forwarder.as_ref().map_or_else(none, ToString::to_string)),
        ("mechanism", &expected.mechanism, assessment.mechanism.map_or_else(none, |by| by.to_string())),
        ("action", &expected.action.as_ref().map(|list| list.join(", ")), actions.join(", ")),
        ("done", &expected.done, carried.done.name().to_owned()),
        ("would", &expected.would, would.map_or_else(none, |would| would.done.name().to_owned())),
        ("would_rule", &expected.would_rule, would.map_or_else(none, by)),
    ];
    let differs = |(what, expected, found): (&'static str, &Option<String>, String)| {
        let expected = expected.as_ref().filter(|expected| !expected.eq_ignore_ascii_case(&found))?;
        Some((what, expected.clone(), found))
    };
    found.into_iter().filter_map(differs).collect()
}
