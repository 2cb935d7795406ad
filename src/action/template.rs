//! Text with names in braces, which are filled in once: what is filled in is never looked at again, since senders write it.

use crate::assess::Assessment;
use crate::policy::Decision;

/// Fills in every `{name}` that `value` knows; what it does not know stays as it is.
pub(super) fn fill(text: &str, value: impl Fn(&str) -> Option<String>) -> String {
    let mut filled = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('{') {
        filled.push_str(before);
        match after.split_once('}').and_then(|(name, behind)| Some((value(name)?, behind))) {
            Some((value, behind)) => {
                filled.push_str(&value);
                rest = behind;
            }
            None => {
                filled.push('{');
                rest = after;
            }
        }
    }
    filled + rest
}

/// What is known by a name in braces.
pub(super) fn value(name: &str, assessment: Option<&Assessment>, decision: &Decision) -> Option<String> {
    Some(match name {
        "forwarder" => {
            let forwarder = assessment.and_then(|assessment| assessment.forwarder.as_ref());
            forwarder.map_or_else(|| "unknown".to_owned(), ToString::to_string)
        }
        "destination" => assessment.map(|assessment| assessment.destination.to_string()).unwrap_or_default(),
        "rule" => decision.rule.clone().unwrap_or_else(|| "default".to_owned()),
        _ => return None,
    })
}

/// Printable ASCII in one line, at most so many characters.
pub(super) fn printable(text: &str, most: usize) -> String {
    text.chars().take(most).map(|c| if matches!(c, ' '..='~') { c } else { '?' }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filled(text: &str) -> String {
        fill(text, |name| match name {
            "a" => Some("{b}".to_owned()),
            "b" => Some("{a}{".to_owned()),
            _ => None,
        })
    }

    #[test]
    fn once_and_no_more() {
        assert_eq!(filled("{a}, {b}, {a}"), "{b}, {a}{, {b}");
        assert_eq!(filled("{a{b}}"), "{a{a}{}");
    }

    #[test]
    fn what_is_not_known_stays() {
        for text in ["", "{", "}", "{}", "{c}", "{a", "a}", "}{"] {
            assert_eq!(filled(text), text);
        }
    }

    #[test]
    fn one_line_of_ascii() {
        assert_eq!(printable("a\r\n250 ok\0é%", 400), "a??250 ok??%");
        assert_eq!(printable("abc", 2), "ab");
    }
}
