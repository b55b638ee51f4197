//! What a connection is opened with.

use std::sync::Arc;

use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};

use super::Cloud;
use crate::organisation::OrganisationId;

/// What a connection is opened with: the unsealed credential and what it is for.
#[derive(Debug)]
pub struct Access {
    /// Whose connection.
    pub organisation: OrganisationId,
    /// Which registration.
    pub connection_id: String,
    /// Which credential of it: part of the token cache's key.
    pub secret_version: u64,
    /// The cloud.
    pub cloud: Cloud,
    /// Directory (tenant) id or verified domain.
    pub directory_id: String,
    /// Application (client) id.
    pub application_id: String,
    /// The proof.
    pub credential: Credential,
}

/// What the application proves itself with.
#[derive(Debug)]
pub enum Credential {
    /// A client secret.
    Secret(SecretString),
    /// A certificate and its private key, PEM.
    Certificate(SecretString),
}

/// Names a connection: what gates and throttles are counted by, whatever its credential.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct ConnectionKey {
    organisation: OrganisationId,
    connection_id: Arc<str>,
}

/// Names a token: it may serve this credential of this connection, and no other.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(super) struct TokenKey {
    connection: ConnectionKey,
    secret_version: u64,
    /// A digest of everything the token is asked with: two candidates that were tried under the same version number (only one
    /// of them was ever stored) must not share a token.
    asked_with: [u8; 32],
}

impl Access {
    /// The connection's name.
    pub(super) fn connection(&self) -> ConnectionKey {
        ConnectionKey { organisation: self.organisation.clone(), connection_id: self.connection_id.as_str().into() }
    }

    /// The token's name.
    pub(super) fn token_key(&self) -> TokenKey {
        let proof = match &self.credential {
            Credential::Secret(proof) | Credential::Certificate(proof) => proof.expose_secret(),
        };
        let mut digest = Sha256::new();
        for part in [self.cloud.label(), &self.directory_id, &self.application_id, proof] {
            digest.update((part.len() as u64).to_be_bytes());
            digest.update(part);
        }
        TokenKey { connection: self.connection(), secret_version: self.secret_version, asked_with: digest.finalize().into() }
    }
}
