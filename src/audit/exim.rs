//! Filters of Exim: `.forward` files that begin with `# Exim filter`, and the system filter.

use super::Audit;
use super::finding::{Rule, Source};
use super::target::{address, program, target};
use super::tree::As;
use std::path::{Path, PathBuf};

/// Where Exim's configuration may be, files and folders of files.
const CONFIGURATIONS: &[&str] = &[
    "/etc/exim4/exim4.conf",
    "/etc/exim4/exim4.conf.template",
    "/etc/exim4/exim4.conf.localmacros",
    "/etc/exim/exim.conf",
    "/etc/exim.conf",
];
const FOLDER: &str = "/etc/exim4/conf.d/main";

pub(super) fn look(audit: &mut Audit) {
    let mut files: Vec<PathBuf> = CONFIGURATIONS.iter().map(PathBuf::from).collect();
    files.extend(audit.names(Path::new(FOLDER), As::System));
    let mut filters: Vec<PathBuf> = Vec::new();
    for path in files {
        let Some(file) = audit.read(&path, As::System) else { continue };
        let text = file.text();
        let settings = text.lines().filter_map(|line| line.trim_start().strip_prefix("system_filter"));
        let values = settings.filter_map(|rest| rest.trim_start().strip_prefix('='));
        filters.extend(values.map(|value| PathBuf::from(value.trim().trim_matches('"'))));
    }
    filters.sort();
    filters.dedup();
    for path in filters {
        match audit.read(&path, As::System) {
            Some(file) => audit.found(Source::Exim, &path, file.facts, "*", rules(&file.text())),
            None => audit.problem(path.display(), "the system filter of Exim: it was not read"),
        }
    }
}

/// The rules of a filter.
pub(super) fn rules(text: &str) -> Vec<Rule> {
    let words = words(text);
    let mut rules = Vec::new();
    let mut stored = false;
    let mut depth = 0_usize;
    for (at, Word { line, text: word, .. }) in words.iter().enumerate().filter(|(_, word)| !word.quoted) {
        let next = |ahead: usize| words.get(at + ahead).map(|word| word.text.as_str()).unwrap_or_default();
        let unseen = at.checked_sub(1).and_then(|at| words.get(at)).is_some_and(|word| word.text == "unseen");
        let mut add = |rule: Rule| rules.push(if depth > 0 { rule.note("under conditions") } else { rule });
        match word.as_str() {
            "if" => depth += 1,
            "endif" => depth = depth.saturating_sub(1),
            "save" => stored = true,
            // Own names of a filter are variables; they are the mailbox itself.
            "deliver" if matches!(next(1), "$local_part@$domain" | "$local_part") => stored = true,
            "deliver" => target(next(1)).into_iter().for_each(|target| add(Rule::new(*line, target, Some(unseen)))),
            "pipe" => add(Rule::new(*line, program(next(1)), Some(unseen))),
            "mail" => {
                // `mail subject "x" to a@b.example`: the first `to` of the next few words.
                let to = (1..40).find(|ahead| next(*ahead) == "to").map(|ahead| next(ahead + 1));
                if let Some(target) = to.filter(|to| address(to).is_some()).and_then(target) {
                    add(Rule::new(*line, target, Some(true)).note("a message of its own, which may hold the mail"));
                }
            }
            _ => {}
        }
    }
    if stored {
        rules.iter_mut().for_each(|rule: &mut Rule| rule.keeps_copy = Some(true));
    }
    rules
}

struct Word {
    line: usize,
    text: String,
    quoted: bool,
}

/// Words and quoted texts with their lines; comments and brackets left out.
fn words(text: &str) -> Vec<Word> {
    let mut words = Vec::new();
    let mut line = 1;
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\n' => line += 1,
            '#' => while chars.next_if(|c| *c != '\n').is_some() {},
            '"' => {
                let at = line;
                let mut inner = String::new();
                let mut escaped = false;
                for next in chars.by_ref() {
                    line += usize::from(next == '\n');
                    match next {
                        _ if escaped => {
                            inner.push(next);
                            escaped = false;
                        }
                        '\\' => escaped = true,
                        '"' => break,
                        _ => inner.push(next),
                    }
                }
                words.push(Word { line: at, text: inner, quoted: true });
            }
            c if c.is_whitespace() || "()".contains(c) => {}
            c => {
                let mut word = String::from(c);
                while let Some(next) = chars.next_if(|next| !next.is_whitespace() && !"()".contains(*next)) {
                    word.push(next);
                }
                words.push(Word { line, text: word, quoted: false });
            }
        }
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands() {
        let shown = |text: &str| -> Vec<String> {
            rules(text)
                .iter()
                .map(|rule| format!("{} {:?} {}", rule.line, rule.keeps_copy, rule.notes.join(",")))
                .collect()
        };
        assert_eq!(shown("# Exim filter\nunseen deliver x@ext.example\n"), ["2 Some(true) "]);
        assert_eq!(
            shown("# Exim filter\nif $h_subject: contains \"deliver\"\nthen\n  deliver \"x@ext.example\" # y\nendif\n"),
            ["4 Some(false) under conditions"]
        );
        assert_eq!(shown("# Exim filter\ndeliver x@ext.example\nsave $home/Mail/kept\n"), ["2 Some(true) "]);
        assert_eq!(shown("# Exim filter\nmail subject \"x\" to y@ext.example\n").len(), 1);
    }
}
