//! TLS in front of the HTTP server: a certificate that can be changed while it runs, and clients that may need one.

use crate::syslog_server::Identity;
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig, ServerConnection, StreamOwned};
use std::net::TcpStream;
use std::path::Path;
use std::sync::Arc;

fn certificates(path: &Path) -> Vec<CertificateDer<'static>> {
    CertificateDer::pem_file_iter(path).unwrap().map(Result::unwrap).collect()
}

/// What it takes to be somebody.
pub(crate) fn config(identity: &Identity<'_>) -> Arc<ServerConfig> {
    let provider = Arc::new(ring::default_provider());
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider));
    let builder = builder.with_safe_default_protocol_versions().unwrap();
    let builder = match identity.clients {
        Some(ca) => {
            let mut roots = RootCertStore::empty();
            certificates(ca).into_iter().for_each(|ca| roots.add(ca).unwrap());
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider).build().unwrap();
            builder.with_client_cert_verifier(verifier)
        }
        None => builder.with_no_client_auth(),
    };
    let key = PrivateKeyDer::from_pem_file(&identity.own.key).unwrap();
    Arc::new(builder.with_single_cert(certificates(&identity.own.certificate), key).unwrap())
}

/// Speaks TLS on a connection.
pub(crate) fn accept(config: Arc<ServerConfig>, stream: TcpStream) -> StreamOwned<ServerConnection, TcpStream> {
    StreamOwned::new(ServerConnection::new(config).unwrap(), stream)
}
