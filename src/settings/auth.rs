//! `auth.*`: who signs callers' tokens, and what must stand in them.

use std::path::PathBuf;

use secrecy::{ExposeSecret, SecretString};
use url::Url;

use super::{SettingsError, values::Values};

/// How callers' tokens are checked.
#[derive(Debug, Clone)]
pub struct Auth {
    /// `iss`, compared exactly.
    pub issuer: String,
    /// `aud`, compared exactly.
    pub audience: String,
    /// The signing keys.
    pub keys: KeySource,
    /// The claim that names the organisation.
    pub organisation_claim: String,
    /// The claim that holds the permissions.
    pub permissions_claim: String,
}

/// Where the keys that sign callers' tokens come from. Exactly one, so that the algorithm is fixed by the settings.
#[derive(Debug, Clone)]
pub enum KeySource {
    /// A published JWK set.
    JwksUrl(Url),
    /// A JWK set in a file.
    JwksFile(PathBuf),
    /// A shared secret.
    Hs256(SecretString),
}

/// RFC 7518, 3.2: a key at least as long as the hash.
const SHORTEST_SECRET: usize = 32;

impl Auth {
    /// None when the section is not set at all.
    pub(super) fn from(values: &Values) -> Result<Option<Self>, SettingsError> {
        if !values.section_is_set("auth") {
            return Ok(None);
        }
        Ok(Some(Self {
            issuer: values.required("auth.issuer")?,
            audience: values.required("auth.audience")?,
            keys: key_source(values)?,
            organisation_claim: values.required("auth.organisation_claim")?,
            permissions_claim: values.required("auth.permissions_claim")?,
        }))
    }

    /// The shared secret, if that is the key source: what `token mint` signs with.
    pub fn shared_secret(&self) -> Result<&SecretString, SettingsError> {
        match &self.keys {
            KeySource::Hs256(secret) => Ok(secret),
            _ => {
                Err(SettingsError::new("auth.hs256_secret", "is required to mint a token; with a key set, its issuer mints them"))
            }
        }
    }
}

fn key_source(values: &Values) -> Result<KeySource, SettingsError> {
    let url = values.url("auth.jwks_url")?.map(KeySource::JwksUrl);
    let file = values.path("auth.jwks_file").map(KeySource::JwksFile);
    let secret = values.secret("auth.hs256_secret").map(KeySource::Hs256);
    let mut sources = [url, file, secret].into_iter().flatten();
    match (sources.next(), sources.next()) {
        (Some(KeySource::Hs256(secret)), None) if secret.expose_secret().len() < SHORTEST_SECRET => {
            Err(SettingsError::new("auth.hs256_secret", "must have at least 32 bytes"))
        }
        (Some(source), None) => Ok(source),
        (None, _) => {
            Err(SettingsError::new("auth.jwks_url", "one of auth.jwks_url, auth.jwks_file and auth.hs256_secret is required"))
        }
        (Some(_), Some(_)) => Err(SettingsError::new(
            "auth.jwks_url",
            "set one of auth.jwks_url, auth.jwks_file and auth.hs256_secret, not several",
        )),
    }
}
