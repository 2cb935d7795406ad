//! `forwarden outputs`: where events go, and whether they get there.

use super::source::{ConfigOption, printable};
use crate::event::{Body, Event, Fault};
use crate::sink::{self, Output};
use clap::{Args, Subcommand};
use jiff::Timestamp;
use std::process::ExitCode;

/// List the outputs, or try one out.
///
/// Exit status: 0; 1 if the receiver did not take the event.
#[derive(Debug, Args)]
pub(super) struct Command {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Where events go, a line an output
    List(List),
    /// Send an event of the kind fault, with the fault "test", to one output, past the spool
    Test(Test),
}

#[derive(Debug, Args)]
struct List {
    #[command(flatten)]
    config: ConfigOption,
}

#[derive(Debug, Args)]
struct Test {
    #[command(flatten)]
    config: ConfigOption,
    /// The output's name
    name: String,
}

impl Command {
    /// Does what is asked for.
    pub(super) fn run(self) -> ExitCode {
        let (What::List(List { config }) | What::Test(Test { config, .. })) = &self.what;
        let Some(config) = super::offline_config(config, &[]) else { return ExitCode::FAILURE };
        match &self.what {
            What::List(_) => {
                let row = |output: &Output| {
                    format!(
                        "{:<24}  {:<18}  {}\n",
                        printable(&output.name, 23),
                        output.format.name,
                        printable(&output.target.to_string(), 50)
                    )
                };
                super::print(&config.outputs.iter().map(row).collect::<String>());
                ExitCode::SUCCESS
            }
            What::Test(test) => match config.outputs.iter().find(|output| output.name == test.name) {
                Some(output) => try_out(output),
                None => {
                    let names: Vec<&str> = config.outputs.iter().map(|output| output.name.as_str()).collect();
                    super::complain(&format!("there is no output {}; there is {}", test.name, names.join(", ")));
                    ExitCode::FAILURE
                }
            },
        }
    }
}

fn try_out(output: &Output) -> ExitCode {
    let fault = Fault {
        fault: "test",
        error: format!("no fault: a test of the output {}", output.name),
        action: "none",
        listener: String::new(),
        queue_id: None,
    };
    let event = Event::new(Timestamp::now(), &crate::app::host(), Body::Fault(fault));
    match sink::try_out(output, &event) {
        Ok(confirmed) => {
            let what = if confirmed { "was taken" } else { "was sent; this kind of receiver confirms nothing" };
            super::print(&format!("{}: event {} {what}\n", output.target, event.id));
            ExitCode::SUCCESS
        }
        Err(error) => {
            super::complain(&format!("{}: {error}", output.name));
            ExitCode::FAILURE
        }
    }
}
