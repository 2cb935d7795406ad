//! The lines of Postfix's files: settings and tables in text form.

/// Logical lines with the number of their first: those that begin with white space continue the one before, comments and
/// empty lines do not count.
pub(super) fn logical(text: &str) -> Vec<(usize, String)> {
    let mut lines: Vec<(usize, String)> = Vec::new();
    for (at, line) in text.lines().enumerate() {
        let trimmed = line.trim();
        if trimmed.is_empty() || trimmed.starts_with('#') {
            continue;
        }
        match lines.last_mut() {
            Some((_, last)) if line.starts_with([' ', '\t']) => *last += &format!(" {trimmed}"),
            _ => lines.push((at + 1, trimmed.to_owned())),
        }
    }
    lines
}

/// The key of a line and its value: `key value`, a key in quotes, `/pattern/flags value`.
pub(super) fn entry(line: &str, patterns: bool) -> Option<(String, String)> {
    let split = if patterns {
        let negated = usize::from(line.starts_with('!'));
        let delimiter = line[negated..].chars().next().filter(|c| !c.is_alphanumeric() && !c.is_whitespace())?;
        let begin = negated + delimiter.len_utf8();
        let mut escaped = false;
        let end = line[begin..].char_indices().find_map(|(at, c)| {
            let ends = c == delimiter && !escaped;
            escaped = c == '\\' && !escaped;
            ends.then_some(begin + at + c.len_utf8())
        })?;
        end + line[end..].find(|c: char| c.is_whitespace())?
    } else if let Some(rest) = line.strip_prefix('"') {
        2 + rest.find('"')?
    } else {
        line.find(|c: char| c.is_whitespace())?
    };
    let (key, value) = line.split_at_checked(split)?;
    let key = if patterns { key } else { key.trim_matches('"') };
    Some((key.to_owned(), value.trim().to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_and_values() {
        let of = |line: &str, patterns| entry(line, patterns).map(|(key, value)| format!("{key}|{value}"));
        assert_eq!(of("a@b.example  x, y", false).as_deref(), Some("a@b.example|x, y"));
        assert_eq!(of("\"a b\"@c x", false).as_deref(), Some("a b|@c x"));
        assert_eq!(of("/^a b\\/$/i  REDIRECT x@y", true).as_deref(), Some("/^a b\\/$/i|REDIRECT x@y"));
        assert_eq!(of("!/x/ y", true).as_deref(), Some("!/x/|y"));
        for none in ["endif", "/open x", "\"open", "key", "", "é"] {
            assert_eq!(of(none, true), None, "{none}");
            assert!(of(none, false).is_none_or(|found| none == "/open x" && found == "/open|x"), "{none}");
        }
    }

    #[test]
    fn lines_that_continue() {
        assert_eq!(logical("a b\n# c\n  d\n\ne\n"), [(1, "a b d".to_owned()), (5, "e".to_owned())]);
    }
}
