//! Mailbox addresses, from the envelope (RFC 5321 §4.1.2) and from header fields (RFC 5322 §3.4).

use super::domain::Domain;
use mail_parser::HeaderValue;
use mail_parser::parsers::MessageStream;
use serde::{Serialize, Serializer};
use std::fmt;

/// A mailbox. The local part keeps the case in which it came; comparisons ignore it, as every mail system in practice does.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Address {
    local: String,
    domain: Domain,
}

impl Address {
    /// An address of its two parts. `None` if either is empty.
    pub fn new(local: &str, domain: &str) -> Option<Self> {
        if local.is_empty() {
            return None;
        }
        Some(Self { local: local.to_owned(), domain: Domain::new(domain)? })
    }

    /// Reads one address, with or without angle brackets, source route or quoted local part.
    ///
    /// The split is at the last `@` outside quotes: `"a@corp.example"@evil.example` is at `evil.example`.
    pub fn parse(text: &str) -> Option<Self> {
        let mut text = text.trim();
        if let Some(inner) = text.strip_prefix('<') {
            text = inner.split_once('>').map_or(inner, |(path, _)| path).trim();
        }
        if text.starts_with('@') {
            // A source route, `@a,@b:user@c` (RFC 5321 §4.1.2: accepted, ignored).
            text = text.split_once(':')?.1;
        }
        let (local, domain) = split_at_last_unquoted(text)?;
        let local = unquote(local.trim());
        // A quoted local part may hold anything; outside quotes white space means that this is no address.
        if domain.contains(|c: char| c.is_whitespace() || c == '<' || c == '>' || c.is_control()) {
            return None;
        }
        Self::new(&local, domain)
    }

    /// The part before the `@`, without quotes.
    pub fn local(&self) -> &str {
        &self.local
    }

    /// The part after the `@`.
    pub fn domain(&self) -> &Domain {
        &self.domain
    }

    /// Whether both are the same mailbox in writing, but for the local part's case.
    pub fn same(&self, other: &Self) -> bool {
        self.domain == other.domain && self.local.eq_ignore_ascii_case(&other.local)
    }

    /// Whether both are the same mailbox when a tag (`user+tag`, RFC 5233) is left out.
    pub fn same_mailbox(&self, other: &Self) -> bool {
        self.domain == other.domain && base(&self.local).eq_ignore_ascii_case(base(&other.local))
    }

    /// Whether both are the same user at hosts of one registrable domain: `user@mail.corp.example`, `user@corp.example`.
    pub fn same_user(&self, other: &Self) -> bool {
        self.domain.registrable() == other.domain.registrable()
            && base(&self.local).eq_ignore_ascii_case(base(&other.local))
    }

    /// The address without its tag: the mailbox that `user+tag@` is delivered to.
    pub fn mailbox(&self) -> Self {
        Self { local: base(&self.local).to_owned(), domain: self.domain.clone() }
    }

    /// The key under which look-ups find it: lower case throughout.
    pub fn key(&self) -> String {
        format!("{}@{}", self.local.to_lowercase(), self.domain)
    }

    /// Whether the local part names another host to relay to (`user%evil.example`, `evil.example!user`): mail for it may
    /// leave although the domain is an own one.
    pub fn is_relay_encoded(&self) -> bool {
        let routed = |host: &str| host.contains('.') && !host.starts_with('.') && !host.ends_with('.');
        self.local.rsplit_once('%').is_some_and(|(user, host)| !user.is_empty() && routed(host))
            || self.local.split_once('!').is_some_and(|(host, user)| !user.is_empty() && routed(host))
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}", self.local, self.domain)
    }
}

impl Serialize for Address {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// All addresses of an address field's body (`To`, `Resent-From`, …): members of groups too, names and comments left out.
pub fn parse_list(field_body: &[u8]) -> Vec<Address> {
    if !field_body.contains(&b'@') {
        return Vec::new();
    }
    // The parser ends a field at a line end that is not followed by white space, so it is given one.
    let mut text = without_comments(field_body);
    text.push(b'\n');
    let mut found = Vec::new();
    if let HeaderValue::Address(list) = MessageStream::new(&text).parse_address() {
        found.extend(list.iter().filter_map(|one| Address::parse(one.address.as_deref()?)));
    }
    found
}

/// The body without comments, which may stand anywhere, even inside an address (RFC 5322 §3.2.2).
fn without_comments(field_body: &[u8]) -> Vec<u8> {
    let mut kept = Vec::with_capacity(field_body.len() + 2);
    let (mut depth, mut quoted, mut escaped) = (0_usize, false, false);
    for &byte in field_body {
        let literal = std::mem::take(&mut escaped);
        match byte {
            b'\\' if !literal => escaped = true,
            b'"' if !literal && depth == 0 => quoted = !quoted,
            b'(' if !literal && !quoted => depth += 1,
            b')' if !literal && !quoted && depth > 0 => {
                depth -= 1;
                continue;
            }
            _ => {}
        }
        if depth == 0 {
            kept.push(if byte == 0 { b' ' } else { byte });
        }
    }
    if depth > 0 {
        // A comment that never ends would hide all that follows: read the field as if it had none.
        return field_body.to_vec();
    }
    kept
}

fn base(local: &str) -> &str {
    match local.split_once('+') {
        Some((base, _)) if !base.is_empty() => base,
        _ => local,
    }
}

fn split_at_last_unquoted(text: &str) -> Option<(&str, &str)> {
    let (mut quoted, mut escaped, mut at) = (false, false, None);
    for (position, c) in text.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            '@' if !quoted => at = Some(position),
            _ => {}
        }
    }
    // An unbalanced quote hides nothing: fall back on the last one there is.
    let at = at.or_else(|| text.rfind('@'))?;
    Some((&text[..at], &text[at + 1..]))
}

fn unquote(local: &str) -> String {
    match local.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) {
        Some(inner) if inner.contains('\\') => {
            let mut plain = String::with_capacity(inner.len());
            let mut chars = inner.chars();
            while let Some(c) = chars.next() {
                plain.extend(if c == '\\' { chars.next() } else { Some(c) });
            }
            plain
        }
        Some(inner) => inner.to_owned(),
        None => local.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> Option<String> {
        Address::parse(text).map(|address| address.to_string())
    }

    #[test]
    fn envelope_forms() {
        for (given, wanted) in [
            ("<alice@Corp.Example>", Some("alice@corp.example")),
            ("alice@corp.example", Some("alice@corp.example")),
            ("<@a.example,@b.example:bob@evil.example>", Some("bob@evil.example")),
            ("<\"a@corp.example\"@evil.example>", Some("a@corp.example@evil.example")),
            ("<bob@evil.example.>", Some("bob@evil.example")),
            ("<bob@[192.0.2.1]>", Some("bob@[192.0.2.1]")),
            ("<>", None),
            ("", None),
            ("postmaster", None),
            ("<@>", None),
        ] {
            assert_eq!(parsed(given).as_deref(), wanted, "{given}");
        }
    }

    #[test]
    fn header_forms() {
        let list = |text: &str| parse_list(text.as_bytes()).iter().map(ToString::to_string).collect::<Vec<_>>();
        assert_eq!(list(" \"ceo@corp.example\" <x@evil.example>"), ["x@evil.example"]);
        assert_eq!(
            list("Team: a@corp.example,\r\n\tb@ext.example;, c@ext.example"),
            ["a@corp.example", "b@ext.example", "c@ext.example"]
        );
        assert!(list("undisclosed-recipients:;").is_empty());
        assert_eq!(list("bob(x)@evil.example (comment (nested))"), ["bob@evil.example"]);
    }

    #[test]
    fn tags_and_relay_encodings() {
        let tagged = Address::parse("zelda+ext@corp.example").expect("an address");
        assert_eq!(tagged.mailbox().to_string(), "zelda@corp.example");
        assert!(tagged.same_mailbox(&Address::parse("Zelda@corp.example").expect("an address")));
        assert!(Address::parse("user%evil.example@corp.example").expect("an address").is_relay_encoded());
        assert!(Address::parse("evil.example!user@corp.example").expect("an address").is_relay_encoded());
        assert!(!Address::parse("100%sure@corp.example").expect("an address").is_relay_encoded());
    }
}
