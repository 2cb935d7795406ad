//! A control file of Sendmail's queue, as its operations guide describes it: envelope and header section.

/// In a queue file a macro that is still to be filled in begins with this octet.
const MACRO: u8 = 0x81;

/// What a control file says.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Control {
    pub(super) time: i64,
    pub(super) sender: String,
    pub(super) recipients: Vec<String>,
    /// ORCPT.
    pub(super) originals: Vec<String>,
    /// The header section, with LF.
    pub(super) header: Vec<u8>,
}

impl Control {
    /// Lines begin with a letter that says what they are; those of a header field go on in lines that begin with white space.
    pub(super) fn parse(bytes: &[u8]) -> Self {
        let mut control = Self::default();
        let mut in_header = false;
        for line in bytes.split(|&byte| byte == b'\n') {
            let text = || String::from_utf8_lossy(line.get(1..).unwrap_or_default()).trim().to_owned();
            let address = |text: &str| {
                let path = text.trim();
                path.strip_prefix('<').and_then(|path| path.strip_suffix('>')).unwrap_or(path).to_owned()
            };
            let goes_on = matches!(line.first(), Some(b' ' | b'\t'));
            if goes_on {
                if in_header {
                    control.header.extend_from_slice(line);
                    control.header.push(b'\n');
                }
                continue;
            }
            in_header = false;
            match line.first() {
                Some(b'T') => control.time = text().parse().unwrap_or_default(),
                Some(b'S') => control.sender = address(&text()),
                // Rflags:address
                Some(b'R') => {
                    let text = text();
                    let flags = text.split_once(':').filter(|(flags, _)| flags.bytes().all(|b| b.is_ascii_uppercase()));
                    control.recipients.push(address(flags.map_or(text.as_str(), |(_, address)| address)));
                }
                Some(b'Q') => control.originals.push(text()),
                Some(b'H') => {
                    let field = without_flags(line.get(1..).unwrap_or_default());
                    // Return-Path, and what else is not known before delivery.
                    if !field.contains(&MACRO) {
                        control.header.extend_from_slice(field);
                        control.header.push(b'\n');
                        in_header = true;
                    }
                }
                Some(b'.') => break,
                _ => {}
            }
        }
        control
    }
}

/// `?flags?Name: body`: for which mailers the field is.
fn without_flags(field: &[u8]) -> &[u8] {
    let Some(rest) = field.strip_prefix(b"?") else { return field };
    let end = rest.iter().position(|&byte| byte == b'?');
    end.and_then(|end| rest.get(end + 1..)).unwrap_or(field)
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(in super::super) const CONTROL: &[u8] =
        b"V8\nT1795535532\nK0\nN0\nqforwarden: freemail\nFbs\n$_localhost [127.0.0.1]\nS<ann@partner.example>\n\
        rRFC822; x@ext.example\nQrfc822;alice@corp.example\nRPFD:<x@ext.example>\nRPFD:\"a:b\"@ext.example\n\
        H?P?Return-Path: <\x81g>\nH??Received: from mx (mx [203.0.113.10])\n\tby mail.corp.example with ESMTP id 1\n\
        \tfor <alice@corp.example>; Tue, 24 Nov 2026 15:52:12 GMT\nH??Subject: hello\nHX-Old: style\n.\nSnonsense\n";

    #[test]
    fn a_control_file() {
        let control = Control::parse(CONTROL);
        assert_eq!((control.time, control.sender.as_str()), (1_795_535_532, "ann@partner.example"));
        assert_eq!(control.recipients, ["x@ext.example", "\"a:b\"@ext.example"]);
        assert_eq!(control.originals, ["rfc822;alice@corp.example"]);
        let header = String::from_utf8(control.header.clone()).unwrap();
        assert!(header.starts_with("Received: from mx (mx [203.0.113.10])\n\tby mail"), "{header}");
        assert!(header.ends_with("Subject: hello\nX-Old: style\n"), "{header}");
    }

    #[test]
    fn what_is_no_control_file() {
        for bytes in [&b""[..], b"\n\n", b"H", b"H?", b"H??", b"R", b"RPFD:", b"T", b" x", b"\x81", b"Tx\nS<"] {
            let _ = Control::parse(bytes);
        }
        assert_eq!(Control::parse(b"RPFD:<>\n").recipients, [""]);
        assert_eq!(Control::parse(b"Ra:b@x.example\n").recipients, ["a:b@x.example"]);
    }
}
