//! What hostile text may do to a line: nothing. Cutting and cleaning, for every dialect.

/// Characters that end a line, move a cursor or turn the order of letters around: C0, DEL, C1, U+2028, U+2029, and the
/// marks of bidirectional text.
pub(super) fn hostile(c: char) -> bool {
    if c.is_ascii() {
        return c.is_ascii_control();
    }
    c.is_control()
        || matches!(c, '\u{2028}' | '\u{2029}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
        || matches!(c, '\u{061c}' | '\u{200e}' | '\u{200f}' | '\u{feff}')
}

/// At most `chars` characters.
pub(super) fn cut(text: &str, chars: usize) -> &str {
    // Most texts are short enough by their octets alone.
    if text.len() <= chars {
        return text;
    }
    text.char_indices().nth(chars).map_or(text, |(at, _)| text.get(..at).unwrap_or_default())
}

/// At most `octets` octets, no character cut in two.
pub(super) fn cut_octets(text: &str, octets: usize) -> &str {
    text.get(..text.floor_char_boundary(octets)).unwrap_or_default()
}

/// Hostile characters become spaces; what `escape` answers stands for a character.
pub(super) fn clean(out: &mut Vec<u8>, text: &str, escape: impl Fn(char) -> Option<&'static str>) {
    let mut written = 0;
    for (at, c) in text.char_indices() {
        let instead = match escape(c) {
            Some(instead) => instead,
            None if hostile(c) => " ",
            None => continue,
        };
        out.extend_from_slice(text.get(written..at).unwrap_or_default().as_bytes());
        out.extend_from_slice(instead.as_bytes());
        written = at + c.len_utf8();
    }
    out.extend_from_slice(text.get(written..).unwrap_or_default().as_bytes());
}

/// The first of these, with commas between them, whole, and as many as `chars` characters hold.
pub(super) fn joined<'a>(parts: impl IntoIterator<Item = &'a str>, chars: usize) -> String {
    let mut text = String::new();
    let mut left = chars;
    for part in parts {
        let needed = part.chars().count() + usize::from(!text.is_empty());
        if needed > left {
            if text.is_empty() {
                text.push_str(cut(part, chars));
            }
            break;
        }
        if !text.is_empty() {
            text.push(',');
        }
        text.push_str(part);
        left -= needed;
    }
    text
}
