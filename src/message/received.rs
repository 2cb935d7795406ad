//! One `Received` field, taken apart (RFC 5321 §4.4), as leniently as the programs that write it differ.

use super::address::Address;
use super::domain::Domain;
use std::net::{IpAddr, Ipv6Addr};

/// What a `Received` field says of one hop.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Received {
    /// The name the client gave itself (HELO), as written.
    pub helo: Option<String>,
    /// The client's name as the receiving host looked it up: `(name [address])`. `None` for `unknown`.
    pub client_name: Option<Domain>,
    /// The client's address as the receiving host saw it.
    pub client_addr: Option<IpAddr>,
    /// Whether there is a `from` clause at all. Without it the message was made or handed in on the host itself.
    pub has_from: bool,
    /// The host that wrote the field.
    pub by: Option<Domain>,
    /// `ESMTP`, `LMTP`, `ESMTPSA`, `local`, … in upper case.
    pub with: Option<String>,
    /// The recipients named by `for`.
    pub for_: Vec<Address>,
    /// All comments, in order: programs say most of what they have to say there.
    pub comments: Vec<String>,
}

impl Received {
    /// Takes apart an unfolded field body. Never fails: what is not found is `None`.
    pub fn parse(text: &str) -> Self {
        let mut hop = Self::default();
        let mut clause = Clause::None;
        for token in Tokens(text) {
            match token {
                Token::Comment(comment) => {
                    if clause == Clause::From {
                        hop.read_client(comment);
                    }
                    hop.comments.push(comment.to_owned());
                }
                Token::Word(word) => match Clause::of(word) {
                    Some(next) if !(clause == Clause::From && hop.helo.is_none()) => {
                        hop.has_from |= next == Clause::From;
                        clause = next;
                    }
                    _ => hop.read_word(clause, word),
                },
            }
        }
        hop
    }

    /// Whether the client had logged in (RFC 3848: `ESMTPA`, `ESMTPSA`, and their kin).
    pub fn is_authenticated(&self) -> bool {
        let by_keyword = self.with.as_deref().is_some_and(|with| {
            matches!(with, "ESMTPA" | "ESMTPSA" | "UTF8SMTPA" | "UTF8SMTPSA" | "ASMTP" | "HTTP" | "HTTPS")
        });
        by_keyword
            || self
                .comments
                .iter()
                .any(|comment| comment.starts_with("Authenticated sender") || comment.starts_with("authenticated"))
    }

    /// Whether some comment contains `text`.
    pub fn comment_has(&self, text: &str) -> bool {
        self.comments.iter().any(|comment| comment.contains(text))
    }

    fn read_word(&mut self, clause: Clause, word: &str) {
        match clause {
            Clause::From if self.helo.is_none() => {
                self.helo = Some(word.to_owned());
                self.client_addr = self.client_addr.or_else(|| address_literal(word));
            }
            Clause::By if self.by.is_none() => self.by = Domain::new(word),
            Clause::With if self.with.is_none() => self.with = Some(word.trim_end_matches(';').to_ascii_uppercase()),
            Clause::For => self.for_.extend(Address::parse(word.trim_matches([',', ';']))),
            _ => {}
        }
    }

    /// Reads `(name [address])`, `([address])`, `(HELO name)`, `(helo=name)`, `(address)`, `(user@name [address])`.
    fn read_client(&mut self, comment: &str) {
        if self.client_addr.is_none() {
            self.client_addr = comment
                .split_once('[')
                .and_then(|(_, rest)| rest.split_once(']'))
                .and_then(|(inner, _)| address_literal(inner))
                .or_else(|| address_literal(comment.split_whitespace().next()?));
        }
        let name = comment.split([' ', '[']).next().unwrap_or_default();
        let name = name.rsplit_once('@').map_or(name, |(_, host)| host);
        let is_name = name.contains('.') && !name.contains('=') && address_literal(name).is_none();
        if self.client_name.is_none() && is_name && name != "unknown" && comment.contains('[') {
            self.client_name = Domain::new(name);
        }
    }
}

/// An address with or without brackets, `IPv6:` tag or port; IPv4 in IPv6 notation becomes IPv4.
fn address_literal(text: &str) -> Option<IpAddr> {
    let text = text.trim_matches(['[', ']', '(', ')', ',', ';']);
    let text = text.strip_prefix("IPv6:").unwrap_or(text);
    if let Ok(v6) = text.parse::<Ipv6Addr>() {
        return Some(v6.to_canonical());
    }
    let text = text.rsplit_once(':').map_or(text, |(address, _)| address.trim_end_matches(']'));
    text.parse().ok()
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Clause {
    None,
    From,
    By,
    Via,
    With,
    Id,
    For,
}

impl Clause {
    fn of(word: &str) -> Option<Self> {
        const CLAUSES: [(&str, Clause); 6] = [
            ("from", Clause::From),
            ("by", Clause::By),
            ("via", Clause::Via),
            ("with", Clause::With),
            ("id", Clause::Id),
            ("for", Clause::For),
        ];
        CLAUSES.iter().find(|(name, _)| word.eq_ignore_ascii_case(name)).map(|(_, clause)| *clause)
    }
}

enum Token<'a> {
    Word(&'a str),
    Comment(&'a str),
}

/// Words and outermost comments; ends at a `;` outside a comment, behind which stands the date.
struct Tokens<'a>(&'a str);

impl<'a> Iterator for Tokens<'a> {
    type Item = Token<'a>;

    fn next(&mut self) -> Option<Token<'a>> {
        let text = self.0.trim_start();
        if text.is_empty() || text.starts_with(';') {
            return None;
        }
        if let Some(inner) = text.strip_prefix('(') {
            let mut depth = 1;
            for (at, c) in inner.char_indices() {
                match c {
                    '(' => depth += 1,
                    ')' => depth -= 1,
                    _ => {}
                }
                if depth == 0 {
                    self.0 = &inner[at + 1..];
                    return Some(Token::Comment(&inner[..at]));
                }
            }
            // A comment that never ends: take the rest as one, so that nothing in it passes for a clause.
            self.0 = "";
            return Some(Token::Comment(inner));
        }
        let quoted = text.starts_with('<');
        let end = text
            .char_indices()
            .skip(1)
            .find(|&(_, c)| c.is_whitespace() || c == '(' || (c == ';' && !quoted))
            .map_or(text.len(), |(at, _)| at);
        let word = &text[..end];
        self.0 = &text[end..];
        Some(Token::Word(word))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn for_(hop: &Received) -> Vec<String> {
        hop.for_.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn postfix() {
        let hop = Received::parse(
            "from mta1.partner.example (mta1.partner.example [203.0.113.10]) by mail.corp.example (Postfix) with ESMTP \
             id D73909A8407 for <alice@corp.example>; Tue, 24 Nov 2026 03:06:23 +0000 (UTC)",
        );
        assert_eq!(hop.helo.as_deref(), Some("mta1.partner.example"));
        assert_eq!(hop.client_addr, Some("203.0.113.10".parse().expect("an address")));
        assert_eq!(hop.by, Domain::new("mail.corp.example"));
        assert_eq!(hop.with.as_deref(), Some("ESMTP"));
        assert_eq!(for_(&hop), ["alice@corp.example"]);
        let local = Received::parse("by mail.corp.example (Postfix, from userid 1001) id X; Tue, 24 Nov 2026");
        assert!(!local.has_from && local.comment_has("from userid"));
    }

    #[test]
    fn exim_sendmail_courier_qmail() {
        let exim = Received::parse(
            "from [203.0.113.10] (helo=mta1.partner.example) by mail.corp.example with esmtp (Exim 4.96) \
             (envelope-from <ann@partner.example>) id 1abc for alice@corp.example; Tue, 24 Nov 2026",
        );
        assert_eq!(exim.client_addr, Some("203.0.113.10".parse().expect("an address")));
        assert_eq!(for_(&exim), ["alice@corp.example"]);
        let sendmail = Received::parse(
            "(from heidi@localhost) by mail.corp.example (8.17.1.9/Submit) id 3AO for x@ext.example; Tue",
        );
        assert!(!sendmail.has_from);
        assert_eq!(for_(&sendmail), ["x@ext.example"]);
        let courier =
            Received::parse("from localhost (forwarded by alice@corp.example) by mail.corp.example with local; Tue");
        assert!(courier.comment_has("forwarded by alice@corp.example"));
        let qmail = Received::parse(
            "from unknown (HELO mx.ext.example) (203.0.113.5) by mail.corp.example with SMTP; 1 Jan 2020",
        );
        assert_eq!(qmail.client_addr, Some("203.0.113.5".parse().expect("an address")));
        let mapped =
            Received::parse("from ws7 (ws7.corp.example [::ffff:198.51.100.90]) by mail.corp.example with ESMTP");
        assert_eq!(mapped.client_addr, Some("198.51.100.90".parse().expect("an address")));
        assert_eq!(mapped.client_name, Domain::new("ws7.corp.example"));
    }

    #[test]
    fn authenticated_submission() {
        let hop = Received::parse(
            "from [10.1.2.3] (unknown [10.1.2.3]) (Authenticated sender: bob) by m.example with ESMTPSA id 1",
        );
        assert!(hop.is_authenticated());
    }

    #[test]
    fn clauses_inside_comments_do_not_count() {
        let hop = Received::parse("from a (for <alice@corp.example> by b.example) by c.example with SMTP (");
        assert!(hop.for_.is_empty());
        assert_eq!(hop.by, Domain::new("c.example"));
    }

    #[test]
    fn a_host_named_like_a_keyword() {
        assert_eq!(Received::parse("from by (by [192.0.2.1]) by mail.example with SMTP").helo.as_deref(), Some("by"));
    }
}
