//! The keys of an output that sends requests.

use super::super::problem::quoted;
use super::super::reader::Section;
use super::{chunks, tls};
use crate::sink::encode::Format;
use crate::sink::{Auth, Grant, HttpSpec, KeyFile, OauthSpec, Target, secret};
use std::path::{Path, PathBuf};

pub(super) const KEYS: [&str; 9] = [
    "headers",
    "acknowledge",
    "token_file",
    "token_scheme",
    "oauth_url",
    "oauth_client",
    "oauth_secret_file",
    "oauth_key_file",
    "oauth_scope",
];

/// Reads them into an HTTP target; at any other they are mistakes.
pub(super) fn read(mut target: Target, format: &Format, section: &Section<'_>) -> Target {
    let Target::Http(spec) = &mut target else {
        for key in KEYS {
            if let Some(found) = section.get(key) {
                section.report().error(&found.place, "is for HTTP: write to = \"https://…\", or leave it out");
            }
        }
        if !matches!(target, Target::Kafka(_))
            && !chunks::are_for(&target, format)
            && let Some(found) = section.get("gzip")
        {
            let text = "is for HTTP, Kafka, and format = \"gelf\" by udp: write to = \"https://…\" or \"kafka:…\", or leave it out";
            section.report().error(&found.place, text);
        }
        return target;
    };
    spec.gzip = section.boolean("gzip").unwrap_or(false);
    spec.acknowledge = section.boolean("acknowledge").unwrap_or(false);
    if spec.acknowledge && (format.name != "splunk_hec" || !spec.can_acknowledge()) {
        let place = section.get("acknowledge").map_or_else(|| section.place().clone(), |found| found.place);
        let text = "is for Splunk: write format = \"splunk_hec\" and to = \"https://…/services/collector/event\", or leave it out";
        section.report().error(&place, text);
    }
    spec.headers = headers(section);
    spec.auth = auth(format, section);
    if spec.auth != Auth::None && spec.tls.is_none() && !spec.is_own_host() {
        let place = section.get("to").map_or_else(|| section.place().clone(), |found| found.place);
        section.report().warning(&place, "the token goes through the network in clear: write https");
    }
    target
}

fn headers(section: &Section<'_>) -> Vec<(String, String)> {
    let Some(table) = section.table("headers") else { return Vec::new() };
    let mut headers = Vec::new();
    for (name, value, place) in table.entries() {
        match value.as_str() {
            Some(value) if HttpSpec::is_header(&name, value) => headers.push((name, value.to_owned())),
            Some(_) => section.report().error(&place, "is no header field that can be sent"),
            None => section.report().error(&place, "is no text: write it in quotes"),
        }
    }
    headers
}

fn auth(format: &Format, section: &Section<'_>) -> Auth {
    let report = section.report();
    let token = checked(section, "token_file", |path| secret(path).map(drop));
    let scheme = section.string("token_scheme");
    if let Some((scheme, place)) = &scheme
        && (scheme.is_empty() || !scheme.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-'))
    {
        report.error(place, format!("{} is no word: write \"Bearer\"", quoted(scheme)));
    }
    let url = section.string("oauth_url");
    let client = section.string("oauth_client").map(|(client, _)| client);
    let secret = checked(section, "oauth_secret_file", |path| secret(path).map(drop));
    let key = checked(section, "oauth_key_file", |path| KeyFile::read(path).map(drop));
    let scope = section.string("oauth_scope").map(|(scope, _)| scope);
    let by_secret = url.is_some() || client.is_some() || secret.is_some();
    let oauth = by_secret || key.is_some() || scope.is_some();
    if oauth && section.has("token_file") {
        report.error(section.place(), "has token_file and OAuth: one of them is enough");
    }
    if by_secret && let Some(found) = section.get("oauth_key_file") {
        let text = "says who we are and who gives tokens: leave out oauth_url, oauth_client and oauth_secret_file";
        report.error(&found.place, text);
    }
    if !oauth {
        let Some(file) = token else {
            if let Some((_, place)) = scheme {
                report.error(&place, "is said, and no token_file");
            }
            return Auth::None;
        };
        let usual = match format.name {
            "splunk_hec" => "Splunk",
            "elasticsearch_bulk" => "ApiKey",
            _ => "Bearer",
        };
        return Auth::Token { scheme: scheme.map_or_else(|| usual.to_owned(), |(scheme, _)| scheme), file };
    }
    let server = url.and_then(|(url, place)| match HttpSpec::parse(&url) {
        Ok(server) => {
            if server.tls.is_none() && !server.is_own_host() {
                report.warning(&place, "the secret goes through the network in clear: write https");
            }
            Some(server)
        }
        Err(problem) => {
            report.error(&place, format!("{} {problem}", quoted(&url)));
            None
        }
    });
    let usual = match format.name {
        "sentinel" => Some("https://monitor.azure.com/.default".to_owned()),
        "udm" => Some("https://www.googleapis.com/auth/cloud-platform".to_owned()),
        _ => None,
    };
    match (key, server, client, secret, scope.or(usual)) {
        (Some(key), None, None, None, Some(scope)) => Auth::Oauth(OauthSpec { grant: Grant::Key(key), scope }),
        (None, Some(server), Some(client), Some(file), Some(scope)) => {
            Auth::Oauth(OauthSpec { grant: Grant::Secret { server: Box::new(server), client, file }, scope })
        }
        (Some(_), None, None, None, None) => {
            report.error(section.place(), "oauth_scope is missing: what the token is for, as the receiver has it");
            Auth::None
        }
        _ => {
            if !section.has_error() {
                report.error(
                    section.place(),
                    "OAuth takes oauth_url, oauth_client, oauth_secret_file and oauth_scope, or oauth_key_file and \
                     oauth_scope: write all of them",
                );
            }
            Auth::None
        }
    }
}

/// A file with a secret, which is looked at.
pub(super) fn checked(
    section: &Section<'_>,
    key: &'static str,
    look: impl Fn(&Path) -> Result<(), String>,
) -> Option<PathBuf> {
    let path = tls::path(section, key)?;
    if let Err(error) = look(&path) {
        let place = section.get(key).map_or_else(|| section.place().clone(), |found| found.place);
        section.report().error(&place, format!("cannot be used: {error}"));
    }
    Some(path)
}
