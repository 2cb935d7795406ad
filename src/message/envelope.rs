//! The envelope: MAIL FROM and RCPT TO with their ESMTP parameters (RFC 5321 §4.1.1, RFC 3461).

use super::address::Address;

/// ESMTP parameters as they came, `KEYWORD` or `KEYWORD=value`. Keywords compare without regard to case.
#[derive(Debug, Clone, Default)]
pub struct Params(Vec<String>);

impl Params {
    /// Keeps the parameters in their order.
    pub fn new(params: Vec<String>) -> Self {
        Self(params)
    }

    /// The value of `keyword`, empty where it has none; `None` where it was not given.
    pub fn get(&self, keyword: &str) -> Option<&str> {
        self.0.iter().find_map(|param| {
            let (name, value) = param.split_once('=').unwrap_or((param, ""));
            name.eq_ignore_ascii_case(keyword).then_some(value)
        })
    }

    /// The parameters as they came.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(String::as_str)
    }
}

/// MAIL FROM.
#[derive(Debug, Clone, Default)]
pub struct Sender {
    /// The reverse-path as it came, brackets included where there were any.
    pub raw: String,
    /// The address; `None` for the null reverse-path, and for what is no address.
    pub address: Option<Address>,
    /// `SIZE`, `BODY`, `SMTPUTF8`, …
    pub params: Params,
}

impl Sender {
    /// Whether this is the null reverse-path `<>` of reports and automatic replies (RFC 5321 §4.5.5).
    pub fn is_null(&self) -> bool {
        matches!(self.raw.trim(), "" | "<>")
    }
}

/// One RCPT TO.
#[derive(Debug, Clone)]
pub struct Recipient {
    /// The forward-path exactly as the MTA gave it: what an edit of this recipient has to repeat.
    pub raw: String,
    /// The address, where it is one.
    pub address: Option<Address>,
    /// `ORCPT`, `NOTIFY`, …
    pub params: Params,
    /// What the MTA resolved the recipient to (macro `{rcpt_addr}`), where it said so. Sendmail gives the address behind
    /// a virtusertable entry here; Postfix repeats the argument.
    pub resolved: Option<Address>,
    /// The MTA's delivery agent for it (macro `{rcpt_mailer}`).
    pub mailer: Option<String>,
}

impl Recipient {
    /// The original recipient (`ORCPT`, RFC 3461 §4.2), decoded: what this address was expanded from.
    pub fn original(&self) -> Option<Address> {
        Self::decode_original(self.params.get("ORCPT")?)
    }

    /// The address in a value of ORCPT.
    pub fn decode_original(value: &str) -> Option<Address> {
        decode_orcpt(value)
    }

    /// Whether no report of any kind is wanted (`NOTIFY=NEVER`, RFC 3461 §4.1).
    pub fn notify_never(&self) -> bool {
        self.params.get("NOTIFY").is_some_and(|value| value.eq_ignore_ascii_case("NEVER"))
    }
}

/// Decodes the value of ORCPT: `rfc822;` with xtext (RFC 3461 §4), `utf-8;` with `\x{…}` (RFC 6533 §3).
fn decode_orcpt(value: &str) -> Option<Address> {
    let (kind, encoded) = value.split_once(';')?;
    let xtext = decode_xtext(encoded.trim());
    match kind.trim().to_ascii_lowercase().as_str() {
        "rfc822" => Address::parse(&xtext),
        "utf-8" => Address::parse(&decode_utf8_address(&xtext)),
        _ => None,
    }
}

fn decode_xtext(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut plain = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let hex = (bytes[at] == b'+').then(|| text.get(at + 1..at + 3)).flatten();
        match hex.and_then(|hex| u8::from_str_radix(hex, 16).ok()) {
            Some(byte) => {
                plain.push(byte);
                at += 3;
            }
            // What is no hexadecimal pair was not encoded by the rules: keep it, so that the address is still found.
            None => {
                plain.push(bytes[at]);
                at += 1;
            }
        }
    }
    String::from_utf8_lossy(&plain).into_owned()
}

fn decode_utf8_address(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find("\\x{") {
        plain.push_str(&rest[..start]);
        let code = &rest[start + 3..];
        let decoded = code
            .split_once('}')
            .and_then(|(hex, after)| Some((char::from_u32(u32::from_str_radix(hex, 16).ok()?)?, after)));
        match decoded {
            Some((c, after)) => {
                plain.push(c);
                rest = after;
            }
            None => {
                plain.push_str("\\x{");
                rest = code;
            }
        }
    }
    plain + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    fn orcpt(value: &str) -> Option<String> {
        decode_orcpt(value).map(|address| address.to_string())
    }

    #[test]
    fn original_recipients() {
        assert_eq!(orcpt("rfc822;alice@corp.example").as_deref(), Some("alice@corp.example"));
        assert_eq!(orcpt("RFC822;zelda+2Bext@corp.example").as_deref(), Some("zelda+ext@corp.example"));
        assert_eq!(orcpt("utf-8;b\\x{FC}ro@corp.example").as_deref(), Some("büro@corp.example"));
        assert_eq!(orcpt("utf-8;büro@corp.example").as_deref(), Some("büro@corp.example"));
        assert_eq!(orcpt("x400;alice@corp.example"), None);
        assert_eq!(orcpt("alice@corp.example"), None);
        assert_eq!(orcpt("rfc822;a+zzb@corp.example").as_deref(), Some("a+zzb@corp.example"));
        assert_eq!(orcpt("utf-8;a\\x{zz}@corp.example").as_deref(), Some("a\\x{zz}@corp.example"));
    }

    #[test]
    fn keywords_in_any_case() {
        let params = Params::new(vec!["size=116".into(), "notify=never".into(), "SMTPUTF8".into()]);
        assert_eq!(params.get("SIZE"), Some("116"));
        assert_eq!(params.get("smtputf8"), Some(""));
        assert_eq!(params.get("RET"), None);
    }
}
