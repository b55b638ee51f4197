//! What callers start and decide.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::{
    capabilities::{
        Outcome,
        directory::{ImportScope, ScopeProblem},
    },
    clock::SharedClock,
    connections::Actor,
    ids::Ids,
    jobs,
    organisation::OrgScope,
    reconcile::Wake,
    store::{NewAuditEntry, NewOperation, OperationKind, OperationRow, OperationState, Store, StoreError},
};

/// How an import reads.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum ImportMode {
    /// What changed, where a valid delta link allows it; else everything.
    #[default]
    Auto,
    /// Everything.
    Full,
    /// As [`ImportMode::Auto`]: without a valid link there is nothing to read but everything.
    Delta,
}

/// An import as it was asked for: the operation's input.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Asked {
    #[serde(flatten)]
    pub(super) scope: ImportScope,
    pub(super) mode: ImportMode,
}

/// Why an import could not be started or decided on.
#[derive(Debug, thiserror::Error)]
pub enum ImportProblem {
    /// A value of the input is not acceptable.
    #[error(transparent)]
    Invalid(#[from] ScopeProblem),
    /// The organisation has no connection.
    #[error("no connection is registered")]
    NoConnection,
    /// There is no such import.
    #[error("there is no such import")]
    NotFound,
    /// It does not wait for approval.
    #[error("the import does not wait for approval")]
    NotWaiting,
    /// The store could not do it.
    #[error("working with an import's row")]
    Store(#[from] StoreError),
}

/// Starts imports, and decides on those that wait. Cheap to clone.
#[derive(Clone)]
pub struct Imports {
    /// Where operations are kept.
    pub store: Store,
    /// The time.
    pub clock: SharedClock,
    /// Ids of operations.
    pub ids: Ids,
    /// Wakes the runner of people's imports.
    pub users: Wake,
    /// Wakes the runner of groups' imports.
    pub groups: Wake,
}

impl Imports {
    /// Over this store, with runners that nobody waits at yet.
    pub fn new(store: Store, clock: SharedClock, ids: Ids) -> Self {
        Self { store, clock, ids, users: Wake::default(), groups: Wake::default() }
    }

    fn wake(&self) {
        self.users.wake();
        self.groups.wake();
    }

    /// Queues an import. Returns at once; the operation tells how it goes.
    pub async fn start(
        &self,
        scope: &OrgScope,
        actor: &Actor,
        import: ImportScope,
        mode: ImportMode,
        dry_run: bool,
    ) -> Result<OperationRow, ImportProblem> {
        if self.store.connection(scope).await?.is_none() {
            return Err(ImportProblem::NoConnection);
        }
        let now = self.clock.now();
        let kind = match &import {
            ImportScope::Users(_) => OperationKind::ImportUsers,
            ImportScope::Groups(_) => OperationKind::ImportGroups,
        };
        let new = NewOperation {
            id: self.ids.ordered(now).to_string(),
            kind,
            dry_run,
            // Texts and lists always become JSON.
            input: serde_json::to_value(Asked { scope: import, mode }).unwrap_or_default(),
            requested_by: actor.name.clone(),
            trace: jobs::queued(kind, scope, actor),
        };
        let queued = self.store.enqueue_operation(scope, now, new, Vec::new()).await?;
        self.wake();
        Ok(queued)
    }

    /// Lets a plan that waits be applied: exactly that plan, or none.
    pub async fn approve(&self, scope: &OrgScope, actor: &Actor, id: &str) -> Result<OperationRow, ImportProblem> {
        self.waiting(scope, id).await?;
        let now = self.clock.now();
        let audit = decision(actor, now, "directory.import.approved", id);
        if !self.store.approve_operation(scope, now, id, &actor.name, audit).await? {
            return Err(ImportProblem::NotWaiting);
        }
        self.wake();
        self.read(scope, id).await
    }

    /// Drops a plan that waits.
    pub async fn reject(&self, scope: &OrgScope, actor: &Actor, id: &str) -> Result<OperationRow, ImportProblem> {
        self.waiting(scope, id).await?;
        let now = self.clock.now();
        let audit = decision(actor, now, "directory.import.rejected", id);
        if !self.store.reject_operation(scope, now, id, audit).await? {
            return Err(ImportProblem::NotWaiting);
        }
        if let Err(error) = self.store.forget_staged(scope).await {
            tracing::warn!(error = &error as &dyn std::error::Error, "staged rows of a rejected import are still there");
        }
        self.read(scope, id).await
    }

    async fn waiting(&self, scope: &OrgScope, id: &str) -> Result<(), ImportProblem> {
        let operation = self.read(scope, id).await?;
        if operation.state == OperationState::AwaitingApproval { Ok(()) } else { Err(ImportProblem::NotWaiting) }
    }

    async fn read(&self, scope: &OrgScope, id: &str) -> Result<OperationRow, ImportProblem> {
        let operation = self.store.operation(scope, id).await?;
        let import = |row: &OperationRow| matches!(row.kind, OperationKind::ImportUsers | OperationKind::ImportGroups);
        operation.filter(import).ok_or(ImportProblem::NotFound)
    }
}

fn decision(actor: &Actor, at: DateTime<Utc>, action: &str, id: &str) -> NewAuditEntry {
    NewAuditEntry {
        at,
        actor: actor.name.clone(),
        action: action.into(),
        target: format!("operation/{id}"),
        outcome: Outcome::Succeeded,
        detail: json!({}),
        personal: Vec::new(),
        correlation_id: actor.correlation_id.clone(),
        graph_request_id: None,
    }
}
