//! What the audit reports: rules, and what could not be looked at.

use super::tree::Facts;
use crate::message::Address;
use std::path::PathBuf;

/// Where a rule stands. The names are those of the output.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Source {
    /// `~/.forward`.
    Forward,
    /// aliases(5).
    Alias,
    /// A file that an alias or a `.forward` includes.
    Include,
    /// `virtual_alias_maps` of Postfix.
    VirtualAlias,
    /// `recipient_bcc_maps` of Postfix.
    RecipientBcc,
    /// `sender_bcc_maps` of Postfix.
    SenderBcc,
    /// `always_bcc` of Postfix.
    AlwaysBcc,
    /// `canonical_maps` and `recipient_canonical_maps` of Postfix.
    Canonical,
    /// `sender_canonical_maps` of Postfix: answers go there.
    SenderCanonical,
    /// REDIRECT or BCC in an access table or in header checks of Postfix.
    Access,
    /// `luser_relay` of Postfix: mail for nobody.
    LuserRelay,
    /// The virtusertable of Sendmail.
    Virtusertable,
    /// A Sieve script.
    Sieve,
    /// procmailrc(5).
    Procmail,
    /// maildropfilter(7).
    Maildrop,
    /// A filter of Exim.
    Exim,
    /// dot-qmail(5).
    Qmail,
    /// dot-courier(5).
    Courier,
}

impl Source {
    /// The name in the output.
    pub fn name(self) -> &'static str {
        match self {
            Self::Forward => "forward",
            Self::Alias => "alias",
            Self::Include => "include",
            Self::VirtualAlias => "virtual_alias",
            Self::RecipientBcc => "recipient_bcc",
            Self::SenderBcc => "sender_bcc",
            Self::AlwaysBcc => "always_bcc",
            Self::Canonical => "canonical",
            Self::SenderCanonical => "sender_canonical",
            Self::Access => "access",
            Self::LuserRelay => "luser_relay",
            Self::Virtusertable => "virtusertable",
            Self::Sieve => "sieve",
            Self::Procmail => "procmail",
            Self::Maildrop => "maildrop",
            Self::Exim => "exim",
            Self::Qmail => "qmail",
            Self::Courier => "courier",
        }
    }
}

/// Where a rule sends mail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// An address.
    Address(Address),
    /// A name without a domain: a mailbox here, or another alias.
    Local(String),
    /// A program that puts mail into mailboxes, or answers it.
    Delivery(String),
    /// Any other program: what it does with the mail is not known.
    Program(String),
    /// What only the mail itself decides, or what is not understood.
    Unclear(String),
}

/// A rule, as the reader of a format finds it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    /// The line, from 1.
    pub line: usize,
    /// Where mail goes.
    pub target: Target,
    /// Whether the mailbox keeps a copy, as far as can be told.
    pub keeps_copy: Option<bool>,
    /// What else is to be known of it.
    pub notes: Vec<String>,
}

impl Rule {
    /// A rule without notes.
    pub(super) fn new(line: usize, target: Target, keeps_copy: Option<bool>) -> Self {
        Self { line, target, keeps_copy, notes: Vec::new() }
    }

    /// The rule with one note more.
    pub(super) fn note(mut self, note: impl Into<String>) -> Self {
        self.notes.push(note.into());
        self
    }
}

/// A rule at rest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// What it is.
    pub source: Source,
    /// The file, as it is named below the root; a setting's file where there is none of its own.
    pub file: PathBuf,
    /// The line, where it has one.
    pub line: Option<usize>,
    /// Whose mail: a user's name, an address, a pattern of a table, or `*` for all.
    pub mailbox: String,
    /// Where mail goes.
    pub target: Target,
    /// Whether the mailbox keeps a copy, as far as can be told.
    pub keeps_copy: Option<bool>,
    /// Owner, permissions and age of the file.
    pub facts: Option<Facts>,
    /// What else is to be known of it.
    pub notes: Vec<String>,
}

/// What could not be looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The file, or a setting.
    pub place: String,
    /// Why.
    pub reason: String,
}
