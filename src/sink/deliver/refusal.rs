//! Why TLS was not spoken, in words that say what to change: at the receiver, or in the configuration here.

use super::TlsSpec;
use jiff::Timestamp;
use jiff::tz::Offset;
use rustls::pki_types::UnixTime;
use rustls::{AlertDescription, CertificateError, Error};
use std::io;

/// How many names of a certificate are shown.
const NAMES: usize = 3;

/// What an error means; `name` is the one that the certificate should have.
pub(super) fn explained(error: io::Error, spec: &TlsSpec, name: &str) -> io::Error {
    let text = match error.get_ref().and_then(|inner| inner.downcast_ref()) {
        Some(Error::InvalidCertificate(problem)) => certificate(problem, spec, name),
        Some(found) => told(found),
        None => None,
    };
    text.map_or(error, io::Error::other)
}

/// What the receiver says of us when it ends a connection; `None` where it says nothing that is known.
pub(super) fn said(error: &io::Error) -> Option<String> {
    error.get_ref().and_then(|inner| inner.downcast_ref()).and_then(told)
}

fn told(error: &Error) -> Option<String> {
    Some(match error {
        Error::General(text) => text.clone(),
        Error::AlertReceived(AlertDescription::CertificateRequired) => {
            "the receiver wants a certificate of us: write tls_cert and tls_key".to_owned()
        }
        Error::AlertReceived(AlertDescription::UnknownCA) => {
            "the receiver does not trust the authority of our certificate (tls_cert)".to_owned()
        }
        Error::AlertReceived(AlertDescription::CertificateExpired) => {
            "our certificate (tls_cert) has expired, says the receiver".to_owned()
        }
        Error::AlertReceived(
            alert @ (AlertDescription::BadCertificate
            | AlertDescription::CertificateRevoked
            | AlertDescription::CertificateUnknown
            | AlertDescription::UnsupportedCertificate
            | AlertDescription::AccessDenied),
        ) => format!("the receiver does not take our certificate (tls_cert), or wants one: {alert:?}"),
        _ => return None,
    })
}

fn certificate(problem: &CertificateError, spec: &TlsSpec, name: &str) -> Option<String> {
    let authority = match &spec.ca {
        Some(ca) => format!("that is not in tls_ca, {}", ca.display()),
        None => "that this system does not trust: write the authority's certificate to a file, and tls_ca".to_owned(),
    };
    Some(match problem {
        CertificateError::Expired => "the receiver's certificate has expired".to_owned(),
        CertificateError::ExpiredContext { not_after, .. } => {
            format!("the receiver's certificate has expired on {}", date(*not_after)?)
        }
        CertificateError::NotValidYet => "the receiver's certificate is not valid yet".to_owned(),
        CertificateError::NotValidYetContext { not_before, .. } => {
            format!("the receiver's certificate is not valid before {}: is the clock right?", date(*not_before)?)
        }
        CertificateError::UnknownIssuer => {
            format!("the receiver's certificate is signed by an authority {authority}")
        }
        CertificateError::BadSignature => {
            format!("the receiver's certificate is signed with a key of an authority {authority}")
        }
        CertificateError::NotValidForName => format!("the receiver's certificate is not for {name}: write tls_name"),
        CertificateError::NotValidForNameContext { presented, .. } => {
            let names: Vec<&str> = presented.iter().take(NAMES).map(|name| plain(name)).collect();
            let others = if presented.len() > NAMES { " and others" } else { "" };
            let names = if names.is_empty() { "nobody".to_owned() } else { names.join(", ") };
            format!(
                "the receiver's certificate is for {names}{others}, not for {name}: write tls_name, or another host"
            )
        }
        _ => return None,
    })
}

/// `DnsName("a.example")` as `a.example`.
fn plain(name: &str) -> &str {
    name.split_once("(\"").and_then(|(_, rest)| rest.strip_suffix("\")")).unwrap_or(name)
}

fn date(time: UnixTime) -> Option<String> {
    let time = Timestamp::from_second(i64::try_from(time.as_secs()).ok()?).ok()?;
    Some(Offset::UTC.to_datetime(time).date().to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn of(error: Error, spec: &TlsSpec) -> String {
        explained(io::Error::new(io::ErrorKind::InvalidData, error), spec, "siem.corp.example").to_string()
    }

    #[test]
    fn what_to_change_is_said() {
        let (system, own) = (TlsSpec::default(), TlsSpec { ca: Some("/etc/ca.pem".into()), ..TlsSpec::default() });
        let wrong = Error::InvalidCertificate;
        assert!(of(wrong(CertificateError::UnknownIssuer), &system).contains("write the authority's certificate"));
        assert!(of(wrong(CertificateError::UnknownIssuer), &own).ends_with("not in tls_ca, /etc/ca.pem"));
        let time = |seconds| UnixTime::since_unix_epoch(Duration::from_secs(seconds));
        let expired = CertificateError::ExpiredContext { time: time(1_800_000_000), not_after: time(1_609_459_200) };
        assert_eq!(of(wrong(expired), &own), "the receiver's certificate has expired on 2021-01-01");
        let endless = CertificateError::ExpiredContext { time: time(0), not_after: time(u64::MAX) };
        assert!(of(wrong(endless), &own).contains("expired"));
        let named = |presented: &[&str]| {
            let expected = "siem.corp.example".try_into().unwrap();
            let presented = presented.iter().map(|name| format!("DnsName({name:?})")).collect();
            of(wrong(CertificateError::NotValidForNameContext { expected, presented }), &own)
        };
        assert!(named(&["a.example"]).contains("is for a.example, not for siem.corp.example: write tls_name"));
        assert!(named(&["a", "b", "c", "d"]).contains("for a, b, c and others, not for"));
        assert!(named(&[]).contains("for nobody"));
        let other = of(Error::General("another fingerprint".into()), &own);
        assert_eq!(other, "another fingerprint");
        let alert = of(Error::AlertReceived(AlertDescription::CertificateRequired), &own);
        assert!(alert.ends_with("write tls_cert and tls_key"));
        assert!(of(Error::DecryptError, &own).contains("decrypt"), "what is not known is said as it is");
    }
}
