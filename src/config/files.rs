//! The configuration file and those it includes.

use super::problem::Problem;
use super::reader::{Place, Report, Section, Source, parse};
use std::path::{Path, PathBuf};

/// How many files a configuration may consist of.
const MAX_FILES: usize = 1000;

/// Reads `path` and what it includes, in the order of inclusion.
pub(super) fn read(path: &Path, report: &Report) -> Vec<Source> {
    let mut sources = Vec::new();
    follow(path, None, &mut sources, report);
    sources
}

fn follow(path: &Path, from: Option<&Place>, sources: &mut Vec<Source>, report: &Report) {
    let complain = |text: String| match from {
        Some(place) => report.error(place, text),
        None => report.push(Problem::file(path, text)),
    };
    let known = std::fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    if sources.iter().any(|source| std::fs::canonicalize(&source.path).is_ok_and(|other| other == known)) {
        return complain(format!("{} is included twice, or includes itself", path.display()));
    }
    if sources.len() >= MAX_FILES {
        return complain(format!("more than {MAX_FILES} files are included"));
    }
    let text = match std::fs::read(path).map(String::from_utf8) {
        Ok(Ok(text)) => text,
        Ok(Err(_)) => return complain(format!("{} is no text in UTF-8", path.display())),
        Err(error) => return complain(format!("{} cannot be read: {error}", path.display())),
    };
    let source = Source::new(path.to_owned(), text);
    sources.push(source.clone());
    // Mistakes of syntax are reported when the file is read for good.
    let Some(table) = parse(&source, &Report::default()) else { return };
    let root = Section::root(vec![(&table, &source)], report);
    for (pattern, place) in root.strings("include").unwrap_or_default() {
        for included in expand(path, &pattern, &place, report) {
            follow(&included, Some(&place), sources, report);
        }
    }
}

/// The files that a pattern names: a path, or a folder's files by `*` in the last part; relative to the including file.
fn expand(from: &Path, pattern: &str, place: &Place, report: &Report) -> Vec<PathBuf> {
    // The parent of a bare file name is the empty path, which is no folder that could be listed.
    let folder = from.parent().filter(|folder| !folder.as_os_str().is_empty());
    let path = folder.map_or_else(|| PathBuf::from(pattern), |folder| folder.join(pattern));
    let Some(name) = path.file_name().map(|name| name.to_string_lossy().into_owned()) else {
        report.error(place, "an include names a file, or files by \"conf.d/*.toml\"");
        return Vec::new();
    };
    let Some((before, after)) = name.split_once('*') else {
        return vec![path];
    };
    if after.contains('*') || path.parent().is_some_and(|folder| folder.to_string_lossy().contains('*')) {
        report.error(place, "one \"*\" may stand in the last part of an include: \"conf.d/*.toml\"");
        return Vec::new();
    }
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut files: Vec<PathBuf> = match std::fs::read_dir(folder) {
        Ok(entries) => entries
            .filter_map(Result::ok)
            .map(|entry| path.with_file_name(entry.file_name()))
            .filter(|file| {
                let name = file.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
                name.len() >= before.len() + after.len()
                    && name.starts_with(before)
                    && name.ends_with(after)
                    && !name.starts_with('.')
            })
            .collect(),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Vec::new(),
        Err(error) => {
            report.error(place, format!("{} cannot be read: {error}", folder.display()));
            Vec::new()
        }
    };
    files.sort();
    files
}
