//! `[detection]`, `[limits]`, `[events]`, `[log]`, `[daemon]`: how the parts run.

use super::duration::span;
use super::problem::quoted;
use super::reader::{Place, Section, number};
use super::{DaemonSpec, LogSpec, lists};
use crate::assess::Weights;
use crate::frontend::{Socket, user};
use crate::message::Limits;
use crate::sink::Target;
use jiff::SignedDuration;
use nix::unistd::Uid;
use std::collections::HashMap;
use std::path::PathBuf;
use toml::de::DeValue;

/// `[detection]`: the weights, and whether bodies are looked at.
pub(super) fn detection(root: &Section<'_>) -> (Weights, bool) {
    let mut weights = Weights::default();
    let Some(section) = root.table("detection") else {
        return (weights, false);
    };
    weights.threshold = section.float("threshold", 0.01..=0.999).unwrap_or(weights.threshold);
    weights.prior = section.float("prior", -20.0..=0.0).unwrap_or(weights.prior);
    weights.overrides = overrides(&section);
    let body = section.boolean("body").unwrap_or(false);
    section.finish();
    (weights, body)
}

/// `[detection.weights]`: own weights, by evidence id.
fn overrides(section: &Section<'_>) -> HashMap<String, f64> {
    let mut weights = HashMap::new();
    let Some(table) = section.table("weights") else { return weights };
    for (id, value, place) in table.entries() {
        if let DeValue::Table(_) = value {
            let text = "is a table: an id has a dot in it, so write it in quotes, \"envelope.orcpt\" = 5";
            table.report().error(&place, text);
        } else if lists::evidence(&table, &id, &Place { key: section.path("weights"), ..place.clone() }).is_some() {
            match number(value).filter(|bits| (0.0..=20.0).contains(bits)) {
                Some(bits) if weights.insert(id, bits).is_none() => {}
                Some(_) => table.report().error(&place, "is set a second time"),
                None => table.report().error(&place, "a weight is a number of bits from 0 to 20"),
            }
        }
    }
    weights
}

/// `[limits]`.
pub(super) fn limits(root: &Section<'_>) -> Limits {
    let mut limits = Limits::default();
    let Some(section) = root.table("limits") else {
        return limits;
    };
    let size = |key, low, default: usize| {
        section.integer(key, low..=1 << 30).and_then(|number| usize::try_from(number).ok()).unwrap_or(default)
    };
    limits.header_fields = size("header_fields", 100, limits.header_fields);
    limits.header_bytes = size("header_bytes", 64 << 10, limits.header_bytes);
    limits.field_bytes = size("field_bytes", 1 << 10, limits.field_bytes);
    limits.recipients = size("recipients", 100, limits.recipients);
    limits.body_bytes = size("body_bytes", 0, limits.body_bytes);
    section.finish();
    limits
}

/// `[events]`: where they go, and whether ordinary mail is reported.
pub(super) fn events(root: &Section<'_>) -> (Option<Target>, bool) {
    let Some(section) = root.table("events") else {
        return (None, false);
    };
    let target = super::output::target(&section, "output").map(|(target, _)| target);
    let ordinary = section.boolean("ordinary").unwrap_or(false);
    section.finish();
    (target, ordinary)
}

const LEVELS: &[(&str, &str)] =
    &[("error", "error"), ("warn", "warn"), ("info", "info"), ("debug", "debug"), ("trace", "trace")];
const FORMATS: &[(&str, bool)] = &[("text", false), ("json", true)];

/// `[log]`.
pub(super) fn log(root: &Section<'_>) -> LogSpec {
    let mut spec = LogSpec::default();
    let Some(section) = root.table("log") else { return spec };
    spec.level = lists::word(&section, "level", LEVELS).map_or(spec.level, |(level, _)| level.to_owned());
    spec.json = lists::word(&section, "format", FORMATS).is_some_and(|(json, _)| json);
    section.finish();
    spec
}

/// `[daemon]`.
pub(super) fn daemon(root: &Section<'_>) -> DaemonSpec {
    let mut spec = DaemonSpec::default();
    let Some(section) = root.table("daemon") else {
        return spec;
    };
    let drain = span(&section, "drain", SignedDuration::ZERO..=SignedDuration::from_hours(1));
    spec.drain = drain.map_or(spec.drain, SignedDuration::unsigned_abs);
    let connections = section.integer("max_connections", 1..=100_000).and_then(|number| usize::try_from(number).ok());
    spec.max_connections = connections.unwrap_or(spec.max_connections);
    spec.control = section.string("control").and_then(|(path, place)| control(&section, &path, &place));
    spec.user = account(&section);
    spec.landlock = section.boolean("landlock").unwrap_or(false);
    section.finish();
    spec
}

/// A UNIX socket alone: whoever can connect may have the configuration read again.
fn control(section: &Section<'_>, path: &str, place: &Place) -> Option<PathBuf> {
    match Socket::parse(path) {
        Ok(Socket::Unix(path)) => return Some(path),
        Ok(Socket::Tcp(_)) => {
            let hint = "is a TCP socket, on which anybody could ask: write the absolute path of a UNIX socket";
            section.report().error(place, format!("{} {hint}", quoted(path)));
        }
        Err(why) => section.report().error(place, format!("{} {why}", quoted(path))),
    }
    None
}

/// The user that the daemon becomes: there must be one of that name, and root is none.
fn account(section: &Section<'_>) -> Option<String> {
    let name = super::endpoint::account(section, "user", "user", |name| user(name).map(drop))?;
    if user(&name).is_ok_and(Uid::is_root) {
        let place = section.get("user").map_or_else(|| section.place().clone(), |found| found.place);
        section.report().error(&place, "is root: name a user that has no rights of its own");
    }
    Some(name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;
    use std::time::Duration;

    #[test]
    fn what_is_said() {
        let text = "[organization]\ndomains = \"corp.example\"\n[[listener]]\nsocket = \"inet:127.0.0.1:8891\"\n\
            [detection]\nthreshold = 0.9\nprior = -6\nbody = true\nweights = { \"envelope.orcpt\" = 2.5 }\n\
            [limits]\nheader_fields = 101\nheader_bytes = 0x1_0000\nfield_bytes = 1_025\nrecipients = 102\nbody_bytes = 0\n\
            [events]\noutput = \"file:/e.jsonl\"\nordinary = true\n\
            [log]\nlevel = \"warn\"\nformat = \"json\"\n\
            [daemon]\ndrain = \"2m\"\nmax_connections = 7\ncontrol = \"/run/c.sock\"\n\
            user = \"1\"\nlandlock = true\n";
        let config = Config::parse_str(text).unwrap_or_else(|problems| panic!("{problems}")).config;
        assert_eq!((config.weights.threshold, config.weights.prior), (0.9, -6.0));
        assert_eq!(config.weights.overrides, HashMap::from([("envelope.orcpt".to_owned(), 2.5)]));
        assert!(config.read_body && config.report_ordinary);
        let limits =
            Limits { header_fields: 101, header_bytes: 65536, field_bytes: 1025, recipients: 102, body_bytes: 0 };
        assert_eq!(config.limits, limits);
        assert_eq!(config.outputs.len(), 1);
        assert_eq!(config.outputs[0].target, Target::File("/e.jsonl".into()));
        assert_eq!(config.log, LogSpec { level: "warn".to_owned(), json: true });
        assert_eq!(
            config.daemon,
            DaemonSpec {
                drain: Duration::from_secs(120),
                max_connections: 7,
                control: Some("/run/c.sock".into()),
                user: Some("1".into()),
                landlock: true
            }
        );
    }
}
