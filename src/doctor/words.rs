//! Postfix's lists: elements between commas or white space, where braces hold an element together.

/// The elements of a list.
pub(super) fn words(value: &str) -> Vec<String> {
    let mut words = Vec::new();
    let (mut word, mut depth) = (String::new(), 0_usize);
    for c in value.chars() {
        match c {
            '{' => depth += 1,
            '}' => depth = depth.saturating_sub(1),
            _ if depth == 0 && (c == ',' || c.is_whitespace()) => {
                if !word.is_empty() {
                    words.push(std::mem::take(&mut word));
                }
                continue;
            }
            _ => {}
        }
        word.push(c);
    }
    if !word.is_empty() {
        words.push(word);
    }
    words
}

/// What stands within braces, where there are some around the whole.
pub(super) fn unbraced(text: &str) -> &str {
    let text = text.trim();
    text.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')).map_or(text, str::trim)
}

/// `name = value`, as in the element `{ name = value }`.
pub(super) fn pair(text: &str) -> Option<(&str, &str)> {
    unbraced(text).split_once('=').map(|(name, value)| (name.trim(), value.trim()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists() {
        assert_eq!(words("a, b\n c"), ["a", "b", "c"]);
        assert_eq!(words("{ inet:h:1, x=y } unix:s"), ["{ inet:h:1, x=y }", "unix:s"]);
        assert_eq!(words("inline:{ {a b = c} } x"), ["inline:{ {a b = c} }", "x"]);
        assert_eq!(words(" , "), Vec::<String>::new());
        assert_eq!(words("} a {b"), ["}", "a", "{b"]);
    }

    #[test]
    fn pairs() {
        assert_eq!(pair("{ a.example = smtp:[x]:1 }"), Some(("a.example", "smtp:[x]:1")));
        assert_eq!(pair("{a}"), None);
    }
}
