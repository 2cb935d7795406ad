//! maildropfilter(7): `~/.mailfilter`, `~/.mailfilters/`, those of the system, and the files that they include.

use super::Audit;
use super::finding::{Rule, Source, Target};
use super::included;
use super::target::{items, named, program, target};
use super::tree::As;
use super::users::User;
use super::variables::Variables;
use std::path::Path;

/// The files of all users.
const SYSTEM: &[&str] = &["/etc/maildroprc", "/etc/courier/maildroprc"];

pub(super) fn look(audit: &mut Audit) {
    SYSTEM.iter().for_each(|path| all(audit, None, Path::new(path)));
}

pub(super) fn home(audit: &mut Audit, user: &User, path: &Path) {
    all(audit, Some(user), path);
}

pub(super) fn folder(audit: &mut Audit, user: &User, path: &Path) {
    for path in audit.names(path, As::User(user)) {
        all(audit, Some(user), &path);
    }
}

/// Looks at a file and at those that it includes.
fn all(audit: &mut Audit, user: Option<&User>, path: &Path) {
    included::look(audit, Source::Maildrop, user, path, rules);
}

/// A part of a line.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Token {
    Word(String),
    Text(String),
    Command(String),
    Mark(char),
}

/// Takes a file apart. Patterns between slashes are left out.
fn tokens(text: &str) -> Vec<(usize, Token)> {
    let mut tokens: Vec<(usize, Token)> = Vec::new();
    let mut line = 1;
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\n' => {
                tokens.push((line, Token::Mark('\n')));
                line += 1;
            }
            '\\' if chars.peek() == Some(&'\n') => {
                chars.next();
                line += 1;
            }
            '#' => while chars.next_if(|c| *c != '\n').is_some() {},
            '"' | '\'' | '`' | '/' => {
                // A slash begins a pattern where a value may begin, and else divides, or is part of a path.
                let last = tokens.last().map(|(_, token)| token);
                let begins =
                    matches!(last, None | Some(Token::Mark('(' | '!' | '&' | '|' | ',' | '~' | '\n' | ';' | '{')));
                if c == '/' && !begins {
                    tokens.push((line, Token::Mark(c)));
                    continue;
                }
                let at = line;
                let mut inner = String::new();
                let mut escaped = false;
                while let Some(next) = chars.next_if(|next| *next != '\n' || escaped) {
                    line += usize::from(next == '\n');
                    match next {
                        _ if escaped => {
                            // In a pattern, and before anything but a quote, a backslash says more than its mark.
                            if next != '\n' {
                                inner.push(next);
                            }
                            escaped = false;
                        }
                        '\\' => escaped = true,
                        _ if next == c => break,
                        _ => inner.push(next),
                    }
                }
                match c {
                    '/' => tokens.push((at, Token::Mark('/'))),
                    '`' => tokens.push((at, Token::Command(inner))),
                    _ => tokens.push((at, Token::Text(inner))),
                }
            }
            c if c.is_whitespace() => {}
            c if "(){};=!&|,<>+-*~?:".contains(c) => tokens.push((line, Token::Mark(c))),
            c => {
                let mut word = String::from(c);
                while let Some(next) = chars.next_if(|next| {
                    !next.is_whitespace() && !"(){};=!&|,<>\"'`#".contains(*next)
                        || (word.ends_with('$') && *next == '{')
                }) {
                    word.push(next);
                    if next == '{' {
                        while let Some(next) = chars.next_if(|next| *next != '\n') {
                            word.push(next);
                            if next == '}' {
                                break;
                            }
                        }
                    }
                }
                tokens.push((line, Token::Word(word)));
            }
        }
    }
    tokens
}

/// The rules of a file, and the files that it includes.
fn rules(text: &str, variables: &mut Variables) -> (Vec<Rule>, Vec<String>) {
    let tokens = tokens(text);
    let (mut rules, mut includes) = (Vec::new(), Vec::new());
    let mut depth = 0_usize;
    let mut stored = false;
    let mut test = false;
    for (at, (line, token)) in tokens.iter().enumerate() {
        let rest = tokens.get(at + 1..).unwrap_or_default();
        let value = || value(rest, variables);
        match token {
            Token::Mark('{') => depth += 1,
            Token::Mark('}') => depth = depth.saturating_sub(1),
            Token::Mark('\n' | ';') => test = false,
            Token::Command(command) => {
                let command = variables.filled(command);
                if !named(&command).is_empty() {
                    rules.push(Rule::new(*line, Target::Program(command), None));
                }
            }
            Token::Word(word) => match word.as_str() {
                "if" | "elsif" | "while" | "foreach" => test = true,
                "to" | "cc" => {
                    let value = value();
                    let copies = word == "cc";
                    let add = |target: Target| {
                        let rule = Rule::new(*line, target, Some(copies));
                        if depth > 0 || test { rule.note("under conditions") } else { rule }
                    };
                    let text = value.trim();
                    if let Some(list) = text.strip_prefix('!') {
                        let list = items(&list.split_whitespace().collect::<Vec<_>>().join(","), 1);
                        rules.extend(list.iter().filter_map(|item| target(&item.text)).map(add));
                    } else if let Some(command) = text.strip_prefix('|') {
                        rules.push(add(program(command)));
                    } else if text.starts_with('$') && !text.contains('/') && !matches!(text, "$DEFAULT" | "$MAILDIR") {
                        rules.push(add(Target::Unclear(text.to_owned())));
                    } else {
                        stored |= copies;
                    }
                }
                "xfilter" | "system" => rules.push(Rule::new(*line, program(&value()), Some(true))),
                "include" => includes.push(value()),
                _ => {
                    if let Some((_, Token::Mark('='))) = rest.first()
                        && !matches!(rest.get(1), Some((_, Token::Mark('=' | '~'))))
                    {
                        let value = self::value(rest.get(1..).unwrap_or_default(), variables);
                        variables.set(word, &value);
                    }
                }
            },
            _ => {}
        }
    }
    if stored {
        rules.iter_mut().filter(|rule| rule.keeps_copy == Some(false)).for_each(|rule| rule.keeps_copy = None);
    }
    (rules, includes)
}

/// How many words of a statement are looked at.
const MAX_WORDS: usize = 200;

/// The texts and words up to the end of a statement, put together.
fn value(tokens: &[(usize, Token)], variables: &Variables) -> String {
    let mut value = String::new();
    for (_, token) in tokens.iter().take(MAX_WORDS) {
        match token {
            Token::Text(text) | Token::Word(text) => value += text,
            Token::Command(command) => value += &format!("`{command}`"),
            Token::Mark('\n' | ';' | '}' | ')') => break,
            Token::Mark(mark) => value.push(*mark),
        }
    }
    variables.filled(&value)
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
    fn statements() {
        assert_eq!(
            shown("cc \"! x@ext.example y@ext.example\"\n"),
            ["1 x@ext.example Some(true) ", "1 y@ext.example Some(true) "]
        );
        assert_eq!(
            shown("TO=\"x@ext.example\"\nif (/^Subject: \"to x/)\n{\n  to \"!$TO\"\n}\n"),
            ["4 x@ext.example Some(false) under conditions"]
        );
        assert_eq!(shown("# to \"! x@y.example\"\nto Maildir/\n"), [] as [&str; 0]);
        assert_eq!(
            shown("cc Maildir\nto '! x@ext.example'; include \"more\""),
            ["2 x@ext.example None ", "include more"]
        );
        assert_eq!(shown("to $WHERE\n"), ["1 Unclear(\"$WHERE\") Some(false) "]);
        assert_eq!(shown("xfilter \"/usr/bin/spamc\"\n"), ["1 Delivery(\"/usr/bin/spamc\") Some(true) "]);
    }
}
