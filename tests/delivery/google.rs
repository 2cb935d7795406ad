//! Google's side of a service account: what it asks of an assertion, and the key of an account.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::Command;

const ACCOUNT: &str = "forwarden@project.iam.gserviceaccount.example";

/// The keys that it knows accounts by, and what it found wrong.
#[derive(Debug, Default)]
pub(crate) struct Google {
    /// The public key of the account, in a file.
    pub(crate) public: Option<PathBuf>,
    /// The only token that is good.
    pub(crate) token: String,
    /// How many were given.
    pub(crate) given: usize,
    /// How many seconds its clock is ahead of ours.
    pub(crate) ahead: i64,
    /// How long a token is said to be good.
    pub(crate) expires_in: u64,
}

impl Google {
    pub(crate) fn now(&self) -> i64 {
        jiff::Timestamp::now().as_second() + self.ahead
    }

    /// Somebody asks for a token.
    pub(crate) fn ask(&mut self, body: &str, audience: &str) -> (u16, String) {
        match self.look(body, audience) {
            Ok(()) => {
                self.given += 1;
                self.token = format!("ya29.{}", self.given);
                let answer = serde_json::json!({
                    "access_token": self.token, "expires_in": self.expires_in, "token_type": "Bearer",
                });
                (200, answer.to_string())
            }
            Err(why) => {
                let answer = serde_json::json!({"error": "invalid_grant", "error_description": why});
                (400, answer.to_string())
            }
        }
    }

    fn look(&self, body: &str, audience: &str) -> Result<(), String> {
        let assertion = body
            .strip_prefix("grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer&assertion=")
            .ok_or("another grant")?;
        let parts: Vec<&str> = assertion.split('.').collect();
        let [header, claims, signature] = parts[..] else { return Err("no three parts".into()) };
        let decoded = |part: &str| URL_SAFE_NO_PAD.decode(part).map_err(|error| error.to_string());
        let json = |part: &str| -> Result<Value, String> {
            serde_json::from_slice(&decoded(part)?).map_err(|error| error.to_string())
        };
        let (header, claims_) = (json(header)?, json(claims)?);
        if header != serde_json::json!({"alg": "RS256", "typ": "JWT", "kid": "0123"}) {
            return Err(format!("header {header}"));
        }
        let known = [("iss", ACCOUNT), ("aud", audience), ("scope", "https://www.googleapis.com/auth/cloud-platform")];
        if let Some((claim, _)) = known.iter().find(|(claim, value)| claims_[*claim] != *value) {
            return Err(format!("{claim}: {claims_}"));
        }
        let (issued, ends) = (claims_["iat"].as_i64().unwrap(), claims_["exp"].as_i64().unwrap());
        if issued > self.now() || ends < self.now() || ends - issued > 3_600 {
            return Err("not in a reasonable timeframe".into());
        }
        // By another library than the one that signed it.
        let folder = tempfile::tempdir().unwrap();
        let (data, signed) = (folder.path().join("data"), folder.path().join("signature"));
        std::fs::write(&data, assertion.rsplit_once('.').unwrap().0).unwrap();
        std::fs::write(&signed, decoded(signature)?).unwrap();
        let mut openssl = Command::new("openssl");
        openssl.args(["dgst", "-sha256", "-verify"]).arg(self.public.as_ref().unwrap());
        let output = openssl.arg("-signature").arg(&signed).arg(&data).output().unwrap();
        if output.status.success() { Ok(()) } else { Err("Invalid JWT Signature".into()) }
    }
}

fn openssl(arguments: &[&str], folder: &Path) {
    let output = Command::new("openssl").args(arguments).current_dir(folder).output().unwrap();
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
}

/// A new key of the account, as Google gives it out, in this file; where the public half is.
pub(crate) fn new_key(file: &Path, token_uri: &str) -> PathBuf {
    let folder = tempfile::tempdir_in(file.parent().unwrap()).unwrap().keep();
    openssl(&["genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048", "-out", "key.pem"], &folder);
    openssl(&["pkey", "-in", "key.pem", "-pubout", "-out", "public.pem"], &folder);
    let key = serde_json::json!({
        "type": "service_account",
        "project_id": "project",
        "private_key_id": "0123",
        "private_key": std::fs::read_to_string(folder.join("key.pem")).unwrap(),
        "client_email": ACCOUNT,
        "client_id": "1",
        "token_uri": token_uri,
    });
    std::fs::write(file, key.to_string()).unwrap();
    folder.join("public.pem")
}
