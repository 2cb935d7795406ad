//! procmailrc(5): `~/.procmailrc`, those of the system, and the files that they include.

use super::Audit;
use super::finding::{Rule, Source, Target};
use super::included;
use super::target::{address, items, named, program, target};
use super::tree::As;
use super::users::User;
use super::variables::Variables;
use std::path::{Path, PathBuf};

/// The file of all users.
const SYSTEM: &str = "/etc/procmailrc";

pub(super) fn look(audit: &mut Audit) {
    let mut ahead = vec![PathBuf::from(SYSTEM)];
    ahead.extend(audit.names(Path::new("/etc/procmailrcs"), As::System));
    for path in ahead {
        all(audit, None, &path);
    }
}

pub(super) fn home(audit: &mut Audit, user: &User, path: &Path) {
    all(audit, Some(user), path);
}

/// Looks at a file and at those that it includes.
fn all(audit: &mut Audit, user: Option<&User>, path: &Path) {
    included::look(audit, Source::Procmail, user, path, rules);
}

/// A recipe that waits for its action.
struct Recipe {
    copies: bool,
    conditional: bool,
}

/// The rules of a file, and the files that it includes.
fn rules(text: &str, variables: &mut Variables) -> (Vec<Rule>, Vec<String>) {
    let (mut rules, mut includes) = (Vec::new(), Vec::new());
    let mut blocks: Vec<(bool, bool)> = Vec::new();
    let mut recipe: Option<Recipe> = None;
    for (line, text) in lines(text) {
        let text = text.trim();
        if let Some(flags) = text.strip_prefix(':').filter(|rest| rest.starts_with(|c: char| c.is_ascii_digit())) {
            let flags = flags.trim_start_matches(|c: char| c.is_ascii_digit());
            let flags = flags.split(':').next().unwrap_or_default();
            // `E`, `e`, `A` and `a` depend on the recipe before.
            recipe = Some(Recipe { copies: flags.contains('c'), conditional: flags.contains(['E', 'e', 'A', 'a']) });
            continue;
        }
        if text.starts_with('*') {
            recipe.iter_mut().for_each(|recipe| recipe.conditional = true);
            continue;
        }
        if text.starts_with('}') {
            blocks.pop();
            continue;
        }
        let Some(open) = recipe.take() else {
            assign(line, text, variables, &mut rules, &mut includes);
            continue;
        };
        let keeps = open.copies || blocks.iter().any(|(copies, _)| *copies);
        let conditional = open.conditional || blocks.iter().any(|(_, conditional)| *conditional);
        let mut add = |target: Target| {
            let rule = Rule::new(line, target, Some(keeps));
            rules.push(if conditional { rule.note("under conditions") } else { rule });
        };
        match text.chars().next() {
            Some('!') => targets(&variables.filled(&text[1..])).into_iter().for_each(add),
            Some('|') => add(program(&variables.filled(&text[1..]))),
            Some('{') => {
                blocks.push((open.copies, open.conditional));
                // `{ NAME=value }` on one line is usual.
                let rest = text[1..].trim();
                let inner = rest.strip_suffix('}').unwrap_or(rest);
                assign(line, inner, variables, &mut rules, &mut includes);
                if rest.ends_with('}') {
                    blocks.pop();
                }
            }
            // `NAME=|program` takes what the program prints.
            Some(_) => {
                text.split_once("=|").into_iter().for_each(|(_, command)| add(program(&variables.filled(command))));
            }
            None => {}
        }
    }
    (rules, includes)
}

/// Lines without comments, those joined that a backslash joins.
fn lines(text: &str) -> Vec<(usize, String)> {
    let mut lines: Vec<(usize, String)> = Vec::new();
    let mut open = false;
    for (at, line) in text.lines().enumerate() {
        if !open && (line.trim().is_empty() || line.trim_start().starts_with('#')) {
            continue;
        }
        let joined = line.strip_suffix('\\');
        match lines.last_mut() {
            Some((_, last)) if open => *last += joined.unwrap_or(line),
            _ => lines.push((at + 1, joined.unwrap_or(line).to_owned())),
        }
        open = joined.is_some();
    }
    lines
}

/// Takes in `NAME=value NAME=value`.
fn assign(line: usize, text: &str, variables: &mut Variables, rules: &mut Vec<Rule>, includes: &mut Vec<String>) {
    for word in words(text) {
        let Some((name, value)) = word.split_once('=') else { continue };
        if value.contains('`') {
            let command = variables.filled(value);
            if !named(&command).is_empty() {
                rules.push(Rule::new(line, Target::Program(command), None));
            }
        }
        match name {
            "INCLUDERC" | "SWITCHRC" if !value.is_empty() => includes.push(variables.filled(value)),
            // What a program at the end of it all does with the mail is not known either.
            "TRAP" if !value.is_empty() => rules.push(Rule::new(line, program(&variables.filled(value)), None)),
            _ => variables.set(name, value),
        }
    }
}

/// Words as a shell takes them apart, without their quotes.
fn words(text: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut quote: Option<char> = None;
    for c in text.chars() {
        match quote {
            Some(open) if c == open => {
                quote = None;
                if c == '`' {
                    words.iter_mut().next_back().into_iter().for_each(|last| last.push(c));
                }
            }
            None if matches!(c, '"' | '\'' | '`') => {
                quote = Some(c);
                if c == '`' {
                    words.iter_mut().next_back().into_iter().for_each(|last| last.push(c));
                }
            }
            None if c == '#' && words.last().is_some_and(String::is_empty) => break,
            None if c.is_whitespace() => words.push(String::new()),
            _ => words.iter_mut().next_back().into_iter().for_each(|last| last.push(c)),
        }
    }
    words.retain(|word| !word.is_empty());
    words
}

/// The targets behind `!`: they are the arguments of sendmail.
fn targets(text: &str) -> Vec<Target> {
    let spaced = words(text).into_iter().filter(|word| !word.starts_with('-')).collect::<Vec<_>>().join(",");
    let one = |text: &str| match address(text) {
        Some(address) => Some(Target::Address(address)),
        None if text.contains(['$', '`']) && !text.contains('@') => Some(Target::Unclear(text.to_owned())),
        None => target(text),
    };
    items(&spaced, 1).iter().filter_map(|item| one(&item.text)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> Vec<String> {
        let (rules, includes) = rules(text, &mut Variables::default());
        let rule = |rule: &Rule| {
            let to = match &rule.target {
                Target::Address(address) => address.to_string(),
                other => format!("{other:?}"),
            };
            format!("{} {to} {:?} {}", rule.line, rule.keeps_copy, rule.notes.join(","))
        };
        rules.iter().map(rule).chain(includes.iter().map(|include| format!("include {include}"))).collect()
    }

    #[test]
    fn recipes() {
        assert_eq!(shown("# c\n:0 c\n! x@ext.example\n"), ["3 x@ext.example Some(true) "]);
        assert_eq!(
            shown("TO=x@ext.example\n:0\n* ^Subject:.*offer\n! -oi $TO, \\\n y@ext.example\n"),
            ["4 x@ext.example Some(false) under conditions", "4 y@ext.example Some(false) under conditions"]
        );
        assert_eq!(
            shown(":0 c\n{\n  :0\n  | /usr/sbin/sendmail x@ext.example\n}\n"),
            ["4 Program(\"/usr/sbin/sendmail x@ext.example\") Some(true) "]
        );
        assert_eq!(shown(":0\n! $UNKNOWN\n"), ["2 Unclear(\"$UNKNOWN\") Some(false) "]);
        assert_eq!(shown("INCLUDERC=.procmail/rc.more\n"), ["include .procmail/rc.more"]);
        assert_eq!(shown(":0:\nMaildir/\n:0 H\n{ A=b }\n}}\n"), [] as [&str; 0]);
    }
}
