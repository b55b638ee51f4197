//! Who calls: bearer tokens (JWT) checked as RFC 8725 asks, and nothing taken on trust.
//!
//! The algorithm is the configured key's, never the token's choice. `exp`, `iss`, `aud`, `sub` and the organisation claim must be
//! there. `jku`, `jwk`, `x5u` and `x5c` in a token are not looked at. Time is the [`Clock`](crate::clock::Clock)'s, so
//! the claims are checked here (`claims`) and not by the library, which reads the machine's clock.
//!
//! This is the only place that makes an [`OrgScope`](crate::organisation::OrgScope) for the API.

mod claim_set;
mod claims;
mod identity;
mod jwks;
mod jwks_fetch;
mod keys;
mod mint;
mod rejection;

use std::{path::PathBuf, sync::Arc};

use secrecy::{ExposeSecret, SecretString};
use url::Url;

pub use self::{
    identity::{Identity, Permission},
    jwks::FetchJwks,
    jwks_fetch::FetchFailure,
    mint::{MintError, mint},
    rejection::Rejection,
};
use self::{jwks::Jwks, keys::VerificationKey};
use crate::clock::SharedClock;

/// The longest token that is looked at, bytes.
const MAX_TOKEN: usize = 8 * 1024;
/// The shortest HS256 secret: as long as the hash (RFC 7518, section 3.2).
const MIN_SECRET: usize = 32;

/// How callers' tokens are checked.
#[derive(Debug, Clone)]
pub struct AuthSettings {
    /// `iss`, exactly.
    pub issuer: String,
    /// What `aud` must be or contain.
    pub audience: String,
    /// The keys that sign tokens.
    pub keys: KeySource,
    /// The claim that names the organisation.
    pub organisation_claim: String,
    /// The claim that lists permissions: one text with spaces, or an array of texts.
    pub permissions_claim: String,
}

/// Where the keys come from.
#[derive(Debug, Clone)]
pub enum KeySource {
    /// A shared secret of at least 32 bytes, for development.
    Hs256(SecretString),
    /// A JWKS file, read again like a URL is.
    JwksFile(PathBuf),
    /// A JWKS address: `https`, or `http` on loopback.
    JwksUrl(Url),
}

/// Why the settings cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum AuthSetupError {
    /// The secret is too short to sign with.
    #[error("auth.hs256_secret needs at least 32 bytes")]
    ShortSecret,
    /// Keys would come over a line that others can write to.
    #[error("auth.jwks_url must be https, or http on loopback")]
    InsecureUrl,
    /// The HTTP client could not be made.
    #[error("making the HTTP client that fetches keys")]
    Client(#[source] reqwest::Error),
    /// The keys could not be had.
    #[error("fetching the keys that sign callers' tokens")]
    Keys(#[source] FetchFailure),
}

/// Checks callers' tokens. Cheap to clone.
#[derive(Clone)]
pub struct Authenticator(Arc<Inner>);

struct Inner {
    settings: AuthSettings,
    keys: Keys,
    clock: SharedClock,
}

enum Keys {
    Fixed(Arc<VerificationKey>),
    Fetched(Jwks),
}

impl Authenticator {
    /// With the keys that the settings name. Fetches nothing yet; see [`Authenticator::warm_up`].
    pub fn new(settings: AuthSettings, clock: SharedClock) -> Result<Self, AuthSetupError> {
        let fetch: Arc<dyn FetchJwks> = match &settings.keys {
            KeySource::Hs256(secret) => {
                if secret.expose_secret().len() < MIN_SECRET {
                    return Err(AuthSetupError::ShortSecret);
                }
                let keys = Keys::Fixed(Arc::new(VerificationKey::hs256(secret)));
                return Ok(Self(Arc::new(Inner { settings, keys, clock })));
            }
            KeySource::JwksFile(path) => Arc::new(jwks_fetch::FromFile(path.clone())),
            KeySource::JwksUrl(url) => Arc::new(jwks_fetch::FromUrl::new(url.clone())?),
        };
        Ok(Self::with_fetch(settings, clock, fetch))
    }

    /// With a JWKS from elsewhere, whatever `settings.keys` says.
    pub fn with_fetch(settings: AuthSettings, clock: SharedClock, fetch: Arc<dyn FetchJwks>) -> Self {
        let keys = Keys::Fetched(Jwks::new(fetch, clock.clone()));
        Self(Arc::new(Inner { settings, keys, clock }))
    }

    /// Fetches the keys, so that a wrong address shows at start-up and not with the first caller.
    pub async fn warm_up(&self) -> Result<(), AuthSetupError> {
        match &self.0.keys {
            Keys::Fixed(_) => Ok(()),
            Keys::Fetched(jwks) => jwks.warm_up().await.map_err(AuthSetupError::Keys),
        }
    }

    /// The caller that a token (without `Bearer`) proves.
    pub async fn authenticate(&self, token: &str) -> Result<Identity, Rejection> {
        if token.len() > MAX_TOKEN {
            return Err(Rejection::TooLong);
        }
        let header = keys::read_header(token)?;
        let key = match &self.0.keys {
            Keys::Fixed(key) if key.algorithm() == header.alg => key.clone(),
            Keys::Fixed(_) => return Err(Rejection::Algorithm),
            Keys::Fetched(jwks) => jwks.key(header.kid.as_deref(), header.alg).await?,
        };
        let claims = key.verify(token)?;
        claims::read(&claims, &self.0.settings, self.0.clock.now())
    }
}
