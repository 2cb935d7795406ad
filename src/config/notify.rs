//! `[notify]`: how people inside are told.

use super::duration::span;
use super::problem::quoted;
use super::reader::{Place, Section};
use crate::message::{Address, Organization};
use crate::notify::{Spec, Templates};
use jiff::SignedDuration;
use std::path::PathBuf;
use std::time::Duration;

/// Reads it. Without it nobody is told.
pub(super) fn read(root: &Section<'_>, organization: &Organization) -> Option<Spec> {
    let section = root.table("notify")?;
    let report = section.report();
    report.know_notify();
    for (key, example) in [("server", "127.0.0.1:25"), ("from", "forwarden@your.domain")] {
        if !section.has(key) {
            report.error(section.place(), format!("needs {key}: write {key} = \"{example}\""));
        }
    }
    let server = section.string("server").and_then(|(text, place)| {
        let parts = text.rsplit_once(':').and_then(|(host, port)| Some((host.to_owned(), port.parse::<u16>().ok()?)));
        let good = parts.filter(|(host, port)| !host.is_empty() && *port > 0 && !host.contains([' ', '/']));
        if good.is_none() {
            report.error(&place, format!("{} is no server: write \"127.0.0.1:25\"", quoted(&text)));
        }
        good
    });
    let mailbox = |(text, place): (String, Place)| {
        let address = Address::parse(&text).filter(|address| organization.owns(address) && text.is_ascii());
        if address.is_none() {
            report.error(&place, format!("{} is no mailbox of yours: notices never leave", quoted(&text)));
        }
        address
    };
    let from = section.string("from").and_then(mailbox);
    let security = section.strings("security").unwrap_or_default().into_iter().filter_map(mailbox).collect();
    let folder = |key: &'static str| {
        let (text, place) = section.string(key)?;
        let path = PathBuf::from(&text);
        if !path.is_absolute() {
            report.error(&place, format!("{} is no absolute path", quoted(&text)));
            return None;
        }
        Some((path, place))
    };
    let templates = folder("templates");
    if let Some((path, place)) = &templates
        && let Err(error) = Templates::load(Some(path))
    {
        report.error(place, format!("the template cannot be used: {error}"));
    }
    let directory = folder("directory").map_or_else(|| PathBuf::from("/var/lib/forwarden/notices"), |(path, _)| path);
    let day = SignedDuration::from_hours(24);
    let per_pair = span(&section, "per_pair", SignedDuration::ZERO..=day * 366).unwrap_or(day);
    let per_hour = section.integer("per_hour", 1..=100_000).and_then(|number| u32::try_from(number).ok()).unwrap_or(60);
    section.finish();
    Some(Spec {
        server: server?,
        from: from?,
        security,
        templates: templates.map(|(path, _)| path),
        directory,
        per_pair: Duration::try_from(per_pair).unwrap_or_default(),
        per_hour,
    })
}
