//! The grammar of Sieve (RFC 5228 §8.2), whatever extensions a script requires: commands, tests, arguments.

use super::lexer::{Token, tokens};

/// Where a script is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Fault {
    /// The line.
    pub line: usize,
    /// What is wrong.
    pub what: String,
}

/// A command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Command {
    /// Its line.
    pub line: usize,
    /// Its name, in lower case.
    pub name: String,
    /// Its arguments.
    pub arguments: Vec<Argument>,
    /// The commands in its block, where it has one.
    pub block: Vec<Command>,
}

/// An argument.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Argument {
    /// `:copy`, in lower case.
    Tag(String),
    /// A number.
    Number,
    /// A text, or a list of them.
    Texts(Vec<String>),
    /// A test. What it asks is not looked at.
    Test,
}

/// How deep blocks and tests may lie in each other: Pigeonhole takes 32.
const MAX_DEPTH: usize = 64;

/// Reads a script. What is right before a fault is returned with it.
pub(super) fn parse(script: &[u8]) -> (Vec<Command>, Option<Fault>) {
    let (tokens, broken) = tokens(script);
    let mut parser = Parser { tokens: &tokens, at: 0, fault: None };
    let commands = parser.commands(0);
    let fault = match (parser.fault, broken) {
        // A fault at the end of the words is a consequence of the one that ended them.
        (Some(fault), None) => Some(fault),
        (fault, Some(broken)) if parser.at >= tokens.len() => Some(fault.map_or(broken.clone(), |_| broken)),
        (fault, broken) => fault.or(broken),
    };
    (commands, fault)
}

struct Parser<'a> {
    tokens: &'a [(usize, Token)],
    at: usize,
    fault: Option<Fault>,
}

impl Parser<'_> {
    fn peek(&self) -> Option<&Token> {
        self.tokens.get(self.at).map(|(_, token)| token)
    }

    fn line(&self) -> usize {
        self.tokens.get(self.at).or(self.tokens.last()).map_or(1, |(line, _)| *line)
    }

    fn takes(&mut self, mark: u8) -> bool {
        let found = self.peek() == Some(&Token::Mark(mark));
        self.at += usize::from(found);
        found
    }

    /// Notes the first fault; everything ends with it.
    fn fail(&mut self, what: &str) {
        let fault = Fault { line: self.line(), what: what.to_owned() };
        self.fault.get_or_insert(fault);
    }

    /// Commands up to the end of the block.
    fn commands(&mut self, depth: usize) -> Vec<Command> {
        let mut commands = Vec::new();
        while self.fault.is_none() {
            match self.peek() {
                None if depth == 0 => break,
                None => self.fail("a block without an end"),
                Some(Token::Mark(b'}')) if depth > 0 => break,
                Some(Token::Name(name)) => {
                    let (line, name) = (self.line(), name.clone());
                    self.at += 1;
                    commands.push(self.command(line, name, depth));
                }
                Some(_) => self.fail("a command is missing"),
            }
        }
        commands
    }

    fn command(&mut self, line: usize, name: String, depth: usize) -> Command {
        let arguments = self.arguments(depth);
        let mut block = Vec::new();
        let needs_block = matches!(name.as_str(), "if" | "elsif" | "else");
        if self.fault.is_none() && (needs_block || !self.takes(b';')) {
            if needs_block && self.peek() == Some(&Token::Mark(b';')) {
                self.fail("a block is missing");
            } else if !self.takes(b'{') {
                self.fail("a semicolon is missing");
            } else if depth >= MAX_DEPTH {
                self.fail("blocks lie too deep in each other");
            } else {
                block = self.commands(depth + 1);
                if self.fault.is_none() && !self.takes(b'}') {
                    self.fail("a block without an end");
                }
            }
        }
        Command { line, name, arguments, block }
    }

    fn arguments(&mut self, depth: usize) -> Vec<Argument> {
        let mut arguments = Vec::new();
        while self.fault.is_none() {
            let argument = match self.peek() {
                Some(Token::Tag(name)) => Argument::Tag(name.clone()),
                Some(Token::Number) => Argument::Number,
                Some(Token::Text(text)) => Argument::Texts(vec![text.clone()]),
                Some(Token::Mark(b'[')) => {
                    self.at += 1;
                    arguments.push(Argument::Texts(self.texts()));
                    continue;
                }
                Some(Token::Name(_) | Token::Mark(b'(')) => {
                    self.tests(depth);
                    arguments.push(Argument::Test);
                    // A test is the last argument.
                    break;
                }
                _ => break,
            };
            self.at += 1;
            arguments.push(argument);
        }
        arguments
    }

    /// The rest of a list of texts.
    fn texts(&mut self) -> Vec<String> {
        let mut texts = Vec::new();
        loop {
            match self.peek() {
                Some(Token::Text(text)) => texts.push(text.clone()),
                _ => {
                    self.fail("a text is missing in a list");
                    return texts;
                }
            }
            self.at += 1;
            if self.takes(b']') {
                return texts;
            }
            if !self.takes(b',') {
                self.fail("a list without an end");
                return texts;
            }
        }
    }

    /// A test, or a list of them.
    fn tests(&mut self, depth: usize) {
        if depth >= MAX_DEPTH {
            return self.fail("tests lie too deep in each other");
        }
        if !self.takes(b'(') {
            return self.test(depth);
        }
        loop {
            self.test(depth);
            if self.fault.is_some() || self.takes(b')') {
                return;
            }
            if !self.takes(b',') {
                return self.fail("a list of tests without an end");
            }
        }
    }

    fn test(&mut self, depth: usize) {
        match self.peek() {
            Some(Token::Name(_)) => {
                self.at += 1;
                self.arguments(depth + 1);
            }
            _ => self.fail("a test is missing"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(commands: &[Command]) -> Vec<&str> {
        commands.iter().flat_map(|command| [vec![command.name.as_str()], names(&command.block)].concat()).collect()
    }

    #[test]
    fn scripts_of_the_grammar() {
        let (commands, fault) = parse(
            b"require [\"copy\", \"variables\"];\nif anyof (header :contains [\"a\", \"b\"] \"c\", not exists \"d\",\n size :over 10K) \
              { redirect :copy \"x@ext.example\"; } elsif true { keep; } else { if not false { stop; } }\n",
        );
        assert_eq!(fault, None);
        assert_eq!(names(&commands), ["require", "if", "redirect", "elsif", "keep", "else", "if", "stop"]);
        assert_eq!(
            commands[1].block[0].arguments,
            [Argument::Tag("copy".into()), Argument::Texts(vec!["x@ext.example".into()])]
        );
        assert_eq!(parse(b""), (Vec::new(), None));
    }

    #[test]
    fn faults_keep_what_is_before_them() {
        for (script, line, before) in [
            ("keep;\nredirect \"a\"\n", 2, 2),
            ("keep;\nif true {\nredirect \"a\";", 3, 2),
            ("keep;\n}", 2, 1),
            ("keep; redirect [\"a\" \"b\"];", 1, 2),
            ("if (true) { keep; }\n\"a\";", 2, 1),
            ("if allof (true { keep; }", 1, 1),
            ("if allof () { keep; }", 1, 1),
            ("keep;\n\n\"open", 3, 1),
            ("redirect \"open;\n", 1, 1),
        ] {
            let (commands, fault) = parse(script.as_bytes());
            assert_eq!((fault.map(|fault| fault.line), commands.len()), (Some(line), before), "{script}");
        }
    }

    #[test]
    fn depth_has_an_end() {
        for part in ["if true {", "if not ", "if anyof (not "] {
            let script =
                if part.ends_with('{') { part.repeat(100_000) } else { format!("if {}", "not ".repeat(100_000)) };
            assert!(parse(script.as_bytes()).1.is_some());
        }
    }
}
