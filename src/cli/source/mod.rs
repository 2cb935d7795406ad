//! Messages from files, for `explain` and `replay`: a case, a Maildir, an mbox, a folder of `.eml`, a single file.

mod case;
mod options;
mod walk;

pub(super) use options::{ConfigOption, Options, own_domain, path_and_params};
pub(super) use walk::{Item, collect};

use crate::message::{Builder, Connection, Direction, Limits, Message, Organization, eml};
use std::net::IpAddr;
use std::path::Path;

/// The largest file that is read: more than any mail server's message size limit in practice.
pub(super) const MAX_BYTES: u64 = 64 << 20;

/// The circumstances of a message that its file does not hold.
#[derive(Debug, Clone, Default)]
pub(super) struct Circumstances {
    /// The listener it is to be seen at.
    pub listener: String,
    /// Which way it goes.
    pub direction: Direction,
    /// MAIL FROM, with or without brackets, then its ESMTP parameters. `None`: taken from Return-Path, or null.
    pub mail_from: Option<(String, Vec<String>)>,
    /// Each RCPT TO with its parameters. Empty: taken from To and Cc.
    pub recipients: Vec<(String, Vec<String>)>,
    /// Who handed it over.
    pub client_addr: Option<IpAddr>,
    /// The name the client gave itself.
    pub helo: Option<String>,
    /// The user who logged in.
    pub auth_user: Option<String>,
    /// The MTA's macros, by name without braces.
    pub macros: Vec<(String, String)>,
}

/// Puts a message together as a listener would have seen it.
pub(super) fn build(bytes: &[u8], given: &Circumstances, limits: Limits, read_body: bool) -> Message {
    let parts = eml::split(bytes);
    let of_macro = |name: &str| given.macros.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str());
    let connection = Connection {
        client_addr: given.client_addr,
        client_name: of_macro("client_name").map(str::to_owned),
        helo: given.helo.clone(),
        mta: of_macro("j").map(str::to_owned),
    };
    let mut builder = Builder::new(&given.listener, given.direction, connection, limits);
    let field = |name: &str| {
        let wanted = |(key, _): &&(&[u8], &[u8])| key.trim_ascii().eq_ignore_ascii_case(name.as_bytes());
        parts.fields.iter().find(wanted).map(|(_, body)| String::from_utf8_lossy(body).trim().to_owned())
    };
    match &given.mail_from {
        Some((path, params)) => builder.sender(path, params.clone()),
        None => builder.sender(&field("Return-Path").unwrap_or_default(), Vec::new()),
    }
    builder.auth_user(given.auth_user.clone().or_else(|| of_macro("auth_authen").map(str::to_owned)));
    for (path, params) in &given.recipients {
        builder.recipient(path, params.clone(), of_macro("rcpt_addr"), of_macro("rcpt_mailer"));
    }
    if given.recipients.is_empty() {
        for name in ["To", "Cc"] {
            let addresses = field(name).map(|body| crate::message::addresses(body.as_bytes())).unwrap_or_default();
            addresses.iter().for_each(|address| builder.recipient(&format!("<{address}>"), Vec::new(), None, None));
        }
    }
    for (name, body) in &parts.fields {
        builder.header(name, body);
    }
    if read_body {
        builder.body(parts.body);
    }
    builder.queue_id(of_macro("i").map(str::to_owned));
    builder.finish()
}

/// Reads a file whole.
///
/// # Errors
/// What is wrong with it, in a sentence that names it.
pub(super) fn read(path: &Path) -> Result<Vec<u8>, String> {
    let named = |what: &str| format!("{}: {what}", path.display());
    let metadata = std::fs::metadata(path).map_err(|error| named(&error.to_string()))?;
    if metadata.is_dir() {
        return Err(named("is a folder, not a message"));
    }
    if !metadata.is_file() {
        return Err(named("is no regular file"));
    }
    if metadata.len() > MAX_BYTES {
        return Err(named(&format!("has {} octets; messages of up to {MAX_BYTES} are read", metadata.len())));
    }
    std::fs::read(path).map_err(|error| named(&error.to_string()))
}

/// Says what keeps `bytes` from being a message, if anything does.
pub(super) fn check(bytes: &[u8]) -> Result<(), String> {
    if bytes.is_empty() {
        return Err("is empty".into());
    }
    if eml::split(bytes).fields.is_empty() {
        return Err(
            "does not begin with a header section: this is no message in Internet Message Format (RFC 5322)".into()
        );
    }
    Ok(())
}

/// What is ours in a case: its own lists where it has them, else the configuration's.
pub(super) fn organization(configured: &Organization, case: Option<&case::Envelope>) -> Organization {
    let mut organization = configured.clone();
    if let Some(case) = case {
        case.apply(&mut organization);
    }
    organization
}

/// Whether a character could do something to a terminal: move the cursor, end a line, turn the writing round, hide.
fn is_hostile(c: char) -> bool {
    let turns = matches!(c, '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}');
    c.is_control() || turns || c == '\u{feff}'
}

/// A value as one line of JSON that is safe on a terminal, too: what could do something to one is escaped.
pub(super) fn json(value: &impl serde::Serialize) -> String {
    let text = serde_json::to_string(value).unwrap_or_default();
    let mut safe = String::with_capacity(text.len());
    // Such characters stand within strings only, where an escape means the same.
    for c in text.chars() {
        if is_hostile(c) {
            safe.push_str(&format!("\\u{:04x}", u32::from(c)));
        } else {
            safe.push(c);
        }
    }
    safe
}

/// Text of a message as a terminal may see it: one line, nothing that moves the cursor or changes direction, cut.
pub(super) fn printable(text: &str, columns: usize) -> String {
    let cut = text.chars().nth(columns).is_some();
    let kept = if cut { columns.saturating_sub(1) } else { columns };
    let shown = text.chars().take(kept).map(|c| if is_hostile(c) { '?' } else { c });
    shown.chain(cut.then_some('…')).collect()
}
