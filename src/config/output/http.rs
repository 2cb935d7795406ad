//! The keys of an output that sends requests.

use super::super::problem::quoted;
use super::super::reader::Section;
use super::tls;
use crate::sink::encode::Format;
use crate::sink::{Auth, HttpSpec, OauthSpec, Target, secret};

const KEYS: [&str; 8] =
    ["headers", "gzip", "token_file", "token_scheme", "oauth_url", "oauth_client", "oauth_secret_file", "oauth_scope"];

/// Reads them into an HTTP target; at any other they are mistakes.
pub(super) fn read(mut target: Target, format: &Format, section: &Section<'_>) -> Target {
    let Target::Http(spec) = &mut target else {
        for key in KEYS {
            if let Some(found) = section.get(key) {
                section.report().error(&found.place, "is for HTTP: write to = \"https://…\", or leave it out");
            }
        }
        return target;
    };
    spec.gzip = section.boolean("gzip").unwrap_or(false);
    spec.headers = headers(section);
    spec.auth = auth(format, section);
    let own = matches!(spec.to.host.as_str(), "localhost" | "::1") || spec.to.host.starts_with("127.");
    if spec.auth != Auth::None && spec.tls.is_none() && !own {
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
    let token = checked(section, "token_file");
    let scheme = section.string("token_scheme");
    if let Some((scheme, place)) = &scheme
        && (scheme.is_empty() || !scheme.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-'))
    {
        report.error(place, format!("{} is no word: write \"Bearer\"", quoted(scheme)));
    }
    let url = section.string("oauth_url");
    let client = section.string("oauth_client").map(|(client, _)| client);
    let secret = checked(section, "oauth_secret_file");
    let scope = section.string("oauth_scope").map(|(scope, _)| scope);
    let oauth = url.is_some() || client.is_some() || secret.is_some() || scope.is_some();
    if oauth && section.has("token_file") {
        report.error(section.place(), "has token_file and oauth_url: one of them is enough");
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
        Ok(server) => Some(server),
        Err(problem) => {
            report.error(&place, format!("{} {problem}", quoted(&url)));
            None
        }
    });
    let usual = (format.name == "sentinel").then(|| "https://monitor.azure.com/.default".to_owned());
    match (server, client, secret, scope.or(usual)) {
        (Some(server), Some(client), Some(secret), Some(scope)) => {
            Auth::Oauth(OauthSpec { server: Box::new(server), client, secret, scope })
        }
        _ => {
            if !section.has_error() {
                report.error(
                    section.place(),
                    "OAuth takes oauth_url, oauth_client, oauth_secret_file and oauth_scope: write all of them",
                );
            }
            Auth::None
        }
    }
}

/// A file with a secret in its first line.
fn checked(section: &Section<'_>, key: &'static str) -> Option<std::path::PathBuf> {
    let path = tls::path(section, key)?;
    if let Err(error) = secret(&path) {
        let place = section.get(key).map_or_else(|| section.place().clone(), |found| found.place);
        section.report().error(&place, format!("cannot be used: {error}"));
    }
    Some(path)
}
