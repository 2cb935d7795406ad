//! What a package holds besides the program: manual pages and completions, made from the definitions of the command line,
//! and forwarden.toml(5), made from the page on the configuration.
//!
//! Usage: `packaging FOLDER`: writes `FOLDER/man/*.1`, `FOLDER/man/forwarden.toml.5` and `FOLDER/completions/…`.

mod markdown;

use clap::{Command, CommandFactory};
use clap_complete::Shell;
use clap_mangen::Man;
use forwarden::cli::Cli;
use std::error::Error;
use std::fs;
use std::path::Path;

const CONFIGURATION: &str = include_str!("../../docs/configuration.md");
const MANUAL: &str = "Forwarden";

fn main() -> Result<(), Box<dyn Error>> {
    let folder = std::env::args_os().nth(1).ok_or("usage: packaging FOLDER")?;
    let folder = Path::new(&folder);
    let (man, completions) = (folder.join("man"), folder.join("completions"));
    fs::create_dir_all(&man)?;
    fs::create_dir_all(&completions)?;
    let mut command = Cli::command().disable_help_subcommand(true);
    command.build();
    pages(&command, &man)?;
    let source = format!("forwarden {}", env!("CARGO_PKG_VERSION"));
    fs::write(man.join("forwarden.toml.5"), markdown::page("forwarden.toml", "5", &source, MANUAL, CONFIGURATION))?;
    for shell in [Shell::Bash, Shell::Zsh, Shell::Fish] {
        clap_complete::generate_to(shell, &mut Cli::command(), "forwarden", &completions)?;
    }
    Ok(())
}

/// A page for the command, and for each below it.
fn pages(command: &Command, folder: &Path) -> Result<(), Box<dyn Error>> {
    let mut names = vec!["forwarden(1)".to_owned(), "forwarden.toml(5)".to_owned()];
    for below in command.get_subcommands().filter(|below| !below.is_hide_set()) {
        pages(below, folder)?;
        names.push(format!("{}(1)", below.get_display_name().unwrap_or(below.get_name())));
    }
    let page = Man::new(command.clone()).manual(MANUAL).source(format!("forwarden {}", env!("CARGO_PKG_VERSION")));
    let own = page.get_filename();
    let mut text = Vec::new();
    page.render(&mut text)?;
    let mut text = String::from_utf8(text)?;
    if command.get_name() == "forwarden" {
        text += FILES;
    }
    names.retain(|name| name.replace("(1)", ".1") != own);
    let names: Vec<String> =
        names.iter().map(|name| format!("\\fB{}", name.replace('-', "\\-").replace('(', "\\fR("))).collect();
    text += &format!(".SH SEE ALSO\n{}\n", names.join(", "));
    fs::write(folder.join(own), text)?;
    Ok(())
}

const FILES: &str = "\
.SH FILES
.TP
\\fI/etc/forwarden/forwarden.toml\\fR
The configuration.
.TP
\\fI/var/lib/forwarden\\fR
What is remembered, and messages that were stored.
.TP
\\fI/var/log/forwarden\\fR
Events, where the configuration says so.
.TP
\\fI/usr/share/doc/forwarden\\fR
The manual, samples for Postfix, and a cookbook of policies.
";
