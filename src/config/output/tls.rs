//! The keys of an output that speaks TLS.

use super::super::problem::quoted;
use super::super::reader::Section;
use crate::sink::{TlsSpec, fingerprint};
use std::path::PathBuf;

pub(super) const KEYS: [&str; 5] = ["tls_ca", "tls_name", "tls_cert", "tls_key", "tls_fingerprint"];

/// Reads them, and the certificates, so that what is wrong with them is known before the daemon needs them.
pub(super) fn read(section: &Section<'_>) -> TlsSpec {
    let report = section.report();
    let ca = path(section, "tls_ca");
    let name = section.string("tls_name").map(|(name, _)| name);
    let (certificate, key) = (path(section, "tls_cert"), path(section, "tls_key"));
    if certificate.is_some() != key.is_some() && !section.has_error() {
        report.error(section.place(), "tls_cert and tls_key go together: write both, or none");
    }
    let pins = section.strings("tls_fingerprint").unwrap_or_default();
    let pins = pins.into_iter().filter_map(|(text, place)| {
        let pin = fingerprint(&text);
        if pin.is_none() {
            let text = format!(
                "{} is no SHA-256 fingerprint: write the 64 digits that `openssl x509 -fingerprint -sha256` prints",
                quoted(&text)
            );
            report.error(&place, text);
        }
        pin
    });
    let spec = TlsSpec { ca, name, client: certificate.zip(key), pins: pins.collect() };
    if !section.has_error()
        && let Err(error) = spec.config()
    {
        let place = ["tls_ca", "tls_cert"].iter().find_map(|key| section.get(key).map(|found| found.place));
        report.error(&place.unwrap_or_else(|| section.place().clone()), format!("TLS cannot be spoken: {error}"));
    }
    spec
}

/// A file that is named by its whole path.
pub(super) fn path(section: &Section<'_>, key: &'static str) -> Option<PathBuf> {
    let (text, place) = section.string(key)?;
    let path = PathBuf::from(&text);
    if !path.is_absolute() {
        section.report().error(&place, format!("{} is no absolute path", quoted(&text)));
        return None;
    }
    Some(path)
}
