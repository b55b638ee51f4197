//! The connection as the loops use it, and what Microsoft's answers say of its state.

use std::{
    sync::{Arc, PoisonError},
    time::Duration,
};

use chrono::{DateTime, TimeDelta, Utc};

use super::{Actor, ConnectionError, Connections, records, sealing, service::told};
use crate::{
    capabilities::{Failure, FailureKind},
    graph::{Access, Graph, GraphError, Request, Response, Session, Verdict},
    organisation::OrgScope,
    reconcile::Tenants,
    store::{ConnectionState, StateChange},
};

/// How long an opened connection is used before its row is read again: another replica may have replaced or removed it.
const FRESH: Duration = Duration::from_secs(5);

/// An opened connection, kept for a few seconds.
#[derive(Clone)]
pub(super) struct Opened {
    access: Arc<Access>,
    state: ConnectionState,
    read_at: DateTime<Utc>,
}

/// Sends calls for one organisation, and keeps the connection's state in step with the answers.
#[derive(Clone)]
pub struct Connected {
    session: Session,
    connections: Connections,
    scope: OrgScope,
    access: Arc<Access>,
    state: ConnectionState,
}

impl Tenants for Connections {
    type Graph = Connected;

    async fn graph(&self, scope: &OrgScope) -> Result<Connected, Failure> {
        self.connected(scope).await.map_err(|error| {
            let failure = |code: &str, message| Failure {
                target: String::new(),
                kind: FailureKind::Connection,
                code: code.into(),
                message,
                graph_request_id: None,
            };
            match error {
                ConnectionError::NoConnection => failure("NO_CONNECTION", error.to_string()),
                error => {
                    tracing::error!(organisation = %scope.organisation(), error = &error as &dyn std::error::Error, "could not open a connection");
                    failure("INTERNAL", "the connection's stored values could not be opened".into())
                }
            }
        })
    }
}

impl Connections {
    /// The organisation's connection, open.
    pub async fn connected(&self, scope: &OrgScope) -> Result<Connected, ConnectionError> {
        let opened = match self.still_fresh(scope) {
            Some(opened) => opened,
            None => self.open(scope).await?,
        };
        let session = self.parts.graph.session(opened.access.clone());
        Ok(Connected { session, connections: self.clone(), scope: scope.clone(), access: opened.access, state: opened.state })
    }

    async fn open(&self, scope: &OrgScope) -> Result<Opened, ConnectionError> {
        let row = self.parts.store.connection(scope).await?.ok_or(ConnectionError::NoConnection)?;
        let access = Arc::new(sealing::open(&self.parts.vault, scope, &row)?);
        let opened = Opened { access, state: row.state, read_at: self.parts.clock.now() };
        self.opened.lock().unwrap_or_else(PoisonError::into_inner).insert(scope.clone(), opened.clone());
        Ok(opened)
    }

    fn still_fresh(&self, scope: &OrgScope) -> Option<Opened> {
        let opened = self.opened.lock().unwrap_or_else(PoisonError::into_inner).get(scope).cloned()?;
        let age = self.parts.clock.now() - opened.read_at;
        (age >= TimeDelta::zero() && age.to_std().ok()? < FRESH).then_some(opened)
    }

    pub(super) fn forget(&self, scope: &OrgScope) {
        self.opened.lock().unwrap_or_else(PoisonError::into_inner).remove(scope);
    }

    /// Writes a change of state down, with its audit entry and outgoing event; nothing when it is so already.
    pub(super) async fn change_state(
        &self,
        scope: &OrgScope,
        actor: &Actor,
        access: &Access,
        (from, to): (ConnectionState, ConnectionState),
        reason: Option<String>,
    ) -> Result<bool, ConnectionError> {
        let now = self.parts.clock.now();
        let (audit, event) = records::state_changed(scope, actor, &self.parts.ids, now, (from, to), reason.as_deref());
        let change =
            StateChange { connection_id: access.connection_id.clone(), secret_version: access.secret_version, state: to, reason };
        let changed = self.parts.store.change_connection_state(scope, now, change, vec![audit], vec![event]).await?;
        if changed {
            self.forget(scope);
            self.announce_change();
        }
        Ok(changed)
    }
}

impl Connected {
    async fn observe(&self, answer: &Result<Response, GraphError>) {
        let (to, reason) = match answer {
            Ok(_) if self.state != ConnectionState::Active => (ConnectionState::Active, None),
            Err(error) if error.verdict == Verdict::Credential && self.state != ConnectionState::Disabled => {
                (ConnectionState::Disabled, Some(told(error)))
            }
            _ => return,
        };
        let actor = Actor::system();
        if let Err(error) = self.connections.change_state(&self.scope, &actor, &self.access, (self.state, to), reason).await {
            tracing::error!(
                organisation = %self.scope.organisation(), error = &error as &dyn std::error::Error, "could not record a connection's state"
            );
        }
    }
}

impl Graph for Connected {
    async fn send(&self, request: Request) -> Result<Response, GraphError> {
        let answer = self.session.send(request).await;
        self.observe(&answer).await;
        answer
    }

    async fn follow(&self, link: &str, like: &Request) -> Result<Response, GraphError> {
        let answer = self.session.follow(link, like).await;
        self.observe(&answer).await;
        answer
    }
}
