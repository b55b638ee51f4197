//! An organisation's connection to Microsoft 365: registered, tested, replaced, removed; and opened for the loops.
//!
//! The only module that brings vault, store and Graph together for credentials.

mod report;

use chrono::{DateTime, Utc};
use secrecy::SecretString;

pub use report::{Check, CheckStatus, TestReport};

use crate::{
    graph::Cloud,
    organisation::OrgScope,
    store::{ConnectionState, CredentialKind, StoreError},
    vault::VaultError,
};

/// What an administrator registers.
#[derive(Debug)]
pub struct Registration {
    /// Directory (tenant) id: a GUID or a verified domain.
    pub directory_id: String,
    /// Application (client) id.
    pub application_id: String,
    /// A client secret …
    pub application_secret: Option<SecretString>,
    /// … or a certificate with its private key, PEM.
    pub application_certificate: Option<SecretString>,
    /// The cloud.
    pub cloud: Cloud,
    /// When the secret ends, if the administrator says so.
    pub secret_expires_at: Option<DateTime<Utc>>,
}

/// A connection as administrators see it: nothing secret.
#[derive(Debug, Clone)]
pub struct ConnectionView {
    /// Directory (tenant) id.
    pub directory_id: String,
    /// Application (client) id.
    pub application_id: String,
    /// The cloud.
    pub cloud: Cloud,
    /// What kind of credential.
    pub credential_kind: CredentialKind,
    /// The last three characters of the secret, or the certificate's thumbprint.
    pub credential_hint: String,
    /// When the secret ends.
    pub secret_expires_at: Option<DateTime<Utc>>,
    /// Whether it works.
    pub state: ConnectionState,
    /// Why not, in words.
    pub state_reason: Option<String>,
    /// The key of the ring it is sealed under.
    pub key_id: String,
    /// First registration.
    pub registered_at: DateTime<Utc>,
    /// Last change.
    pub updated_at: DateTime<Utc>,
    /// The last test.
    pub last_test: Option<TestReport>,
}

/// Who asks, for the audit trail, and under which id.
#[derive(Debug, Clone)]
pub struct Actor {
    /// `user:SUB` or `operator`.
    pub name: String,
    /// The request's correlation id.
    pub correlation_id: Option<String>,
}

/// Why a connection could not be registered, tested or removed.
#[derive(Debug, thiserror::Error)]
pub enum ConnectionError {
    /// A value of the input is not acceptable.
    #[error("{field}: {problem}")]
    Invalid {
        /// The input's field, as the API names it (`applicationSecret`).
        field: &'static str,
        /// What is wrong with it.
        problem: String,
    },
    /// The organisation has no connection.
    #[error("no connection is registered")]
    NoConnection,
    /// A replacement was refused by Microsoft; the connection that works was left as it was.
    #[error("Microsoft refused the new credential: {0}")]
    CredentialRejected(String),
    /// Microsoft could not be reached in time; nothing was changed.
    #[error("Microsoft could not be reached: {0}")]
    Unreachable(String),
    /// Somebody else changed the connection at the same time.
    #[error("the connection was changed at the same time by someone else")]
    Conflict,
    /// The store could not do it.
    #[error("working with the connection's row")]
    Store(#[from] StoreError),
    /// A stored value could not be sealed or opened.
    #[error("sealing or opening the connection's values")]
    Vault(#[from] VaultError),
}

/// Registers, tests, replaces and removes connections.
#[derive(Clone)]
pub struct Connections {
    _inner: std::sync::Arc<()>,
}

impl Connections {
    /// The organisation's connection.
    pub async fn view(&self, _scope: &OrgScope) -> Result<Option<ConnectionView>, ConnectionError> {
        unimplemented!()
    }

    /// Registers the organisation's connection, or replaces the one it has. A first registration is always kept; a replacement
    /// is tried first.
    pub async fn register(
        &self,
        _scope: &OrgScope,
        _actor: &Actor,
        _registration: Registration,
    ) -> Result<ConnectionView, ConnectionError> {
        unimplemented!()
    }

    /// Erases the connection; false when there was none.
    pub async fn remove(&self, _scope: &OrgScope, _actor: &Actor) -> Result<bool, ConnectionError> {
        unimplemented!()
    }

    /// Tests the connection; see [`TestReport`].
    pub async fn test(&self, _scope: &OrgScope, _actor: &Actor) -> Result<TestReport, ConnectionError> {
        unimplemented!()
    }
}
