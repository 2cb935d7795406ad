//! TLS: who the receiver must be, and who we are to it. Certificates are read again for every connection, so that new ones
//! need no restart.

use super::refusal;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};
use sha2::{Digest, Sha256};
use std::fmt::Write;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// How a receiver is recognised, and we are.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TlsSpec {
    /// The authorities that may vouch for it; `None`: those of this system.
    pub ca: Option<PathBuf>,
    /// The name that its certificate must have, where it is another than that it is reached by.
    pub name: Option<String>,
    /// Our own certificate and its key.
    pub client: Option<(PathBuf, PathBuf)>,
    /// SHA-256 fingerprints, one of which its certificate must have. Without `ca` nothing else is then asked of it.
    pub pins: Vec<[u8; 32]>,
}

impl TlsSpec {
    /// The files that it names.
    pub fn files(&self) -> Vec<&Path> {
        let client = self.client.iter().flat_map(|(certificate, key)| [certificate.as_path(), key.as_path()]);
        self.ca.as_deref().into_iter().chain(client).collect()
    }

    /// Reads the certificates.
    ///
    /// # Errors
    /// The end of a sentence that begins with the file, or with what is wrong.
    pub fn config(&self) -> Result<ClientConfig, String> {
        let provider = Arc::new(ring::default_provider());
        let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .map_err(|error| error.to_string())?;
        let builder = if self.pins.is_empty() {
            builder.with_root_certificates(self.roots()?)
        } else {
            let chain = match self.ca {
                Some(_) => {
                    let roots = Arc::new(self.roots()?);
                    let verifier = WebPkiServerVerifier::builder_with_provider(roots, Arc::clone(&provider)).build();
                    Some(verifier.map_err(|error| error.to_string())?)
                }
                None => None,
            };
            let pinned = Pinned { pins: self.pins.clone(), chain, provider };
            builder.dangerous().with_custom_certificate_verifier(Arc::new(pinned))
        };
        let Some((certificate, key)) = &self.client else { return Ok(builder.with_no_client_auth()) };
        let chain = certificates(certificate)?;
        let private = PrivateKeyDer::from_pem_file(key).map_err(|error| format!("{}: {error}", key.display()))?;
        let named = |error: rustls::Error| format!("{} and {}: {error}", certificate.display(), key.display());
        builder.with_client_auth_cert(chain, private).map_err(named)
    }

    fn roots(&self) -> Result<RootCertStore, String> {
        let mut roots = RootCertStore::empty();
        let Some(ca) = &self.ca else {
            let found = rustls_native_certs::load_native_certs();
            let (added, _) = roots.add_parsable_certificates(found.certs);
            if added == 0 {
                return Err(
                    "this system has no certificates of authorities: install ca-certificates, or write tls_ca".into()
                );
            }
            return Ok(roots);
        };
        for certificate in certificates(ca)? {
            roots.add(certificate).map_err(|error| format!("{}: {error}", ca.display()))?;
        }
        Ok(roots)
    }

    /// Speaks TLS with a receiver.
    pub(super) async fn connect(&self, host: &str, stream: TcpStream) -> io::Result<TlsStream<TcpStream>> {
        let config = self.config().map_err(io::Error::other)?;
        let text = self.name.as_deref().unwrap_or(host);
        let name = ServerName::try_from(text.to_owned()).map_err(|_| io::Error::other(format!("{text} is no name")))?;
        let connected = TlsConnector::from(Arc::new(config)).connect(name, stream).await;
        connected.map_err(|error| refusal::explained(error, self, text))
    }
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let named = |error: rustls::pki_types::pem::Error| format!("{}: {error}", path.display());
    let found = CertificateDer::pem_file_iter(path).map_err(named)?.collect::<Result<Vec<_>, _>>().map_err(named)?;
    if found.is_empty() { Err(format!("{} has no certificate in it", path.display())) } else { Ok(found) }
}

/// Reads a fingerprint: 64 hexadecimal digits, with or without colons.
pub fn fingerprint(text: &str) -> Option<[u8; 32]> {
    let digits: String = text.chars().filter(|c| *c != ':').collect();
    let mut octets = [0; 32];
    if digits.len() != 64 || !digits.bytes().all(|b| b.is_ascii_hexdigit()) {
        return None;
    }
    for (octet, pair) in octets.iter_mut().zip(digits.as_bytes().chunks(2)) {
        *octet = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
    }
    Some(octets)
}

/// Recognises a receiver by its certificate itself.
#[derive(Debug)]
struct Pinned {
    pins: Vec<[u8; 32]>,
    chain: Option<Arc<WebPkiServerVerifier>>,
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for Pinned {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        others: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let found: [u8; 32] = Sha256::digest(certificate).into();
        if !self.pins.contains(&found) {
            let mut digits = String::new();
            found.iter().for_each(|octet| {
                let _ = write!(digits, "{octet:02x}");
            });
            return Err(rustls::Error::General(format!(
                "the receiver's certificate has another fingerprint than tls_fingerprint: {digits}"
            )));
        }
        match &self.chain {
            Some(chain) => chain.verify_server_cert(certificate, others, name, ocsp, now),
            None => Ok(ServerCertVerified::assertion()),
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, certificate, signed, &self.provider.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, certificate, signed, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fingerprints() {
        let plain = "00ff".repeat(16);
        let colons = ["00", "FF"].repeat(16).join(":");
        assert_eq!(fingerprint(&plain), fingerprint(&colons));
        assert_eq!(fingerprint(&plain).unwrap()[..2], [0, 255]);
        for text in ["", "00ff", &"zz".repeat(32), &"ä".repeat(32), &"+1".repeat(32)] {
            assert!(fingerprint(text).is_none(), "{text}");
        }
    }
}
