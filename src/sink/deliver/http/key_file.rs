//! The key of a service account of Google, as its file has it, and the assertions that are signed with it (RFC 7523): who
//! shows one is given a token.

use super::HttpSpec;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rustls::SignatureScheme;
use rustls::crypto::ring::sign::any_supported_type;
use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::pem::PemObject;
use rustls::sign::SigningKey;
use serde::Deserialize;
use std::fmt;
use std::path::Path;
use std::sync::Arc;

/// How long an assertion is good: long enough for a slow network, far below the hour that Google allows at the most.
const GOOD_FOR: i64 = 600;
/// How far back an assertion is dated: a server whose clock is behind ours would otherwise take it for one of the future.
const SLACK: i64 = 60;
/// The largest file that is read.
const MOST: u64 = 64 << 10;

/// A key, and whose it is.
pub struct KeyFile {
    /// The account, as an address.
    pub account: String,
    /// Who gives tokens.
    pub server: HttpSpec,
    /// Its URL, as the file has it.
    audience: String,
    /// Which of the account's keys it is.
    id: Option<String>,
    key: Arc<dyn SigningKey>,
}

/// Without the key.
impl fmt::Debug for KeyFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyFile").field("account", &self.account).field("id", &self.id).finish_non_exhaustive()
    }
}

#[derive(Deserialize)]
struct Written {
    #[serde(rename = "type")]
    kind: Option<String>,
    client_email: Option<String>,
    private_key_id: Option<String>,
    private_key: Option<String>,
    token_uri: Option<String>,
}

impl KeyFile {
    /// Reads a file.
    ///
    /// # Errors
    /// The file and what is wrong with it; nothing of what stands in it but the type and the URL.
    pub fn read(path: &Path) -> Result<Self, String> {
        let named = |problem: &str| format!("{}: {problem}", path.display());
        let failed = |error: std::io::Error| named(&error.to_string());
        if std::fs::metadata(path).map_err(failed)?.len() > MOST {
            return Err(named("is no key of a service account: it is too large"));
        }
        let text = std::fs::read_to_string(path).map_err(failed)?;
        Self::parse(&text).map_err(|problem| named(&problem))
    }

    fn parse(text: &str) -> Result<Self, String> {
        // What serde says may repeat what stands there.
        let written: Written = serde_json::from_str(text).map_err(|error| {
            format!("is no key of a service account in JSON (line {}, column {})", error.line(), error.column())
        })?;
        match written.kind.as_deref() {
            Some("service_account") => {}
            Some(other) => {
                let other: String = other.chars().filter(|c| !c.is_control()).take(40).collect();
                return Err(format!("its type is \"{other}\": download a key of type service_account, in JSON"));
            }
            None => return Err("has no type: download a key of type service_account, in JSON".into()),
        }
        let said = |value: Option<String>, key: &str| {
            value
                .filter(|value| !value.trim().is_empty())
                .ok_or_else(|| format!("has no {key}: download the key again"))
        };
        let account = said(written.client_email, "client_email")?;
        let audience = said(written.token_uri, "token_uri")?;
        let pem = said(written.private_key, "private_key")?;
        let server = HttpSpec::parse(&audience).map_err(|_| "its token_uri is no URL".to_owned())?;
        if server.tls.is_none() && !server.is_own_host() {
            return Err("its token_uri is no https: what is sent there gives tokens to whoever reads it".into());
        }
        let key = PrivateKeyDer::from_pem_slice(pem.as_bytes())
            .map_err(|_| "its private_key is no private key in PEM: download the key again".to_owned())?;
        let key = any_supported_type(&key)
            .map_err(|_| "its private_key cannot be used: it is no RSA key of 2048 bits or more".to_owned())?;
        let key_file = Self { account, server, audience, id: written.private_key_id, key };
        key_file.signed(b"")?;
        Ok(key_file)
    }

    /// An assertion that asks for a token with this scope, at this time in seconds since 1970.
    ///
    /// # Errors
    /// What is wrong with the key.
    pub(super) fn assertion(&self, scope: &str, now: i64) -> Result<String, String> {
        let mut header = serde_json::json!({"alg": "RS256", "typ": "JWT"});
        if let Some(id) = &self.id {
            header["kid"] = id.as_str().into();
        }
        let issued = now - SLACK;
        let claims = serde_json::json!({
            "iss": self.account,
            "scope": scope,
            "aud": self.audience,
            "iat": issued,
            "exp": issued + SLACK + GOOD_FOR,
        });
        let part = |value: &serde_json::Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let text = format!("{}.{}", part(&header), part(&claims));
        let signature = self.signed(text.as_bytes())?;
        Ok(format!("{text}.{}", URL_SAFE_NO_PAD.encode(signature)))
    }

    fn signed(&self, message: &[u8]) -> Result<Vec<u8>, String> {
        let signer = self.key.choose_scheme(&[SignatureScheme::RSA_PKCS1_SHA256]);
        let signer = signer.ok_or("its private_key is no RSA key")?;
        signer.sign(message).map_err(|error| format!("its private_key cannot sign: {error}"))
    }
}
