//! `forwarden unmask`: who is behind a pseudonym.

use super::source::{ConfigOption, printable};
use crate::backfill;
use crate::config::Config;
use crate::message::Address;
use crate::privacy::{Key, Names, addresses};
use crate::state::Reader;
use clap::Args;
use jiff::Timestamp;
use std::io::{self, BufRead, Read, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Say who is behind a pseudonym, with the key.
///
/// A pseudonym cannot be read backwards, so known addresses are tried on it: those in the files of --from (mail logs, lists,
/// any text, plain or gzip), in the configuration, and in the state where it has them. Without PSEUDONYM, standard input is
/// copied to standard output with the names in the place of the pseudonyms.
///
/// Exit status: 0; 1 if a pseudonym stays unknown or something cannot be read.
#[derive(Debug, Args)]
pub(super) struct Command {
    /// Pseudonyms, as events and reports show them: p-…@corp.example.
    #[arg(value_name = "PSEUDONYM")]
    pseudonyms: Vec<String>,
    /// Texts with addresses to try: mail logs, lists. May be given several times.
    #[arg(long, value_name = "FILE", num_args = 1..)]
    from: Vec<PathBuf>,
    /// The file of the key, in the place of the configured one: of pseudonyms under an earlier key.
    #[arg(long, value_name = "FILE")]
    key: Option<PathBuf>,
    #[command(flatten)]
    config: ConfigOption,
}

/// Lines are read so far; a line of a log is shorter.
const MAX_LINE: u64 = 1 << 20;

impl Command {
    /// Names them.
    pub(super) fn run(self) -> ExitCode {
        match self.named() {
            Ok(true) => ExitCode::SUCCESS,
            Ok(false) => ExitCode::FAILURE,
            Err(problem) => {
                super::complain(&problem);
                ExitCode::FAILURE
            }
        }
    }

    fn named(&self) -> Result<bool, String> {
        let config = super::offline_config(&self.config, &[]).ok_or("without its configuration it knows no key")?;
        let key = self.key.as_ref().or(config.privacy.key.as_ref());
        let mut names = Names::new(Key::read(key.ok_or("no key is configured: name --key FILE, or set privacy.key")?)?);
        known(&config, &mut names);
        for path in &self.from {
            read(path, &mut names).map_err(|error| format!("{}: {error}", path.display()))?;
        }
        if self.pseudonyms.is_empty() {
            copy(&names).map_err(|error| error.to_string())?;
            return Ok(true);
        }
        let mut all = true;
        for pseudonym in &self.pseudonyms {
            let name = names.find(pseudonym.trim());
            all &= name.is_some();
            let name =
                name.map_or_else(|| format!("unknown; {} names were tried", names.len()), |name| printable(name, 330));
            super::print(&format!("{} {name}\n", printable(pseudonym.trim(), 330)));
        }
        Ok(all)
    }
}

/// What the configuration and the state know.
fn known(config: &Config, names: &mut Names) {
    let mut add = |text: &str| addresses(text).for_each(|address| names.add(&address));
    for exception in &config.policy.exceptions {
        let card = &exception.card;
        card.forwarder.iter().chain(&card.destination).chain(&card.owner).for_each(|text| add(text));
    }
    // Where there is none, or none that can be read, the other sources must do.
    let Some(reader) = config.state.as_ref().and_then(|spec| Reader::open(&spec.directory).ok()) else { return };
    let lines = reader.lines(Timestamp::UNIX_EPOCH, Timestamp::now()).unwrap_or_default();
    for line in lines {
        [line.forwarder, line.destination]
            .iter()
            .filter_map(|text| Address::parse(text))
            .for_each(|one| names.add(&one));
    }
}

fn read(path: &Path, names: &mut Names) -> io::Result<()> {
    let mut log = backfill::open(path)?.log;
    let mut line = Vec::new();
    loop {
        line.clear();
        if log.by_ref().take(MAX_LINE).read_until(b'\n', &mut line)? == 0 {
            return Ok(());
        }
        addresses(&String::from_utf8_lossy(&line)).for_each(|address| names.add(&address));
    }
}

/// Standard input to standard output.
fn copy(names: &Names) -> io::Result<()> {
    let (mut input, mut output) = (io::stdin().lock(), io::stdout().lock());
    let mut line = Vec::new();
    loop {
        line.clear();
        if input.by_ref().take(MAX_LINE).read_until(b'\n', &mut line)? == 0 {
            return output.flush();
        }
        output.write_all(names.text(&String::from_utf8_lossy(&line)).as_bytes())?;
    }
}
