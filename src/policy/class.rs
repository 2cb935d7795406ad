//! Kinds of outside domains.

use crate::message::{Domain, DomainSet, Organization};
use serde::Serialize;
use std::fmt;

/// What a destination's domain is to the organisation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum DomainClass {
    /// An own domain.
    Own,
    /// A sister company.
    Affiliate,
    /// An approved partner.
    Partner,
    /// A provider of free mailboxes.
    Freemail,
    /// None of these.
    Other,
}

impl DomainClass {
    /// All, in the order in which they are tried.
    pub const ALL: [Self; 5] = [Self::Own, Self::Affiliate, Self::Partner, Self::Freemail, Self::Other];

    /// The name in events and in the configuration.
    pub fn name(self) -> &'static str {
        match self {
            Self::Own => "own",
            Self::Affiliate => "affiliate",
            Self::Partner => "partner",
            Self::Freemail => "freemail",
            Self::Other => "other",
        }
    }
}

impl fmt::Display for DomainClass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Which domains are of which kind.
#[derive(Debug, Clone)]
pub struct Classes {
    /// Sister companies.
    pub affiliate: DomainSet,
    /// Approved partners.
    pub partner: DomainSet,
    /// Providers of free mailboxes.
    pub freemail: DomainSet,
}

/// The providers of free mailboxes that most personal forwards go to. Replaced by `organization.classes.freemail`.
const FREEMAIL: &[&str] = &[
    "126.com",
    "163.com",
    "aol.com",
    "bk.ru",
    "cock.li",
    "duck.com",
    "fastmail.com",
    "fastmail.fm",
    "foxmail.com",
    "free.fr",
    "freenet.de",
    "gmail.com",
    "gmx.at",
    "gmx.ch",
    "gmx.com",
    "gmx.de",
    "gmx.net",
    "googlemail.com",
    "hey.com",
    "hotmail.com",
    "hotmail.co.uk",
    "hotmail.de",
    "hotmail.fr",
    "hushmail.com",
    "icloud.com",
    "inbox.ru",
    "interia.pl",
    "laposte.net",
    "libero.it",
    "list.ru",
    "live.com",
    "mac.com",
    "mail.com",
    "mail.ru",
    "mailbox.org",
    "me.com",
    "msn.com",
    "naver.com",
    "o2.pl",
    "onet.pl",
    "orange.fr",
    "outlook.com",
    "outlook.de",
    "posteo.de",
    "proton.me",
    "protonmail.com",
    "protonmail.ch",
    "qq.com",
    "rambler.ru",
    "rediffmail.com",
    "rocketmail.com",
    "seznam.cz",
    "sina.com",
    "t-online.de",
    "tutanota.com",
    "tuta.com",
    "tuta.io",
    "ukr.net",
    "web.de",
    "wp.pl",
    "yahoo.com",
    "yahoo.co.jp",
    "yahoo.co.uk",
    "yahoo.de",
    "yahoo.fr",
    "yandex.com",
    "yandex.ru",
    "ya.ru",
    "ymail.com",
    "zoho.com",
];

impl Default for Classes {
    fn default() -> Self {
        let mut freemail = DomainSet::new();
        FREEMAIL.iter().filter_map(|name| Domain::new(name)).for_each(|domain| freemail.insert(domain, true));
        Self { affiliate: DomainSet::new(), partner: DomainSet::new(), freemail }
    }
}

impl Classes {
    /// The kind of `domain`: the first that it is of.
    pub fn of(&self, domain: &Domain, organization: &Organization) -> DomainClass {
        if organization.domains.contains(domain) {
            DomainClass::Own
        } else if self.affiliate.contains(domain) {
            DomainClass::Affiliate
        } else if self.partner.contains(domain) {
            DomainClass::Partner
        } else if self.freemail.contains(domain) {
            DomainClass::Freemail
        } else {
            DomainClass::Other
        }
    }
}
