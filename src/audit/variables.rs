//! Variables of procmail and maildrop: what is set in the file itself can be put in their places.

use std::collections::HashMap;

/// Variables that are known. One that is set twice, or by a command, is not.
#[derive(Debug, Default)]
pub(super) struct Variables {
    of: HashMap<String, Option<String>>,
}

/// How many of them are put into one text.
const MAX_STEPS: usize = 50;

/// The longest value, in octets.
const MAX_BYTES: usize = 1_000;

impl Variables {
    /// Sets one. What is longer than any address is not kept: it could double with every line.
    pub(super) fn set(&mut self, name: &str, value: &str) {
        let plain = !value.contains('`') && value.len() <= MAX_BYTES;
        let known = Some(value).filter(|_| plain).map(|value| self.filled(value)).filter(|it| it.len() <= MAX_BYTES);
        let different = self.of.get(name).is_some_and(|before| *before != known);
        self.of.insert(name.to_owned(), known.filter(|_| !different));
    }

    /// The text with values in the places of `$NAME` and `${NAME}`; what is not known stays.
    pub(super) fn filled(&self, text: &str) -> String {
        let mut out = String::new();
        let mut rest = text;
        for _ in 0..MAX_STEPS {
            let Some((before, after)) = rest.split_once('$') else { break };
            out += before;
            let end = |text: &str| text.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(text.len());
            let (name, behind) = match after.strip_prefix('{') {
                Some(inner) => inner.split_once('}').unwrap_or((inner, "")),
                None => after.split_at(end(after)),
            };
            match self.of.get(name) {
                Some(Some(value)) => {
                    out += value;
                    rest = behind;
                }
                _ => {
                    out.push('$');
                    rest = after;
                }
            }
        }
        out + rest
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_known_is_put_in() {
        let mut variables = Variables::default();
        variables.set("HOST", "ext.example");
        variables.set("TO", "x@$HOST");
        variables.set("TWICE", "a");
        variables.set("TWICE", "b");
        variables.set("DATE", "`date`");
        assert_eq!(
            variables.filled("$TO ${HOST}s $TWICE $DATE $NONE"),
            "x@ext.example ext.examples $TWICE $DATE $NONE"
        );
    }
}
