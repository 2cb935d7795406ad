//! Kinds of outside domains.

use crate::message::{Address, Domain, DomainSet, Organization};
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
    /// A provider of mailboxes that live for minutes.
    Disposable,
    /// A domain that looks like one of ours, or a mailbox at a free provider that bears the forwarder's name.
    LookAlike,
    /// None of these.
    Other,
}

impl DomainClass {
    /// All, in the order in which they are tried.
    pub const ALL: [Self; 7] =
        [Self::Own, Self::Affiliate, Self::Partner, Self::Disposable, Self::LookAlike, Self::Freemail, Self::Other];

    /// The name in events and in the configuration.
    pub fn name(self) -> &'static str {
        match self {
            Self::Own => "own",
            Self::Affiliate => "affiliate",
            Self::Partner => "partner",
            Self::Freemail => "freemail",
            Self::Disposable => "disposable",
            Self::LookAlike => "look_alike",
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
    /// Providers of mailboxes that live for minutes.
    pub disposable: DomainSet,
    /// Domains that look like one of ours, beside those that are told by their letters.
    pub look_alike: DomainSet,
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

/// Providers of mailboxes that anybody opens for minutes, without a password. Replaced by
/// `organization.classes.disposable`.
const DISPOSABLE: &[&str] = &[
    "10minutemail.com",
    "10minutemail.net",
    "20minutemail.com",
    "dispostable.com",
    "emailondeck.com",
    "fakeinbox.com",
    "getairmail.com",
    "getnada.com",
    "guerrillamail.biz",
    "guerrillamail.com",
    "guerrillamail.de",
    "guerrillamail.net",
    "guerrillamail.org",
    "harakirimail.com",
    "mailcatch.com",
    "maildrop.cc",
    "mailinator.com",
    "mailinator.net",
    "mailnesia.com",
    "mailsac.com",
    "mintemail.com",
    "moakt.com",
    "mohmal.com",
    "mytemp.email",
    "sharklasers.com",
    "spam4.me",
    "spamgourmet.com",
    "temp-mail.org",
    "tempail.com",
    "tempmail.dev",
    "tempmailo.com",
    "tempr.email",
    "throwawaymail.com",
    "trashmail.com",
    "trashmail.de",
    "wegwerfemail.de",
    "yopmail.com",
    "yopmail.fr",
    "yopmail.net",
];

impl Default for Classes {
    fn default() -> Self {
        let set = |names: &[&str]| {
            let mut set = DomainSet::new();
            names.iter().filter_map(|name| Domain::new(name)).for_each(|domain| set.insert(domain, true));
            set
        };
        let (freemail, disposable) = (set(FREEMAIL), set(DISPOSABLE));
        let none = DomainSet::new;
        Self { affiliate: none(), partner: none(), freemail, disposable, look_alike: none() }
    }
}

impl Classes {
    /// The kind of `destination`: the first that it is of. `forwarder` is who forwards there, where that is known.
    pub fn of(&self, destination: &Address, forwarder: Option<&Address>, organization: &Organization) -> DomainClass {
        let domain = destination.domain();
        let freemail = self.freemail.contains(domain);
        if organization.domains.contains(domain) {
            DomainClass::Own
        } else if self.affiliate.contains(domain) {
            DomainClass::Affiliate
        } else if self.partner.contains(domain) {
            DomainClass::Partner
        } else if self.disposable.contains(domain) {
            DomainClass::Disposable
        } else if self.look_alike.contains(domain)
            || (freemail && forwarder.is_some_and(|forwarder| bears_name(destination, forwarder)))
            || (!freemail && organization.domains.iter().take(MAX_OWN).any(|own| looks_like(domain, own)))
        {
            DomainClass::LookAlike
        } else if freemail {
            DomainClass::Freemail
        } else {
            DomainClass::Other
        }
    }
}

/// How many own domains are compared: whoever has more has bought their look-alikes as well.
const MAX_OWN: usize = 1_000;

/// Shorter names are like too many others.
const MIN_NAME: usize = 5;

/// Whether a mailbox at a free provider bears the forwarder's name: `alice.archer@corp.example`, `alicearcher77@…`.
fn bears_name(destination: &Address, forwarder: &Address) -> bool {
    let letters = |address: &Address| -> String {
        address.mailbox().local().to_lowercase().chars().filter(|c| c.is_alphabetic()).collect()
    };
    let own = letters(forwarder);
    own.chars().count() >= MIN_NAME && letters(destination).contains(&own)
}

/// Whether a domain is meant to be taken for one of ours: the same name under another top-level domain, one letter off, or
/// letters that look the same; our whole name inside it.
fn looks_like(domain: &Domain, own: &Domain) -> bool {
    let (theirs, ours) = (name(domain), name(own));
    if ours.chars().count() < MIN_NAME {
        return false;
    }
    let (folded_theirs, folded_ours) = (folded(&theirs), folded(&ours));
    folded_theirs == folded_ours
        || strsim::damerau_levenshtein(&folded_theirs, &folded_ours) == 1
        || theirs.split('-').any(|part| part == ours)
        || domain.as_str().starts_with(&format!("{own}."))
}

/// The name that was registered, without what is registered below: `corp` of `mail.corp.example`; what it reads as, where
/// it is written in A-labels.
fn name(domain: &Domain) -> String {
    let registered = domain.registrable().split('.').next().unwrap_or_default().to_owned();
    idna::domain_to_unicode(&registered).0
}

/// Letters that look alike, as one of them.
fn folded(name: &str) -> String {
    let pairs = name.replace("rn", "m").replace("vv", "w").replace("cl", "d");
    pairs
        .chars()
        .map(|c| match c {
            '0' | 'о' | 'ο' | 'ö' | 'ó' => 'o',
            '1' | 'i' | 'і' | 'ı' | 'í' => 'l',
            '3' | 'е' | 'é' | 'è' => 'e',
            '5' | 'ѕ' => 's',
            'а' | 'á' | 'à' | 'ä' => 'a',
            'р' => 'p',
            'с' | 'ç' => 'c',
            'у' | 'ü' | 'ú' => 'u',
            'х' => 'x',
            c => c,
        })
        .filter(|c| *c != '-')
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn class(destination: &str, forwarder: Option<&str>) -> DomainClass {
        let mut organization = Organization::default();
        organization.domains.insert(Domain::new("northwind.example").unwrap(), true);
        let address = |text: &str| Address::parse(text).unwrap();
        Classes::default().of(&address(destination), forwarder.map(address).as_ref(), &organization)
    }

    #[test]
    fn domains_that_look_like_ours() {
        for domain in [
            "northwind.test",
            "northvvind.example.net",
            "n0rthwind.example.net",
            "nortwind.example.net",
            "notrhwind.example.net",
            "north-wind.example.net",
            "northwind-mail.example.net",
            "northwind.example.evil.example",
            "nоrthwind.example.net",
        ] {
            // `example.net` is no public suffix: the name before it would not be what was registered.
            let domain = domain.replace(".example.net", ".com");
            assert_eq!(class(&format!("x@{domain}"), None), DomainClass::LookAlike, "{domain}");
        }
        for domain in ["southwind.com", "wind.com", "north.com", "northwinds-and-friends.com", "gmail.com"] {
            assert_ne!(class(&format!("x@{domain}"), None), DomainClass::LookAlike, "{domain}");
        }
    }

    #[test]
    fn mailboxes_that_bear_the_forwarder_s_name() {
        let alice = Some("alice.archer@northwind.example");
        assert_eq!(class("alicearcher77@gmail.com", alice), DomainClass::LookAlike);
        assert_eq!(class("alice.archer+fw@gmx.de", alice), DomainClass::LookAlike);
        assert_eq!(class("bob@gmail.com", alice), DomainClass::Freemail);
        assert_eq!(class("alicearcher77@gmail.com", None), DomainClass::Freemail);
        assert_eq!(class("alicearcher@other.example", alice), DomainClass::Other);
        assert_eq!(
            class("info77@gmail.com", Some("info@northwind.example")),
            DomainClass::Freemail,
            "too short a name"
        );
    }

    #[test]
    fn mailboxes_for_minutes() {
        assert_eq!(class("x@mailinator.com", None), DomainClass::Disposable);
    }
}
