//! `[quarantine]`: the store of our own, and how what is in it goes back.

use super::duration::span;
use super::problem::quoted;
use super::reader::Section;
use crate::quarantine::{ReleaseSpec, Spec};
use jiff::SignedDuration;
use std::path::PathBuf;

const DAY: i64 = 24;

/// `[quarantine]`. Without it there is no store.
pub(super) fn read(root: &Section<'_>) -> Option<Spec> {
    let section = root.table("quarantine")?;
    section.report().know_store();
    let directory = path(&section, "directory", "/var/lib/forwarden/quarantine");
    if directory.is_none() && !section.has("directory") {
        section
            .report()
            .error(section.place(), "needs a directory: write directory = \"/var/lib/forwarden/quarantine\"");
    }
    let max_bytes = section.integer("max_bytes", 1 << 20..=1 << 50).unwrap_or(1 << 30);
    let max_age = span(&section, "max_age", SignedDuration::from_hours(1)..=SignedDuration::from_hours(DAY * 3650));
    let min_free = section.integer("min_free", 0..=1 << 50).unwrap_or(100 << 20);
    let max_message = section.integer("max_message", 1 << 16..=1 << 30).unwrap_or(64 << 20);
    let release = section.table("release").map_or_else(no_release, |section| release(&section));
    section.finish();
    Some(Spec {
        directory: directory?,
        max_bytes,
        max_age: max_age.unwrap_or(SignedDuration::from_hours(DAY * 30)),
        min_free,
        max_message: usize::try_from(max_message).unwrap_or(usize::MAX),
        release,
    })
}

fn no_release() -> ReleaseSpec {
    ReleaseSpec { hop: None, expires: SignedDuration::from_hours(DAY), postfix: None, sendmail: None }
}

fn release(section: &Section<'_>) -> ReleaseSpec {
    let hop = section.string("hop").and_then(|(text, place)| {
        let good = text.rsplit_once(':').is_some_and(|(host, port)| {
            !host.is_empty() && !host.contains(char::is_whitespace) && port.parse::<u16>().is_ok_and(|port| port > 0)
        });
        if !good {
            section.report().error(&place, format!("{} is no server: write \"127.0.0.1:10026\"", quoted(&text)));
        }
        good.then_some(text)
    });
    let expires = span(section, "expires", SignedDuration::from_mins(1)..=SignedDuration::from_hours(DAY * 30));
    let postfix = path(section, "postfix", "/etc/postfix-out");
    let sendmail = path(section, "sendmail", "/etc/mail/sendmail-out.cf");
    section.finish();
    ReleaseSpec { hop, expires: expires.unwrap_or(no_release().expires), postfix, sendmail }
}

fn path(section: &Section<'_>, key: &'static str, example: &str) -> Option<PathBuf> {
    let (text, place) = section.string(key)?;
    let path = PathBuf::from(&text);
    if !path.is_absolute() {
        section.report().error(&place, format!("{} is no absolute path: write \"{example}\"", quoted(&text)));
        return None;
    }
    Some(path)
}
