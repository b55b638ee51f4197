//! The organisation's connection to Microsoft 365.

use async_graphql::{Context, Object, Result, SimpleObject};

use super::{
    super::{auth::Permission, caller::Caller, errors::Refusal},
    registration::RegisterConnectionInput,
    scalars::Instant,
    teams_account::TeamsAccount,
    words::{Capability, CheckStatus, Cloud, ConnectionState},
};
use crate::{
    connections::{Check, ConnectionView, TestReport},
    store::CredentialKind,
};

/// The organisation's connection. The secret is in no field of it.
#[derive(SimpleObject)]
pub(super) struct Connection {
    /// Directory (tenant) identifier.
    directory_id: String,
    /// Application (client) identifier.
    application_id: String,
    /// The Microsoft cloud that the directory is in.
    cloud: Cloud,
    /// SECRET or CERTIFICATE.
    credential_kind: &'static str,
    /// The last three characters of the secret, or the certificate's thumbprint.
    credential_hint: String,
    /// When the secret ends, as far as is known.
    secret_expires_at: Option<Instant>,
    /// Whether it works.
    state: ConnectionState,
    /// Why not, in words.
    state_reason: Option<String>,
    /// The key of the ring that the secret is sealed under.
    key_id: String,
    /// First registration.
    registered_at: Instant,
    /// Last change.
    updated_at: Instant,
    /// The last test.
    last_test: Option<ConnectionTest>,
    /// The account that posts through GRAPH channels.
    teams_account: Option<TeamsAccount>,
}

impl From<ConnectionView> for Connection {
    fn from(view: ConnectionView) -> Self {
        Self {
            directory_id: view.directory_id,
            application_id: view.application_id,
            cloud: view.cloud.into(),
            credential_kind: match view.credential_kind {
                CredentialKind::Secret => "SECRET",
                CredentialKind::Certificate => "CERTIFICATE",
            },
            credential_hint: view.credential_hint,
            secret_expires_at: view.secret_expires_at.map(Instant),
            state: view.state.into(),
            state_reason: view.state_reason,
            key_id: view.key_id,
            registered_at: view.registered_at.into(),
            updated_at: view.updated_at.into(),
            last_test: view.last_test.map(ConnectionTest::from),
            teams_account: view.teams_account.map(TeamsAccount::from),
        }
    }
}

/// A fresh token is always asked for. succeeded: the token was issued and Graph answered; capability checks are WARN, FAIL or SKIPPED (not configured) beside it.
#[derive(SimpleObject)]
pub(super) struct ConnectionTest {
    /// The token was issued and Graph answered.
    succeeded: bool,
    /// Round trip of the token request, milliseconds.
    latency_ms: f64,
    /// When.
    tested_at: Instant,
    /// Each thing that was looked at.
    checks: Vec<ConnectionCheck>,
}

impl From<TestReport> for ConnectionTest {
    fn from(report: TestReport) -> Self {
        Self {
            succeeded: report.succeeded,
            latency_ms: report.latency_ms,
            tested_at: report.tested_at.into(),
            checks: report.checks.into_iter().map(ConnectionCheck::from).collect(),
        }
    }
}

/// `code`: `token`, `clock`, `role.<permission>`, `graph.read`, `sharepoint.list`, `teams.channel.<key>`, `secret-expiry`, …
#[derive(SimpleObject)]
pub(super) struct ConnectionCheck {
    /// What was looked at.
    code: String,
    /// The capability that it matters to; null when to all.
    capability: Option<Capability>,
    /// How it went.
    status: CheckStatus,
    /// What was found.
    detail: String,
    /// What a person can do about it.
    remedy: Option<String>,
    /// How long it took, milliseconds.
    latency_ms: Option<f64>,
}

impl From<Check> for ConnectionCheck {
    fn from(check: Check) -> Self {
        Self {
            code: check.code,
            capability: check.capability.map(Into::into),
            status: check.status.into(),
            detail: check.detail,
            remedy: check.remedy,
            latency_ms: check.latency_ms,
        }
    }
}

/// `connection`.
#[derive(Default)]
pub(super) struct ConnectionQuery;

#[Object]
impl ConnectionQuery {
    /// The organisation's connection; null when none is registered.
    #[graphql(guard = "Permission::Read")]
    async fn connection(&self, context: &Context<'_>) -> Result<Option<Connection>> {
        let connections = super::connections(context)?;
        let view = connections.view(Caller::of(context)?.scope()).await.map_err(Refusal::from)?;
        Ok(view.map(Connection::from))
    }
}

/// `registerConnection`, `removeConnection` and `testConnection`.
#[derive(Default)]
pub(super) struct ConnectionMutation;

#[Object]
impl ConnectionMutation {
    /// Registers the organisation's connection, or replaces the one it has. The secret is sealed before it is stored and never returned. A first registration is always kept: UNVERIFIED,
    /// then ACTIVE or DISABLED as soon as Microsoft has answered. A replacement is tried first: `CREDENTIAL_REJECTED` leaves the connection that works as it was.
    #[graphql(guard = "Permission::Admin")]
    async fn register_connection(&self, context: &Context<'_>, input: RegisterConnectionInput) -> Result<Connection> {
        let caller = Caller::of(context)?;
        let connections = super::connections(context)?;
        let view = connections.register(caller.scope(), &caller.actor(), input.try_into()?).await.map_err(Refusal::from)?;
        Ok(view.into())
    }

    /// Erases the connection and its secret; what stands in Microsoft 365 stays. False when there was none.
    #[graphql(guard = "Permission::Admin")]
    async fn remove_connection(&self, context: &Context<'_>) -> Result<bool> {
        let caller = Caller::of(context)?;
        let connections = super::connections(context)?;
        Ok(connections.remove(caller.scope(), &caller.actor()).await.map_err(Refusal::from)?)
    }

    /// Tests the connection. Microsoft's refusal is a result, not an error.
    #[graphql(guard = "Permission::Operate")]
    async fn test_connection(&self, context: &Context<'_>) -> Result<ConnectionTest> {
        let caller = Caller::of(context)?;
        let connections = super::connections(context)?;
        let report = connections.test(caller.scope(), &caller.actor()).await.map_err(Refusal::from)?;
        Ok(report.into())
    }
}
