//! Splits a message in a file (RFC 5322 §2.1) into what [`Builder`](super::Builder) takes.

/// Header fields as (name, body), then the message body.
#[derive(Debug, Default)]
pub struct Parts<'a> {
    /// The fields in order; the bodies keep their folding and lack the final line end.
    pub fields: Vec<(&'a [u8], &'a [u8])>,
    /// Everything behind the empty line.
    pub body: &'a [u8],
}

/// Splits `message`. Lines may end in CRLF or LF. An mbox `From ` line at the top is skipped; the first line that is
/// neither a field nor the continuation of one ends the header section, as it does for an MTA.
pub fn split(message: &[u8]) -> Parts<'_> {
    let mut parts = Parts::default();
    let mut rest = message;
    let mut field: Option<&[u8]> = None;
    let mut first = true;
    loop {
        let end = rest.iter().position(|&b| b == b'\n').map_or(rest.len(), |at| at + 1);
        let line = &rest[..end];
        let bare = trim_end(line);
        let folded = line.first().is_some_and(|b| matches!(b, b' ' | b'\t')) && field.is_some() && !bare.is_empty();
        if folded {
            // Field and continuation stand side by side in the same buffer: the field grows over it.
            let start = field.map_or(0, |f| offset(message, f));
            field = Some(&message[start..offset(message, line) + line.len()]);
        } else {
            if let Some((name, body)) = field.take().and_then(split_field) {
                parts.fields.push((name, body));
            }
            if first && bare.starts_with(b"From ") && split_field(line).is_none() {
                // mbox separator
            } else if bare.is_empty() || split_field(line).is_none() {
                parts.body = if bare.is_empty() { &rest[end..] } else { rest };
                return parts;
            } else {
                field = Some(line);
            }
        }
        first = false;
        rest = &rest[end..];
        if rest.is_empty() {
            if let Some((name, body)) = field.and_then(split_field) {
                parts.fields.push((name, body));
            }
            return parts;
        }
    }
}

fn offset(whole: &[u8], part: &[u8]) -> usize {
    part.as_ptr() as usize - whole.as_ptr() as usize
}

fn trim_end(line: &[u8]) -> &[u8] {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    line.strip_suffix(b"\r").unwrap_or(line)
}

fn split_field(line: &[u8]) -> Option<(&[u8], &[u8])> {
    let colon = line.iter().position(|&b| b == b':')?;
    let name = &line[..colon];
    let printable = name.trim_ascii_end();
    if printable.is_empty() || !printable.iter().all(|b| (33..=126).contains(b)) {
        return None;
    }
    Some((name, trim_end(&line[colon + 1..])))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_and_body() {
        let parts = split(b"From x\nA: 1\r\n 2\r\nB : 3\r\n\r\nbody\r\n");
        assert_eq!(parts.fields, [(&b"A"[..], &b" 1\r\n 2"[..]), (&b"B "[..], &b" 3"[..])]);
        assert_eq!(parts.body, b"body\r\n");
    }

    #[test]
    fn an_author_at_the_top_is_no_separator() {
        assert_eq!(split(b"From : ann@partner.example\n").fields, [(&b"From "[..], &b" ann@partner.example"[..])]);
        assert!(split(b"From ann@partner.example Tue Nov 24 09:00:00 2026\n").fields.is_empty());
    }

    #[test]
    fn what_is_no_message() {
        assert!(split(b"").fields.is_empty());
        let binary = split(b"\x7fELF\x02\x01\nmore");
        assert!(binary.fields.is_empty());
        assert_eq!(binary.body, b"\x7fELF\x02\x01\nmore");
        assert_eq!(split(b"A: 1").fields, [(&b"A"[..], &b" 1"[..])]);
    }
}
