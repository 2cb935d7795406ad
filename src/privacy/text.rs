//! Addresses within other text: values of header fields, errors, lines of a log.

use crate::message::Address;

/// A local part is no longer (RFC 5321 §4.5.3.1.1 allows 64; senders are rewritten to more), nor is a domain.
const MAX_PART: usize = 320;

/// The text, with each address in it replaced by what `with` makes of it; left as it is where that is nothing.
pub fn replace(text: &str, mut with: impl FnMut(&Address) -> Option<String>) -> String {
    let mut out = String::with_capacity(text.len());
    let mut done = 0;
    for (start, end, address) in found(text) {
        let Some(shown) = with(&address) else { continue };
        out.push_str(text.get(done..start).unwrap_or_default());
        out.push_str(&shown);
        done = end;
    }
    out.push_str(text.get(done..).unwrap_or_default());
    out
}

/// The addresses in a text.
pub fn addresses(text: &str) -> impl Iterator<Item = Address> {
    found(text).into_iter().map(|(_, _, address)| address)
}

/// Where addresses stand, from left to right.
fn found(text: &str) -> Vec<(usize, usize, Address)> {
    let mut found = Vec::new();
    let mut free = 0;
    for (at, _) in text.match_indices('@') {
        if at < free {
            continue;
        }
        let (Some(before), Some(after)) = (text.get(free..at), text.get(at + 1..)) else { continue };
        let local = match before.strip_suffix('"') {
            Some(quoted) => quoted.rfind('"').map_or(at, |open| free + open),
            None => {
                at - before.chars().rev().take_while(|c| in_local(*c)).take(MAX_PART).map(char::len_utf8).sum::<usize>()
            }
        };
        let length = match after.strip_prefix('[') {
            Some(literal) => literal.find(']').filter(|end| *end < 60).map_or(0, |end| end + 2),
            None => after.chars().take_while(|c| in_domain(*c)).take(MAX_PART).map(char::len_utf8).sum(),
        };
        // The end of a sentence is none of a domain.
        let domain = after.get(..length).unwrap_or_default().trim_end_matches(['.', '-']);
        let whole = text.get(local..at + 1 + domain.len()).unwrap_or_default();
        if local < at
            && !domain.is_empty()
            && let Some(address) = Address::parse(whole.trim_start_matches(['=', '.']))
        {
            let start = local + (whole.len() - whole.trim_start_matches(['=', '.']).len());
            free = at + 1 + domain.len();
            found.push((start, free, address));
        }
    }
    found
}

fn in_local(c: char) -> bool {
    c.is_alphanumeric() || "!#$%&'*+-/=?^_`{|}~.".contains(c)
}

fn in_domain(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '-' | '.' | '_')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_wherever_they_stand() {
        let starred = |text: &str| replace(text, |_| Some("*".to_owned()));
        for (text, wanted) in [
            ("rfc822;alice@corp.example", "rfc822;*"),
            ("from x (y [192.0.2.1]) for <bob@corp.example>; Mon", "from x (y [192.0.2.1]) for <*>; Mon"),
            ("to=a@ext.example, b@ext.example.", "*, *."),
            ("\"a b\"@ext.example was refused", "* was refused"),
            ("x@[192.0.2.1]:25", "*:25"),
            ("bücher@bücher.example", "*"),
            ("SRS0=HH=TT=ext.example=bob@corp.example", "*"),
            ("a@b@c.example", "*@c.example"),
            ("@", "@"),
            ("no address @ all, user@", "no address @ all, user@"),
        ] {
            assert_eq!(starred(text), wanted, "{text}");
        }
        assert_eq!(replace("a@x.example", |_| None), "a@x.example");
    }
}
