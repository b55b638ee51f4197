//! The connection as the loops use it.

use std::{
    sync::{Arc, PoisonError},
    time::Duration,
};

use chrono::{DateTime, TimeDelta, Utc};

use super::{ConnectionError, Connections, account::Delegated, sealing};
use crate::{
    capabilities::{Failure, FailureKind},
    graph::{Access, Graph, GraphError, Request, Response, Session},
    organisation::OrgScope,
    reconcile::Tenants,
    store::{ConnectionRow, ConnectionState},
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

impl Opened {
    fn is_fresh(&self, now: DateTime<Utc>) -> bool {
        let age = now - self.read_at;
        age >= TimeDelta::zero() && age.to_std().is_ok_and(|age| age < FRESH)
    }
}

/// Sends calls for one organisation, and keeps the connection's state in step with the answers.
#[derive(Clone)]
pub struct Connected {
    pub(super) session: Session,
    pub(super) connections: Connections,
    pub(super) scope: OrgScope,
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

    fn is_open(&self, scope: &OrgScope) -> bool {
        self.opened.lock().unwrap_or_else(PoisonError::into_inner).contains_key(scope)
    }
}

impl Connections {
    /// The organisation's connection, open.
    pub async fn connected(&self, scope: &OrgScope) -> Result<Connected, ConnectionError> {
        let opened = match self.fresh_or_mine_to_read(scope) {
            Some(opened) => opened,
            None => self.open(scope).await.inspect_err(|_| self.forget(scope))?,
        };
        let session = self.parts.graph.session(opened.access.clone());
        Ok(Connected { session, connections: self.clone(), scope: scope.clone(), access: opened.access, state: opened.state })
    }

    /// The organisation's connection, opened from its row as it stands now; and the epoch of the directory that it goes to.
    pub async fn connected_afresh(&self, scope: &OrgScope) -> Result<(Connected, u64), ConnectionError> {
        let row = self.parts.store.connection(scope).await?.ok_or(ConnectionError::NoConnection)?;
        let (epoch, opened) = (row.epoch, self.open_row(scope, &row)?);
        let session = self.parts.graph.session(opened.access.clone());
        let connected =
            Connected { session, connections: self.clone(), scope: scope.clone(), access: opened.access, state: opened.state };
        Ok((connected, epoch))
    }

    async fn open(&self, scope: &OrgScope) -> Result<Opened, ConnectionError> {
        let row = self.parts.store.connection(scope).await?.ok_or(ConnectionError::NoConnection)?;
        self.open_row(scope, &row)
    }

    fn open_row(&self, scope: &OrgScope, row: &ConnectionRow) -> Result<Opened, ConnectionError> {
        let access = Arc::new(sealing::open(&self.parts.vault, scope, row)?);
        let opened = Opened { access, state: row.state, read_at: self.parts.clock.now() };
        self.opened.lock().unwrap_or_else(PoisonError::into_inner).insert(scope.clone(), opened.clone());
        Ok(opened)
    }

    /// What is kept, while it is fresh. Of many callers at the moment it is not any more, one gets nothing and reads it again; the others
    /// go on with what there is meanwhile, instead of reading the same row hundreds of times.
    fn fresh_or_mine_to_read(&self, scope: &OrgScope) -> Option<Opened> {
        let now = self.parts.clock.now();
        let mut all = self.opened.lock().unwrap_or_else(PoisonError::into_inner);
        let opened = all.get_mut(scope)?;
        if !opened.is_fresh(now) {
            opened.read_at = now;
            return None;
        }
        Some(opened.clone())
    }

    pub(super) fn forget(&self, scope: &OrgScope) {
        self.opened.lock().unwrap_or_else(PoisonError::into_inner).remove(scope);
    }
}

impl Connected {
    async fn observe(&self, answer: &Result<Response, GraphError>) {
        if answer.is_ok() && self.state == ConnectionState::Active {
            return;
        }
        let error = answer.as_ref().err();
        self.connections.heed(&self.scope, &self.access, self.state, error, self.session.token_trouble()).await;
    }
}

impl Graph for Connected {
    async fn send(&self, request: Request) -> Result<Response, GraphError> {
        if request.delegated {
            return self.delegated(Delegated::Send(&request)).await;
        }
        let answer = self.session.send(request).await;
        self.observe(&answer).await;
        answer
    }

    async fn follow(&self, link: &str, like: &Request) -> Result<Response, GraphError> {
        if like.delegated {
            return self.delegated(Delegated::Follow(link, like)).await;
        }
        let answer = self.session.follow(link, like).await;
        self.observe(&answer).await;
        answer
    }

    async fn send_all(&self, requests: Vec<Request>) -> Vec<Result<Response, GraphError>> {
        let answers = self.session.send_all(requests).await;
        for answer in &answers {
            self.observe(answer).await;
        }
        answers
    }
}
