//! Register, replace, remove, view.

use std::{collections::HashMap, fmt, sync::Arc, sync::Mutex, time::Duration};

use chrono::{DateTime, Utc};
use serde_json::json;
use tokio_util::task::TaskTracker;

use super::{
    Registration, TeamsAccountView, TestReport, account::Accounts, breaker::Confirmed, opened::Opened, records,
    registration::Checked, sealing, testing::credential_remedy,
};
use crate::{
    capabilities::Outcome,
    clock::SharedClock,
    graph::{Access, Cloud, GraphClient, GraphError, TokenProbe, Verdict},
    ids::Ids,
    metrics::Metrics,
    organisation::OrgScope,
    store::{ConnectionRow, ConnectionState, CredentialKind, Store, StoreError},
    traces::TraceContext,
    vault::{Vault, VaultError},
};

/// How long a caller waits for Microsoft before the answer is "out of reach".
pub(super) const PATIENCE: Duration = Duration::from_secs(8);

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
    /// The account that posts through GRAPH channels.
    pub teams_account: Option<TeamsAccountView>,
}

/// Who asks, for the audit trail, and under which id.
#[derive(Debug, Clone)]
pub struct Actor {
    /// `user:SUB`, `operator` or `system`.
    pub name: String,
    /// The request's correlation id.
    pub correlation_id: Option<String>,
    /// The trace that the request belongs to.
    pub trace: Option<TraceContext>,
}

impl Actor {
    /// The connector itself.
    pub fn system() -> Self {
        Self::named("system")
    }

    /// Whoever runs a command on the connector's machine.
    pub fn operator() -> Self {
        Self::named("operator")
    }

    fn named(name: &str) -> Self {
        Self { name: name.to_owned(), correlation_id: None, trace: None }
    }
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
    Store(#[source] StoreError),
    /// A stored value could not be sealed or opened.
    #[error("sealing or opening the connection's values")]
    Vault(#[from] VaultError),
}

impl From<StoreError> for ConnectionError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Conflict { .. } => Self::Conflict,
            error => Self::Store(error),
        }
    }
}

/// What the service is built from.
pub struct Parts {
    /// The rows.
    pub store: Store,
    /// Seals and opens.
    pub vault: Vault,
    /// Talks to Microsoft.
    pub graph: GraphClient,
    /// The time.
    pub clock: SharedClock,
    /// Ids.
    pub ids: Ids,
    /// Metrics.
    pub metrics: Arc<Metrics>,
    /// Whether the account that signs in for Teams is asked for the right to read channels too.
    pub read_channels: bool,
    /// Wakes whoever waits for a connection: the reconcilers and the publisher.
    pub changed: Vec<Arc<tokio::sync::Notify>>,
}

/// Registers, tests, replaces and removes connections, and opens them for the loops. Cheap to clone.
#[derive(Clone)]
pub struct Connections {
    pub(super) parts: Arc<Parts>,
    pub(super) opened: Arc<Mutex<HashMap<OrgScope, Opened>>>,
    /// Refusals that were confirmed lately.
    pub(super) confirmed: Arc<Mutex<HashMap<OrgScope, Confirmed>>>,
    /// Access tokens of signed-in accounts.
    pub(super) accounts: Arc<Accounts>,
    /// Tells of a new credential, whose end may be near already.
    pub(super) registered: Arc<tokio::sync::Notify>,
    background: TaskTracker,
}

impl fmt::Debug for Connections {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Connections")
    }
}

impl Connections {
    /// From its parts.
    pub fn new(parts: Parts) -> Self {
        Self {
            parts: Arc::new(parts),
            opened: Arc::default(),
            confirmed: Arc::default(),
            accounts: Arc::default(),
            registered: Arc::default(),
            background: TaskTracker::new(),
        }
    }

    /// The organisation's connection.
    pub async fn view(&self, scope: &OrgScope) -> Result<Option<ConnectionView>, ConnectionError> {
        let Some(row) = self.parts.store.connection(scope).await? else { return Ok(None) };
        let (directory_id, application_id) = sealing::open_names(&self.parts.vault, scope, &row)?;
        Ok(Some(ConnectionView {
            directory_id,
            application_id,
            cloud: row.cloud,
            credential_kind: row.credential_kind,
            credential_hint: row.credential_hint,
            secret_expires_at: row.secret_expires_at,
            state: row.state,
            state_reason: row.state_reason,
            key_id: row.key_id,
            registered_at: row.registered_at,
            updated_at: row.updated_at,
            // A test kept by a later release may have a form this one does not read; it is only for show.
            last_test: row.last_test.as_deref().and_then(|text| serde_json::from_str(text).ok()),
            teams_account: self.teams_account(scope).await?,
        }))
    }

    /// Registers the organisation's connection, or replaces the one it has. A first registration is always kept, and tested in the
    /// background; a replacement is tried first, and kept only when Microsoft grants it a token.
    pub async fn register(
        &self,
        scope: &OrgScope,
        actor: &Actor,
        registration: Registration,
    ) -> Result<ConnectionView, ConnectionError> {
        if let Err(error) = self.try_register(scope, actor, registration).await {
            self.audit_refusal(scope, actor, &error).await;
            return Err(error);
        }
        self.forget(scope);
        self.announce_change();
        self.registered.notify_one();
        self.view(scope).await?.ok_or(ConnectionError::Conflict)
    }

    async fn try_register(&self, scope: &OrgScope, actor: &Actor, registration: Registration) -> Result<(), ConnectionError> {
        let checked = registration.check()?;
        match self.parts.store.connection(scope).await? {
            None => self.register_first(scope, actor, &checked).await,
            Some(current) => self.replace(scope, actor, &checked, &current).await,
        }
    }

    /// Whoever tries secrets, or replaces a connection that works, is to be found in the trail. Nothing that was given is kept: a secret
    /// may stand in any field.
    async fn audit_refusal(&self, scope: &OrgScope, actor: &Actor, error: &ConnectionError) {
        let Some(detail) = records::refusal(error) else { return };
        let entry = records::entry(actor, self.parts.clock.now(), "connection.registered", Outcome::Failed, detail);
        if let Err(error) = self.parts.store.append_audit(scope, vec![entry]).await {
            tracing::error!(organisation = %scope.organisation(), error = &error as &dyn std::error::Error, "a refused registration is not in the audit trail");
        }
    }

    /// Erases the connection and its sealed values; what stands in Microsoft 365 stays. False when there was none.
    pub async fn remove(&self, scope: &OrgScope, actor: &Actor) -> Result<bool, ConnectionError> {
        let now = self.parts.clock.now();
        let audit = records::entry(actor, now, "connection.removed", Outcome::Succeeded, json!({}));
        let removed = self.parts.store.remove_connection(scope, vec![audit]).await?;
        self.forget(scope);
        self.accounts.forget(scope);
        Ok(removed)
    }

    /// Waits for tests that run in the background.
    pub async fn finish(&self) {
        self.background.close();
        self.background.wait().await;
    }

    async fn register_first(&self, scope: &OrgScope, actor: &Actor, checked: &Checked) -> Result<(), ConnectionError> {
        let now = self.parts.clock.now();
        let (epoch, secret_version) = self.parts.store.last_connection_numbers(scope).await?;
        let numbers = sealing::Numbers {
            connection_id: self.parts.ids.random().to_string(),
            epoch: epoch + 1,
            secret_version: secret_version + 1,
            registered_at: now,
        };
        let row = sealing::seal(&self.parts.vault, scope, numbers, checked, now)?;
        let audit = records::entry(actor, now, "connection.registered", Outcome::Succeeded, described(&row));
        self.parts.store.put_connection(scope, None, row, vec![audit], Vec::new()).await?;
        self.test_in_background(scope.clone());
        Ok(())
    }

    async fn replace(
        &self,
        scope: &OrgScope,
        actor: &Actor,
        checked: &Checked,
        current: &ConnectionRow,
    ) -> Result<(), ConnectionError> {
        let now = self.parts.clock.now();
        let (last_epoch, last_version) = self.parts.store.last_connection_numbers(scope).await?;
        // Another directory: nothing that is known of the old one's mailboxes and ids means anything.
        let moved =
            sealing::open_names(&self.parts.vault, scope, current)?.0 != checked.directory_id || current.cloud != checked.cloud;
        let numbers = sealing::Numbers {
            connection_id: current.connection_id.clone(),
            epoch: if moved { last_epoch + 1 } else { current.epoch },
            secret_version: last_version.max(current.secret_version) + 1,
            registered_at: current.registered_at,
        };
        let mut row = sealing::seal(&self.parts.vault, scope, numbers, checked, now)?;
        let access = Arc::new(sealing::open(&self.parts.vault, scope, &row)?);
        self.probe(&access).await.map_err(|error| match error.verdict {
            Verdict::Credential => ConnectionError::CredentialRejected(told(&error)),
            _ => ConnectionError::Unreachable(told(&error)),
        })?;
        row.state = ConnectionState::Active;
        let mut audit = vec![records::entry(actor, now, "connection.replaced", Outcome::Succeeded, described(&row))];
        let mut outgoing = Vec::new();
        if current.state != ConnectionState::Active {
            let change = (current.state, ConnectionState::Active);
            let (entry, event) =
                records::state_changed(scope, actor, &self.parts.ids, now, change, Some("a new credential was registered"));
            audit.push(entry);
            outgoing.push(event);
        }
        self.parts.store.put_connection(scope, Some(current.secret_version), row, audit, outgoing).await?;
        if current.state != ConnectionState::Active {
            self.count_change(ConnectionState::Active);
        }
        Ok(())
    }

    /// Asks for a token, within the caller's patience.
    pub(super) async fn probe(&self, access: &Arc<Access>) -> Result<TokenProbe, GraphError> {
        match tokio::time::timeout(PATIENCE, self.parts.graph.probe_token(access)).await {
            Ok(result) => result,
            Err(_) => Err(out_of_patience()),
        }
    }

    fn test_in_background(&self, scope: OrgScope) {
        let this = self.clone();
        self.background.spawn(async move {
            if let Err(error) = this.test(&scope, &Actor::system()).await {
                tracing::warn!(organisation = %scope.organisation(), error = &error as &dyn std::error::Error, "could not test a new connection");
            }
        });
    }

    /// Tests connections that a stopped process left untested.
    pub async fn test_unverified(&self, worker: &crate::store::WorkerScope) -> Result<(), ConnectionError> {
        for (scope, state, _) in self.parts.store.connection_states(worker).await? {
            if state == ConnectionState::Unverified {
                self.test_in_background(scope);
            }
        }
        Ok(())
    }

    pub(super) fn announce_change(&self) {
        for waiting in &self.parts.changed {
            waiting.notify_one();
        }
    }
}

/// What a failed call says to people: Microsoft's text when there is one.
pub(super) fn told(error: &GraphError) -> String {
    if error.message.is_empty() { error.to_string() } else { format!("{error}: {}", error.message) }
}

/// The same with what a person can do about a refused credential.
pub(super) fn told_with_remedy(error: &GraphError) -> String {
    let told = told(error);
    format!("{}. {}", told.trim_end_matches(['.', ' ']), credential_remedy(&error.code))
}

pub(super) fn out_of_patience() -> GraphError {
    GraphError {
        verdict: Verdict::Transient,
        code: "timeout".into(),
        message: format!("no answer within {} s", PATIENCE.as_secs()),
        status: None,
        request_id: None,
        detail: serde_json::Value::Null,
        elapsed: PATIENCE,
        source: None,
    }
}

/// What the audit trail keeps of a registration: nothing secret, and the sealed secret's place in time.
fn described(row: &ConnectionRow) -> serde_json::Value {
    json!({
        "cloud": row.cloud.label(),
        "connectionId": row.connection_id,
        "credentialHint": row.credential_hint,
        "epoch": row.epoch,
        "keyId": row.key_id,
        "secretVersion": row.secret_version,
    })
}
