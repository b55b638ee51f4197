//! A caller's token for development: `token mint`.

use chrono::{DateTime, TimeDelta, Utc};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use secrecy::ExposeSecret;
use serde_json::{Map, Value};

use super::{AuthSettings, KeySource, MIN_SECRET, Permission};
use crate::organisation::OrganisationId;

/// Why no token was made.
#[derive(Debug, thiserror::Error)]
pub enum MintError {
    /// Keys from a JWKS are public: nothing can be signed with them.
    #[error("tokens can be minted only with auth.hs256_secret")]
    NoSecret,
    /// The secret is too short to be accepted.
    #[error("auth.hs256_secret needs at least 32 bytes")]
    ShortSecret,
    /// The signature failed.
    #[error("signing the token")]
    Signing(#[source] jsonwebtoken::errors::Error),
}

/// A token that an [`Authenticator`](super::Authenticator) with the same settings accepts from `now` on for `ttl`.
pub fn mint(
    settings: &AuthSettings,
    organisation: &OrganisationId,
    permissions: &[Permission],
    subject: &str,
    ttl: TimeDelta,
    now: DateTime<Utc>,
) -> Result<String, MintError> {
    let KeySource::Hs256(secret) = &settings.keys else { return Err(MintError::NoSecret) };
    let secret = secret.expose_secret().as_bytes();
    if secret.len() < MIN_SECRET {
        return Err(MintError::ShortSecret);
    }
    let words: Vec<_> = permissions.iter().map(|permission| permission.word()).collect();
    let claims: Map<String, Value> = [
        ("iss", Value::from(settings.issuer.as_str())),
        ("aud", settings.audience.as_str().into()),
        ("sub", subject.into()),
        ("iat", now.timestamp().into()),
        ("exp", (now + ttl).timestamp().into()),
        (settings.organisation_claim.as_str(), organisation.as_str().into()),
        (settings.permissions_claim.as_str(), words.join(" ").into()),
    ]
    .into_iter()
    .map(|(name, value)| (name.to_owned(), value))
    .collect();
    jsonwebtoken::encode(&Header::new(Algorithm::HS256), &claims, &EncodingKey::from_secret(secret)).map_err(MintError::Signing)
}
