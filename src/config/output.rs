//! `[[output]]`: events in further dialects, each to a place of its own.

mod chunks;
mod http;
mod kafka;
mod rotation;
mod tls;

use super::duration::span;
use super::lists;
use super::problem::quoted;
use super::reader::{Place, Report, Section};
use crate::sink::encode::{FORMATS, Format};
use crate::sink::{Batch, Endpoint, Framing, HttpSpec, KafkaSpec, Output, Target, TlsSpec};
use jiff::SignedDuration;
use std::path::PathBuf;
use std::time::Duration;

/// Reads them all; `first` is that of `[events]`, where it is set. Without any, events go to standard output. What is sent
/// to a receiver needs the spool, in which it waits until it was taken.
pub(super) fn read(root: &Section<'_>, first: Option<Target>, has_spool: bool) -> Vec<Output> {
    let native = |target| Output::new("events", &FORMATS[0], target);
    let mut outputs: Vec<Output> = first.map(native).into_iter().collect();
    let formats: Vec<(&str, &'static Format)> = FORMATS.iter().map(|format| (format.name, format)).collect();
    for (index, section) in root.tables("output").into_iter().enumerate() {
        let report = section.report();
        let (name, place) =
            section.string("name").unwrap_or_else(|| (format!("output{}", index + 1), section.place().clone()));
        super::check_id(&section, &name, &place);
        if outputs.iter().any(|output| output.name == name) {
            report.error(&place, format!("{} is taken", quoted(&name)));
        }
        let format = lists::word(&section, "format", &formats).map_or(&FORMATS[0], |(format, _)| format);
        let framing = framing(&section);
        let target = section.string("to").and_then(|(text, place)| match place_of(&text) {
            Ok(target) => Some((target, place)),
            Err(problem) => {
                // What may have a password in it is not shown.
                let shown = if text.contains('@') { "this".to_owned() } else { quoted(&text) };
                report.error(&place, format!("{shown} {problem}"));
                None
            }
        });
        if target.is_none() && !section.has("to") {
            report.error(
                section.place(),
                "to is missing: write to = \"file:/var/log/forwarden/ecs.jsonl\" or \"tcp:siem.corp.example:601\"",
            );
        }
        if target.is_none() {
            // Which of them are wrong is only known of a place.
            let keys = [&tls::KEYS[..], &http::KEYS, &kafka::KEYS].concat();
            keys.into_iter().chain(["gzip", "chunk_bytes"]).for_each(|key| drop(section.get(key)));
        }
        let target = target.map(|(target, place)| {
            let target = secured(framed(target, framing, format, &section), &section);
            let target = chunks::read(target, format, &section);
            (kafka::read(http::read(target, format, &section), &section), place)
        });
        if let Some((target, place)) = &target {
            if let Some(other) = outputs.iter().find(|output| output.target.is_at(target)) {
                let text = format!("{} goes there already: one place has one output", quoted(&other.name));
                report.error(place, text);
            }
            if !target.is_local() && !has_spool {
                report.error(
                    place,
                    "needs [spool], where events wait until the receiver has taken them: write [spool] with directory = \
                     \"/var/lib/forwarden/spool\"",
                );
            }
            check_pair(&section, format, target);
        }
        let batch = batch(&section, target.as_ref().map(|(target, _)| target));
        let rotation = rotation::read(&section, target.as_ref().map(|(target, _)| target));
        section.finish();
        if let Some((target, place)) = target {
            let output = Output { name, format, target, batch, rotation };
            check_rotated(&output, &outputs, &place, report);
            outputs.push(output);
        }
    }
    if outputs.is_empty() {
        outputs.push(native(Target::Stdout));
    }
    outputs
}

/// Says which dialects a place can have, and which places a dialect.
fn check_pair(section: &Section<'_>, format: &'static Format, target: &Target) {
    if target.carries(format) {
        return check_local(section, format, target);
    }
    let formats: Vec<&str> = FORMATS.iter().filter(|format| target.carries(format)).map(|format| format.name).collect();
    let text = format!(
        "{} cannot be sent by {}: that carries {}; {} goes by {}",
        quoted(format.name),
        target.kind(),
        formats.join(", "),
        quoted(format.name),
        Target::kinds_for(format).join(", "),
    );
    section.report().error(&section.get("format").map_or_else(|| section.place().clone(), |found| found.place), text);
}

/// Says what is read at the sockets that every host has.
fn check_local(section: &Section<'_>, format: &Format, target: &Target) {
    let (Target::UnixDatagram(path) | Target::UnixStream(path, _)) = target else { return };
    let place =
        section.get("format").or_else(|| section.get("to")).map_or_else(|| section.place().clone(), |at| at.place);
    let (shown, name) = (path.display(), quoted(format.name));
    match path.to_str().unwrap_or_default() {
        // journald throws away what it cannot read, and nobody is told.
        "/run/systemd/journal/socket" if format.name != "journald" => {
            let text =
                format!("{name} is not what {shown} reads: write format = \"journald\", or to = \"unix:/dev/log\"");
            section.report().error(&place, text);
        }
        "/dev/log" | "/run/systemd/journal/dev-log" | "/run/systemd/journal/syslog"
            if format.name != "syslog_local" =>
        {
            let text = format!(
                "{name} is not what is read at {shown} as a rule: journald, rsyslog and syslog-ng take it for a text without \
                 a program; write format = \"syslog_local\""
            );
            section.report().warning(&place, text);
        }
        _ => {}
    }
}

/// Where rotated files go, no other output may write.
fn check_rotated(output: &Output, others: &[Output], place: &Place, report: &Report) {
    for other in others {
        let (mover, moved) = match () {
            () if output.rotates_to(&other.target) => (output, other),
            () if other.rotates_to(&output.target) => (other, output),
            () => continue,
        };
        let text = format!(
            "{} moves its file to {}, where {} writes: name one of them otherwise",
            quoted(&mover.name),
            moved.target,
            quoted(&moved.name)
        );
        report.error(place, text);
    }
}

fn framing(section: &Section<'_>) -> Option<(Framing, Place)> {
    lists::word(section, "framing", &[("octets", Framing::Octets), ("line", Framing::Line), ("nul", Framing::Nul)])
}

/// How records are parted where it is said, or as suits the dialect.
fn framed(mut target: Target, said: Option<(Framing, Place)>, format: &Format, section: &Section<'_>) -> Target {
    let (framing, place) = said.unzip();
    match &mut target {
        Target::Tcp(_, of_target) | Target::Tls(_, of_target, _) | Target::UnixStream(_, of_target) => {
            *of_target = framing.unwrap_or_else(|| format.framing());
        }
        _ => {
            if let Some(place) = place {
                let text = "framing is for streams (tcp, tls, unix-stream): leave it out";
                section.report().error(&place, text);
            }
        }
    }
    target
}

/// TLS, where the place speaks it.
fn secured(mut target: Target, section: &Section<'_>) -> Target {
    let said = tls::KEYS.map(|key| (key, section.has(key)));
    let of_target = match &mut target {
        Target::Tls(_, _, tls) => Some(tls),
        Target::Http(spec) => spec.tls.as_mut(),
        Target::Kafka(spec) => spec.tls.as_mut(),
        _ => None,
    };
    match of_target {
        Some(tls) => *tls = tls::read(section),
        None => {
            for (key, _) in said.iter().filter(|(_, said)| *said) {
                let place = section.get(key).map_or_else(|| section.place().clone(), |found| found.place);
                let text = "is for TLS: write to = \"tls:…\", \"https://…\" or \"kafka-tls:…\", or leave it out";
                section.report().error(&place, text);
            }
        }
    }
    target
}

fn batch(section: &Section<'_>, target: Option<&Target>) -> Batch {
    let default = Batch::for_target(target.unwrap_or(&Target::Stdout));
    let number = |key, range, default| {
        section.integer(key, range).and_then(|number| usize::try_from(number).ok()).unwrap_or(default)
    };
    let time = |key, low: i64, high: i64, default| {
        span(section, key, SignedDuration::from_millis(low)..=SignedDuration::from_secs(high))
            .map_or(default, |span| Duration::try_from(span).unwrap_or(default))
    };
    Batch {
        events: number("batch_events", 1..=10_000, default.events),
        bytes: number("batch_bytes", 1_000..=64_000_000, default.bytes),
        linger: time("linger", 0, 60, default.linger),
        timeout: time("timeout", 100, 600, default.timeout),
    }
}

/// A place for events that is on this host: `[events] output`.
pub(super) fn target(section: &Section<'_>, key: &'static str) -> Option<(Target, Place)> {
    let (text, place) = section.string(key)?;
    let target = match place_of(&text) {
        Ok(target) if target.is_local() => Ok(target),
        Ok(_) => Err("is a receiver: write it as [[output]] with to".to_owned()),
        Err(problem) if text.starts_with("file:") => Err(problem),
        Err(_) => Err("is no output: write \"stdout\" or \"file:/path\"".to_owned()),
    };
    target
        .map_err(|problem| section.report().error(&place, format!("{} {problem}", quoted(&text))))
        .ok()
        .map(|target| (target, place))
}

/// Reads a place.
fn place_of(text: &str) -> Result<Target, String> {
    let (scheme, rest) = text.split_once(':').unwrap_or((text, ""));
    let path = |example: &str| {
        let path = PathBuf::from(rest);
        path.is_absolute().then_some(path).ok_or(format!("is no absolute path: write \"{example}\""))
    };
    let endpoint =
        |port, example: &str| Endpoint::parse(rest, port).ok_or(format!("is no host and port: write \"{example}\""));
    match scheme {
        "stdout" if text == "stdout" => Ok(Target::Stdout),
        "file" => path("file:/var/log/forwarden/events.jsonl").map(Target::File),
        "udp" => endpoint(Some(514), "udp:siem.corp.example:514").map(|to| Target::Udp(to, None)),
        "tcp" => endpoint(Some(601), "tcp:siem.corp.example:601").map(|to| Target::Tcp(to, Framing::Line)),
        "unix" => path("unix:/run/siem.sock").map(Target::UnixDatagram),
        "unix-stream" => path("unix-stream:/run/siem.sock").map(|path| Target::UnixStream(path, Framing::Line)),
        "tls" => endpoint(Some(6514), "tls:siem.corp.example:6514")
            .map(|to| Target::Tls(to, Framing::Octets, TlsSpec::default())),
        "kafka" | "kafka-tls" if !cfg!(feature = "kafka") => {
            Err("cannot be used: this program was built without Kafka (the feature `kafka` of the crate)".to_owned())
        }
        "kafka" | "kafka-tls" => {
            KafkaSpec::parse(rest, scheme == "kafka-tls").map(|spec| Target::Kafka(Box::new(spec)))
        }
        "http" | "https" => HttpSpec::parse(text).map(|spec| Target::Http(Box::new(spec))).map_err(str::to_owned),
        _ => Err("is no output: write \"stdout\", \"file:/path\", \"udp:host:port\", \"tcp:host:port\", \
                  \"tls:host:port\", \"https://host/path\", \"kafka:host:port/topic\", \"kafka-tls:host:port/topic\", \
                  \"unix:/path\" or \"unix-stream:/path\""
            .to_owned()),
    }
}
