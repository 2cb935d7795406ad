//! `[[output]]`: events in further dialects, each to a place of its own.

use super::lists;
use super::problem::quoted;
use super::reader::{Place, Section};
use crate::sink::encode::{FORMATS, Format};
use crate::sink::{Output, Target};
use std::path::PathBuf;

/// Reads them all; `first` is that of `[events]`, where it is set. Without any, events go to standard output.
pub(super) fn read(root: &Section<'_>, first: Option<Target>) -> Vec<Output> {
    let native = |target| Output { name: "events".to_owned(), format: &FORMATS[0], target };
    let mut outputs: Vec<Output> = first.map(native).into_iter().collect();
    let formats: Vec<(&str, &'static Format)> = FORMATS.iter().map(|format| (format.name, format)).collect();
    for (index, section) in root.tables("output").into_iter().enumerate() {
        let report = section.report();
        let (name, place) =
            section.string("name").unwrap_or_else(|| (format!("output{}", index + 1), section.place().clone()));
        super::check_id(&section, &name, &place);
        if outputs.iter().any(|output| output.name == name) {
            report.error(&place, format!("{} is taken", quoted(&name)));
        }
        let format = lists::word(&section, "format", &formats).map_or(&FORMATS[0], |(format, _)| format);
        let target = target(&section, "to");
        if target.is_none() && !section.has("to") {
            report.error(
                section.place(),
                "to is missing: write to = \"file:/var/log/forwarden/ecs.jsonl\" or \"stdout\"",
            );
        }
        if let Some((target, place)) = target {
            if let Some(other) = outputs.iter().find(|output| output.target == target) {
                let text = format!("{} goes there already: one place has one output", quoted(&other.name));
                report.error(&place, text);
            }
            outputs.push(Output { name, format, target });
        }
        section.finish();
    }
    if outputs.is_empty() {
        outputs.push(native(Target::Stdout));
    }
    outputs
}

/// A place for events.
pub(super) fn target(section: &Section<'_>, key: &'static str) -> Option<(Target, Place)> {
    let (text, place) = section.string(key)?;
    let problem = match text.strip_prefix("file:").map(PathBuf::from) {
        Some(path) if path.is_absolute() => return Some((Target::File(path), place)),
        None if text == "stdout" => return Some((Target::Stdout, place)),
        Some(_) => "is no absolute path: write \"file:/var/log/forwarden/events.jsonl\"",
        None => "is no output: write \"stdout\" or \"file:/path\"",
    };
    section.report().error(&place, format!("{} {problem}", quoted(&text)));
    None
}
