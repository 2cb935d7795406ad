//! What a script sends on: `redirect`, and what the extensions have beside it.

use super::parser::{Argument, Command, Fault, parse};
use crate::audit::finding::{Rule, Target};
use crate::audit::target::{program, target};
use std::collections::HashMap;

/// A script.
#[derive(Debug)]
pub(super) struct Script {
    /// What it sends on.
    pub rules: Vec<Rule>,
    /// The scripts that it includes.
    pub includes: Vec<Include>,
    /// Where it is wrong: then the server does not run it.
    pub fault: Option<Fault>,
}

/// A script that another includes (RFC 6609).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Include {
    /// Whether it is one of the site's, or else of the user's.
    pub global: bool,
    /// Its name.
    pub name: String,
}

/// Reads a script.
pub(super) fn read(script: &[u8]) -> Script {
    let (commands, fault) = parse(script);
    let mut reader = Reader {
        encoded: requires(&commands, "encoded-character"),
        variables: HashMap::new(),
        any_keep: has_keep(&commands),
        rules: Vec::new(),
        includes: Vec::new(),
    };
    reader.assign(&commands);
    reader.block(&commands, false, false);
    Script { rules: reader.rules, includes: reader.includes, fault }
}

struct Reader {
    encoded: bool,
    /// Values of variables that are set once and to a text.
    variables: HashMap<String, Option<String>>,
    any_keep: bool,
    rules: Vec<Rule>,
    includes: Vec<Include>,
}

fn requires(commands: &[Command], extension: &str) -> bool {
    let lists = commands.iter().filter(|command| command.name == "require").flat_map(|command| &command.arguments);
    lists
        .into_iter()
        .any(|argument| matches!(argument, Argument::Texts(texts) if texts.iter().any(|text| text == extension)))
}

/// Whether it stores the message itself.
fn is_keep(command: &Command) -> bool {
    matches!(command.name.as_str(), "keep" | "fileinto")
}

fn has_keep(commands: &[Command]) -> bool {
    commands.iter().any(|command| is_keep(command) || has_keep(&command.block))
}

impl Reader {
    /// Takes in the variables that are set.
    fn assign(&mut self, commands: &[Command]) {
        for command in commands {
            if command.name == "set" {
                let texts = self.texts(command);
                let plain = !command.arguments.iter().any(|argument| matches!(argument, Argument::Tag(_)));
                if let [name, value] = texts.as_slice() {
                    let value = Some(value.clone()).filter(|_| plain);
                    let known = self.variables.entry(name.to_lowercase()).or_insert_with(|| value.clone());
                    if *known != value {
                        *known = None;
                    }
                }
            }
            self.assign(&command.block);
        }
    }

    /// The commands of a block. `keeps`: whether one round it stores the message anyhow.
    fn block(&mut self, commands: &[Command], keeps: bool, conditional: bool) {
        let keeps = keeps || commands.iter().any(is_keep);
        for command in commands {
            let tagged =
                |name: &str| command.arguments.iter().any(|tag| matches!(tag, Argument::Tag(tag) if tag == name));
            let texts = self.texts(command);
            let copy = match (keeps || tagged("copy"), self.any_keep) {
                (true, _) => Some(true),
                (false, true) => None,
                (false, false) => Some(false),
            };
            let add = |rules: &mut Vec<Rule>, rule: Rule| {
                rules.push(if conditional { rule.note("under conditions") } else { rule });
            };
            match (command.name.as_str(), texts.last()) {
                ("redirect", Some(list)) if tagged("list") => {
                    let rule = Rule::new(command.line, Target::Unclear(list.clone()), copy);
                    add(&mut self.rules, rule.note("to everybody on a list"));
                }
                ("redirect", Some(to)) => {
                    let rule = self.to(command.line, to, copy);
                    add(&mut self.rules, rule);
                }
                ("redirect", None) => {
                    add(&mut self.rules, Rule::new(command.line, Target::Unclear("redirect".to_owned()), copy));
                }
                ("notify", Some(method)) => {
                    if let Some(to) = method.strip_prefix("mailto:") {
                        let to = to.split('?').next().unwrap_or_default().replace("%40", "@");
                        let rule = self.to(command.line, &to, Some(true)).note("a notice of the mail, not the mail");
                        add(&mut self.rules, rule);
                    }
                }
                ("report", Some(to)) => {
                    let rule = self.to(command.line, to, Some(true)).note("a report that holds the mail");
                    add(&mut self.rules, rule);
                }
                ("pipe" | "execute" | "filter", Some(_)) => {
                    let keeps = if command.name == "pipe" { copy } else { Some(true) };
                    let rule = Rule::new(command.line, program(&texts.join(" ")), keeps);
                    add(
                        &mut self.rules,
                        rule.note(format!("{}: a program that the administrator allows", command.name)),
                    );
                }
                ("include", Some(name)) => {
                    self.includes.push(Include { global: tagged("global"), name: name.clone() });
                }
                _ => {}
            }
            let tests = command.arguments.contains(&Argument::Test) || command.name == "else";
            self.block(&command.block, keeps, conditional || tests);
        }
    }

    /// A rule that sends to an address, which variables may hold.
    fn to(&self, line: usize, to: &str, keeps: Option<bool>) -> Rule {
        if !to.contains("${") {
            let target = target(to).unwrap_or_else(|| Target::Unclear(to.to_owned()));
            return Rule::new(line, target, keeps);
        }
        let filled = self.filled(to);
        let target = target(&filled).unwrap_or_else(|| Target::Unclear(filled.clone()));
        Rule::new(line, target, keeps).note(format!("by variables: {to}"))
    }

    /// The text with the values of variables that are known. Each may name others.
    fn filled(&self, text: &str) -> String {
        let mut out = String::new();
        let mut rest = text.to_owned();
        for _ in 0..20 {
            let Some((before, after)) = rest.split_once("${") else { break };
            out += before;
            let (name, behind) = after.split_once('}').unwrap_or((after, ""));
            match self.variables.get(&name.to_lowercase()) {
                Some(Some(value)) if value.len() + behind.len() < 1_000 => rest = format!("{value}{behind}"),
                _ => {
                    out += "${";
                    rest = after.to_owned();
                }
            }
        }
        out + &rest
    }

    /// The texts of a command, in order; of a list, all.
    fn texts(&self, command: &Command) -> Vec<String> {
        let lists = command.arguments.iter().filter_map(|argument| match argument {
            Argument::Texts(texts) => Some(texts),
            _ => None,
        });
        lists.flatten().map(|text| if self.encoded { decoded(text) } else { text.clone() }).collect()
    }
}

/// `${hex: 40}` and `${unicode: 40}` are characters where a script requires it (RFC 5228 §2.4.2.4).
fn decoded(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("${") {
        out += before;
        let lower = after.to_ascii_lowercase();
        let kind = ["hex:", "unicode:"].into_iter().find(|kind| lower.starts_with(kind));
        let inner = kind.and_then(|kind| after.get(kind.len()..)).and_then(|inner| inner.split_once('}'));
        let characters = inner.and_then(|(codes, behind)| {
            let codes = codes.split_whitespace().map(|code| u32::from_str_radix(code, 16).ok());
            let codes: Vec<u32> = codes.collect::<Option<_>>()?;
            let text = if kind == Some("hex:") {
                let bytes: Vec<u8> = codes.into_iter().map(|code| u8::try_from(code).ok()).collect::<Option<_>>()?;
                String::from_utf8_lossy(&bytes).into_owned()
            } else {
                codes.into_iter().map(char::from_u32).collect::<Option<_>>()?
            };
            Some((text, behind))
        });
        match characters {
            Some((text, behind)) => {
                out += &text;
                rest = behind;
            }
            None => {
                out += "${";
                rest = after;
            }
        }
    }
    out + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(script: &str) -> Vec<String> {
        let script = read(script.as_bytes());
        let rule = |rule: &Rule| {
            let to = match &rule.target {
                Target::Address(address) => address.to_string(),
                other => format!("{other:?}"),
            };
            format!("{} {to} {:?} {}", rule.line, rule.keeps_copy, rule.notes.join(","))
        };
        let faults = script.fault.iter().map(|fault| format!("fault {}", fault.line));
        script.rules.iter().map(rule).chain(faults).collect()
    }

    #[test]
    fn whether_a_copy_is_kept() {
        for (script, keeps) in [
            ("redirect \"x@ext.example\";", "Some(false) "),
            ("redirect :copy \"x@ext.example\";", "Some(true) "),
            ("redirect \"x@ext.example\"; keep;", "Some(true) "),
            ("if true { redirect \"x@ext.example\"; } fileinto \"a\";", "Some(true) under conditions"),
            ("if true { redirect \"x@ext.example\"; } else { keep; }", "None under conditions"),
            ("if true { redirect \"x@ext.example\"; stop; }", "Some(false) under conditions"),
        ] {
            assert_eq!(shown(script), [format!("1 x@ext.example {keeps}")], "{script}");
        }
    }

    #[test]
    fn addresses_that_hide() {
        let hidden = "require [\"variables\"];\nset \"a\" \"x@ext\";\nset \"b\" \"${a}.example\";\nredirect \"${b}\";";
        assert_eq!(shown(hidden), ["4 x@ext.example Some(false) by variables: ${b}"]);
        let of_mail =
            "require [\"variables\"];\nif header :matches \"to\" \"*\" { set \"a\" \"${1}\"; }\nredirect \"${a}\";";
        assert_eq!(shown(of_mail), ["3 Unclear(\"${1}\") Some(false) by variables: ${a}"]);
        let encoded = "require [\"encoded-character\"];\nredirect \"x${hex: 40}ext${unicode: 2E}example\";";
        assert_eq!(shown(encoded), ["2 x@ext.example Some(false) "]);
        let not_required = "redirect \"x${hex:40}ext.example\";";
        assert!(shown(not_required)[0].contains("Unclear"));
        assert_eq!(shown("redirect text:\nx@ext.example\n.\n;"), ["1 x@ext.example Some(false) "]);
    }

    #[test]
    fn other_ways_out() {
        assert_eq!(
            shown("notify \"mailto:x%40ext.example?subject=a\";"),
            ["1 x@ext.example Some(true) a notice of the mail, not the mail"]
        );
        assert!(shown("pipe \"send\" [\"x@ext.example\"];")[0].contains("Program"));
        assert_eq!(
            shown("redirect \"x@ext.example\";\nredirect"),
            ["1 x@ext.example Some(false) ", "2 Unclear(\"redirect\") Some(false) ", "fault 2"]
        );
        let script = read(b"include :global \"all\"; include \"mine\";");
        assert_eq!(
            script.includes.iter().map(|one| (one.global, one.name.as_str())).collect::<Vec<_>>(),
            [(true, "all"), (false, "mine")]
        );
    }
}
