//! The words of a Sieve script (RFC 5228 §8.1).

use super::parser::Fault;

/// A word.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Token {
    /// A name, in lower case.
    Name(String),
    /// A name behind a colon, in lower case.
    Tag(String),
    /// A number, whatever its unit.
    Number,
    /// A text, quoted or of several lines.
    Text(String),
    /// One of `[](){},;`.
    Mark(u8),
}

/// Takes a script apart. Each word has its line.
///
/// # Errors
/// The words before, and what is wrong behind them.
pub(super) fn tokens(script: &[u8]) -> (Vec<(usize, Token)>, Option<Fault>) {
    let mut lexer = Lexer { script, at: 0, line: 1 };
    let mut tokens = Vec::new();
    loop {
        match lexer.next() {
            Ok(Some(token)) => tokens.push(token),
            Ok(None) => return (tokens, None),
            Err(fault) => return (tokens, Some(fault)),
        }
    }
}

struct Lexer<'a> {
    script: &'a [u8],
    at: usize,
    line: usize,
}

impl Lexer<'_> {
    fn peek(&self) -> Option<u8> {
        self.script.get(self.at).copied()
    }

    fn step(&mut self) -> Option<u8> {
        let byte = self.peek()?;
        self.at += 1;
        self.line += usize::from(byte == b'\n');
        Some(byte)
    }

    fn fault<T>(&self, what: &str) -> Result<T, Fault> {
        Err(Fault { line: self.line, what: what.to_owned() })
    }

    fn next(&mut self) -> Result<Option<(usize, Token)>, Fault> {
        self.skip()?;
        let line = self.line;
        let Some(byte) = self.step() else { return Ok(None) };
        let token = match byte {
            b'[' | b']' | b'(' | b')' | b'{' | b'}' | b',' | b';' => Token::Mark(byte),
            b'"' => self.quoted()?,
            b':' => Token::Tag(self.name()),
            b'0'..=b'9' => {
                while self.peek().is_some_and(|byte| byte.is_ascii_alphanumeric()) {
                    self.step();
                }
                Token::Number
            }
            b'A'..=b'Z' | b'a'..=b'z' | b'_' => {
                self.at -= 1;
                let name = self.name();
                if name == "text" && self.peek() == Some(b':') {
                    self.step();
                    self.lines()?
                } else {
                    Token::Name(name)
                }
            }
            _ => return self.fault("a character that begins no word"),
        };
        match token {
            Token::Tag(name) if name.is_empty() => self.fault("a colon without a name"),
            token => Ok(Some((line, token))),
        }
    }

    /// Passes over white space and comments.
    fn skip(&mut self) -> Result<(), Fault> {
        // Some editors begin a file with a byte order mark.
        if self.at == 0 && self.script.starts_with(b"\xef\xbb\xbf") {
            self.at = 3;
        }
        loop {
            match self.peek() {
                Some(b' ' | b'\t' | b'\r' | b'\n') => {
                    self.step();
                }
                Some(b'#') => while self.step().is_some_and(|byte| byte != b'\n') {},
                Some(b'/') if self.script.get(self.at + 1) == Some(&b'*') => {
                    self.at += 2;
                    loop {
                        match self.step() {
                            Some(b'*') if self.peek() == Some(b'/') => break,
                            Some(_) => {}
                            None => return self.fault("a comment without an end"),
                        }
                    }
                    self.step();
                }
                _ => return Ok(()),
            }
        }
    }

    fn name(&mut self) -> String {
        let begin = self.at;
        while self.peek().is_some_and(|byte| byte.is_ascii_alphanumeric() || byte == b'_') {
            self.at += 1;
        }
        let name = self.script.get(begin..self.at).unwrap_or_default();
        String::from_utf8_lossy(name).to_ascii_lowercase()
    }

    fn quoted(&mut self) -> Result<Token, Fault> {
        let begin = self.line;
        let mut text = Vec::new();
        loop {
            match self.step() {
                Some(b'"') => return Ok(Token::Text(String::from_utf8_lossy(&text).into_owned())),
                Some(b'\\') => text.extend(self.step()),
                Some(byte) => text.push(byte),
                None => return Err(Fault { line: begin, what: "a text without an end".to_owned() }),
            }
        }
    }

    /// A text of several lines, up to one that is a dot alone.
    fn lines(&mut self) -> Result<Token, Fault> {
        let begin = self.line;
        while self.peek().is_some_and(|byte| matches!(byte, b' ' | b'\t' | b'\r')) {
            self.step();
        }
        match self.peek() {
            Some(b'#') => while self.step().is_some_and(|byte| byte != b'\n') {},
            Some(b'\n') => {
                self.step();
            }
            _ => return self.fault("something behind text: on the same line"),
        }
        let mut text = Vec::new();
        while self.peek().is_some() {
            let from = self.at;
            while self.step().is_some_and(|byte| byte != b'\n') {}
            let line = self.script.get(from..self.at).unwrap_or_default();
            let bare = line.strip_suffix(b"\n").unwrap_or(line);
            if bare.strip_suffix(b"\r").unwrap_or(bare) == b"." {
                return Ok(Token::Text(String::from_utf8_lossy(&text).into_owned()));
            }
            text.extend_from_slice(if line.starts_with(b"..") { line.get(1..).unwrap_or_default() } else { line });
        }
        Err(Fault { line: begin, what: "a text without an end".to_owned() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_and_their_lines() {
        let (tokens, fault) = tokens(b"# c\nRedirect :Copy \"a\\\"b\"; /* x\n */ text: # y\r\n..z\r\n.\r\n10K [");
        let text = |text: &str| Token::Text(text.to_owned());
        assert_eq!(fault, None);
        assert_eq!(
            tokens,
            [
                (2, Token::Name("redirect".into())),
                (2, Token::Tag("copy".into())),
                (2, text("a\"b")),
                (2, Token::Mark(b';')),
                (3, text(".z\r\n")),
                (6, Token::Number),
                (6, Token::Mark(b'[')),
            ]
        );
    }

    #[test]
    fn what_has_no_end() {
        for (script, line) in [("\n\"a", 2), ("/* a", 1), ("text:\na", 1), ("x @", 1), (":", 1), ("text: a", 1)] {
            let (_, fault) = tokens(script.as_bytes());
            assert_eq!(fault.map(|fault| fault.line), Some(line), "{script}");
        }
    }
}
