//! The keys of an output that is a topic of Kafka.

use super::super::lists;
use super::super::reader::Section;
use super::http::checked;
use crate::sink::{Mechanism, SaslSpec, Target, password};

pub(super) const KEYS: [&str; 3] = ["sasl_user", "sasl_password_file", "sasl_mechanism"];
const MECHANISMS: [(&str, Mechanism); 3] =
    [("plain", Mechanism::Plain), ("scram-sha-256", Mechanism::ScramSha256), ("scram-sha-512", Mechanism::ScramSha512)];

/// Reads them into a topic; at any other target they are mistakes.
pub(super) fn read(mut target: Target, section: &Section<'_>) -> Target {
    let Target::Kafka(spec) = &mut target else {
        for key in KEYS {
            if let Some(found) = section.get(key) {
                section.report().error(&found.place, "is for Kafka: write to = \"kafka-tls:…\", or leave it out");
            }
        }
        return target;
    };
    spec.gzip = section.boolean("gzip").unwrap_or(false);
    spec.sasl = sasl(section);
    if spec.shows_password() {
        let place = section.get("to").map_or_else(|| section.place().clone(), |found| found.place);
        section.report().warning(
            &place,
            "the password goes through the network in clear: write kafka-tls, or sasl_mechanism = \"scram-sha-512\"",
        );
    }
    target
}

fn sasl(section: &Section<'_>) -> Option<SaslSpec> {
    let report = section.report();
    let user = section.string("sasl_user");
    if let Some((user, place)) = &user
        && (user.is_empty() || user.chars().any(char::is_control))
    {
        report.error(place, "is no name of a user");
    }
    let password = checked(section, "sasl_password_file", |path| password(path).map(drop));
    let mechanism = lists::word(section, "sasl_mechanism", &MECHANISMS);
    if KEYS.iter().any(|key| section.has(key)) && !(section.has("sasl_user") && section.has("sasl_password_file")) {
        report.error(section.place(), "SASL takes sasl_user and sasl_password_file: write both, or none of its keys");
    }
    // What gives the password away is never chosen unasked.
    let mechanism = mechanism.map_or(Mechanism::ScramSha512, |(mechanism, _)| mechanism);
    user.zip(password).map(|((user, _), password)| SaslSpec { mechanism, user, password })
}
