//! An organisation's connection: its sealed values and its state.

use chrono::{DateTime, Utc};

use super::{NewAuditEntry, OutgoingEvent, Store, StoreError, WorkerScope};
use crate::{graph::Cloud, organisation::OrgScope};

/// Whether the connection works.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ConnectionState {
    /// Microsoft has not answered yet.
    Unverified,
    /// It works.
    Active,
    /// Failing now, still tried.
    Degraded,
    /// Refused (secret, tenant, consent): nothing is sent.
    Disabled,
}

impl ConnectionState {
    /// The stored and published word.
    pub fn label(self) -> &'static str {
        match self {
            Self::Unverified => "unverified",
            Self::Active => "active",
            Self::Degraded => "degraded",
            Self::Disabled => "disabled",
        }
    }
}

/// What the application proves itself with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CredentialKind {
    /// A client secret.
    Secret,
    /// A certificate and its key.
    Certificate,
}

/// The row of a connection. Sealed values are opaque here; `vault` opens them.
#[derive(Debug, Clone)]
pub struct ConnectionRow {
    /// Identifies this registration; part of what the sealed values are bound to.
    pub connection_id: String,
    /// Moves when the directory changes: remote ids of an older epoch mean nothing.
    pub epoch: u64,
    /// Moves with every new credential; part of what the sealed values are bound to.
    pub secret_version: u64,
    /// The cloud.
    pub cloud: Cloud,
    /// What kind of credential.
    pub credential_kind: CredentialKind,
    /// The last three characters of the secret, or the certificate's thumbprint.
    pub credential_hint: String,
    /// When the secret ends, as the administrator said.
    pub secret_expires_at: Option<DateTime<Utc>>,
    /// The key of the ring that wraps the data key.
    pub key_id: String,
    /// The wrapped data key.
    pub sealed_data_key: Vec<u8>,
    /// Sealed directory (tenant) id.
    pub sealed_directory_id: Vec<u8>,
    /// Sealed application id.
    pub sealed_application_id: Vec<u8>,
    /// Sealed secret or PEM.
    pub sealed_credential: Vec<u8>,
    /// Whether it works.
    pub state: ConnectionState,
    /// Why not, in words.
    pub state_reason: Option<String>,
    /// First registration.
    pub registered_at: DateTime<Utc>,
    /// Last change.
    pub updated_at: DateTime<Utc>,
    /// The last test, as JSON in `connections`' own form.
    pub last_test: Option<String>,
}

/// A change of a connection's state.
#[derive(Debug, Clone)]
pub struct StateChange {
    /// The registration it is about: nothing happens when another took its place.
    pub connection_id: String,
    /// The credential it is about.
    pub secret_version: u64,
    /// The new state.
    pub state: ConnectionState,
    /// Why, in words.
    pub reason: Option<String>,
}

impl Store {
    /// The organisation's connection.
    pub async fn connection(&self, _scope: &OrgScope) -> Result<Option<ConnectionRow>, StoreError> {
        unimplemented!()
    }

    /// Puts or replaces the connection. `expected` is the `secret_version` of the row it replaces (`None`: there is none), else
    /// [`StoreError::Conflict`]. Raises everything that waits to due at once. When the epoch differs from the stored row's, the
    /// organisation's places are dropped.
    pub async fn put_connection(
        &self,
        _scope: &OrgScope,
        _expected: Option<u64>,
        _row: ConnectionRow,
        _audit: Vec<NewAuditEntry>,
        _outgoing: Vec<OutgoingEvent>,
    ) -> Result<(), StoreError> {
        unimplemented!()
    }

    /// Erases the connection and its sealed values; false when there was none. Remembers epoch and secret version, so that
    /// neither is ever used again (see [`Store::last_connection_numbers`]).
    pub async fn remove_connection(&self, _scope: &OrgScope, _audit: Vec<NewAuditEntry>) -> Result<bool, StoreError> {
        unimplemented!()
    }

    /// The highest epoch and secret version ever used by the organisation; (0, 0) when it never had a connection.
    pub async fn last_connection_numbers(&self, _scope: &OrgScope) -> Result<(u64, u64), StoreError> {
        unimplemented!()
    }

    /// Changes the state; false when it was so already (then nothing is written), or the connection is another one by now.
    pub async fn change_connection_state(
        &self,
        _scope: &OrgScope,
        _now: DateTime<Utc>,
        _change: StateChange,
        _audit: Vec<NewAuditEntry>,
        _outgoing: Vec<OutgoingEvent>,
    ) -> Result<bool, StoreError> {
        unimplemented!()
    }

    /// Keeps the result of a test.
    pub async fn keep_connection_test(
        &self,
        _scope: &OrgScope,
        _now: DateTime<Utc>,
        _test: String,
        _audit: Vec<NewAuditEntry>,
    ) -> Result<(), StoreError> {
        unimplemented!()
    }

    /// State and expiry of every connection, for metrics.
    pub async fn connection_states(
        &self,
        _worker: &WorkerScope,
    ) -> Result<Vec<(OrgScope, ConnectionState, Option<DateTime<Utc>>)>, StoreError> {
        unimplemented!()
    }

    /// The ids of all keys that some row is sealed under: start-up refuses when the ring lacks one.
    pub async fn key_ids_in_use(&self, _worker: &WorkerScope) -> Result<Vec<String>, StoreError> {
        unimplemented!()
    }
}
