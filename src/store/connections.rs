//! An organisation's connection: its sealed values and its state.

use std::sync::Arc;

use chrono::{DateTime, Utc};

use super::{
    NewAuditEntry, OutgoingEvent, Store, StoreError, WorkerScope,
    db::{Conn, Failure, Job, Row, Tx, Value},
    values,
};
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
    /// The state it was seen in: nothing happens when it is another by now. `None`: whatever it was.
    pub from: Option<ConnectionState>,
    /// The new state.
    pub state: ConnectionState,
    /// Why, in words.
    pub reason: Option<String>,
}

const GET: &str = "SELECT connection_id, epoch, secret_version, cloud, credential_kind, credential_hint, secret_expires_at, key_id, \
    sealed_data_key, sealed_directory_id, sealed_application_id, sealed_credential, state, state_reason, registered_at, \
    updated_at, last_test FROM connection w WHERE org = $1{lock}";

const LOOK: &str = "SELECT connection_id, epoch, secret_version, cloud, credential_kind, credential_hint, secret_expires_at, key_id, \
    sealed_data_key, sealed_directory_id, sealed_application_id, sealed_credential, state, state_reason, registered_at, \
    updated_at, last_test FROM connection WHERE org = $1";

/// $19 is the secret version it replaces; a row that came or changed meanwhile makes it change nothing.
const PUT: &str = "INSERT INTO connection (org, connection_id, epoch, secret_version, cloud, credential_kind, credential_hint, \
    secret_expires_at, key_id, sealed_data_key, sealed_directory_id, sealed_application_id, sealed_credential, state, \
    state_reason, registered_at, updated_at, last_test) \
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18) \
    ON CONFLICT (org) DO UPDATE SET connection_id = excluded.connection_id, epoch = excluded.epoch, \
    secret_version = excluded.secret_version, cloud = excluded.cloud, credential_kind = excluded.credential_kind, \
    credential_hint = excluded.credential_hint, secret_expires_at = excluded.secret_expires_at, key_id = excluded.key_id, \
    sealed_data_key = excluded.sealed_data_key, sealed_directory_id = excluded.sealed_directory_id, \
    sealed_application_id = excluded.sealed_application_id, sealed_credential = excluded.sealed_credential, \
    state = excluded.state, state_reason = excluded.state_reason, registered_at = excluded.registered_at, \
    updated_at = excluded.updated_at, last_test = excluded.last_test, next_probe_at = NULL, probes = 0, warned_days = NULL \
    WHERE connection.secret_version = $19 RETURNING org";

const KEYS_IN_USE: &str = "SELECT key_id FROM connection UNION SELECT key_id FROM teams_channel WHERE key_id <> '' \
    UNION SELECT key_id FROM teams_account WHERE key_id <> '' UNION SELECT key_id FROM teams_sign_in WHERE key_id <> '' ORDER BY 1";

const NUMBERS: &str = "INSERT INTO connection_numbers (org, epoch, secret_version) VALUES ($1, $2, $3) ON CONFLICT (org) DO UPDATE \
    SET epoch = CASE WHEN excluded.epoch > connection_numbers.epoch THEN excluded.epoch ELSE connection_numbers.epoch END, \
    secret_version = CASE WHEN excluded.secret_version > connection_numbers.secret_version THEN excluded.secret_version \
    ELSE connection_numbers.secret_version END";

const WAKE: &str = "UPDATE wanted SET not_before = $2, due_at = $2, updated_at = $2 WHERE org = $1 AND due_at > $2 \
    AND lease_until IS NULL";

/// Leases that were given under another epoch end: their workers' remote ids mean nothing now.
const REVOKE: &str = "UPDATE wanted SET lease_until = NULL, lease_owner = NULL, lease_epoch = lease_epoch + 1, recheck = 1, \
    overtaken = 0, reopen = 0, attempts = 0, not_before = $2, due_at = $2, updated_at = $2 \
    WHERE org = $1 AND lease_until IS NOT NULL";

impl Store {
    /// The organisation's connection.
    pub async fn connection(&self, scope: &OrgScope) -> Result<Option<ConnectionRow>, StoreError> {
        const DOING: &str = "reading the connection";
        let mut conn = self.read(scope, DOING).await?;
        read_one(&mut conn, LOOK, scope).await.map_err(|failure| failure.doing(DOING))
    }

    /// Puts or replaces the connection. `expected` is the `secret_version` of the row it replaces (`None`: there is none), else
    /// [`StoreError::Conflict`]. Raises everything that waits to due at once. When the epoch differs from the one the
    /// organisation used last, its places and the waits its server asked for are dropped, and leases end.
    pub async fn put_connection(
        &self,
        scope: &OrgScope,
        expected: Option<u64>,
        row: ConnectionRow,
        audit: Vec<NewAuditEntry>,
        outgoing: Vec<OutgoingEvent>,
    ) -> Result<(), StoreError> {
        let put = Arc::new(Put { scope: scope.clone(), expected, row, audit, outgoing });
        let job: Job<()> = Box::new(move |tx| {
            let put = Arc::clone(&put);
            Box::pin(async move { put.run(tx).await })
        });
        self.write(scope, "keeping the connection", job).await
    }

    /// Erases the connection and its sealed values; false when there was none. Remembers epoch and secret version, so that
    /// neither is ever used again (see [`Store::last_connection_numbers`]).
    pub async fn remove_connection(&self, scope: &OrgScope, audit: Vec<NewAuditEntry>) -> Result<bool, StoreError> {
        let given = Arc::new((scope.clone(), audit));
        let job: Job<bool> = Box::new(move |tx| {
            let given = Arc::clone(&given);
            Box::pin(async move {
                let (scope, audit) = &*given;
                let removed = tx.conn.run("DELETE FROM connection WHERE org = $1", vec![scope.as_str().into()]).await? > 0;
                if removed {
                    super::teams_account::erase(tx, scope).await?;
                    tx.audit(scope, audit.iter().cloned());
                }
                Ok(removed)
            })
        });
        self.write(scope, "removing the connection", job).await
    }

    /// The highest epoch and secret version ever used by the organisation; (0, 0) when it never had a connection.
    pub async fn last_connection_numbers(&self, scope: &OrgScope) -> Result<(u64, u64), StoreError> {
        const DOING: &str = "reading the connection's numbers";
        let mut conn = self.read(scope, DOING).await?;
        numbers(&mut conn, scope).await.map_err(|failure| failure.doing(DOING))
    }

    /// Changes the state; false when it was so already (then nothing is written), or the connection is another one by now.
    /// A connection that is not disabled any more makes everything that waits due at once.
    pub async fn change_connection_state(
        &self,
        scope: &OrgScope,
        now: DateTime<Utc>,
        change: StateChange,
        audit: Vec<NewAuditEntry>,
        outgoing: Vec<OutgoingEvent>,
    ) -> Result<bool, StoreError> {
        let given = Arc::new((scope.clone(), change, audit, outgoing));
        let job: Job<bool> = Box::new(move |tx| {
            let given = Arc::clone(&given);
            Box::pin(async move {
                let (scope, change, audit, outgoing) = &*given;
                if !change_state(tx, scope, now, change).await? {
                    return Ok(false);
                }
                tx.audit(scope, audit.iter().cloned());
                tx.outgoing(scope, outgoing.iter().cloned());
                Ok(true)
            })
        });
        self.write(scope, "changing the connection's state", job).await
    }

    /// Keeps the result of a test.
    pub async fn keep_connection_test(
        &self,
        scope: &OrgScope,
        now: DateTime<Utc>,
        test: String,
        audit: Vec<NewAuditEntry>,
    ) -> Result<(), StoreError> {
        let given = Arc::new((scope.clone(), test, audit));
        let job: Job<()> = Box::new(move |tx| {
            let given = Arc::clone(&given);
            Box::pin(async move {
                let (scope, test, audit) = &*given;
                let keep = "UPDATE connection SET last_test = $2, updated_at = $3 WHERE org = $1";
                tx.conn.run(keep, vec![scope.as_str().into(), test.as_str().into(), now.into()]).await?;
                tx.audit(scope, audit.iter().cloned());
                Ok(())
            })
        });
        self.write(scope, "keeping the connection's test", job).await
    }

    /// State and expiry of every connection, for metrics.
    pub async fn connection_states(
        &self,
        worker: &WorkerScope,
    ) -> Result<Vec<(OrgScope, ConnectionState, Option<DateTime<Utc>>)>, StoreError> {
        const DOING: &str = "reading the connections' states";
        let mut conn = self.read(worker, DOING).await?;
        let rows = conn.all("SELECT org, state, secret_expires_at FROM connection ORDER BY org", vec![]).await;
        let read = |row: &Row| Ok((self.scope_of(&row.text(0)?)?, state(&row.text(1)?)?, values::maybe_instant(row, 2)?));
        rows.and_then(|rows| rows.iter().map(read).collect()).map_err(|failure| failure.doing(DOING))
    }

    /// The ids of all keys that some row is sealed under: start-up refuses when the ring lacks one.
    pub async fn key_ids_in_use(&self, worker: &WorkerScope) -> Result<Vec<String>, StoreError> {
        const DOING: &str = "reading which keys are in use";
        let mut conn = self.read(worker, DOING).await?;
        let rows = conn.all(KEYS_IN_USE, vec![]).await;
        rows.and_then(|rows| rows.iter().map(|row| row.text(0)).collect()).map_err(|failure| failure.doing(DOING))
    }
}

struct Put {
    scope: OrgScope,
    expected: Option<u64>,
    row: ConnectionRow,
    audit: Vec<NewAuditEntry>,
    outgoing: Vec<OutgoingEvent>,
}

impl Put {
    async fn run(&self, tx: &mut Tx) -> Result<(), Failure> {
        let (scope, row) = (&self.scope, &self.row);
        let stands = read_one(&mut tx.conn, GET, scope).await?.map(|stored| stored.secret_version);
        if stands != self.expected {
            return Err(Failure::Conflict);
        }
        let (last_epoch, _) = numbers(&mut tx.conn, scope).await?;
        if tx.conn.all(PUT, self.values()).await?.is_empty() {
            return Err(Failure::Conflict);
        }
        tx.conn.run(NUMBERS, vec![scope.as_str().into(), row.epoch.into(), row.secret_version.into()]).await?;
        let org_now = || -> Vec<Value> { vec![scope.as_str().into(), row.updated_at.into()] };
        if last_epoch != row.epoch {
            // What a webhook posted stands in no directory of ours.
            for text in ["DELETE FROM place WHERE org = $1 AND kind <> 'card'", "DELETE FROM hold WHERE org = $1"] {
                tx.conn.run(text, vec![scope.as_str().into()]).await?;
            }
            tx.conn.run(REVOKE, org_now()).await?;
        }
        tx.conn.run(WAKE, org_now()).await?;
        tx.audit(scope, self.audit.iter().cloned());
        tx.outgoing(scope, self.outgoing.iter().cloned());
        Ok(())
    }

    fn values(&self) -> Vec<Value> {
        let row = &self.row;
        vec![
            self.scope.as_str().into(),
            row.connection_id.as_str().into(),
            row.epoch.into(),
            row.secret_version.into(),
            row.cloud.label().into(),
            credential(row.credential_kind).into(),
            row.credential_hint.as_str().into(),
            row.secret_expires_at.into(),
            row.key_id.as_str().into(),
            row.sealed_data_key.as_slice().into(),
            row.sealed_directory_id.as_slice().into(),
            row.sealed_application_id.as_slice().into(),
            row.sealed_credential.as_slice().into(),
            row.state.label().into(),
            row.state_reason.as_deref().into(),
            row.registered_at.into(),
            row.updated_at.into(),
            row.last_test.as_deref().into(),
            self.expected.map(u64::cast_signed).into(),
        ]
    }
}

/// A new state starts with a new plan of probes.
async fn change_state(tx: &mut Tx, scope: &OrgScope, now: DateTime<Utc>, change: &StateChange) -> Result<bool, Failure> {
    let Some(stored) = read_one(&mut tx.conn, GET, scope).await? else { return Ok(false) };
    let same = stored.connection_id == change.connection_id && stored.secret_version == change.secret_version;
    let as_seen = change.from.is_none_or(|from| from == stored.state);
    if !same || !as_seen || stored.state == change.state {
        return Ok(false);
    }
    let text =
        "UPDATE connection SET state = $2, state_reason = $3, updated_at = $4, next_probe_at = NULL, probes = 0 WHERE org = $1";
    let org = || Value::from(scope.as_str());
    tx.conn.run(text, vec![org(), change.state.label().into(), change.reason.as_deref().into(), now.into()]).await?;
    if stored.state == ConnectionState::Disabled {
        tx.conn.run(WAKE, vec![org(), now.into()]).await?;
    }
    Ok(true)
}

async fn numbers(conn: &mut Conn, scope: &OrgScope) -> Result<(u64, u64), Failure> {
    let text = "SELECT epoch, secret_version FROM connection_numbers WHERE org = $1";
    let rows = conn.all(text, vec![scope.as_str().into()]).await?;
    rows.first().map_or(Ok((0, 0)), |row| Ok((row.count(0)?, row.count(1)?)))
}

async fn read_one(conn: &mut Conn, text: &'static str, scope: &OrgScope) -> Result<Option<ConnectionRow>, Failure> {
    conn.all(text, vec![scope.as_str().into()]).await?.first().map(read).transpose()
}

fn read(row: &Row) -> Result<ConnectionRow, Failure> {
    Ok(ConnectionRow {
        connection_id: row.text(0)?,
        epoch: row.count(1)?,
        secret_version: row.count(2)?,
        cloud: cloud(&row.text(3)?)?,
        credential_kind: match row.text(4)?.as_str() {
            "secret" => CredentialKind::Secret,
            "certificate" => CredentialKind::Certificate,
            _ => return Err(Failure::Unreadable("credential kind")),
        },
        credential_hint: row.text(5)?,
        secret_expires_at: values::maybe_instant(row, 6)?,
        key_id: row.text(7)?,
        sealed_data_key: row.bytes(8)?,
        sealed_directory_id: row.bytes(9)?,
        sealed_application_id: row.bytes(10)?,
        sealed_credential: row.bytes(11)?,
        state: state(&row.text(12)?)?,
        state_reason: row.maybe_text(13)?,
        registered_at: values::instant(row, 14)?,
        updated_at: values::instant(row, 15)?,
        last_test: row.maybe_text(16)?,
    })
}

fn credential(kind: CredentialKind) -> &'static str {
    match kind {
        CredentialKind::Secret => "secret",
        CredentialKind::Certificate => "certificate",
    }
}

fn cloud(label: &str) -> Result<Cloud, Failure> {
    let all = [Cloud::Global, Cloud::UsGovL4, Cloud::UsGovL5, Cloud::China];
    all.into_iter().find(|cloud| cloud.label() == label).ok_or(Failure::Unreadable("cloud"))
}

pub(super) fn state(label: &str) -> Result<ConnectionState, Failure> {
    use ConnectionState::{Active, Degraded, Disabled, Unverified};
    let all = [Unverified, Active, Degraded, Disabled];
    all.into_iter().find(|state| state.label() == label).ok_or(Failure::Unreadable("connection state"))
}
